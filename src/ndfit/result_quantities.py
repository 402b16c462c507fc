"""Quantities that follow from the parameters of a FitResult.

Flows in: FitResult, and what is asked for. Flows out: the same result with further maps, which all its outputs have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal, Self, cast

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.derived.asked import derived_maps
from ndfit.derived.component_quantities import Setting
from ndfit.fit_statistics import FitStatistics
from ndfit.io.record import Call
from ndfit.once import cached_property
from ndfit.result.derived_maps import DerivedMap
from ndfit.status import Flag

__all__ = ["ResultQuantities"]


class ResultQuantities(FitStatistics):
    """Methods of FitResult; see there."""

    _call: Call
    _covariance: FloatArray | None
    _derived: Mapping[str, DerivedMap]
    parameters: Mapping[str, Any]
    errors: Mapping[str, Any]

    @cached_property
    def derived(self) -> Mapping[str, Any]:
        """Name -> map of each quantity that `derive` made, shape B, a Quantity where it has a unit."""
        return MappingProxyType({name: each.values for name, each in self._derived.items()})

    @cached_property
    def derived_errors(self) -> Mapping[str, Any]:
        """Name -> map of its standard errors, shape B, in its unit; without those that have none."""
        return MappingProxyType({name: each.spread for name, each in self._derived.items() if each.errors is not None})

    def derive(
        self,
        *names: str,
        rest: Any = None,  # Any: a Quantity, or a mapping of them
        convention: Literal["radio", "optical", "relativistic"] | None = None,
        instrumental_fwhm: Any = None,  # Any: a number, an array or a Quantity
        **expressions: str | Callable[[Any], Any],
    ) -> Self:
        """The same result with further quantities, which it draws, shows and writes beside its parameters.

        Errors are propagated from the whole covariance, through ties too. The page on derived quantities has a table of
        names with their formulas, and says how far such errors can be trusted.

        Parameters
        ----------
        *names : str
            Quantities of a component, as `flux_0`: one of flux, fwhm, centroid, peak, equivalent_width, velocity,
            dispersion, snr, moment0, moment1, moment2, area and axis_ratio with the ending that its parameters have,
            or its name; without ending, of every component. `integral` is that of the whole model.
        rest : astropy.units.Quantity or mapping, optional
            Rest wavelength, frequency or energy for velocities: one for all, or by number or name of the component. By
            default that of the WCS of the data.
        convention : str, optional
            Doppler convention of velocities; by default radio where the coordinates are frequencies, and
            else optical.
        instrumental_fwhm : number, array or Quantity, optional
            FWHM of the instrument, which is taken off dispersions in quadrature, in a unit of the coordinate or as a
            speed; plain numbers are in the unit of the coordinate. One, or a map of shape B. NaN is where a line is
            narrower.
        **expressions : str or callable
            Name and expression of parameters and quantities, with + - * / ** and parentheses, as
            ``ratio="flux_1 / flux_0"``; or a function that takes an object with the parameters as attributes, maps of
            shape B, and returns such a map.

        Returns
        -------
        FitResult
            With `derived` and `derived_errors`.

        Raises
        ------
        ValueError, TypeError, astropy.units.UnitsError
            A name that is not known, units that do not go together, or a quantity that cannot be formed, with what it
            lacks.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D, Gaussian1D
        >>> import ndfit
        >>> x = np.linspace(-5, 5, 50)
        >>> data = np.array([[2.0], [3.0]]) * np.exp(-0.5 * x**2) + 1.0
        >>> noise = 0.01 * np.random.default_rng(1).normal(size=data.shape)
        >>> result = ndfit.fit(Gaussian1D() + Const1D(), data + noise, fitting_axes=1, world=(x,), uncertainty=0.01)
        >>> result = result.derive("flux_0", contrast="amplitude_0 / amplitude_1")
        >>> result.derived["flux_0"].round(1), result.derived_errors["flux_0"].round(3)
        (array([5. , 7.5]), array([0.015, 0.015]))
        """
        if instrumental_fwhm is not None and self._has_instrument:
            raise ValueError(
                "the fit was told of the instrument, so that widths are without it: leave instrumental_fwhm out"
            )
        asked = dict(zip(names, names, strict=True)) | expressions
        setting = Setting(rest, convention, instrumental_fwhm)
        more = derived_maps(self._problem, self._maps, self._covariance, asked, setting)
        return cast(Self, replace(cast(Any, self), _derived={**self._derived, **more}))

    @property
    def _has_instrument(self) -> bool:
        recorded = self._call.read.get("instrument") or {}
        instrument = self._problem.samples.instrument
        return bool(recorded.get("stages")) or (instrument is not None and bool(instrument.stages))

    @property
    def shown_names(self) -> tuple[str, ...]:
        """Names of what is drawn by default: parameters that are not fixed, and derived quantities."""
        return (*self.varying_names, *self._derived)

    def _values_of(self, name: str) -> Any:
        return self._derived[name].values if name in self._derived else self.parameters[name]

    def _errors_of(self, name: str) -> Any:
        """Standard errors of a parameter or a quantity; NaN where there are none."""
        if name not in self._derived:
            return self.errors[name]
        spread = self._derived[name].spread
        return np.full(self.shape, np.nan) if spread is None else spread

    def _known_at(self, place: tuple[int, ...]) -> dict[str, Any]:
        """What a OneFit has of the maps."""
        covariance, flags = self._covariance, self._maps.parameter_flags
        params = self._problem.params
        marks = {name: "fixed" for name, fixed in zip(params.names, params.fixed, strict=True) if fixed}
        marks |= {name: "tied" for name, tied in zip(params.names, params.tied, strict=True) if tied}
        for name, own in zip(self.free_names, () if flags is None else flags, strict=flags is not None):
            if own[place] & Flag.AT_BOUND:
                marks[name] = "at its bound"
        return {
            "errors": {} if covariance is None else {name: each[place] for name, each in self.errors.items()},
            "derived": {
                name: (each.values[place], None if each.errors is None else each.spread[place])
                for name, each in self._derived.items()
            },
            "free_names": self.free_names,
            "covariance": None if covariance is None else covariance[place],
            "marks": marks,
            "chi_square": float(self.chi_square[place]),
            "degrees_of_freedom": int(self.degrees_of_freedom[place]),
        }
