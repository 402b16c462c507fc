"""A file of results, opened for a command.

Flows in: a path, and what `ndfit.read` takes beside it. Flows out: FitResult, or a message.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import ndfit
from ndfit.cli.bad_input import BadInput
from ndfit.cli.messages import message_of

__all__ = ["open_result"]


def open_result(path: Path, **given: Any) -> ndfit.FitResult:
    """Read results.

    Raises
    ------
    BadInput
        There is no such file, it is none of ndfit's, or the data are others than those that were fitted.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # other data: a report would show them beside the wrong fits
            return ndfit.read(path, **given)
    except (OSError, ValueError, TypeError, UserWarning) as error:
        raise BadInput(message_of(error)) from error
