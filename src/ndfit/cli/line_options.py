"""What was typed of lines.

Flows in: names of lines, or the name of a file. Flows out: LineSet, or a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ndfit.cli.bad_input import BadInput
from ndfit.cli.messages import message_of
from ndfit.lines.line_set import LineSet

__all__ = ["LineOptions", "open_lines"]


@dataclass(frozen=True)
class LineOptions:
    """Options of the same names."""

    lines: str | None = None
    line_set: Path | None = None
    continuum: str | None = None
    profile: str | None = None
    medium: str | None = None


def open_lines(options: LineOptions, model: str | None) -> LineSet | None:
    """The lines; None where a model is given.

    Raises
    ------
    BadInput
        Not one of a model, names and a file is given, or there are no such lines.
    """
    given = {"--model": model, "--lines": options.lines, "--line-set": options.line_set}
    found = [name for name, value in given.items() if value is not None]
    if len(found) != 1:
        raise BadInput(f"Give one of {', '.join(given)}, got {' and '.join(found) or 'none of them'}.")
    if model is not None:
        beside = [name for name in ("continuum", "profile", "medium") if getattr(options, name) is not None]
        if beside:
            raise BadInput(f"--{beside[0]} is for --lines and --line-set; a --model says itself what it is.")
        return None
    try:
        return LineSet.of(options.lines) if options.lines is not None else LineSet.read(options.line_set or "")
    except (OSError, ValueError) as error:
        raise BadInput(message_of(error)) from error
