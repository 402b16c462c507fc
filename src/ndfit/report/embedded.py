"""The samples that a report embeds.

Flows in: FitResult, and which positions. Flows out: Embedded, data and model of those positions side by side.

Either every position is embedded, from whole arrays at once, or only some, looked up one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.types import FitProblem

if TYPE_CHECKING:
    from ndfit.fit_result import FitResult

__all__ = ["MOST_BYTES", "MOST_POSITIONS", "Embedded", "fits_into_page", "samples_everywhere", "samples_of"]

MOST_POSITIONS = 100_000
MOST_BYTES = 64_000_000  # of samples, before they are written as text, which makes them a third longer


@dataclass(frozen=True)
class Embedded:
    """Samples of R positions. What all positions share has one row.

    Attributes
    ----------
    data, model : shape (R, M), float32; NaN where there are none
    used : shape (R, M), samples that entered the fit
    sigma : shape (R, M) or (1, M), float32, one over the weights; None where none were given
    coords : K arrays of shape (R, M) or (1, M), float64
    """

    data: NDArray[np.float32]
    model: NDArray[np.float32]
    used: NDArray[np.bool_]
    sigma: NDArray[np.float32] | None
    coords: tuple[FloatArray, ...]


def fits_into_page(problem: FitProblem) -> bool:
    """Whether the samples of every position are few enough to be embedded."""
    axes = problem.axes
    samples = problem.samples
    varying = [array for array in (*samples.coords, samples.weights) if samples.varies(array)]
    n_bytes = axes.n_fits * axes.n_samples * (8 + 8 * len(varying))
    return axes.n_fits <= MOST_POSITIONS and n_bytes <= MOST_BYTES


def samples_everywhere(result: FitResult) -> Embedded:
    """Samples of every position, in the order of the maps."""
    samples = result._problem.samples
    result._check()
    data = samples.rows(samples.data)
    coords = tuple(map(samples.rows, samples.coords))
    assert result._samples_used is not None
    used = result._samples_used()
    sigma = None if samples.weights is None else _sigma(samples.rows(samples.weights).astype(float))
    return Embedded(_float32(data), _float32(samples.rows(result.evaluate())), used, sigma, coords)


def samples_of(result: FitResult, positions: Sequence[tuple[int, ...]]) -> Embedded:
    """Samples of some positions, in their order."""
    fits = [result[position] for position in positions]
    values = [np.full(one.data.shape, np.nan) if one.fitted is None else one.fitted for one in fits]
    has_weights = result._problem.samples.weights is not None
    return Embedded(
        data=_float32(_stack([one.data for one in fits])),
        model=_float32(_stack(values)),
        used=_stack([one.used for one in fits]),
        sigma=_sigma(_stack([one.weights for one in fits])) if has_weights else None,
        coords=tuple(_stack([one.world[axis] for one in fits]) for axis in range(len(result._problem.samples.coords))),
    )


def _stack(arrays: Sequence[Any]) -> Any:
    return np.stack([np.ravel(array) for array in arrays])


def _float32(values: Any) -> NDArray[np.float32]:
    """Single precision, which is more than a drawing shows; what is beyond its range is not drawn."""
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float32)


def _sigma(weights: Any) -> NDArray[np.float32]:
    """One over the weights; weights that leave their sample out (zero, negative, infinite) have none."""
    known = np.isfinite(weights) & (weights > 0)
    return _float32(np.divide(1.0, weights, out=np.full(np.shape(weights), np.nan), where=known))
