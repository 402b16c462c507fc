"""FitResult: everything a run knows, as maps.

Flows in: FitProblem, Maps, and which engine made them. Flows out: maps with units, statistics, single fits, the fitted
astropy model, a summary for people.

With r the weighted residuals, n the samples used and k the free parameters: chi-square = sum r^2; reduced chi-square =
chi-square / (n - k). For information criteria see `ndfit.result.criteria`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.errors import ChangedInputError, FitWarning
from ndfit.io.layers import Contents, layers_of
from ndfit.io.record import Call, is_hashed, record_of
from ndfit.once import cached_property
from ndfit.problem.types import FitProblem
from ndfit.result.criteria import information_criterion
from ndfit.result.fitted_model import fitted_model
from ndfit.result.maps import Maps, sealed
from ndfit.result.standard_errors import Uncertainties, error_maps
from ndfit.result.summary import summary_text
from ndfit.result_outputs import ResultOutputs
from ndfit.single_fit import OneFit

__all__ = ["FitResult"]


@dataclass(frozen=True, eq=False)
class FitResult(ResultOutputs):
    """The outcome of `ndfit.fit`. Maps have the shape of the iterating axes, B; NaN where there is no answer.

    Attributes
    ----------
    status : int16, see `ndfit.STATUS`
    flags : uint32, see `ndfit.FLAGS`
    edm : float64, estimated distance to the minimum
    nfev : int32, evaluations of the model
    n_samples : int32, samples used
    engine, reason : which engine made the fits, and why

    See Also
    --------
    read : makes one of a file again.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.modeling.models import Const1D, Gaussian1D
    >>> import ndfit
    >>> x = np.linspace(-5, 5, 50)
    >>> data = np.array([[2.0], [np.nan]]) * np.exp(-0.5 * x**2) + 1.0
    >>> result = ndfit.fit(Gaussian1D() + Const1D(), data, fitting_axes=1, world=(x,))
    >>> result.success
    array([ True, False])
    >>> ndfit.STATUS[result.status[1]].status.name
    'NO_DATA'
    >>> result.evaluate().shape
    (2, 50)
    >>> result[0].fitted.shape
    (50,)
    """

    _problem: FitProblem
    _maps: Maps
    engine: str
    reason: str
    _absolute_sigma: bool
    _look_up: Callable[[tuple[int, ...]], OneFit]
    _evaluate: Callable[..., Any]
    _call: Call = field(default_factory=Call)
    _reported: Uncertainties | None = None
    _check: Callable[[], None] = lambda: None
    _samples_used: Callable[[], NDArray[np.bool_]] | None = None

    def __post_init__(self) -> None:
        self._maps.seal()

    @property
    def param_names(self) -> tuple[str, ...]:
        """Names of the parameters, in the order of the model."""
        return self._problem.params.names

    @property
    def shape(self) -> tuple[int, ...]:
        """The iterating shape, B."""
        return self._maps.status.shape

    @property
    def status(self) -> NDArray[np.int16]:
        return self._maps.status

    @property
    def flags(self) -> NDArray[np.uint32]:
        return self._maps.flags

    @cached_property
    def parameter_flags(self) -> Mapping[str, NDArray[np.uint32]]:
        """Name -> map of those flags that are about the parameter: which of them ended at a bound, has no effect.

        Returns
        -------
        mapping of str to array of uint32
            One map of the iterating shape for each free parameter, with the bits of `ndfit.FLAGS`.

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
            Of the iterating shape. Without a unit: the noise variance is 1 where the size of the errors is known, and
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
        return self._maps.nfev

    @property
    def n_samples(self) -> NDArray[np.int32]:
        return self._maps.n_samples

    @property
    def wcs(self) -> Any:
        """Low-level WCS of the maps, None where the data have none that the iterating axes can be told from."""
        return self._problem.map_wcs

    @property
    def record(self) -> Mapping[str, Any]:
        """What is needed to repeat the run, as JSON values; docs/files.md describes it."""
        return self._record(self._call)

    def _record(self, call: Call) -> dict[str, Any]:
        """The record; checksums only of data that are still those that were fitted."""
        unchanged = True
        if not call.read:
            try:
                self._check_in_memory()
            except ChangedInputError as error:
                warnings.warn(f"the record has no checksums: {error}", FitWarning, stacklevel=4)
                unchanged = False
        return record_of(self._problem, call, self.engine, self.reason, self._absolute_sigma, unchanged)

    @property
    def success(self) -> NDArray[np.bool_]:
        """Positions that converged."""
        return self._maps.converged

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """Name -> map, a Quantity where the parameter has a unit; read-only: copy what you want to change."""
        return self._with_units(dict(zip(self.param_names, self._maps.parameters, strict=True)))

    @cached_property
    def errors(self) -> Mapping[str, Any]:
        """Name -> map of standard errors, in the unit of the parameter.

        Zero for fixed parameters; by linear propagation for tied ones; NaN for a parameter that ended at a bound, with
        which the others are taken to be fixed there.
        """
        if self._errors is None:
            raise ValueError("the fit was made with covariance=False: there are no standard errors")
        return self._with_units(self._errors)

    @property
    def covariance(self) -> FloatArray:
        """Shape `(*B, F, F)`, of the free parameters in the order of the model, in the units of the parameters."""
        covariance = self._covariance
        if covariance is None:
            raise ValueError("the fit was made with covariance=False")
        return covariance

    @cached_property
    def _covariance(self) -> FloatArray | None:
        if self._reported is not None:
            return sealed(self._reported.covariance)
        return sealed(self._maps.scaled_covariance(self._absolute_sigma))

    @cached_property
    def _errors(self) -> Mapping[str, FloatArray] | None:
        if self._reported is not None:
            errors = self._reported.errors
        else:
            covariance = self._covariance
            errors = None if covariance is None else error_maps(self._problem, self._maps, covariance)
        return None if errors is None else {name: sealed(values) for name, values in errors.items()}

    @property
    def free_names(self) -> tuple[str, ...]:
        """Names of the free parameters: the rows and columns of the covariance."""
        return tuple(self.param_names[index] for index in self._problem.params.free)

    @property
    def varying_names(self) -> tuple[str, ...]:
        """Names of the parameters that are not fixed."""
        return tuple(
            name for name, fixed in zip(self.param_names, self._problem.params.fixed, strict=True) if not fixed
        )

    @property
    def has_errors(self) -> bool:
        """Whether there are standard errors: the fit was made with covariance=True."""
        return self._errors is not None

    @property
    def chi_square(self) -> FloatArray:
        """Sum of the squared weighted residuals, or of their losses; the likelihood ratio of counts where asked for."""
        return 2.0 * self._maps.cost

    @property
    def degrees_of_freedom(self) -> NDArray[np.int32]:
        """Samples used minus free parameters."""
        return self.n_samples - np.int32(len(self._problem.params.free))

    @property
    def reduced_chi_square(self) -> FloatArray:
        """Chi-square over the degrees of freedom; NaN where there are none."""
        degrees = self.degrees_of_freedom
        return np.divide(self.chi_square, degrees, out=np.full(self.shape, np.nan), where=degrees > 0)

    @property
    def aic(self) -> FloatArray:
        """Akaike's information criterion, see `ndfit.result.criteria`."""
        return self._criterion("aic")

    @property
    def bic(self) -> FloatArray:
        """Schwarz's Bayesian information criterion, see `ndfit.result.criteria`."""
        return self._criterion("bic")

    def _criterion(self, name: str, least: FloatArray | float = 0.0) -> FloatArray:
        """'aic' or 'bic', with chi-square not taken for less than `least`, which rounding alone makes of it."""
        chi_square, n_free = np.maximum(self.chi_square, least), len(self._problem.params.free)
        return information_criterion(name, chi_square, self.n_samples, n_free, self._absolute_sigma)

    @cached_property
    def model(self) -> Any:
        """The astropy model with maps for parameters, and standard errors on each parameter's `std`."""
        return fitted_model(self._problem, self._maps, self._errors)

    def __getitem__(self, position: int | tuple[int, ...]) -> OneFit:
        """The fit at one position of the maps.

        Raises
        ------
        IndexError
            There is no such position.
        """
        index = np.arange(self._maps.status.size).reshape(self.shape)[position]
        if np.ndim(index):
            raise IndexError(f"expected one index for each of the {len(self.shape)} axes of {self.shape}")
        place = tuple(int(i) for i in np.unravel_index(int(index), self.shape))
        errors = {name: values[place] for name, values in self.errors.items()} if self.has_errors else {}
        return replace(self._look_up(place), errors=errors)

    def evaluate(self, lazy: bool = False) -> Any:
        """The fitted model at every sample, in the axes of the data.

        Parameters
        ----------
        lazy : bool
            Return a dask array that is computed chunk by chunk, for data larger than memory.

        Returns
        -------
        array, or dask array
            Of the data's shape, in the data's unit; NaN where there is no answer.
        """
        values = self._evaluate()
        return values if lazy else values.compute()

    def residual(self, lazy: bool = False) -> Any:
        """Data minus `evaluate`.

        Parameters
        ----------
        lazy : bool
            Return a dask array that is computed chunk by chunk, for data larger than memory.

        Returns
        -------
        array, or dask array
            Of the data's shape, in the data's unit; NaN where there is no answer.

        Raises
        ------
        ndfit.ChangedInputError
            The data, or their weights, mask or coordinates, are no longer those that were fitted.
        """
        difference = self._problem.samples.data - self._evaluate(checked=True)
        return difference if lazy else difference.compute()

    def _contents(self, source: Any) -> Contents:
        call = self._call.with_source(source)
        record = self._record(call)
        layers = layers_of(self._problem, self._maps, Uncertainties(self._errors, self._covariance))
        return Contents(record, layers, self._maps.messages, self.wcs)

    def _cubes(self, names: Iterable[str]) -> dict[str, Any]:
        known = {"model": self.evaluate, "residual": self.residual}
        unknown = set(names := tuple(names)) - set(known)
        if unknown:
            raise ValueError(f"cubes should be some of {', '.join(known)}, got {', '.join(sorted(unknown))}")
        if "residual" in names:
            self._check_in_memory()
        return {name: known[name](lazy=True) for name in names}

    def _check_in_memory(self) -> None:
        """See that data are those that were fitted, where that takes no loading; lazy ones are seen chunk by chunk."""
        if is_hashed(self._problem.samples.data):
            self._check()

    def summary(self) -> str:
        """Counts by status and flag with their remedies, and the distribution of each parameter, in one screen."""
        title = f"{self.engine} engine: {self.reason}"
        return summary_text(self._maps, self.parameters, self.free_names, title)

    def __repr__(self) -> str:
        fitted = int(self.success.sum())
        return f"<FitResult of shape {self.shape}: {fitted} of {self.status.size} converged, {self.engine} engine>"

    def _with_units(self, maps: Mapping[str, FloatArray]) -> Mapping[str, Any]:
        """Read-only maps in a read-only mapping."""
        units = dict(zip(self.param_names, self._problem.units, strict=True))
        return MappingProxyType(
            {name: sealed(values if units[name] is None else values << units[name]) for name, values in maps.items()}
        )
