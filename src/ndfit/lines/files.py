"""Files of line sets: TOML, YAML, and those of the MaNGA pipeline.

Flows in: a path. Flows out: the arguments of a LineSet. Files are data: nothing in them is run.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ndfit.errors import UnreadableFile
from ndfit.kinds import no_file
from ndfit.lines.dap_par import read_dap
from ndfit.lines.entries import read_entries
from ndfit.untrusted import printable, shortened

__all__ = ["read_file"]

_LARGEST = 2**18  # bytes


def read_file(path: Path) -> dict[str, Any]:
    """Arguments of LineSet.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    UnreadableFile
        It is no line set; the message says where it is wrong.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if no_file(path):
        raise UnreadableFile(f"{path} is {no_file(path)}, and a file with a line set is needed")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableFile(f"{path} should end with {', '.join(_READERS)}, which say what it is")
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise UnreadableFile(f"{path} has more than {_LARGEST} bytes, which a line set does not need")
    try:
        return reader(content.decode("utf-8"))
    except RecursionError:
        raise UnreadableFile(f"{path} is nested too deep") from None
    except (ValueError, ArithmeticError, yaml.YAMLError) as error:
        reason = " ".join(printable(shortened(str(error), 400), keep="\n").split()).rstrip(".")
        raise UnreadableFile(f"{path} cannot be read as a line set: {reason}") from error


def _toml(text: str) -> dict[str, Any]:
    return read_entries(tomllib.loads(text))


def _yaml(text: str) -> dict[str, Any]:
    return read_entries(yaml.safe_load(text))


_READERS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    ".toml": _toml,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".par": read_dap,
}
