"""Which parameters are widths: lengths along an input whose sign says nothing.

Flows in: a ModelGraph and its Dimensions. Flows out: one flag a parameter.

The value stays what it is when the sign of a width is turned, or when those of a pair are (both widths of a Voigt
profile). That is tested with numbers, at a few parameters and inputs that mean nothing; which parameters are lengths is
known by dimensional analysis. A solver keeps widths from passing through zero.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.model.dimensions import dimensions
from ndfit.model.interpret import evaluate
from ndfit.model.ir import ModelGraph

__all__ = ["widths"]

_N_POINTS, _N_SAMPLES, _SEED = 3, 24, 20261128
_TOLERANCE = 1e-10
# Both widths of a component stand so close to each other.
_NEIGHBOURS = 3


@lru_cache(64)
def widths(graph: ModelGraph) -> tuple[bool, ...]:
    """P flags."""
    known = dimensions(graph)
    lengths = [
        i
        for i, exponents in enumerate(known.exponents)
        if exponents is not None and not known.places[i] and exponents[-1] == 0.0 and _is_length(exponents[:-1])
    ]
    probe = _ProbeValues(graph)
    single = {i for i in lengths if probe.is_symmetric(i)}
    others = [i for i in lengths if i not in single]
    pairs = [(i, j) for i in others for j in others if 0 < j - i <= _NEIGHBOURS and probe.is_symmetric(i, j)]
    found = single.union(*pairs)
    return tuple(i in found for i in range(len(graph.param_names)))


def _is_length(exponents: tuple[float, ...]) -> bool:
    return sorted(exponents) == [0.0] * (len(exponents) - 1) + [1.0]


class _ProbeValues:
    """The model's values at a few points, and with some of the parameters changed."""

    def __init__(self, graph: ModelGraph) -> None:
        rng = np.random.default_rng(_SEED)
        self._graph = graph
        self._points = rng.uniform(0.5, 2.0, (len(graph.param_names), _N_POINTS, 1))
        self._inputs = [rng.uniform(0.1, 3.0, _N_SAMPLES) for _ in range(graph.n_inputs)]
        self._plain = self._values((), 1.0)

    def is_symmetric(self, *turned: int) -> bool:
        """Whether turning some signs together changes no value, though larger parameters do."""
        return self._is_same(self._values(turned, -1.0)) and not self._is_same(self._values(turned, 1.25))

    def _values(self, changed: tuple[int, ...], factor: float) -> FloatArray:
        factors = np.ones((len(self._points), 1, 1))
        factors[list(changed)] = factor
        return evaluate(self._graph, list(self._points * factors), self._inputs)[0]

    def _is_same(self, values: FloatArray) -> bool:
        return np.allclose(values, self._plain, rtol=_TOLERANCE, atol=0.0, equal_nan=True)
