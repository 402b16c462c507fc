"""One set of fits, as the call that people make and as bare arrays.

Flows in: data, model and coordinates. Flows out: Task, which every peer takes, its parts, and the cost of answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.formulas import Coords, Formula

__all__ = ["Task", "rows_of", "task_of_arrays"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """N fits of one model.

    Attributes
    ----------
    call : keywords of `parallel_fit_dask`, without the fitter
    model : astropy model without units, at the starting values, with its bounds
    limits : name of a parameter -> (lower, upper), the bounds that matter. Those of astropy's widths, which keep them
        positive, do not: a Gaussian of negative width is the same Gaussian.
    formula : the same model as functions
    axes : K arrays, the coordinates along each fitting axis
    samples : shape (N, *fitting shape), float64
    """

    call: Mapping[str, Any]
    model: Any
    formula: Formula
    axes: Coords
    samples: FloatArray
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def n_fits(self) -> int:
        return len(self.samples)

    @property
    def n_samples(self) -> int:
        return prod(self.samples.shape[1:])

    @property
    def coords(self) -> Coords:
        """K arrays of shape (M,)."""
        return tuple(axis.ravel() for axis in np.meshgrid(*self.axes, indexing="ij"))

    @property
    def rows(self) -> FloatArray:
        """The samples, shape (N, M)."""
        return self.samples.reshape(self.n_fits, -1)

    @property
    def start(self) -> FloatArray:
        """Shape (P,)."""
        return np.asarray(self.model.parameters, dtype=float)

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds, shape (P,) each; no bound is an infinity."""
        pairs = [self.limits.get(name, (-np.inf, np.inf)) for name in self.model.param_names]
        lower, upper = np.array(pairs).T
        return lower, upper

    def part(self, n_fits: int) -> Task:
        """`n_fits` fits spread evenly over the task, as bare arrays; the task itself where it has no more."""
        if n_fits >= self.n_fits:
            return self
        samples = self.samples[rows_of(self.n_fits, n_fits)]
        return replace(task_of_arrays(self.model, self.formula, self.axes, samples), limits=self.limits)

    def costs(self, parameters: FloatArray) -> FloatArray:
        """Half the sum of squared residuals of each fit, shape (N,), of parameters of shape (N, P)."""
        values = self.formula.value(np, self.coords, [column[:, np.newaxis] for column in parameters.T])
        costs: FloatArray = 0.5 * np.square(self.rows - values).sum(axis=1)
        return costs


def rows_of(n_all: int, n_fits: int) -> NDArray[np.intp]:
    """Which fits a part holds."""
    return np.linspace(0, n_all - 1, min(n_fits, n_all)).astype(np.intp)


def task_of_arrays(model: Any, formula: Formula, axes: Coords, samples: FloatArray) -> Task:
    """Task whose call has tuples of arrays for coordinates and no units."""
    call = {"model": model, "data": samples, "world": axes, "fitting_axes": tuple(range(1, samples.ndim))}
    return Task(call, model, formula, axes, samples)
