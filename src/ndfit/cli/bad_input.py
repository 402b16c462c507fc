"""How the command line says what is wrong.

Flows in: what went wrong. Flows out: one message on standard error and an exit code, and where a text could not be
read, the text with a caret under the character.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import click

__all__ = ["FIT_FAILED", "INTERRUPTED", "WRONG_INPUT", "BadInput", "FitFailed", "PointedError", "suggestion"]

FIT_FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130

_AROUND = 70  # characters of a text that are shown on either side of the one that is pointed at
_MOST_KNOWN = 60  # names that are listed


class BadInput(click.ClickException):
    """The input cannot be used; found before any fit starts."""

    exit_code = WRONG_INPUT


class FitFailed(click.ClickException):
    """The input was in order, and there is no result."""

    exit_code = FIT_FAILED


class PointedError(BadInput):
    """A text that cannot be read.

    Parameters
    ----------
    message : what was expected and what arrived
    text : the whole text
    position : of the character where reading stopped
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        self.reason, self.text, self.position = message, text, position
        begin, end = max(0, position - _AROUND), position + _AROUND
        # A tab, a line break or an escape sequence would move the caret away from its character.
        line = "".join(character if character.isprintable() else " " for character in text[begin:end])
        before, after = "..." if begin else "", "..." if end < len(text) else ""
        caret = " " * (len(before) + position - begin) + "^"
        super().__init__(f"{message}\n  {before}{line}{after}\n  {caret}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """A sentence that names what is known and close to `name`, or all of it where nothing is close."""
    known = list(known)
    folded = {candidate.lower(): candidate for candidate in known}
    close = [folded[match] for match in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.5)]
    if close:
        return f"Did you mean {' or '.join(close)}?"
    more = ", ..." if len(known) > _MOST_KNOWN else ""
    return f"There is {', '.join(known[:_MOST_KNOWN])}{more}." if known else "There is none."
