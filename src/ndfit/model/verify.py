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

A model is traced, and its values are compared, in every call: globals, attributes, closures and classes may change
between calls. Derivatives are compared once for a graph: they follow from it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ndfit.arrays import FloatArray
from ndfit.caught import warnings_put_back
from ndfit.model.comparison import Comparison, Evaluator, effect_of
from ndfit.model.comparison_points import bounds_of, groups_of, moved_by_effect, probes, span_of, thinned, turned
from ndfit.model.derive import differentiate
from ndfit.model.interpret import evaluate
from ndfit.model.ir import ModelGraph
from ndfit.model.reasons import Mismatch
from ndfit.once import Latest

__all__ = ["Evaluator", "Mismatch", "verify"]


_DIFFERENTIATED: Latest[None] = Latest(64)
"""Graphs whose derivatives were compared."""


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
    samples = thinned(coords)
    arrays = (np.array(start, dtype=float), *bounds_of(model), *samples)
    points, all_act = _probe_points(graph, free, tuple(array.tobytes() for array in arrays))
    check = Comparison(graph, model, samples, free, evaluator, all_act)
    with np.errstate(all="ignore"), warnings_put_back():
        warnings.simplefilter("ignore")
        compared = check.values(points)
        if evaluator is None:
            _DIFFERENTIATED.get((graph, free), partial(_compare_derivatives, check, free, points))
        else:
            _compare_derivatives(check, free, points)
    if not compared:
        raise Mismatch(f"around the start values the model {check.error or 'is finite nowhere'}")
    return check


def _compare_derivatives(check: Comparison, free: tuple[int, ...], points: FloatArray) -> None:
    check.derivatives(points[0], groups_of(free))
    check.derivatives(points[1], [free] if len(free) > 1 else [])


@lru_cache(64)
def _probe_points(graph: ModelGraph, free: tuple[int, ...], arrays: tuple[bytes, ...]) -> tuple[FloatArray, bool]:
    """Parameters to compare values at, shape (T, P), and whether the graph has a derivative by each free one.

    `arrays` are the start, the bounds, and the samples.
    """
    start, lower, upper, *samples = map(np.frombuffer, arrays)
    bounds, span = (lower, upper), span_of(tuple(samples))
    near = probes(start, free, bounds, span)
    value, *slopes = evaluate(differentiate(graph, free), list(near[0]), samples)
    with np.errstate(all="ignore"):
        effect = effect_of(near[0], value, dict(zip(free, slopes, strict=True)))
        points = [near, moved_by_effect(start, effect, free, bounds), turned(start, free, bounds, span)]
    all_act = all(np.any(np.nan_to_num(slope, posinf=0.0, neginf=0.0)) for slope in slopes)
    return np.vstack(points), all_act
