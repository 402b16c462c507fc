"""Trace, then verify: a graph and the model it was traced from in, nothing out, or a Mismatch with its reason.

The graph's value is compared with what calling the model gives, and its derivatives with central differences of the
model, at the start values and around them: moved a little, moved by half, moved by what changes the model by as much as
it is, and with the sign of each free parameter turned, all within the bounds; derivatives in two of these places.
Whatever a model's code does that tracing did not see (a branch on a value, hidden state, a computation across points)
has to survive numbers it was not traced with.

A right trace has to survive too. What a first, quick comparison finds different is looked at again with the rounding of
every intermediate value (`rounding.py`, `comparison.py`): values may differ by that much, and where rounding decides a
jump they have to agree a little beside it. A derivative is then compared in several steps, from the shortest that this
rounding allows upwards: with the derivative g that is claimed, a step of 10^5 times the rounding over g tells g to five
digits, whatever the parameter's own size and meaning, and whatever narrow thing depends on it. It is refused where two
steps that can tell give one other slope and none that can tell agrees (`differences.py`).

Values are compared in every call: a model's globals and attributes may change between calls. Derivatives are compared
once for a graph, its coordinates and its start: they follow from the graph.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndfit.caught import warnings_put_back
from ndfit.graph.comparison import Comparison, Evaluator
from ndfit.graph.ir import ModelGraph
from ndfit.graph.probes import bounds_of, groups_of, moved_by_effect, probes, span_of, thinned, turned
from ndfit.graph.reasons import Mismatch

__all__ = ["Evaluator", "Mismatch", "verify"]

FloatArray = NDArray[np.float64]


def verify(
    graph: ModelGraph,
    model: Any,
    coords: Sequence[ArrayLike],
    start: Sequence[float],
    free: tuple[int, ...],
    evaluator: Evaluator | None = None,
) -> Comparison:
    """Check a graph against its model.

    Parameters
    ----------
    graph : as traced from the model.
    model : astropy model without units; not changed.
    coords : K arrays of the shape (M,), those of the fit.
    start : P values to check around.
    free : indices of the free parameters.
    evaluator : what to check in place of the interpreted graph, for example compiled code; see `Evaluator`.

    Returns
    -------
    what compares the two elsewhere

    Raises
    ------
    Mismatch : where value or derivatives disagree, or nothing could be compared.
    NotDifferentiable : an operator has no derivative rule.
    """
    samples, first, bounds = thinned(coords), np.array(start, dtype=float), bounds_of(model)
    span = span_of(samples)
    check = Comparison(graph, model, samples, free, evaluator)
    known = (graph, free, *(array.tobytes() for array in (first, *bounds, *samples)))
    if evaluator is not None or not _DIFFERENTIATED.holds(known):
        groups = iter((groups_of(free), [free] if len(free) > 1 else []))
    else:
        groups = iter(())
    compared = False
    with np.errstate(all="ignore"), warnings_put_back():
        warnings.simplefilter("ignore")
        for parameters in probes(first, free, bounds, span):
            compared |= check.value(parameters)
            check.derivatives(parameters, next(groups, []))
        for parameters in _further(first, free, bounds, span, check):
            compared |= check.value(parameters)
    if not compared:
        raise Mismatch(f"around the start values the model {check.error or 'is finite nowhere'}")
    if evaluator is None:
        _DIFFERENTIATED.keep(known)
    return check


def _further(
    start: FloatArray, free: tuple[int, ...], bounds: tuple[FloatArray, FloatArray], span: float, check: Comparison
) -> Iterator[FloatArray]:
    if check.effect is not None:
        yield moved_by_effect(start, check.effect, free, bounds)
    yield from turned(start, free, bounds, span)


class _Recent:
    """The last keys that were kept; threads may ask at once."""

    def __init__(self, most: int) -> None:
        self._most, self._keys, self._lock = most, OrderedDict[Hashable, None](), Lock()

    def holds(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._keys

    def keep(self, key: Hashable) -> None:
        with self._lock:
            self._keys[key] = None
            while len(self._keys) > self._most:
                self._keys.popitem(last=False)


_DIFFERENTIATED = _Recent(64)
