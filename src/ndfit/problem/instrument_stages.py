"""What an instrument does to a model, step by step.

Flows in: the settings of a stage, and the places before and after it. Flows out: its Response.

A stage that is `continuous` wants the model between the samples; others take it at the samples. One that is `endless`
asks for the model beyond the samples, from where light is spread into them; others know the samples alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.grid import AxisGrid, Edges, Grid
from ndfit.problem.places import Response

__all__ = ["Bins", "Diagonals", "Kernel", "Placement", "Prompt", "Sight", "Stage"]

# Ranges of the samples after which nothing is left of a decay.
_LONG_AFTER = 100.0


class Placement(Protocol):
    """See `ndfit.problem.placement.Placement`, which is one."""

    def value(self, values: Any, name: str, axis: int | None) -> Any:
        """A number, or an array of any shape that can be meant, on the data's axes, in the unit of a fitting axis."""

    def rows(self, values: Any, name: str, axis: int | None) -> Any:
        """The same of an array whose last axis is the fitting axis."""

    def differs_between_samples(self, array: Any) -> bool:
        """Whether an array on the data's axes has more than one number for a position."""

    def light_over(self, width: Any, axis: int) -> Any:
        """The speed of light over a width that is a velocity along wavelengths or their like; None for others."""


class Sight(Protocol):
    """What a stage knows of the fits of a block."""

    def rows(self, array: Any) -> FloatArray:
        """An array on the data's axes, (M,) where all fits share it, else (N, M)."""

    def spread(self, array: Any, grid: Grid) -> FloatArray:
        """An array on the data's axes at the places of a grid, (L,) or (N, L)."""

    def edges(self, axis: int) -> Edges:
        """Of the bins along a fitting axis, in its coordinate; of several axes, in the distance along each."""

    def at(self, axis: int, along: AxisGrid) -> FloatArray:
        """The same of the places along a fitting axis."""


class Stage(Protocol):
    """What an instrument does.

    Attributes
    ----------
    continuous, endless : see the module's docstring
    n_axes : fitting axes it is for; None for any number
    arrays : what it has on the data's axes
    """

    @property
    def continuous(self) -> bool: ...
    @property
    def endless(self) -> bool: ...
    @property
    def n_axes(self) -> int | None: ...
    @property
    def arrays(self) -> tuple[Any, ...]: ...

    def with_arrays(self, arrays: Sequence[Any]) -> Stage:
        """The same with other arrays in the order of `arrays`."""

    def placed(self, placement: Placement, fitting_shape: tuple[int, ...]) -> Stage:
        """The same with its arrays on the data's axes; raises what is wrong with them."""

    def reach(self, sight: Sight, fitting_shape: tuple[int, ...]) -> tuple[int, ...]:
        """How many bins beyond the samples it sees, for each fitting axis."""

    def response(self, before: Grid, after: Grid, sight: Sight) -> Response:
        """From the places before it to those after it."""


class _WithoutArrays:
    """A stage whose settings are the same at every position and sample."""

    arrays: ClassVar[tuple[Any, ...]] = ()

    def with_arrays(self, arrays: Sequence[Any]) -> Any:
        return self


