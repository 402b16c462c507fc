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
_FITS_TIMED = 512


def expected_seconds(work: Work, problem: FitProblem) -> float:
    """Order of magnitude of all fits on one core, from what is known before the first."""
    return problem.axes.n_fits * _known_before(work)


def seconds_per_fit(work: Work, problem: FitProblem) -> float:
    """The longest that fits of a few places in the data take; what is to be compiled is compiled.

    Not less than is known before, because a region that holds more than was meant keeps an interrupt waiting. A
    bootstrap's fits are counted, not made.
    """
    repeated = _fits_a_position(work) / _fits_a_position(work.bare)
    places = [problem.axes.n_fits * step // _PLACES for step in range(_PLACES)]
    if not work.engine.releases_gil:
        return repeated * max(_time(work.bare, problem, place, 1) for place in places)
    first, *others = (_time(work.bare, problem, place, _FITS_TIMED) for place in places)
    if first > max(others):  # it was compiled then
        first = _time(work.bare, problem, places[0], _FITS_TIMED)
    return max(repeated * max(first, *others) / _FITS_TIMED, _known_before(work))


def _known_before(work: Work) -> float:
    return _fits_a_position(work) * work.engine.seconds_per_fit


def _fits_a_position(work: Work) -> int:
    return work.starting.count + (0 if work.bootstrap is None else work.bootstrap.count)


def _time(work: Work, problem: FitProblem, position: int, width: int) -> float:
    """Seconds; of the processor where the engine computes in this thread alone, which other jobs do not lengthen."""
    inputs = load(inputs_of(problem, _region_of(problem, position, width)))
    clock = time.thread_time if work.engine.releases_gil else time.perf_counter
    begun = clock()
    work(inputs)
    return clock() - begun


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
