"""How long a fit takes, from a few of them.

Flows in: Pipeline and FitProblem. Flows out: seconds.

Fits of one data set differ by more than ten times: where there is nothing but noise they take longest, and random
starts may lead anywhere. So fits that are made one by one are timed at many places, spread evenly over the data, for as
long as a small share of the run allows; several neighbours in one call where a fit is short beside what the call takes
by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from math import prod

from ndfit.problem.arrange import Region
from ndfit.problem.block import Inputs, inputs_of
from ndfit.problem.types import FitProblem
from ndfit.run.load import load
from ndfit.run.region_pipeline import Pipeline

__all__ = ["FitTime", "expected_seconds", "time_of_fits"]

# Fits that take less in all are not timed.
SECONDS_WORTH_TIMING = 0.5
_PLACES = 3
# Engines that solve many fits at once are timed on as many; the others' fits are long enough for a clock.
_FITS_TIMED = 512
# One of so few fits, made twice, would take as long as not knowing costs.
_FEW = 16
# A call that takes so many seconds takes most of them for its fits.
_LONG = 0.05
# How long fits may be timed that are made one by one: the share of the run, and seconds.
_SHARE, _MOST = 0.04, 1.0
# Multiples of it, modulo one, are spread evenly however many there are.
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class FitTime:
    """Seconds that a fit takes: in the mean, and where fits take longest."""

    mean: float
    longest: float


def expected_seconds(pipeline: Pipeline, problem: FitProblem) -> float:
    """Order of magnitude of all fits on one core, from what is known before the first."""
    return problem.axes.n_fits * _known_before(pipeline)


def time_of_fits(pipeline: Pipeline, problem: FitProblem) -> FitTime:
    """What a fit takes once everything is imported, compiled and called once; measured where a run is long enough.

    The fits of a bootstrap are counted, not made.
    """
    if pipeline.engine.releases_gil:
        seconds = _known_before(pipeline)
        if expected_seconds(pipeline, problem) >= SECONDS_WORTH_TIMING:
            seconds = _side_by_side(pipeline, problem)
        return FitTime(seconds, seconds)
    if problem.axes.n_fits < _FEW and expected_seconds(pipeline, problem) < SECONDS_WORTH_TIMING:
        return FitTime(_known_before(pipeline), _known_before(pipeline))
    return _one_by_one(pipeline, problem)


def _side_by_side(pipeline: Pipeline, problem: FitProblem) -> float:
    """The longest of a few places, less what a call takes by itself.

    Not less than is known before, because a region that holds more than was meant keeps an interrupt waiting.
    """
    places = [problem.axes.n_fits * step // _PLACES for step in range(_PLACES)]
    samples = [_loaded(problem, place, _FITS_TIMED) for place in places]
    pipeline.make_ready()
    fit = pipeline.without_bootstrap
    fit(samples[0].take_first())  # the first fit of a process takes many times as long as any other
    alone = _time(fit, samples[0].take_first())
    together = [_time(fit, inputs) for inputs in samples]
    return max(_times_made(pipeline) * (max(together) - alone) / _FITS_TIMED, _known_before(pipeline))


def _one_by_one(pipeline: Pipeline, problem: FitProblem) -> FitTime:
    """The mean and the longest of many places; of short fits, both of some neighbours."""
    made, repeated, n_fits = pipeline.without_bootstrap, _times_made(pipeline), problem.axes.n_fits
    pipeline.make_ready()
    begun, places = _now(), _spread(n_fits)
    first = [_loaded(problem, place, 1) for place in islice(places, _PLACES)]
    made(first[0])  # the first fit of a process takes many times as long as any other
    timed = [(_time(made, inputs), 1) for inputs in first]
    longest = max(seconds for seconds, _ in timed)
    expected = n_fits * repeated * longest
    if expected >= SECONDS_WORTH_TIMING:
        limit = min(_MOST, _SHARE * expected)
        width = max(1, round(min(_LONG, limit / _PLACES) / longest))
        if width > 1:
            timed = []  # a call of one fit takes about as much by itself as for the fit
        end = begun + limit
        while len(timed) < _PLACES or _now() < end:
            inputs = _loaded(problem, next(places), width)
            timed.append((_time(made, inputs), prod(inputs.shape)))
    mean = sum(seconds for seconds, _ in timed) / sum(fits for _, fits in timed)
    longest = max(seconds / fits for seconds, fits in timed)
    return FitTime(repeated * mean, repeated * longest)


def _known_before(pipeline: Pipeline) -> float:
    return _fits_a_position(pipeline) * pipeline.engine.seconds_per_fit


def _times_made(pipeline: Pipeline) -> float:
    """How often a position's fits are made again by the bootstrap, which is not timed."""
    return _fits_a_position(pipeline) / _fits_a_position(pipeline.without_bootstrap)


def _fits_a_position(pipeline: Pipeline) -> int:
    return pipeline.starting.fits + (0 if pipeline.bootstrap is None else pipeline.bootstrap.count)


def _now() -> float:
    return time.perf_counter()


def _time(pipeline: Pipeline, inputs: Inputs) -> float:
    """Seconds; of the processor where the engine computes in this thread alone, which other jobs do not lengthen."""
    clock = time.thread_time if pipeline.engine.releases_gil else time.perf_counter
    begun = clock()
    pipeline(inputs)
    return clock() - begun


def _spread(n_fits: int) -> Iterator[int]:
    """Positions, those of the first as evenly spread as those of all, without end."""
    return (int(n_fits * (step * _GOLDEN % 1.0)) for step in count(1))


def _loaded(problem: FitProblem, position: int, width: int) -> Inputs:
    return load(inputs_of(problem, _region_of(problem, position, width)))


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
