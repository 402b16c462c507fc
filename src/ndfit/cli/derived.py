"""`--derive`: quantities that follow from the parameters.

Flows in: what was typed, and a model. Flows out: the arguments of `FitResult.derive`, by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from ndfit import FitResult
from ndfit.call_types import ModelLike
from ndfit.cli.bad_input import BadInput, PointedError
from ndfit.cli.messages import message_of
from ndfit.derived.asked import check_names
from ndfit.derived.component_quantities import Setting

__all__ = ["derived", "read_asked"]

# Arguments of `FitResult.derive` that are no quantities.
_SETTINGS = frozenset(each.name for each in fields(Setting))


def read_asked(entries: Iterable[str], model: ModelLike) -> dict[str, str]:
    """Name -> expression; a name that stands alone is a quantity of a component.

    Raises
    ------
    BadInput
        A text that cannot be read, or a name that is not known.
    """
    asked: dict[str, str] = {}
    for entry in entries:
        name, equals, text = (part.strip() for part in entry.partition("="))
        if not name or (equals and not text):
            raise PointedError("--derive expects a quantity, or name=expression.", entry, len(entry))
        if name in _SETTINGS:
            raise BadInput(
                f"--derive cannot name a quantity '{name}', which is a setting of others: choose another name."
            )
        if name in asked:
            raise BadInput(f"--derive is given '{name}' twice.")
        asked[name] = text or name
    try:
        check_names(model, asked)
    except (TypeError, ValueError) as error:
        raise BadInput(f"--derive: {message_of(error)}") from error
    return asked


def derived(result: FitResult, asked: dict[str, str]) -> FitResult:
    """The result with these quantities."""
    expressions: dict[str, Any] = asked  # a name that stands for itself is a quantity of a component
    return result.derive(**expressions) if asked else result
