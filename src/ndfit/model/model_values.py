"""What the caller's own model says at given samples, whatever its code does.

Flows in: an astropy model without units and coordinates. Flows out: values for parameter vectors, ties applied as
astropy's fitters apply them.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.copying import copied

__all__ = ["OwnValues"]


class OwnValues:
    """A model at K coordinates of one shape. `error` tells what it raised last; the caller's model is not changed.

    Calling a model takes astropy some ten times as long as `evaluate`, for checks of inputs that are right. Where the
    two give the same at the first parameters, `evaluate` is asked from then on.
    """

    def __init__(self, model: Any, coords: tuple[FloatArray, ...]) -> None:
        self._model = copied(model)
        self._ties = {name: tie for name, tie in model.tied.items() if tie}
        self.coords = coords
        self._evaluates: bool | None = None
        self.error = ""

    def __call__(self, parameters: FloatArray) -> FloatArray | None:
        """Values, of the coordinates' shape, for P parameters; None where the model raises."""
        model = self._model
        try:
            model.parameters = parameters
            for name, tie in self._ties.items():
                setattr(model, name, tie(model))
            values = self._values()
        except Exception as error:  # a person's own code at parameters it was not written for
            self.error = f"raises {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            return None
        return np.broadcast_to(np.asarray(values, dtype=float), self.coords[0].shape)

    def at(self, coords: tuple[FloatArray, ...]) -> OwnValues:
        """The same model at other coordinates, of any one shape."""
        other = copy.copy(self)
        other.coords = coords
        return other

    def or_nan(self, parameters: FloatArray) -> FloatArray:
        """The same, NaN where the model raises."""
        values = self(parameters)
        return np.full(self.coords[0].shape, np.nan) if values is None else values

    def _values(self) -> Any:
        if self._evaluates is None:
            called = self._model(*self.coords)
            self._evaluates = self._same_by_evaluate(called)
            return called
        return self._evaluate() if self._evaluates else self._model(*self.coords)

    def _evaluate(self) -> Any:
        return self._model.evaluate(*self.coords, *self._model.parameters)

    def _same_by_evaluate(self, called: Any) -> bool:
        try:
            found = np.broadcast_to(np.asarray(self._evaluate(), dtype=float), np.shape(called))
        except Exception:  # a class whose `evaluate` wants more than coordinates and parameters
            return False
        return np.array_equal(found, np.asarray(called, dtype=float), equal_nan=True)
