"""What ndfit says to programmers, in the words of the command line.

Flows in: messages that name arguments of `ndfit.fit`. Flows out: the same with the options that stand for them.
"""

from __future__ import annotations

import os

__all__ = ["in_words_of_the_command", "reason", "sentence"]

_WORDS = (
    ("fitter_kwargs={'maxiter': ...}", "--max-evaluations"),
    (". diagnostics() of the result says where, and why", "."),
    ("see the message: diagnostics='error' keeps the traceback of each position", "see the table MESSAGES of the file"),
    ("guess='auto'", "--guess auto"),
    ("starts=n", "--starts n"),
    ("engine='auto'", "--engine auto"),
    ("engine='compiled'", "--engine compiled"),
    ("pass data_unit", "give --data-unit"),
    ("statistic='chi2'", "--statistic chi2"),
)


def in_words_of_the_command(text: str) -> str:
    """Name options where arguments are named."""
    for argument, option in _WORDS:
        text = text.replace(argument, option)
    return text


def reason(error: Exception) -> str:
    """What an error says, without the system's number of it."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"


def sentence(error: Exception) -> str:
    """An error as a sentence."""
    text = in_words_of_the_command(reason(error)).rstrip(".")
    names_a_file = os.path.exists(text.partition(" ")[0])  # pathlib raises where it is too long for a name
    return f"{text}." if names_a_file else f"{text[:1].upper()}{text[1:]}."
