"""The stages of an instrument, with what they have on the data's axes.

Flows in: an Instrument, and the samples of a block. Flows out: Places, where the model of the block is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import reduce
from hashlib import sha256
from operator import matmul
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.correlated_noise import Noise
from ndfit.problem.gaussian_spread import GaussianSpread
from ndfit.problem.grid import AxisGrid, Grid
from ndfit.problem.instrument_stages import Bins, Prompt, Stage
from ndfit.problem.places import Places, Response
from ndfit.problem.sampling_grid import SamplingGrid

if TYPE_CHECKING:
    from ndfit.problem.samples import Samples

__all__ = ["Chain"]

_ON_DATA = ("widths", "bounds", "diagonals", "period")  # settings that are on the data's axes
_NO_SPREAD = 0.05  # of a bin: what is narrower is not integrated by its nodes


@dataclass(frozen=True, eq=False)
class Chain:
    """What an instrument does to the model, the first stage first.

    Attributes
    ----------
    stages : on the data's axes
    nodes : places in each bin where a stage wants the model between the samples
    noise : how the noise is correlated between the samples; None where it is not
    chosen : the number of nodes is not the caller's
    """

    stages: tuple[Stage, ...]
    nodes: int
    noise: Noise | None = None
    chosen: bool = True

    @property
    def arrays(self) -> tuple[Any, ...]:
        """On the data's axes."""
        return tuple(array for stage in self.stages for array in stage.arrays)

    def with_arrays(self, arrays: Sequence[Any]) -> Chain:
        """The same with other arrays in the order of `arrays`."""
        given, stages = list(arrays), []
        for stage in self.stages:
            count = len(stage.arrays)
            stages.append(stage.with_arrays(given[:count]))
            given = given[count:]
        return replace(self, stages=tuple(stages))

    @property
    def arrays_of_places(self) -> tuple[Any, ...]:
        """Those of them that decide where the model is evaluated."""
        return tuple(array for stage in self.stages if isinstance(stage, (Bins, Prompt)) for array in stage.arrays)

    @property
    def digest(self) -> str:
        """SHA-256 of all it does, but for what it has on the data's axes."""
        return sha256(repr([_told(stage) for stage in (*self.stages, self.nodes, self.noise)]).encode()).hexdigest()

    def steps(self, samples: Samples, axis: int) -> FloatArray:
        """Mean distance of neighbouring samples along a fitting axis, () or (N, 1)."""
        return SamplingGrid(samples, self.stages).steps(axis)

    def spreads(self, samples: Samples) -> list[float]:
        """The least standard deviation of each Gaussian of the instrument, in samples, where it matters."""
        sight, shape = SamplingGrid(samples, self.stages), samples.axes.fitting_shape
        found = [stage.narrowest(sight, shape) for stage in self.stages if isinstance(stage, GaussianSpread)]
        return [width for width in found if width > _NO_SPREAD]

    def places(self, samples: Samples) -> tuple[Places, NDArray[np.bool_] | None]:
        """Where the model of loaded samples is evaluated; and which samples, (M,) or (N, M), see what is no number."""
        if not self.stages:
            return Places(tuple(map(samples.coordinate, samples.inputs)), samples.axes.fitting_shape), None
        sight = SamplingGrid(samples, self.stages)
        grid, response = self._walked(sight)
        inputs = samples.woven(
            [self._shifted(sight, grid, axis) for axis in range(len(samples.coords))],
            [sight.spread(known.values, grid) for known in samples.known],
        )
        return _finite(Places(tuple(inputs), grid.shape, response, max(axis.nodes for axis in grid.axes)))

    def _shifted(self, sight: SamplingGrid, grid: Grid, axis: int) -> FloatArray:
        """Coordinates at the places of a grid; those before the first sample belong to what was before a flash."""
        at = sight.coordinate(axis, grid)
        for stage in self.stages:
            if isinstance(stage, Prompt):
                later = stage.later(sight, sight.samples.coordinate(sight.samples.coords[axis]))
                at = np.where(grid.axes[axis].bins < 0, at + later, at)
        return at

    def _walked(self, sight: SamplingGrid) -> tuple[Grid, Response]:
        """The grid before the first stage, and the response from there to the samples."""
        steps = list(self._responses(sight))
        return steps[-1][0], reduce(matmul, (own for _, own in steps))

    def _responses(self, sight: SamplingGrid) -> Iterator[tuple[Grid, Response]]:
        """The grid before each stage, and its response, the last stage first."""
        shape = sight.samples.axes.fitting_shape
        after = Grid(tuple(AxisGrid(size) for size in shape))
        for number in reversed(range(len(self.stages))):
            stage, earlier = self.stages[number], self.stages[:number]
            endless = stage.endless and all(each.endless for each in earlier)
            nodes = self.nodes if stage.continuous and all(each.continuous for each in earlier) else 1
            reach = stage.reach(sight, shape) if endless else (0,) * len(shape)
            before = Grid(
                tuple(
                    AxisGrid(axis.n_samples, axis.beyond + more, nodes)
                    for axis, more in zip(after.axes, reach, strict=True)
                )
            )
            yield before, stage.response(before, after, sight)
            after = before

    def sizes(self, samples: Samples) -> tuple[int, int, int]:
        """Numbers that a fit has of its own: places, coefficients of the largest stage, and of all stages together.

        Widths are taken for the widest, of what is in memory.
        """
        few = samples.region(tuple(slice(0, 2) for _ in samples.axes.iterating_shape))
        if samples.instrument is None or few.instrument is None:
            return 0, 0, 0
        pairs = zip(samples.instrument.stages, few.instrument.stages, strict=True)
        widest = tuple(
            part.as_wide_as(whole) if isinstance(part, GaussianSpread) and isinstance(whole, GaussianSpread) else part
            for whole, part in pairs
        )
        few = replace(few, instrument=replace(few.instrument, stages=widest)).load()
        assert few.instrument is not None
        sight = SamplingGrid(few, few.instrument.stages)
        steps = list(few.instrument._responses(sight))
        responses = [own for _, own in steps]
        n_places, largest = steps[-1][0].n_places, max(map(_own_size, responses))
        moving = any(map(samples.varies, (*samples.inputs, *self.arrays_of_places)))
        return (n_places if moving else 0), largest, _own_size(reduce(matmul, responses))


