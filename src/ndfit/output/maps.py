"""Maps of a run, filled region by region.

Flows in: (region, BlockResult) pairs in any order. Flows out: Maps, arrays of the iterating shape B.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.problem.types import STATUS, BlockResult, FitProblem, FloatArray, Status

__all__ = ["Maps"]

# A cube in which every position fails has no use for a million tracebacks.
N_MESSAGES = 1000


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
    flags : shape B, uint8, see FLAGS
    covariance : shape (*B, F, F), or None
    info : shape B, objects, or None
    messages : position -> what went wrong, for the first failures
    """

    parameters: FloatArray
    status: NDArray[np.int16]
    nfev: NDArray[np.int32]
    cost: FloatArray
    n_samples: NDArray[np.int32]
    flags: NDArray[np.uint8]
    covariance: FloatArray | None
    info: NDArray[np.object_] | None
    messages: dict[tuple[int, ...], str] = field(default_factory=dict)

    @classmethod
    def empty(cls, problem: FitProblem, covariance: bool, info: bool) -> Maps:
        """Maps in which nothing is fitted yet."""
        shape, n_params, n_free = problem.axes.iterating_shape, len(problem.params.names), len(problem.params.free)
        return cls(
            parameters=np.full((n_params, *shape), np.nan),
            status=np.full(shape, int(Status.READY), dtype=np.int16),
            nfev=np.zeros(shape, dtype=np.int32),
            cost=np.full(shape, np.nan),
            n_samples=np.zeros(shape, dtype=np.int32),
            flags=np.zeros(shape, dtype=np.uint8),
            covariance=np.full((*shape, n_free, n_free), np.nan) if covariance else None,
            info=np.full(shape, None, dtype=object) if info else None,
        )

    def store(self, region: tuple[slice, ...], result: BlockResult) -> None:
        """Put the results of one region in their place."""
        shape = self.status[region].shape
        everywhere: Any = (slice(None), *region)
        self.parameters[everywhere] = result.parameters.T.reshape(-1, *shape)
        self.status[region] = result.status.reshape(shape)
        self.nfev[region] = result.nfev.reshape(shape)
        self.cost[region] = result.cost.reshape(shape)
        if result.n_samples is not None and result.flags is not None:
            self.n_samples[region] = result.n_samples.reshape(shape)
            self.flags[region] = result.flags.reshape(shape)
        if self.covariance is not None and result.covariance is not None:
            self.covariance[region] = result.covariance.reshape(shape + result.covariance.shape[1:])
        if self.info is not None and result.info is not None:
            self.info[(*region, ...)][...] = result.info.reshape(shape)
        for row, message in result.errors.items():
            if len(self.messages) < N_MESSAGES:
                self.messages[position_of(region, shape, row)] = message

    def count(self, region: tuple[slice, ...]) -> tuple[int, int]:
        """Positions of a region, and how many of them failed."""
        status = self.status[region]
        failed = [code for code, row in STATUS.items() if row.counted and not row.usable]
        return status.size, int(np.isin(status, failed).sum())

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Positions whose parameters are numbers, shape B."""
        return np.isin(self.status, [code for code, row in STATUS.items() if row.usable])

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Positions that met a convergence test, shape B."""
        return np.isin(self.status, [code for code, row in STATUS.items() if row.converged])

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
        are given. NaN where there are no more samples than free parameters.
        """
        if self.covariance is None or absolute_sigma:
            return self.covariance
        degrees = self.n_samples - self.covariance.shape[-1]
        variance = np.divide(2 * self.cost, degrees, out=np.full(self.cost.shape, np.nan), where=degrees > 0)
        return self.covariance * variance[..., np.newaxis, np.newaxis]


def position_of(region: tuple[slice, ...], shape: tuple[int, ...], row: int) -> tuple[int, ...]:
    """Index in the maps of a row of a region's result."""
    inside: Any = np.unravel_index(row, shape) if shape else ()
    return tuple(where.start + int(offset) for where, offset in zip(region, inside, strict=True))
