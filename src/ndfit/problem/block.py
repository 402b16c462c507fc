"""A region of the problem -> Block.

Flows in: FitProblem and a region of the iterating axes. Flows out: Inputs, and from them, once in memory, a Block in
which every fit that cannot be made has its status already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.arrange import Region, take_map
from ndfit.problem.samples import LeftOut, Samples
from ndfit.problem.types import Block, FitProblem
from ndfit.status import Status

__all__ = ["Inputs", "inputs_of", "make_block"]


@dataclass(frozen=True)
class Inputs:
    """What one region needs.

    Attributes
    ----------
    samples : of the region
    start, lower, upper : P maps of the region's shape, or numbers
    free : indices of the free parameters
    positions : as in Block
    starts : shape (T, P, iterating...), starting values to be tried instead of `start`; NaN where a position is not to
        be tried
    """

    samples: Samples
    start: tuple[FloatArray, ...]
    lower: tuple[FloatArray, ...]
    upper: tuple[FloatArray, ...]
    free: tuple[int, ...]
    filter_non_finite: bool
    positions: NDArray[np.int64]
    starts: FloatArray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the iterating axes."""
        return self.samples.axes.iterating_shape

    def with_samples(self, samples: Samples) -> Inputs:
        return replace(self, samples=samples)

    def with_arrays(self, arrays: tuple[Any, ...]) -> Inputs:
        """The same with other arrays of samples, in their order."""
        return self.with_samples(self.samples.with_arrays(arrays))

    def take_first(self) -> Inputs:
        """The first position alone."""
        one = (slice(0, 1),) * len(self.shape)

        def first(maps: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
            return tuple(values[one[: values.ndim]] for values in maps)

        return replace(
            self,
            samples=self.samples.region(one),
            start=first(self.start),
            lower=first(self.lower),
            upper=first(self.upper),
            positions=self.positions[:1],
        )


def inputs_of(problem: FitProblem, region: Region) -> Inputs:
    """Slice every array of the problem; nothing is computed."""
    axes, params = problem.axes, problem.params

    def maps(values: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
        return tuple(take_map(value, axes, region) for value in values)

    return Inputs(
        samples=problem.samples.region(region),
        start=maps(params.start),
        lower=maps(params.lower),
        upper=maps(params.upper),
        free=params.free,
        filter_non_finite=problem.filter_non_finite,
        positions=_numbers(region, axes.iterating_shape),
    )


def _numbers(region: Region, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Number of each position of the region in the order of the iterating axes."""
    numbers = np.zeros((), dtype=np.int64)
    for where, size in zip(region, shape, strict=True):
        numbers = numbers[..., np.newaxis] * size + np.arange(where.start, where.stop)
    return numbers.ravel()


def make_block(inputs: Inputs) -> Block:
    """Block of inputs that are in memory."""
    used, instrument = inputs.samples.used(), inputs.samples.instrument
    # Maps are clipped before they are spread: most are one number.
    start = _table(tuple(map(np.clip, inputs.start, inputs.lower, inputs.upper)), inputs)
    lower, upper = (_bounds(maps, inputs) for maps in (inputs.lower, inputs.upper))
    status = _status_of_starts(used.data.shape, inputs)
    if used.left_out is not None:
        status = _status_of_samples(used.left_out, status, inputs)
    return Block(
        data=used.data,
        weights=used.weights,
        valid=used.valid,
        coords=used.coords,
        start=start,
        lower=lower,
        upper=upper,
        status=status,
        fitting_shape=inputs.samples.axes.fitting_shape,
        positions=inputs.positions,
        n_invalid=used.n_invalid,
        other_places=used.places if inputs.samples.known or instrument is not None else None,
        noise=None if instrument is None else instrument.noise,
    )


def _table(maps: tuple[FloatArray, ...], inputs: Inputs) -> FloatArray:
    """(N, P) from one map or number a parameter; one row in memory where they are numbers."""
    n_fits = int(np.prod(inputs.shape))
    if _are_numbers(maps):
        return np.broadcast_to(np.stack(maps), (n_fits, len(maps)))
    return np.stack([np.broadcast_to(values, inputs.shape).reshape(n_fits) for values in maps], axis=1)


def _bounds(maps: tuple[FloatArray, ...], inputs: Inputs) -> FloatArray:
    """(N, P), or (1, P) where the bounds are the same everywhere."""
    return np.stack(maps)[np.newaxis] if _are_numbers(maps) else _table(maps, inputs)


def _are_numbers(maps: tuple[FloatArray, ...]) -> bool:
    return all(values.ndim == 0 for values in maps)


def _status_of_starts(shape: tuple[int, ...], inputs: Inputs) -> NDArray[np.int16]:
    """Status of N fits all of whose M samples are used."""
    n_fits, n_samples = shape
    status = np.full(n_fits, Status.TOO_FEW_SAMPLES if n_samples < len(inputs.free) else Status.READY, dtype=np.int16)
    known = [np.isfinite(values) for values in inputs.start]
    known += [~np.isnan(bound) for bound in (*inputs.lower, *inputs.upper)]
    for values in known:
        if not values.all():
            status[~np.broadcast_to(values, inputs.shape).reshape(n_fits)] = Status.NON_FINITE_START
    return status


def _status_of_samples(left_out: LeftOut, status: NDArray[np.int16], inputs: Inputs) -> NDArray[np.int16]:
    """Status of fits some of whose samples are not used; of several causes the one listed first here."""
    empty, n_wanted, n_used = left_out
    checks = (
        (empty, Status.NO_DATA),
        (n_wanted == 0, Status.ALL_MASKED),
        ((n_used == 0) & inputs.filter_non_finite, Status.NO_DATA),
        ((n_used < n_wanted) & (not inputs.filter_non_finite), Status.NON_FINITE_DATA),
        (n_used < len(inputs.free), Status.TOO_FEW_SAMPLES),
    )
    conditions = [condition for condition, _ in checks]
    return np.select(conditions, [np.int16(code) for _, code in checks], status)