def _own_size(response: Response) -> int:
    return 0 if response.is_shared else response.coefficients[0].size


def _told(stage: Any) -> Any:
    """Class and settings of a stage or of a noise, arrays by their bytes; without those on the data's axes."""
    if not is_dataclass(stage):
        return stage
    settings = ((each.name, getattr(stage, each.name)) for each in fields(stage))
    return type(stage).__name__, [(name, _bytes(value)) for name, value in settings if name not in _ON_DATA]


def _bytes(value: Any) -> Any:
    return (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value


def _finite(places: Places) -> tuple[Places, NDArray[np.bool_] | None]:
    """Places whose inputs are numbers, and which samples see others."""
    response = places.response
    assert response is not None
    bad: Any = False
    for values in places.inputs:
        bad = bad | ~np.isfinite(values)
    unknown = ~np.isfinite(response.coefficients)
    if not (bad.any() or unknown.any()):
        return places, None
    touched = bad[..., response.columns] & (response.coefficients != 0.0) | unknown
    coefficients = np.where(touched, 0.0, response.coefficients)
    inputs = tuple(_filled(values, bad) for values in places.inputs)
    response = replace(response, coefficients=coefficients)
    return replace(places, inputs=inputs, response=response), touched.any(axis=-1)


def _filled(values: FloatArray, bad: NDArray[np.bool_]) -> FloatArray:
    """With a number that is there in place of each that is none."""
    values, bad = np.broadcast_arrays(values, bad)
    any_good = ~bad.all(axis=-1, keepdims=True)
    first = np.take_along_axis(values, np.argmin(bad, axis=-1, keepdims=True), axis=-1)
    return np.where(bad, np.where(any_good, first, 0.0), values)
