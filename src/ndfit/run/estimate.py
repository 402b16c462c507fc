"""How long a fit takes, from a few of them.

Flows in: Work and FitProblem. Flows out: seconds.
"""

from __future__ import annotations

import time

from ndfit.problem.arrange import Region
from ndfit.problem.types import FitProblem
from ndfit.run.load import inputs_of, load
from ndfit.run.work import Work

__all__ = ["expected_seconds", "seconds_per_fit"]

_PLACES = 3
# Engines that solve many fits at once are timed on as many; the others' fits are long enough for a clock.
_FITS_TIMED = 128
_FITS_AT_LEAST = 8


def expected_seconds(work: Work, problem: FitProblem) -> float:
    """Order of magnitude of all fits on one core, from what is known before the first."""
    return problem.axes.n_fits * _fits_a_position(work) * work.engine.seconds_per_fit


def seconds_per_fit(work: Work, problem: FitProblem) -> float:
    """The longest that fits of a few places in the data take; what is to be compiled is compiled.

    With fits that are solved side by side, what a call takes by itself is counted: some microseconds a fit.
    """
    width = max(_FITS_AT_LEAST, _FITS_TIMED // _fits_a_position(work)) if work.engine.releases_gil else 1
    if width > 1:
        _time(work, problem, 0, 1)  # compiles
    places = [problem.axes.n_fits * step // _PLACES for step in range(_PLACES)]
    return max(_time(work, problem, place, width) for place in places) / width


def _fits_a_position(work: Work) -> int:
    return work.starting.count + (0 if work.bootstrap is None else work.bootstrap.count)


def _time(work: Work, problem: FitProblem, position: int, width: int) -> float:
    inputs = load(inputs_of(problem, _region_of(problem, position, width)))
    begun = time.perf_counter()
    work(inputs)
    return time.perf_counter() - begun


def _region_of(problem: FitProblem, position: int, width: int) -> Region:
    """A position and others after it, `width` or more where there are as many."""
    region = []
    for size in reversed(problem.axes.iterating_shape):
        position, index = divmod(position, size)
        step = min(size, width)
        start = min(index, size - step)
        region.append(slice(start, start + step))
        width = -(-width // step)
    return tuple(reversed(region))
