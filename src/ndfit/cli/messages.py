"""Messages that name arguments of `ndfit.fit`, with the options of the command line in their place.

Flows in: messages that name arguments of `ndfit.fit`. Flows out: the same with the options that stand for them.
"""

from __future__ import annotations

import os
import re
from functools import cache
from typing import Any

from ndfit.errors import WrongArgument, WrongArgumentType
from ndfit.options import GROUPS, options_of

__all__ = ["choice_text", "message_of", "reason", "value_of_choice", "with_option_names"]

# Arguments that are no options, and what says the same on the command line.
_OTHERS = (
    ("fitter_kwargs={'maxiter': ...}", "--max-evaluations"),
    (". diagnostics() of the result says where, and why", "."),
    ("see the message: diagnostics='error' keeps the traceback of each position", "see the table MESSAGES of the file"),
    ("pass data_unit", "give --data-unit"),
)
_NONE = "none"


@cache
def _names() -> dict[str, str]:
    """Arguments of `ndfit.fit` that are options, and these."""
    known = (row for group in GROUPS for row in options_of(group))
    return {each.name: f"--{each.name.replace('_', '-')}" for each, option in known if option.on_command_line}


def choice_text(value: Any) -> str:
    """How a value of an argument is written on the command line."""
    return _NONE if value is None else str(value)


def value_of_choice(text: Any) -> Any:
    """The value that a text of the command line stands for."""
    return None if text == _NONE else text


def with_option_names(text: str) -> str:
    """Name options where arguments are named: ``guess='auto'`` is ``--guess auto``."""
    for argument, option in _OTHERS:
        text = text.replace(argument, option)
    pattern = rf"\b({'|'.join(_names())})='?([\w.]+)'?"
    return re.sub(pattern, lambda found: f"{_names()[found[1]]} {found[2]}", text)


def reason(error: Exception) -> str:
    """What an error says, without the system's number of it."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"


def message_of(error: Exception) -> str:
    """An error as a sentence, for standard error."""
    if isinstance(error, WrongArgument | WrongArgumentType):
        text = error.message(_names().get(error.argument, error.argument))
    else:
        text = reason(error)
    text = with_option_names(text).rstrip(".")
    names_a_file = os.path.exists(text.partition(" ")[0])  # pathlib raises where it is too long for a name
    return f"{text}." if names_a_file else f"{text[:1].upper()}{text[1:]}."
