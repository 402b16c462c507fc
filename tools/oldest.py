"""The oldest releases that pyproject.toml allows, as constraints for pip.

    python tools/oldest.py > constraints.txt
    pip install --constraint constraints.txt --editable ".[test]"

Flows in: pyproject.toml. Flows out: one line `name==version` for each lower bound, of all dependencies and extras.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"

_LOWER_BOUND = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?>=([\w.]+)")


def requirements(project: dict[str, Any]) -> Iterator[str]:
    """Every requirement of the project and of its extras, but for the project itself."""
    extras = project["optional-dependencies"].values()
    for requirement in (*project["dependencies"], *(one for extra in extras for one in extra)):
        if not requirement.startswith(f"{project['name']}["):
            yield requirement


def constraints(project: dict[str, Any]) -> list[str]:
    """The lower bounds.

    Raises
    ------
    ValueError
        A requirement has none.
    """
    lines = set()
    for requirement in requirements(project):
        match = _LOWER_BOUND.match(requirement)
        if match is None:
            raise ValueError(f"the requirement {requirement!r} should start with a lower bound, name>=version")
        lines.add("==".join(match.groups()))
    return sorted(lines)


if __name__ == "__main__":
    print("\n".join(constraints(tomllib.loads(PYPROJECT.read_text())["project"])))
