"""A region of the problem -> Block.

Flows in: FitProblem and a region of the iterating axes. Flows out: Inputs (views, lazy where the caller's arrays are),
and from them, once in memory, a Block in which every fit that cannot be made has its status already.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import dask
import numpy as np
from numpy.typing import NDArray

from ndfit.errors import LoadError
from ndfit.problem.arrange import Region, cut, take_map
from ndfit.problem.mapped import read_if_mapped
from ndfit.problem.types import Block, FitProblem, FloatArray, Status

__all__ = ["Inputs", "culled", "in_memory", "inputs_of", "load", "make_block", "read_maps"]

_SINGLE = np.dtype(np.float32)


@dataclass(frozen=True)
class Inputs:
    """What one region needs; arrays of shape (iterating..., fitting...), of length one where they don't vary.

    `positions` are as in Block. `trials`, (T, P, iterating...), are starting values to be tried instead of `start`; NaN
    where a position is not to be tried.
    """

    data: Any
    weights: Any
    mask: Any
    coords: tuple[Any, ...]
    start: tuple[FloatArray, ...]
    lower: tuple[FloatArray, ...]
    upper: tuple[FloatArray, ...]
    shape: tuple[int, ...]
    fitting_shape: tuple[int, ...]
    free: tuple[int, ...]
    filter_non_finite: bool
    positions: NDArray[np.int64]
    trials: FloatArray | None = None

    @property
    def arrays(self) -> tuple[Any, ...]:
        return (self.data, self.weights, self.mask, *self.coords)

    def with_arrays(self, arrays: tuple[Any, ...]) -> Inputs:
        """The same with other arrays in the order of `arrays`."""
        data, weights, mask, *coords = arrays
        return replace(self, data=data, weights=weights, mask=mask, coords=tuple(coords))


def inputs_of(problem: FitProblem, region: Region) -> Inputs:
    """Slice every array of the problem; nothing is computed."""
    axes, params = problem.axes, problem.params

    def cut_or_none(array: Any) -> Any:
        return None if array is None else cut(array, axes, region)

    def maps(values: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
        return tuple(take_map(value, axes, region) for value in values)

    data = cut(problem.data, axes, region)
    return Inputs(
        data=data,
        weights=cut_or_none(problem.weights),
        mask=cut_or_none(problem.mask),
        coords=tuple(cut(values, axes, region) for values in problem.coords),
        start=maps(params.start),
        lower=maps(params.lower),
        upper=maps(params.upper),
        shape=tuple(data.shape[: len(region)]),
        fitting_shape=axes.fitting_shape,
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


def load(inputs: Inputs) -> Inputs:
    """Inputs with every array in memory; computed in this thread, as whole regions are what runs in parallel.

    Raises
    ------
    LoadError
        An array cannot be read or computed.
    """
    with _reading(inputs):
        arrays = inputs.arrays
        if any(map(dask.is_dask_collection, arrays)):
            arrays = dask.compute(*arrays, scheduler="synchronous")
        return inputs.with_arrays(in_memory(arrays))


def read_maps(inputs: Inputs) -> Inputs:
    """Inputs with what is mapped in memory, before they are copied to another process.

    Raises
    ------
    LoadError
        An array cannot be read.
    """
    with _reading(inputs):
        return inputs.with_arrays(tuple(map(read_if_mapped, inputs.arrays)))


def culled(inputs: Inputs) -> Inputs:
    """Inputs whose lazy arrays bring no more of their graphs than they need, before they go to another process."""
    return inputs.with_arrays(tuple(map(_culled, inputs.arrays)))


def _culled(array: Any) -> Any:
    if not dask.is_dask_collection(array):
        return array
    rebuild, arguments = array.__dask_postpersist__()
    return rebuild(array.__dask_optimize__(array.__dask_graph__(), array.__dask_keys__()), *arguments)


@contextmanager
def _reading(inputs: Inputs) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever stands behind a lazy array may raise anything
        first, last = inputs.positions[0], inputs.positions[-1]
        raise LoadError(
            f"the data of the positions {first} to {last} of the maps, counted in the order of their axes, cannot be "
            f"read: {type(error).__name__}: {error}"
        ) from error


def in_memory(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arrays that need not be loaded any more, with what is deferred made."""
    return tuple(None if array is None else np.asarray(read_if_mapped(array)) for array in arrays)


