"""A model as samples see it through an instrument, for fitters that call a model.

Flows in: a model, and the places of one fit after the other. Flows out: the same model, whose inputs are numbers of
samples: its values are what these see. So a fitter may leave samples out, or ask for some of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.modeling import CompoundModel

from ndfit.arrays import FloatArray
from ndfit.problem.places import Places

__all__ = ["Seen"]


class _SeenCompound(CompoundModel):  # type: ignore[misc]
    """A compound without a derivative of its own."""

    fit_deriv = None


class Seen:
    """A model seen through the places of one fit.

    Parameters
    ----------
    model : that it becomes; fitters take its derivatives by differences

    Attributes
    ----------
    places : of the fit in work
    """

    def __init__(self, model: Any) -> None:
        self.places: Places | None = None
        plain, n_inputs = model.copy(), model.n_inputs
        if isinstance(model, CompoundModel):
            model.__class__ = _SeenCompound
        else:
            model.fit_deriv = None

        def evaluate(*args: Any) -> FloatArray:
            places = self.places
            assert places is not None
            numbers = np.asarray(args[0]).astype(np.intp)
            inputs = (axis.reshape(places.shape) for axis in places.inputs)
            values = np.asarray(plain.evaluate(*inputs, *args[n_inputs:]), dtype=float)
            whole = np.broadcast_to(values, places.shape).reshape(1, -1)
            return places.seen(whole)[0][numbers]

        model.evaluate = evaluate

    def at(self, places: Places, shape: tuple[int, ...], n_inputs: int) -> tuple[FloatArray, ...]:
        """Take the places of a fit; what the model's inputs are then, for samples of some shape."""
        self.places = places
        numbers = np.arange(places.n_samples, dtype=float).reshape(shape)
        return (numbers,) * n_inputs
