"""The samples of a problem: one description, from the caller's arrays to the rows that engines take.

Flows in: arrays on the axes of the data, of length one where they do not vary, in memory, mapped or lazy. Flows out:
those of a region, loaded, and as N fits by M samples with what is used of them.

Which samples are used is decided here and nowhere else: those that are finite, with coordinates, that neither the mask
nor a weight leaves out. A weight of zero leaves its sample out; so does an uncertainty that is none, negative or zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.arrange import Region, take_region
from ndfit.problem.axes import Axes
from ndfit.problem.chain import Chain
from ndfit.problem.deferred import is_lazy
from ndfit.problem.mapped import read_if_mapped
from ndfit.problem.places import Places

__all__ = ["Known", "LeftOut", "Samples", "UsedSamples", "in_memory"]

_SINGLE = np.dtype(np.float32)


class Known(NamedTuple):
    """An input of the model that is no coordinate of the samples, and is known.

    Attributes
    ----------
    number : which of the model's inputs it is
    values : broadcastable to the data
    """

    number: int
    values: Any


class LeftOut(NamedTuple):
    """Counts of N fits some of whose samples are not used.

    Attributes
    ----------
    empty : every sample is NaN
    n_wanted : samples that neither the mask nor the weights leave out
    n_used : those of them that are used
    """

    empty: NDArray[np.bool_]
    n_wanted: NDArray[np.intp]
    n_used: NDArray[np.intp]


class UsedSamples(NamedTuple):
    """Samples of N fits.

    Attributes
    ----------
    data, weights, valid, coords, places, n_invalid : as in `ndfit.problem.types.Block`
    left_out : None where every sample is used
    """

    data: FloatArray | NDArray[np.float32]
    weights: FloatArray | None
    valid: NDArray[np.bool_] | None
    coords: tuple[FloatArray, ...]
    places: Places
    n_invalid: NDArray[np.int32] | None
    left_out: LeftOut | None


@dataclass(frozen=True)
class Samples:
    """Samples of a problem, or of a region of it.

    Attributes
    ----------
    axes : of the data
    data : of the axes' shape, any real dtype and byte order; None where a result was read from a file
    weights : broadcastable to it, 1/sigma; or None
    mask : boolean, broadcastable to it, True = ignore; or None
    coords : an array for each fitting axis, broadcastable to it
    known : inputs of the model beyond the coordinates
    instrument : what the model is seen through; None where the samples are values of it
    """

    axes: Axes
    data: Any
    weights: Any = None
    mask: Any = None
    coords: tuple[Any, ...] = ()
    known: tuple[Known, ...] = ()
    instrument: Chain | None = None

    @property
    def arrays(self) -> tuple[Any, ...]:
        of_instrument = () if self.instrument is None else self.instrument.arrays
        return (self.data, self.weights, self.mask, *self.coords, *(own.values for own in self.known), *of_instrument)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the arrays."""
        of_instrument = () if self.instrument is None else self.instrument.arrays
        counted = (("coordinate", self.coords), ("input", self.known), ("instrument", of_instrument))
        others = (f"{name} {number}" for name, arrays in counted for number in range(len(arrays)))
        return ("data", "weights", "mask", *others)

    def with_arrays(self, arrays: tuple[Any, ...]) -> Samples:
        """The same with other arrays in the order of `arrays`."""
        data, weights, mask, *others = arrays
        n_coords, n_known = len(self.coords), len(self.known)
        known = (own._replace(values=values) for own, values in zip(self.known, others[n_coords:], strict=False))
        instrument = self.instrument and self.instrument.with_arrays(others[n_coords + n_known :])
        changed = {"data": data, "weights": weights, "mask": mask, "coords": tuple(others[:n_coords])}
        return replace(self, **changed, known=tuple(known), instrument=instrument)

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The K inputs of the model at the samples: coordinates and what is known beside them."""
        return self.woven(self.coords, [own.values for own in self.known])

    def woven(self, coords: Sequence[Any], known: Sequence[Any]) -> tuple[Any, ...]:
        """Coordinates and known inputs in the order of the model's inputs."""
        found = list(coords)
        for own, values in sorted(
            zip((own.number for own in self.known), known, strict=True), key=lambda pair: pair[0]
        ):
            found.insert(own, values)
        return tuple(found)

    def places(self) -> tuple[Places, NDArray[np.bool_] | None]:
        """Where the model is evaluated, and which samples, (M,) or (N, M), see no number there; of those in memory."""
        return (self.instrument or Chain((), 1)).places(self)

    def each(self, change: Callable[[Any], Any]) -> Samples:
        """The same with each array that there is changed."""
        return self.with_arrays(tuple(None if array is None else change(array) for array in self.arrays))

    def region(self, region: Region) -> Samples:
        """Views of a region of the iterating axes, which stand first, then the fitting axes; nothing is computed."""
        cut_out = self.each(lambda array: take_region(array, self.axes, region))
        sizes = (len(range(*where.indices(n))) for where, n in zip(region, self.axes.iterating_shape, strict=True))
        shape = (*sizes, *self.axes.fitting_shape)
        return replace(cut_out, axes=Axes(shape, tuple(range(len(region), len(shape)))))

    def varies(self, array: Any) -> bool:
        """Whether an array has numbers of its own for each fit."""
        return array is not None and any(array.shape[axis] != 1 for axis in self.axes.iterating)

    def load(self) -> Samples:
        """The same with every array in memory; computed in this thread."""
        arrays = self.arrays
        if any(map(is_lazy, arrays)):
            import dask

            arrays = dask.compute(*arrays, scheduler="synchronous")
        return self.with_arrays(in_memory(arrays))

    def rows(self, array: Any) -> NDArray[Any]:
        """Fits by samples, (N, M), of an array of these samples; (1, M) where all fits share it."""
        axes = self.axes
        values = np.transpose(np.asarray(array), axes.iterating + axes.fitting)
        leading = axes.iterating_shape if self.varies(array) else (1,) * len(axes.iterating)
        return np.broadcast_to(values, leading + axes.fitting_shape).reshape(-1, axes.n_samples)

    def used(self) -> UsedSamples:
        """What is used of samples that are in memory."""
        data, coords = self._data(), tuple(map(self.coordinate, self.coords))
        places, blind = self.places()
        wanted, weights, invalid = self._wanted()
        placed = _placed(coords, places, blind)
        wanted = wanted & placed
        n_invalid = None if invalid is None else _count(invalid & placed & np.isfinite(data))
        if wanted.all() and _all_finite(self.data):
            return UsedSamples(data, weights, None, coords, places, n_invalid, None)
        finite = np.isfinite(data)
        valid = wanted & finite
        counts = (np.broadcast_to(some, data.shape).sum(axis=1) for some in (wanted, valid))
        left_out = LeftOut(_are_all_nan(data, finite), *counts)
        # Non-finite numbers are replaced, so that no engine meets one in a sample that it leaves out.
        return UsedSamples(np.where(valid, data, 0.0), weights, valid, coords, places, n_invalid, left_out)

    def _data(self) -> FloatArray | NDArray[np.float32]:
        """(N, M) float64, or float32 of what has no more digits; a view where dtype and strides allow."""
        flat = np.asarray(self.data).reshape(-1, self.axes.n_samples)
        short = flat.dtype.kind == "f" and flat.dtype.itemsize <= _SINGLE.itemsize
        return flat.astype(_SINGLE if short else float, copy=False)

    def coordinate(self, values: Any) -> FloatArray:
        """A coordinate, (M,) where all fits share it, else (N, M)."""
        flat: FloatArray = self.rows(np.asarray(values, dtype=float))
        return flat if self.varies(values) else np.ascontiguousarray(flat[0])

    def _wanted(self) -> tuple[NDArray[np.bool_], FloatArray | None, NDArray[np.bool_] | None]:
        """Samples that neither the mask nor the weights leave out, broadcastable to (N, M), and the weights, (N, M).

        Third, the samples whose uncertainty is none: negative, or zero, which makes the weight infinite; None where
        there are none.
        """
        wanted = np.ones((1, 1), dtype=bool) if self.mask is None else ~self.rows(self.mask)
        if self.weights is None:
            return wanted, None, None
        rows = self.rows(self.weights).astype(float, copy=False)
        weights = np.broadcast_to(rows, (self.axes.n_fits, self.axes.n_samples))
        if rows.min(initial=np.inf) > 0.0 and _all_finite(rows):  # as most are; the rest takes five times as long
            return wanted, weights, None
        usable = np.isfinite(weights) & (weights > 0)
        invalid = wanted & ((weights < 0) | np.isinf(weights))
        return wanted & usable, np.where(usable, weights, 0.0), invalid if invalid.any() else None


def _count(samples: NDArray[np.bool_]) -> NDArray[np.int32]:
    """How many of each fit."""
    return np.asarray(np.sum(samples, axis=1, dtype=np.int32))


def _placed(coords: tuple[FloatArray, ...], places: Places, blind: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Samples that have coordinates and see a model there, broadcastable to (N, M)."""
    found = np.ones((1, 1), dtype=bool)
    for values in (*coords, *(places.inputs if places.response is None else ())):
        found = found & np.isfinite(values)
    if places.response is not None:
        found = found & ~places.response.blind()
    return found if blind is None else found & ~blind


def in_memory(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arrays that need not be loaded any more, with what is deferred made."""
    return tuple(None if array is None else np.asarray(read_if_mapped(array)) for array in arrays)


def _all_finite(array: Any) -> bool:
    """Whether all are numbers: the sum of whatever else there is would be none, and takes no second array."""
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.isfinite(np.sum(array))) or bool(np.isfinite(array).all())


def _are_all_nan(data: NDArray[Any], finite: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which rows are nothing but NaN."""
    empty: NDArray[np.bool_] = np.asarray(~finite.any(axis=1))
    empty[empty] = np.isnan(data[empty]).all(axis=1)
    return empty
