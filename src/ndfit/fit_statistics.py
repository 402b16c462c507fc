"""What follows from the maps of a fit: counts, chi-square, information criteria, distance to the minimum.

Flows in: Maps and FitProblem, as a FitResult holds them. Flows out: maps of the iterating shape.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.once import cached_property
from ndfit.problem.types import FitProblem
from ndfit.result.criteria import information_criterion
from ndfit.result.maps import Maps

__all__ = ["FitStatistics"]


class FitStatistics:
    """Properties of FitResult; see there."""

    _problem: FitProblem
    _maps: Maps
    _absolute_sigma: bool

    @property
    def param_names(self) -> tuple[str, ...]:
        """Names of the P parameters, in the order of the model."""
        return self._problem.params.names

    @property
    def free_names(self) -> tuple[str, ...]:
        """Names of the F free parameters: the rows and columns of the covariance."""
        return tuple(self.param_names[index] for index in self._problem.params.free)

    @property
    def varying_names(self) -> tuple[str, ...]:
        """Names of the parameters that are not fixed: those that are free, and those that are tied."""
        fixed = self._problem.params.fixed
        return tuple(name for name, is_fixed in zip(self.param_names, fixed, strict=True) if not is_fixed)

    @property
    def shape(self) -> tuple[int, ...]:
        """The iterating shape, B."""
        return self._maps.status.shape

    @property
    def status(self) -> NDArray[np.int16]:
        """How each fit ended: codes of `ndfit.STATUS`, shape B, without a unit."""
        return self._maps.status

    @property
    def success(self) -> NDArray[np.bool_]:
        """Whether each fit converged, shape B, without a unit."""
        return self._maps.converged

    @property
    def flags(self) -> NDArray[np.uint32]:
        """What else is to be known of each fit: bits of `ndfit.FLAGS`, shape B, without a unit."""
        return self._maps.flags

    @cached_property
    def parameter_flags(self) -> Mapping[str, NDArray[np.uint32]]:
        """Name -> map of those flags that are about the parameter: which of them ended at a bound, has no effect.

        Returns
        -------
        mapping of str to array of uint32
            One map of shape B for each free parameter, with the bits of `ndfit.FLAGS`, without a unit.

        See Also
        --------
        flags : all flags of each fit.
        ndfit.decode_flags : names of flags.
        """
        maps = self._maps.parameter_flags
        if maps is None:
            maps = np.zeros((len(self.free_names), *self.shape), dtype=np.uint32)
        return dict(zip(self.free_names, maps, strict=True))

    @property
    def edm(self) -> FloatArray:
        """Estimated distance to the minimum: how far above it the cost is, in units of the noise variance.

        g^T (J^T J)^-1 g / 2 at the answer, with J the derivatives of the weighted model by the free parameters that no
        bound holds, and g = J^T r the gradient (F. James & M. Roos, Comput. Phys. Commun. 10 (1975) 343): by as much
        the cost, half of chi-square, would fall if the model were linear. A fit is said to have converged only where
        this is small. NaN where there is no answer, or the data do not determine every parameter.

        Returns
        -------
        array of float
            Shape B, without a unit: the noise variance is 1 where the size of the errors is known, and
            chi-square over the degrees of freedom where it is not, but not less than the rounding of the data; so
            noise-free data have an `edm` too. With a `loss`, g and J are those of the loss; with
            ``statistic="cash"`` they are those of the likelihood, whose variance is 1.

        See Also
        --------
        status : how each fit ended.
        covariance : (J^T J)^-1, scaled where the size of the errors is not known.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Gaussian1D
        >>> import ndfit
        >>> data = Gaussian1D(2, 9, 1.5)(np.arange(20.0)) + 0.1 * np.random.default_rng(0).normal(size=(3, 20))
        >>> result = ndfit.fit(Gaussian1D(1, 9, 1), data, fitting_axes=1)
        >>> result.edm.shape
        (3,)
        """
        return self._maps.edm

    @property
    def nfev(self) -> NDArray[np.int32]:
        """Evaluations of the model that each fit took, from all its starts, shape B, without a unit."""
        return self._maps.nfev

    @property
    def n_samples(self) -> NDArray[np.int32]:
        """Samples that entered each fit, shape B, without a unit."""
        return self._maps.n_samples

    @property
    def chi_square(self) -> FloatArray:
        """Sum of the squared weighted residuals, shape B.

        Without weights it is in the square of the data's unit, as a plain number. With a `loss` it is the sum of the
        losses, and with ``statistic="cash"`` the likelihood ratio of the counts. NaN where there is no answer.
        """
        return 2.0 * self._maps.cost

    @property
    def degrees_of_freedom(self) -> NDArray[np.int32]:
        """Samples used minus free parameters, shape B, without a unit."""
        return self.n_samples - np.int32(len(self._problem.params.free))

    @property
    def reduced_chi_square(self) -> FloatArray:
        """Chi-square over the degrees of freedom, shape B, in the unit of chi-square; NaN where there are none."""
        degrees = self.degrees_of_freedom
        return np.divide(self.chi_square, degrees, out=np.full(self.shape, np.nan), where=degrees > 0)

    @property
    def aic(self) -> FloatArray:
        """Akaike's information criterion, shape B, without a unit; see `ndfit.result.criteria`."""
        return self._criterion("aic")

    @property
    def bic(self) -> FloatArray:
        """Schwarz's Bayesian information criterion, shape B, without a unit; see `ndfit.result.criteria`."""
        return self._criterion("bic")

    def _criterion(self, name: str, least: FloatArray | float = 0.0) -> FloatArray:
        """'aic' or 'bic', with chi-square not taken for less than `least`, which rounding alone makes of it."""
        chi_square, n_free = np.maximum(self.chi_square, least), len(self._problem.params.free)
        return information_criterion(name, chi_square, self.n_samples, n_free, self._absolute_sigma)