class _KeepsToTheSamples:
    """A stage that knows the samples alone."""

    def reach(self, sight: Sight, fitting_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (0,) * len(fitting_shape)


@dataclass(frozen=True, eq=False)
class Bins(_KeepsToTheSamples):
    """Each sample is the mean over its bin.

    `edges` are those of the bins as given, or None for bins halfway to the neighbours; once placed, `bounds` are the
    lower and the upper one of each.
    """

    edges: Any = None
    bounds: Edges | None = None

    continuous: ClassVar[bool] = True
    endless: ClassVar[bool] = True
    n_axes: ClassVar[None] = None

    @property
    def arrays(self) -> tuple[Any, ...]:
        return self.bounds or ()

    def with_arrays(self, arrays: Sequence[Any]) -> Bins:
        return replace(self, bounds=tuple(arrays) or None)

    def placed(self, placement: Placement, fitting_shape: tuple[int, ...]) -> Bins:
        if self.edges is None:
            return self
        if len(fitting_shape) != 1:
            raise ValueError(f"edges of bins are for one fitting axis, got {len(fitting_shape)}")
        shape = tuple(np.shape(self.edges))
        if not shape or shape[-1] != fitting_shape[0] + 1:
            raise ValueError(
                f"edges of bins should have {fitting_shape[0] + 1} values along their last axis, one more than there "
                f"are samples, got shape {shape}"
            )
        lower, upper = (
            placement.rows(self.edges[..., part], "the edges of bins", 0) for part in (slice(-1), slice(1, None))
        )
        if isinstance(lower, np.ndarray) and isinstance(upper, np.ndarray):
            steps = upper - lower
            if not ((steps > 0.0).all() or (steps < 0.0).all()):
                raise ValueError("edges of bins should rise, or fall, from each to the next")
        return replace(self, edges=None, bounds=(lower, upper))

    def response(self, before: Grid, after: Grid, sight: Sight) -> Response:
        parts = []
        for own, later in zip(before.axes, after.axes, strict=True):
            first = (later.bins + own.beyond) * own.nodes
            shares = np.broadcast_to(own.shares[: own.nodes], (later.n_places, own.nodes))
            parts.append(Response.of_band(first, shares, own.n_places))
        return reduce(Response.beside, parts)


@dataclass(frozen=True, eq=False)
class Kernel(_WithoutArrays):
    """Convolution with a table: value `centre` of it stays where it is."""

    values: FloatArray
    centre: tuple[int, ...]

    continuous: ClassVar[bool] = False
    endless: ClassVar[bool] = True

    @property
    def n_axes(self) -> int:
        return self.values.ndim

    def placed(self, placement: Placement, fitting_shape: tuple[int, ...]) -> Kernel:
        return self

    def reach(self, sight: Sight, fitting_shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(
            max(centre, size - 1 - centre) for centre, size in zip(self.centre, self.values.shape, strict=True)
        )

    def response(self, before: Grid, after: Grid, sight: Sight) -> Response:
        columns, inside = np.zeros((1, 1), np.int64), np.ones((1, 1), dtype=bool)
        for own, later, centre, size in zip(before.axes, after.axes, self.centre, self.values.shape, strict=True):
            along = later.bins[:, np.newaxis] + own.beyond + centre - np.arange(size)
            known = (along >= 0) & (along < own.n_places)
            along = np.clip(along, 0, own.n_places - 1)
            n_samples, n_taps = len(columns) * len(along), columns.shape[1] * size
            columns = (columns[:, np.newaxis, :, np.newaxis] * own.n_places + along[:, np.newaxis, :]).reshape(
                n_samples, n_taps
            )
            inside = (inside[:, np.newaxis, :, np.newaxis] & known[:, np.newaxis, :]).reshape(n_samples, n_taps)
        return Response(columns, np.where(inside, self.values.ravel(), 0.0), before.n_places)


@dataclass(frozen=True, eq=False)
class Prompt:
    """Convolution in time with what the instrument records of a flash, from sample `first` on.

    Before the first sample there is what is left of the flash before: the model a `period` later.
    """

    values: FloatArray
    first: int
    period: Any = None

    continuous: ClassVar[bool] = False
    endless: ClassVar[bool] = True
    n_axes: ClassVar[int] = 1

    @property
    def arrays(self) -> tuple[Any, ...]:
        return () if self.period is None else (self.period,)

    def with_arrays(self, arrays: Sequence[Any]) -> Prompt:
        return replace(self, period=next(iter(arrays), None))

    def placed(self, placement: Placement, fitting_shape: tuple[int, ...]) -> Prompt:
        if self.period is None:
            return self
        period = placement.value(self.period, "the period of the flashes", 0)
        if isinstance(period, np.ndarray) and not (period > 0.0).all():
            raise ValueError(f"the period of the flashes should be positive, got {np.min(period):g}")
        return replace(self, period=period)

    def reach(self, sight: Sight, fitting_shape: tuple[int, ...]) -> tuple[int, ...]:
        last = self.first + len(self.values) - 1
        return (max(last, -self.first, 0),)

    def later(self, sight: Sight, times: FloatArray) -> FloatArray:
        """How much later the model before the first sample is evaluated, given the times of the samples."""
        if self.period is None:
            return _LONG_AFTER * (np.fmax.reduce(times, axis=-1) - np.fmin.reduce(times, axis=-1))[..., np.newaxis]
        return sight.rows(self.period)[..., :1]

    def response(self, before: Grid, after: Grid, sight: Sight) -> Response:
        (own,), (later,), size = before.axes, after.axes, len(self.values)
        first = later.bins + own.beyond - self.first - size + 1
        values = np.broadcast_to(self.values[::-1], (later.n_places, size))
        return Response.of_band(first, values, own.n_places)


@dataclass(frozen=True, eq=False)
class Diagonals(_KeepsToTheSamples):
    """A banded matrix: row j sees sample j + offsets[k] with the value that diagonal k has at that sample.

    As given, the diagonals stand along the axis before the last of `matrix`; once placed they are arrays of their own.
    """

    matrix: Any
    offsets: tuple[int, ...]
    diagonals: tuple[Any, ...] = ()

    continuous: ClassVar[bool] = False
    endless: ClassVar[bool] = False
    n_axes: ClassVar[int] = 1

    @property
    def arrays(self) -> tuple[Any, ...]:
        return self.diagonals

    def with_arrays(self, arrays: Sequence[Any]) -> Diagonals:
        return replace(self, diagonals=tuple(arrays))

    def placed(self, placement: Placement, fitting_shape: tuple[int, ...]) -> Diagonals:
        size = self.matrix.shape[-1]
        if size != fitting_shape[0]:
            raise ValueError(
                f"a matrix of {len(self.offsets)} diagonals should have {fitting_shape[0]} values in each, one a "
                f"sample, got shape {tuple(self.matrix.shape)}"
            )
        rows = tuple(
            placement.rows(self.matrix[..., k, :], "the diagonals of the matrix", None)
            for k in range(len(self.offsets))
        )
        return replace(self, matrix=None, diagonals=rows)

    def response(self, before: Grid, after: Grid, sight: Sight) -> Response:
        n_samples = after.n_places
        columns: NDArray[np.int64] = np.arange(n_samples)[:, np.newaxis] + np.array(self.offsets)
        inside = np.clip(columns, 0, n_samples - 1)
        rows = np.broadcast_arrays(*(sight.rows(diagonal) for diagonal in self.diagonals))
        taps = [np.where(columns[:, k] == inside[:, k], rows[k][..., inside[:, k]], 0.0) for k in range(len(rows))]
        return Response(inside, np.stack(taps, axis=-1), n_samples)
