"""Says whether the tree is ready for the tag of a version.

    python tools/release.py TAG

Flows in: a tag such as v0.2.0, by default that of the variable GITHUB_REF_NAME; version, citation, changelog and its
fragments. Flows out: a line for each thing that does not agree, and status 1; or nothing, and status 0.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def problems(tag: str, root: Path = ROOT) -> list[str]:
    """What does not agree with a tag, one sentence each."""
    version = tag.removeprefix("v")
    found = []
    if not re.fullmatch(r"v\d+\.\d+\.\d+", tag):
        found.append(f"{tag!r} is no tag of a version: v1.2.3 is one.")
    source = (root / "src" / "ndfit" / "__init__.py").read_text(encoding="utf-8")
    if f'\n__version__ = "{version}"\n' not in source:
        found.append(f"src/ndfit/__init__.py has another version than {version}.")
    if f"\nversion: {version}\n" not in (root / "CITATION.cff").read_text(encoding="utf-8"):
        found.append(f"CITATION.cff has another version than {version}.")
    if f"\n## [{version}]" not in (root / "CHANGELOG.md").read_text(encoding="utf-8"):
        found.append(f"CHANGELOG.md has no section [{version}].")
    left = sorted(path.name for path in (root / "changelog.d").glob("*.md") if path.name != "README.md")
    if left:
        found.append(f"changelog.d has fragments that were not collected: {', '.join(left)}.")
    return found


def main(tag: str) -> int:
    """Print the problems of a tag; the exit status."""
    found = problems(tag)
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("GITHUB_REF_NAME", "")))
