"""Which positions a report shows: a grid of the maps, and examples.

Flows in: FitResult. Flows out: positions by their number in the order of the maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ndfit.plotting.labels import quality_name
from ndfit.report.embedded import MOST_POSITIONS
from ndfit.status import STATUS

if TYPE_CHECKING:
    from ndfit.fit_result import FitResult

__all__ = ["Grid", "choose_examples", "grid_of"]

EACH = 4  # examples of a kind


class Grid(NamedTuple):
    """The positions whose numbers are embedded.

    Attributes
    ----------
    step : every which position along each of the last two axes
    shape : (planes, rows, columns) that remain
    numbers : of the positions, shape (planes * rows * columns,)
    """

    step: int
    shape: tuple[int, int, int]
    numbers: NDArray[np.int64]


def grid_of(shape: tuple[int, ...], most: int = MOST_POSITIONS) -> Grid:
    """Every position, or every n-th along the last two axes where there are more than `most`."""
    rows, columns = (1, 1, *shape)[-2:]
    numbers = np.arange(int(np.prod(shape, dtype=int))).reshape(-1, rows, columns)
    step = max(1, ceil(sqrt(numbers.size / most)))
    while numbers[:, ::step, ::step].size > most and step < max(rows, columns):
        step += 1
    thinned = numbers[:, ::step, ::step]
    planes, rows, columns = thinned.shape
    return Grid(step, (planes, rows, columns), thinned.ravel())


def choose_examples(result: FitResult) -> Mapping[str, list[int]]:
    """Title -> positions: the worst, the middle, and random fits that converged, and some that did not.

    No position is shown twice; a single fit needs no examples.
    """
    if not result.shape:
        return {}
    quality = np.where(result.success, result.reduced_chi_square, np.nan).ravel()
    fitted = np.flatnonzero(np.isfinite(quality))
    order = fitted[np.argsort(quality[fitted], kind="stable")]
    name, _ = quality_name(result)
    counted = np.isin(result.status, [code for code, row in STATUS.items() if row.counted]).ravel()
    failed = np.flatnonzero(counted & ~result.success.ravel())
    # From each in turn, the first that are left.
    candidates = {
        f"Largest {name}": order[::-1],
        f"Median {name}": order[np.argsort(np.abs(np.arange(order.size) - order.size // 2), kind="stable")],
        "Drawn at random": np.random.default_rng(0).permutation(fitted),
        "Expected to fit, but did not converge": np.random.default_rng(0).permutation(failed),
    }
    shown: set[int] = set()
    examples: dict[str, list[int]] = {}
    for title, numbers in candidates.items():
        left = [int(number) for number in numbers[: EACH * len(candidates)] if int(number) not in shown][:EACH]
        shown.update(left)
        examples |= {title: left} if left else {}
    return examples
