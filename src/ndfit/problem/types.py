"""What a fit problem is: its parameters, the whole of it, and a block of it.

Flows in: what `ndfit.problem.normalize` has checked. Flows out: frozen types used everywhere.

Shapes use one letter a dimension: B shape of the iterating axes, N fits in one block, M samples of one fit,
K inputs of the model, P parameters, F of them free.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.axes import Axes
from ndfit.problem.correlated_noise import Noise
from ndfit.problem.places import Places, Response
from ndfit.problem.samples import Samples

__all__ = ["Block", "FitProblem", "ParamTable"]


@dataclass(frozen=True)
class ParamTable:
    """Parameters in the order of `model.param_names`, in the units of the fit with units stripped.

    Attributes
    ----------
    names : P names.
    start, lower, upper : P float64 arrays, each broadcastable to B; no bound is an infinity.
    fixed, tied : P flags. A parameter that is neither is free.
    sign_symmetric : P flags: the model depends on the magnitude alone, so that the fitted value is reported positive.
    """

    names: tuple[str, ...]
    start: tuple[FloatArray, ...]
    lower: tuple[FloatArray, ...]
    upper: tuple[FloatArray, ...]
    fixed: tuple[bool, ...]
    tied: tuple[bool, ...]
    sign_symmetric: tuple[bool, ...]

    @property
    def free(self) -> tuple[int, ...]:
        """Indices of the free parameters, length F."""
        return tuple(i for i in range(len(self.names)) if not (self.fixed[i] or self.tied[i]))

    def is_bounded(self, index: int) -> bool:
        """Whether a parameter has a bound, at any position."""
        return bool(np.isfinite(self.lower[index]).any() or np.isfinite(self.upper[index]).any())


@dataclass(frozen=True)
class FitProblem:
    """Every input of the call, checked and normalised once.

    Attributes
    ----------
    original : copy of the caller's model, which may change once the call has returned; never modified.
    model : the same without units, with scalar parameters at their first starting values; owned by ndfit.
    units : P units (or None) that the fitted numbers are in.
    params : ParamTable
    samples : data, weights, mask and coordinates
    filter_non_finite : leave non-finite samples out; otherwise they make the position NON_FINITE_DATA.
    absolute_sigma : weights are 1/sigma in the data's unit, so that the covariance is not scaled by chi-square.
    transform : shape (P, P), from the parameters that are fitted to those that are reported; None where they are the
        same. It undoes a change of the polynomial basis that was made for the sake of conditioning.
    data_unit : of the data, None where none was given.
    wcs : the caller's low-level WCS of the whole data, None where there is none.
    map_wcs : low-level WCS of the iterating axes alone, None where there is none.
    map_wcs_note : why there is none.
    coord_units : of the coordinates of the fitting axes, None where they are plain numbers.
    labels : names and coordinates of the axes of the data (`ndfit.problem.labelled.Labels`), None where there are none.
    """

    original: Any
    model: Any
    units: tuple[Any, ...]
    params: ParamTable
    samples: Samples
    filter_non_finite: bool = False
    absolute_sigma: bool = False
    transform: FloatArray | None = None
    data_unit: Any = None
    wcs: Any = None
    map_wcs: Any = None
    map_wcs_note: str = ""
    labels: Any = None
    coord_units: tuple[Any, ...] = ()

    @property
    def axes(self) -> Axes:
        """Of the data."""
        return self.samples.axes


@dataclass(frozen=True)
class Block:
    """A set of N fits, loaded and checked, that an engine solves in one call. Arrays are read-only to the engine.

    Attributes
    ----------
    data : shape (N, M) float64, or float32 where the caller's are no longer; any strides; 0 where `valid` is False.
    weights : shape (N, M) float64, any strides, finite and non-negative; or None.
    valid : shape (N, M) bool, the samples to use; None when all are.
    coords : an array for each fitting axis, of shape (M,) when all fits share it, else (N, M); finite where `valid`.
    start : shape (N, P), inside the bounds.
    lower, upper : shape (N, P) or (1, P).
    status : shape (N,) int16, `Status.READY` for the fits to solve; the others pass through, with NaN parameters.
    fitting_shape : shape of the fitting axes, product M.
    positions : shape (N,) int64, the number of each fit among all fits of the problem, in the order of the iterating
        axes; random numbers are drawn by it.
    n_invalid : shape (N,) int32, samples left out because their uncertainty is negative or zero; None where none are.
    other_places : where the model is evaluated, and what samples see of it; None for their coordinates.
    noise : how the noise is correlated between the samples; None where it is not.
    """

    data: FloatArray | NDArray[np.float32]
    weights: FloatArray | None
    valid: NDArray[np.bool_] | None
    coords: tuple[FloatArray, ...]
    start: FloatArray
    lower: FloatArray
    upper: FloatArray
    status: NDArray[np.int16]
    fitting_shape: tuple[int, ...]
    positions: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    n_invalid: NDArray[np.int32] | None = None
    other_places: Places | None = None
    noise: Noise | None = None

    @property
    def places(self) -> Places:
        """Where the model is evaluated, and what samples see of it."""
        return self.other_places or Places(self.coords, self.fitting_shape)

    @property
    def n_fits(self) -> int:
        return self.data.shape[0]

    def take(self, rows: NDArray[np.intp]) -> Block:
        """Some of the fits, in this order; one may be there more than once."""

        def own(array: Any) -> Any:
            """Those of a table (N, ...); what all fits share stays as it is."""
            return array if array is None or (len(array) == 1 and self.n_fits > 1) else array[rows]

        return replace(
            self,
            data=self.data[rows],
            weights=own(self.weights),
            valid=own(self.valid),
            coords=tuple(axis if axis.ndim == 1 else axis[rows] for axis in self.coords),
            other_places=self.other_places and self.other_places.take(rows),
            start=self.start[rows],
            lower=own(self.lower),
            upper=own(self.upper),
            status=self.status[rows],
            positions=self.positions[rows] if self.positions.size else self.positions,
            n_invalid=own(self.n_invalid),
        )

    @property
    def whitened(self) -> Block:
        """The same fits with independent noise, whose samples have no weights; the block itself where it has such."""
        if self.noise is None:
            return self
        n_samples = self.data.shape[1]
        weights = np.ones((1, n_samples)) if self.weights is None else self.weights
        if self.valid is not None:
            weights = np.where(self.valid, weights, 0.0)
        white = self.noise.whitening(n_samples, self.valid)
        own = self.places.response
        if own is None:
            own = Response(np.arange(n_samples)[:, np.newaxis], np.ones((n_samples, 1)), n_samples)
        shared = weights.strides[0] == 0 or len(weights) == 1
        response = white @ own.scaled(weights[0] if shared else weights)
        data = white.seen(weights * self.data)
        return replace(self, data=data, weights=None, other_places=replace(self.places, response=response), noise=None)
