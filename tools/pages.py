"""Runs the code of the documentation's pages, and keeps the pictures that it draws.

    python tools/pages.py [PAGE ...]

Flows in: README.md and the pages of docs/; PAGEs are names without `.md`, by default all. Flows out: the pictures that
a page saves and shows, in docs/images/PAGE, in 256 colours; or the traceback of the first line that fails.

Blocks of Python run one after another in one namespace a page, prompts are compared with what is printed, and lines of
a shell run where they begin with `ndfit`. The folder they run in holds `cube.fits`, the synthetic cube.
"""

from __future__ import annotations

import doctest
import shlex
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

from astropy.io import fits
from click.testing import CliRunner
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

from ndfit.cli.main import main as command_line
from ndfit.demo.synthetic import synthetic_cube

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

# Their commands need the data sets, and are run by tools/recipes.py.
ELSEWHERE = {"recipes"}


def pages() -> dict[str, Path]:
    """Name -> path of every page."""
    paths = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
    return {path.stem: path for path in paths if path.stem not in ELSEWHERE}


def run_commands(example: Example) -> None:
    """Run the lines of a shell that call ndfit. The others install or build, which continuous integration does."""
    for line in example.parsed.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["ndfit"]:
            done = CliRunner().invoke(command_line, words[1:])
            assert done.exit_code == 0, f"{line}\n{done.output}"


def run_page(path: Path, folder: Path) -> int:
    """Run the code of one page in a folder. How many pieces there were."""
    cube = synthetic_cube()
    header = cube.wcs.to_header()
    header["BUNIT"] = "K"
    fits.writeto(folder / "cube.fits", cube.data, header, overwrite=True)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    parsers = [PythonCodeBlockParser(doctest_optionflags=flags), CodeBlockParser("sh", run_commands), SkipParser()]
    document = Sybil(parsers).parse(path)
    with chdir(folder):
        examples = list(document.examples())
        for example in examples:
            example.evaluate()
    return len(examples)


def keep_pictures(path: Path, folder: Path) -> None:
    """Copy what a page has drawn, and shows, to the documentation."""
    from PIL import Image

    text = path.read_text()
    for picture in folder.glob("*.png"):
        shown = f"images/{path.stem}/{picture.name}"
        if f"({shown})" in text:
            target = DOCS / shown
            target.parent.mkdir(exist_ok=True)
            Image.open(picture).convert("RGB").quantize(256).save(target, optimize=True)


def main(names: list[str]) -> None:
    """Run those named, or all."""
    for name, path in pages().items():
        if name in names or not names:
            with tempfile.TemporaryDirectory() as folder:
                print(f"{name}: {run_page(path, Path(folder))} pieces of code", flush=True)
                keep_pictures(path, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
