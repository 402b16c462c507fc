"""Maps of a run, filled region by region.

Flows in: (region, BlockResult) pairs in any order. Flows out: Maps, arrays of the iterating shape B.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult
from ndfit.problem.types import FitProblem
from ndfit.status import Status, converged, usable

__all__ = ["Maps", "sealed"]

# A cube in which every position fails has no use for a million tracebacks.
N_MESSAGES = 1000

# Less is rounding.
_WORTH_TAKING = 1e-10


@dataclass
class Maps:
    """What is known of every position.

    Attributes
    ----------
    parameters : shape (P, *B)
    status : shape B, int16
    nfev : shape B, int32
    cost : shape B
    n_samples : shape B, int32, samples used
    flags : shape B, uint32, see FLAGS
    parameter_flags : shape (F, *B), uint32, flags that are about one free parameter; None where there are none
    edm : shape B, estimated distance to the minimum, see BlockResult; NaN where it is not known
    covariance : shape (*B, F, F), or None
    info : shape B, objects, or None
    sample_digests : shape B, uint64, of the samples as they were fitted, see `ndfit.run.sample_digest`; None where
        nothing is looked up later
    absolute : the covariance is what it is, and never scaled
    messages : position -> what went wrong, for the first failures
    n_invalid, n_with_invalid : samples left out because their uncertainty is none, and positions that have some
    """

    parameters: FloatArray
    status: NDArray[np.int16]
    nfev: NDArray[np.int32]
    cost: FloatArray
    n_samples: NDArray[np.int32]
    flags: NDArray[np.uint32]
    edm: FloatArray
    covariance: FloatArray | None
    info: NDArray[np.object_] | None
    sample_digests: NDArray[np.uint64] | None = None
    parameter_flags: NDArray[np.uint32] | None = None
    messages: dict[tuple[int, ...], str] = field(default_factory=dict)
    absolute: bool = False
    n_invalid: int = 0
    n_with_invalid: int = 0

    @classmethod
    def empty(
        cls, problem: FitProblem, covariance: bool, info: bool, absolute: bool = False, digests: bool = False
    ) -> Maps:
        """Maps in which nothing is fitted yet, and whose numbers nobody has set: they would be written twice."""
        shape, n_params, n_free = problem.axes.iterating_shape, len(problem.params.names), len(problem.params.free)
        return cls(
            parameters=np.empty((n_params, *shape)),
            status=np.full(shape, int(Status.READY), dtype=np.int16),
            nfev=np.zeros(shape, dtype=np.int32),
            cost=np.empty(shape),
            n_samples=np.zeros(shape, dtype=np.int32),
            flags=np.zeros(shape, dtype=np.uint32),
            edm=np.empty(shape),
            covariance=np.empty((*shape, n_free, n_free)) if covariance else None,
            info=np.full(shape, None, dtype=object) if info else None,
            sample_digests=np.zeros(shape, dtype=np.uint64) if digests else None,
            absolute=absolute,
        )

    def store(self, region: tuple[slice, ...], result: BlockResult) -> None:
        """Put the results of one region in their place."""
        shape = self.status[region].shape
        self._make_room(result)
        for target, values, _ in self._places(region, result):
            target[...] = values
        if self.covariance is not None and result.covariance is None:
            self.covariance[region] = np.nan
        if result.n_invalid is not None:
            self.n_invalid += int(result.n_invalid.sum())
            self.n_with_invalid += int(np.count_nonzero(result.n_invalid))
        for row, message in result.errors.items():
            if len(self.messages) < N_MESSAGES:
                self.messages[position_of(region, shape, row)] = message

    def improve(self, region: tuple[slice, ...], result: BlockResult) -> NDArray[np.bool_]:
        """Put those results of a region in their place that are better than what is there.

        Better is a cost lower by 1e-10 of itself, or an answer where there was none. All evaluations are counted.

        Returns
        -------
        The positions of the region that changed.
        """
        shape = self.status[region].shape
        with np.errstate(invalid="ignore"):
            lower = result.cost.reshape(shape) < self.cost[region] * (1.0 - _WORTH_TAKING)
        better = usable(result.status.reshape(shape)) & (lower | ~usable(self.status[region]))
        self.take(region, result, better)
        for row in np.flatnonzero(better):
            self.messages.pop(position_of(region, shape, int(row)), None)
        return better

    def take(self, region: tuple[slice, ...], result: BlockResult, taken: NDArray[np.bool_]) -> None:
        """Put some positions of a region's results in their place, and count the evaluations of all."""
        shape = self.status[region].shape
        self._make_room(result)
        nfev = self.nfev[region] + result.nfev.reshape(shape)
        for target, values, inner in self._places(region, result):
            np.copyto(target, values, where=taken.reshape(shape + (1,) * inner))
        self.nfev[region] = nfev

    def _places(self, region: tuple[slice, ...], result: BlockResult) -> Iterator[tuple[Any, Any, int]]:
        """Views of the region in each map, the results that belong there, and how many axes come after the positions.

        Of the covariance the positions are the first axes, of the parameters the last.
        """
        where: Any = (*region, ...)
        shape = self.status[where].shape
        yield self.parameters[(slice(None), *where)], result.parameters.T.reshape(-1, *shape), 0
        if self.parameter_flags is not None:
            target: Any = self.parameter_flags[(slice(None), *where)]
            found = result.parameter_flags
            yield target, np.zeros(target.shape, np.uint32) if found is None else found.T.reshape(target.shape), 0
        maps: tuple[tuple[Any, Any], ...] = (
            (self.status, result.status),
            (self.nfev, result.nfev),
            (self.cost, result.cost),
            (self.n_samples, result.n_samples),
            (self.flags, result.flags),
            (self.edm, np.full(result.cost.shape, np.nan) if result.edm is None else result.edm),
            (self.covariance, result.covariance),
            (self.info, result.info),
            (self.sample_digests, result.sample_digests),
        )
        for target, values in maps:
            if target is not None and values is not None:
                yield target[where], values.reshape(shape + values.shape[1:]), values.ndim - 1

    def _make_room(self, result: BlockResult) -> None:
        """Maps of flags for each parameter, once there is one."""
        if self.parameter_flags is None and result.parameter_flags is not None and result.parameter_flags.any():
            n_free = result.parameter_flags.shape[1]
            self.parameter_flags = np.zeros((n_free, *self.status.shape), dtype=np.uint32)

    def clear_unfitted(self) -> None:
        """NaN where nothing was stored."""
        unfitted = self.status == Status.READY
        if unfitted.any():
            self.parameters[:, unfitted] = self.cost[unfitted] = self.edm[unfitted] = np.nan
            if self.covariance is not None:
                self.covariance[unfitted] = np.nan

    def seal(self) -> Maps:
        """The same maps, which nobody can change in place any more."""
        for array in vars(self).values():
            sealed(array)
        return self

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Positions whose parameters are numbers, shape B."""
        return usable(self.status)

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Positions that met a convergence test, shape B."""
        return converged(self.status)

    def transformed(self, transform: FloatArray | None) -> Maps:
        """Parameters and covariance in the caller's basis (all parameters are free there)."""
        if transform is None:
            return self
        parameters = np.einsum("jk,k...->j...", transform, self.parameters)
        covariance = None if self.covariance is None else transform @ self.covariance @ transform.T
        return replace(self, parameters=parameters, covariance=covariance)

    def scaled_covariance(self, absolute_sigma: bool) -> FloatArray | None:
        """Covariance, scaled by chi-square over the degrees of freedom where `absolute_sigma` is False.

        That is the meaning of `absolute_sigma` in `scipy.optimize.curve_fit`; astropy takes it for True where weights
        are given. The covariance of another loss, and of a bootstrap, is never scaled. NaN where there are no more
        samples than free parameters.
        """
        if self.covariance is None or absolute_sigma or self.absolute:
            return self.covariance
        degrees = self.n_samples - self.covariance.shape[-1]
        variance = np.divide(2 * self.cost, degrees, out=np.full(self.cost.shape, np.nan), where=degrees > 0)
        return self.covariance * variance[..., np.newaxis, np.newaxis]


def sealed(array: Any) -> Any:
    """The array itself, which nobody can change in place any more; what is no array stays as it is."""
    if isinstance(array, np.ndarray):
        array.flags.writeable = False
    return array


def position_of(region: tuple[slice, ...], shape: tuple[int, ...], row: int) -> tuple[int, ...]:
    """Index in the maps of a row of a region's result."""
    inside: Any = np.unravel_index(row, shape) if shape else ()
    return tuple(where.start + int(offset) for where, offset in zip(region, inside, strict=True))
