"""Which lines of a FitResult are there.

Flows in: FitResult. Flows out: maps of what is detected, and the answer to which positions to believe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.derived.detection import Detection, amplitudes_of, false_alarms, flux_limits, line_columns
from ndfit.fit_statistics import FitStatistics
from ndfit.once import cached_property
from ndfit.problem.arguments import check_number, check_whole
from ndfit.result.flag_names import disqualified
from ndfit.result.maps import Maps, sealed
from ndfit.status import Flag

__all__ = ["ResultDetection"]


class ResultDetection(FitStatistics):
    """Methods of FitResult; see there."""

    _covariance: FloatArray | None
    _detection: Detection | None
    _noise_fits: Callable[..., Maps] | None

    def detect(self, rate: float = 0.01, *, simulations: int | None = None, seed: int = 0) -> Self:
        """Find out where the lines of the model are more than noise gives.

        Fits of noise with the same model, samples and starts show how much chi-square a line gains where none is, so
        that the search along the axis is accounted for. Beyond the highest hundred of them, or the highest
        tenth where these are fewer, the distribution is continued by the law of upcrossings [1]_.

        Parameters
        ----------
        rate : float
            False alarms a position that are accepted: 0.01 is one position of pure noise in a hundred.
        simulations : int, optional
            How many fits of noise are made; by default a tenth of the positions, but 1,000 at least and 10,000 at most.
        seed : int
            Of their noise.

        Returns
        -------
        FitResult
            With `detected` and `false_alarm`, and the flag NOT_DETECTED where no line is; also in its files.

        Raises
        ------
        ValueError
            The model has no line with a free amplitude, the fit was made without covariance, or the result was read
            from a file, which does not know how it was fitted.

        References
        ----------
        .. [1] Gross, E. & Vitells, O. 2010, European Physical Journal C, 70, 525.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D, Gaussian1D
        >>> import ndfit
        >>> x = np.linspace(-5, 5, 50)
        >>> data = np.array([[2.0], [0.0]]) * np.exp(-0.5 * x**2) + 1.0
        >>> data += 0.1 * np.random.default_rng(1).normal(size=data.shape)
        >>> result = ndfit.fit(Gaussian1D() + Const1D(), data, fitting_axes=1, world=(x,), uncertainty=0.1)
        >>> result.detect().detected["amplitude_0"]
        array([ True, False])
        """
        rate = _share(rate, "rate", "a share of false alarms between 0 and 1")
        if simulations is None:
            simulations = min(max(self.status.size // 10, 1000), 10_000)
        count = check_whole(simulations, "simulations", "a whole number of fits of noise, 100 at least", 100, 10**8)
        seed = check_whole(seed, "seed", "a whole number from 0 to 2^64 - 1", 0, 2**64 - 1)
        if not amplitudes_of(self._problem):
            raise ValueError("the model has no line with a free amplitude, so that there is nothing to detect")
        if self._covariance is None:
            raise ValueError("detection needs standard errors, and the fit was made with covariance=False")
        if self._noise_fits is None:
            raise ValueError("a result that was read does not know how it was fitted: detect before it is written")
        noise = self._noise_fits(lines=line_columns(self._problem), count=count, seed=seed)
        found = false_alarms(self._problem, self._maps, noise, self._absolute_sigma, self._covariance)
        detection = Detection(rate, count, seed, {name: sealed(values) for name, values in found.items()})
        nowhere = ~np.any([detection.detected(name) for name in found], axis=0) & self._maps.usable
        flags = np.where(
            nowhere, self._maps.flags | Flag.NOT_DETECTED, self._maps.flags & ~np.uint32(Flag.NOT_DETECTED)
        )
        maps = replace(self._maps, flags=flags.astype(np.uint32))
        return cast(Self, replace(cast(Any, self), _maps=maps, _detection=detection))

    def limit(
        self,
        fwhm: Any,  # Any: a number, an array or a Quantity
        *,
        confidence: float = 0.997,
    ) -> Self:
        """Upper limits of fluxes, for lines that may be too faint to be seen.

        (S + z) sigma, with S the signal to noise that the fit has found, z the quantile of the normal distribution, and
        sigma the error of the flux of a line of that width at a known place. A line of a larger flux would have been
        fitted with more than S in all but a share of 1 - confidence, because the fit has looked for the best place and
        width.

        Parameters
        ----------
        fwhm : number, array or Quantity
            Full width at half maximum, in the unit of the coordinate or as a speed; one, or a map of shape B.
        confidence : float
            Of the limits, one-sided.

        Returns
        -------
        FitResult
            With quantities such as `flux_limit_0` in `derived`, in the unit of the flux; NaN where the amplitude has no
            error, as at its bound.

        Raises
        ------
        ValueError, astropy.units.UnitsError
            The model has no line with a free amplitude and one width, the fit was made without covariance, or the width
            is in another unit or not positive.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D, Gaussian1D
        >>> import ndfit
        >>> x = np.linspace(-5, 5, 50)
        >>> data = np.random.default_rng(1).normal(1.0, 0.1, size=(3, 50))
        >>> line = Gaussian1D(bounds={"stddev": (0.3, 3)}) + Const1D()
        >>> result = ndfit.fit(line, data, fitting_axes=1, world=(x,), uncertainty=0.1)
        >>> result.limit(2.35).derived["flux_limit_0"].round(1)
        array([0.5, 0.3, 0.7])
        """
        if self._covariance is None:
            raise ValueError("limits need standard errors, and the fit was made with covariance=False")
        width = np.asarray(getattr(fwhm, "value", fwhm), dtype=float)
        if not (width > 0.0).all() or width.shape not in ((), self.shape):
            raise ValueError(f"fwhm should be positive, one number or a map of shape {self.shape}, got {fwhm}")
        confidence = _share(confidence, "confidence", "a share between 0 and 1")
        more = flux_limits(self._problem, self._maps, self._covariance, fwhm, confidence)
        return cast(Self, replace(cast(Any, self), _derived={**cast(Any, self)._derived, **more}))

    @property
    def _alarms(self) -> Mapping[str, FloatArray]:
        return {} if self._detection is None else self._detection.false_alarm

    @property
    def _detection_row(self) -> dict[str, Any] | None:
        """The entry `detection` of a record."""
        known = self._detection
        return None if known is None else {"rate": known.rate, "simulations": known.simulations, "seed": known.seed}

    @property
    def has_detection(self) -> bool:
        """Whether `detect` was called."""
        return self._detection is not None

    @property
    def _known_detection(self) -> Detection:
        if self._detection is None:
            raise ValueError("nothing was detected yet: result = result.detect(), and then look again")
        return self._detection

    @property
    def detected(self) -> Mapping[str, NDArray[np.bool_]]:
        """Name of the amplitude of each line -> where it is detected, shape B, without a unit; see `detect`.

        Raises
        ------
        ValueError
            `detect` was not called before.
        """
        known = self._known_detection
        return MappingProxyType({name: known.detected(name) for name in known.false_alarm})

    @property
    def false_alarm(self) -> Mapping[str, FloatArray]:
        """Name of the amplitude of each line -> probability that noise does as well, shape B, without a unit.

        NaN where there is no answer.

        Raises
        ------
        ValueError
            `detect` was not called before.
        """
        return MappingProxyType(dict(self._known_detection.false_alarm))

    @cached_property
    def good(self) -> NDArray[np.bool_]:
        """Which positions to believe, shape B, without a unit.

        Those that converged, have no flag that disqualifies, and where a line of the model is detected: by `detect` as
        it was called, or with its defaults where it was not. Models without lines have nothing to detect.

        Raises
        ------
        ValueError
            The result was read from a file that knows of no detection, or has no covariance.
        """
        believed = self.success & ~disqualified(self.flags)
        if not amplitudes_of(self._problem):
            return cast("NDArray[np.bool_]", sealed(believed))
        found = (self if self._detection is not None else self.detect()).detected
        return cast("NDArray[np.bool_]", sealed(believed & np.any(list(found.values()), axis=0)))


def _share(value: Any, name: str, expected: str) -> float:
    """A number between 0 and 1, both left out."""
    share = check_number(value, name, expected, above=0.0)
    if share >= 1.0:
        raise ValueError(f"{name} should be {expected}, got {share}")
    return share
