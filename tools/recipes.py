"""Runs the recipes of the documentation, and keeps their pictures.

    python tools/recipes.py DATA [NAME ...]

Flows in: docs/recipes.md and the folder of the data sets; NAMEs are the pictures' without `.png`, by default all. Flows
out: the pictures in docs/images/recipes, in 256 colours, and what each run said, on standard output.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).resolve().parents[1] / "docs"
COLOURS = 256

_BLOCK = re.compile(r"```sh\n(ndfit fit .*?)```", re.DOTALL)


def recipes() -> dict[str, list[str]]:
    """Name of the picture -> words of the command."""
    commands = [shlex.split(text.replace("\\\n", " ")) for text in _BLOCK.findall((DOCS / "recipes.md").read_text())]
    return {Path(words[words.index("--plot") + 1]).stem: words for words in commands}


def run(words: list[str], folder: Path) -> str:
    """Run one in a folder, and give back what it said."""
    done = subprocess.run(words, cwd=folder, check=False, capture_output=True, text=True)
    return f"{done.stderr}{done.stdout}exit code {done.returncode}\n"


def main(data: Path, names: list[str]) -> None:
    """Run those named, or all."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for path in data.iterdir():
            (folder / path.name).symlink_to(path)
        for name, words in recipes().items():
            if name in names or not names:
                print(f"== {name}\n{run(words, folder)}", flush=True)
                picture = Image.open(folder / f"{name}.png").convert("RGB")
                picture.quantize(COLOURS).save(DOCS / "images" / "recipes" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
