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
from ndfit.derived.detection import Detection
from ndfit.errors import ChangedInputError, FitWarning
from ndfit.io.layers import Contents, layers_of
from ndfit.io.record import Call, derived_rows, is_hashed, record_of
from ndfit.once import cached_property
from ndfit.problem.types import FitProblem
from ndfit.result.derived_maps import DerivedMap
from ndfit.result.fitted_model import fitted_model
from ndfit.result.maps import Maps, sealed
from ndfit.result.standard_errors import Uncertainties, error_maps
from ndfit.result.summary import summary_text
from ndfit.result_detection import ResultDetection
from ndfit.result_outputs import ResultOutputs
from ndfit.result_quantities import ResultQuantities
from ndfit.single_fit import OneFit

__all__ = ["FitResult"]


@dataclass(frozen=True, eq=False)
class FitResult(ResultQuantities, ResultDetection, ResultOutputs):
    """The outcome of `ndfit.fit`. Maps have the shape of the iterating axes, B; NaN where there is no answer.

    Attributes
    ----------
    engine : str
        Which engine made the fits.
    reason : str
        Why it was that one.

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
    _derived: Mapping[str, DerivedMap] = field(default_factory=dict)
    _noise_fits: Callable[..., Maps] | None = None
    _detection: Detection | None = None

    def __post_init__(self) -> None:
        self._maps.seal()

    @property
    def wcs(self) -> Any:
        """Low-level WCS of the maps, one axis for each of B; None where no WCS of the iterating axes is known."""
        return self._problem.map_wcs

    @property
    def record(self) -> Mapping[str, Any]:
        """What is needed to repeat the run, as JSON values: options, units and shape; docs/files.md describes it."""
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
        record = record_of(self._problem, call, self.engine, self.reason, self._absolute_sigma, unchanged)
        return record | {"derived": derived_rows(self._derived), "detection": self._detection_row}

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """Name -> map of shape B, a Quantity where the parameter has a unit; NaN where there is no answer.

        Maps are read-only: copy what you want to change.
        """
        return self._with_units(dict(zip(self.param_names, self._maps.parameters, strict=True)))

    @cached_property
    def errors(self) -> Mapping[str, Any]:
        """Name -> map of standard errors, shape B, in the unit of the parameter.

        Zero for fixed parameters; by linear propagation for tied ones; NaN for a parameter that ended at a bound, with
        which the others are taken to be fixed there.

        Raises
        ------
        ValueError
            The fit was made with ``covariance=False``.
        """
        if self._errors is None:
            raise ValueError("the fit was made with covariance=False: there are no standard errors")
        return self._with_units(self._errors)

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the free parameters in the order of the model, shape `(*B, F, F)`, in units of the parameters.

        Raises
        ------
        ValueError
            The fit was made with ``covariance=False``.
        """
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
    def has_errors(self) -> bool:
        """Whether there are standard errors: the fit was made with covariance=True."""
        return self._errors is not None

    @cached_property
    def model(self) -> Any:
        """The astropy model with parameters of shape B, with units, and standard errors on each parameter's `std`."""
        return fitted_model(self._problem, self._maps, self._errors)

    def __getitem__(self, position: int | tuple[int, ...]) -> OneFit:
        """The fit at one position of the maps.

        Parameters
        ----------
        position : int or tuple of int
            One index for each axis of B.

        Returns
        -------
        OneFit
            Samples, model and numbers of that position, in the units of the fit.

        Raises
        ------
        IndexError
            There is no such position.
        ValueError
            The result was read from a file, and its data were not given back.
        ndfit.ChangedInputError
            The data, or their weights, mask or coordinates, are no longer those that were fitted.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> result = ndfit.fit(Const1D(), np.array([[1.0, 3.0], [5.0, 5.0]]), fitting_axes=1)
        >>> result[1].fitted
        array([5., 5.])
        """
        index = np.arange(self._maps.status.size).reshape(self.shape)[position]
        if np.ndim(index):
            raise IndexError(f"expected one index for each of the {len(self.shape)} axes of {self.shape}")
        place = tuple(int(i) for i in np.unravel_index(int(index), self.shape))
        return replace(self._look_up(place), **self._known_at(place))

    def evaluate(self, lazy: bool = False, intrinsic: bool = False) -> Any:
        """What every sample sees of the fitted model, in the axes of the data.

        Parameters
        ----------
        lazy : bool
            Return a dask array that is computed chunk by chunk, for data larger than memory.
        intrinsic : bool
            The model at the samples itself, without the instrument that the fit was told of.

        Returns
        -------
        array, or dask array
            Of the data's shape, in the data's unit; NaN where there is no answer.

        Raises
        ------
        ValueError
            The result was read from a file, and its data were not given back.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> result = ndfit.fit(Const1D(), np.array([[1.0, 3.0], [5.0, 5.0]]), fitting_axes=1)
        >>> result.evaluate()
        array([[2., 2.],
               [5., 5.]])
        """
        values = self._evaluate(intrinsic=intrinsic)
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
        ValueError
            The result was read from a file, and its data were not given back.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> result = ndfit.fit(Const1D(), np.array([[1.0, 3.0], [5.0, 5.0]]), fitting_axes=1)
        >>> result.residual()
        array([[-1.,  1.],
               [ 0.,  0.]])
        """
        difference = self._problem.samples.data - self._evaluate(checked=True)
        return difference if lazy else difference.compute()

    def _contents(self, source: Any) -> Contents:
        call = self._call.with_source(source)
        record = self._record(call)
        layers = layers_of(
            self._problem, self._maps, Uncertainties(self._errors, self._covariance), self._derived, self._alarms
        )
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
        """Counts by status and flag with their remedies, and the distribution of each parameter, in one screen.

        Returns
        -------
        str
            Some lines of text; parameters are in their units.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> result = ndfit.fit(Const1D(), np.array([[1.0, 3.0], [5.0, 5.0]]), fitting_axes=1)
        >>> print(result.summary().splitlines()[1].strip())
        2 100.00 %  converged: the gradient is zero to within gtol
        """
        title = f"{self.engine} engine: {self.reason}"
        return summary_text(self._maps, {**self.parameters, **self.derived}, self.free_names, title)

    def __repr__(self) -> str:
        fitted = int(self.success.sum())
        return f"<FitResult of shape {self.shape}: {fitted} of {self.status.size} converged, {self.engine} engine>"

    def _with_units(self, maps: Mapping[str, FloatArray]) -> Mapping[str, Any]:
        """Read-only maps in a read-only mapping."""
        units = dict(zip(self.param_names, self._problem.units, strict=True))
        return MappingProxyType(
            {name: sealed(values if units[name] is None else values << units[name]) for name, values in maps.items()}
        )
