"""How long a fit takes, from a few of them.

Flows in: Pipeline and FitProblem. Flows out: seconds.
"""

from __future__ import annotations

import time
from math import prod

from ndfit.problem.arrange import Region
from ndfit.problem.block import Inputs, inputs_of
from ndfit.problem.types import FitProblem
from ndfit.run.load import load
from ndfit.run.region_pipeline import Pipeline

__all__ = ["expected_seconds", "seconds_per_fit"]

_PLACES = 3
# Engines that solve many fits at once are timed on as many; the others' fits are long enough for a clock.
_FITS_TIMED = 512
# Below so many seconds a call of one fit takes about as much by itself as for the fit: a few are timed together.
_SHORT, _FEW = 0.05, 8


def expected_seconds(pipeline: Pipeline, problem: FitProblem) -> float:
    """Order of magnitude of all fits on one core, from what is known before the first."""
    return problem.axes.n_fits * _known_before(pipeline)


def seconds_per_fit(pipeline: Pipeline, problem: FitProblem) -> float:
    """The longest that fits of a few places in the data take, once everything is imported, compiled and called once.

    Of fits that are solved side by side, or are short, less what a call takes by itself; but of the former not less
    than is known before, because a region that holds more than was meant keeps an interrupt waiting. The fits of a
    bootstrap are counted, not made.
    """
    repeated = _fits_a_position(pipeline) / _fits_a_position(pipeline.fits_only)
    width = _FITS_TIMED if pipeline.engine.releases_gil else 1
    places = [problem.axes.n_fits * step // _PLACES for step in range(_PLACES)]
    samples = [load(inputs_of(problem, _region_of(problem, place, width))) for place in places]
    pipeline.make_ready()
    pipeline.fits_only(samples[0].take_first())  # the first fit of a process takes many times as long as any other
    if not pipeline.engine.releases_gil:
        return repeated * _one_by_one(pipeline.fits_only, problem, places, samples)
    alone = _time(pipeline.fits_only, samples[0].take_first())
    together = [_time(pipeline.fits_only, inputs) for inputs in samples]
    return max(repeated * (max(together) - alone) / _FITS_TIMED, _known_before(pipeline))


def _one_by_one(pipeline: Pipeline, problem: FitProblem, places: list[int], samples: list[Inputs]) -> float:
    """The longest that one of these fits takes; of short ones, less what a call takes by itself."""
    seconds = [_time(pipeline, inputs) for inputs in samples]
    longest = max(seconds)
    if longest >= _SHORT:
        return longest
    region = _region_of(problem, places[seconds.index(longest)], _FEW)
    others = prod(where.stop - where.start for where in region) - 1
    if not others:
        return longest
    beyond = (_time(pipeline, load(inputs_of(problem, region))) - longest) / others
    return min(max(beyond, longest / _FEW), longest)


def _known_before(pipeline: Pipeline) -> float:
    return _fits_a_position(pipeline) * pipeline.engine.seconds_per_fit


def _fits_a_position(pipeline: Pipeline) -> int:
    return pipeline.starting.fits + (0 if pipeline.bootstrap is None else pipeline.bootstrap.count)


def _time(pipeline: Pipeline, inputs: Inputs) -> float:
    """Seconds; of the processor where the engine computes in this thread alone, which other jobs do not lengthen."""
    clock = time.thread_time if pipeline.engine.releases_gil else time.perf_counter
    begun = clock()
    pipeline(inputs)
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