def make_block(inputs: Inputs) -> Block:
    """Block of inputs that are in memory."""
    data = _flatten(inputs.data, inputs)
    coords = tuple(_flatten_coordinate(values, inputs) for values in inputs.coords)
    wanted, weights, invalid = _wanted_samples(inputs)
    for values in coords:
        wanted = wanted & np.isfinite(values)
    # Maps are clipped before they are spread: most are one number.
    start = _table(tuple(map(np.clip, inputs.start, inputs.lower, inputs.upper)), inputs)
    lower, upper = (_bounds(maps, inputs) for maps in (inputs.lower, inputs.upper))
    status = _status_of_starts(data.shape, inputs)
    valid = None
    if not (wanted.all() and _all_finite(inputs.data)):
        finite = np.isfinite(data)
        valid = wanted & finite
        status = _status_of_samples(data, wanted, finite, valid, status, inputs)
    return Block(
        # Non-finite numbers are replaced, so that no engine meets one in a sample that it leaves out.
        data=data if valid is None else np.where(valid, data, 0.0),
        weights=weights,
        valid=valid,
        coords=coords,
        start=start,
        lower=lower,
        upper=upper,
        status=status,
        fitting_shape=inputs.fitting_shape,
        positions=inputs.positions,
        n_invalid=None if invalid is None else _count_invalid(invalid, data, inputs),
    )


def _flatten(array: Any, inputs: Inputs) -> FloatArray | NDArray[np.float32]:
    """(N, M) float64, or float32 of what has no more digits; a view where dtype and strides allow."""
    flat = np.asarray(array).reshape(-1, int(np.prod(inputs.fitting_shape)))
    short = flat.dtype.kind == "f" and flat.dtype.itemsize <= _SINGLE.itemsize
    return flat.astype(_SINGLE if short else float, copy=False)


def _all_finite(array: Any) -> bool:
    """Whether all are numbers: the sum of whatever else there is would be none, and takes no second array."""
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.isfinite(np.sum(array))) or bool(np.isfinite(array).all())


def _spread(array: Any, inputs: Inputs) -> Any:
    """(N, M), by broadcasting what has length one."""
    whole = np.broadcast_to(np.asarray(array), inputs.shape + inputs.fitting_shape)
    return whole.reshape(-1, int(np.prod(inputs.fitting_shape)))


def _flatten_coordinate(values: Any, inputs: Inputs) -> FloatArray:
    """(M,) where all fits share the coordinate, else (N, M)."""
    values = np.asarray(values, dtype=float)
    if all(size == 1 for size in values.shape[: len(inputs.shape)]):
        shared = values.reshape(values.shape[len(inputs.shape) :])
        flat: FloatArray = np.ascontiguousarray(np.broadcast_to(shared, inputs.fitting_shape)).ravel()
        return flat
    spread: FloatArray = _spread(values, inputs)
    return spread


def _wanted_samples(inputs: Inputs) -> tuple[NDArray[np.bool_], FloatArray | None, NDArray[np.bool_] | None]:
    """Samples that neither the mask nor the weights leave out, broadcastable to (N, M), and the weights.

    Third, the samples whose uncertainty is none: negative, or zero, which makes the weight infinite; None where there
    are none. A weight of zero says that a sample is to be left out.
    """
    wanted = np.ones((1, 1), dtype=bool)
    if inputs.mask is not None:
        wanted = ~_spread(inputs.mask, inputs)
    if inputs.weights is None:
        return wanted, None, None
    weights = _spread(inputs.weights, inputs).astype(float, copy=False)
    if weights.min(initial=np.inf) > 0.0 and _all_finite(weights):  # as most are; the rest takes five times as long
        return wanted, weights, None
    usable = np.isfinite(weights) & (weights > 0)
    invalid = wanted & ((weights < 0) | np.isinf(weights))
    return wanted & usable, np.where(usable, weights, 0.0), invalid if invalid.any() else None


def _count_invalid(
    invalid: NDArray[np.bool_], data: FloatArray | NDArray[np.float32], inputs: Inputs
) -> NDArray[np.int32]:
    """How many samples of each fit are left out by their uncertainty alone."""
    for values in inputs.coords:
        invalid = invalid & np.isfinite(_spread(values, inputs))
    return np.sum(invalid & np.isfinite(data), axis=1, dtype=np.int32)


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


def _status_of_samples(
    data: FloatArray | NDArray[np.float32],
    wanted: NDArray[np.bool_],
    finite: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    status: NDArray[np.int16],
    inputs: Inputs,
) -> NDArray[np.int16]:
    """Status of fits some of whose samples cannot be used; of several causes the one listed first here."""
    n_wanted = np.broadcast_to(wanted, data.shape).sum(axis=1)
    n_used = valid.sum(axis=1)
    nowhere_finite = ~finite.any(axis=1)
    empty = np.zeros(len(data), dtype=bool)
    empty[nowhere_finite] = np.isnan(data[nowhere_finite]).all(axis=1)
    checks = (
        (empty, Status.NO_DATA),
        (n_wanted == 0, Status.ALL_MASKED),
        ((n_used == 0) & inputs.filter_non_finite, Status.NO_DATA),
        ((n_used < n_wanted) & (not inputs.filter_non_finite), Status.NON_FINITE_DATA),
        (n_used < len(inputs.free), Status.TOO_FEW_SAMPLES),
    )
    conditions = [condition for condition, _ in checks]
    return np.select(conditions, [np.int16(code) for _, code in checks], status)
