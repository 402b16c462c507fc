"""Whether a line is there, or noise alone gives as much.

Flows in: parameters and covariances of fits, and of fits of noise. Flows out: probabilities that noise does as well.

A line is judged by the chi-square that its amplitude gains, with what is linear beside it (other lines, the background)
fitted again, and the other parameters held: a^2 / var(a), which is exact for a model that is linear in these, and needs
no further fit. Because the fit has looked for the best centre and width, noise gains more than one free number would:
how much, fits of noise with the same model, samples and starts show. The highest hundred of their gains, or the highest
tenth where these are fewer, are continued by the law of the upcrossings of a chi-square field, exp(-q / 2) q^((d - 1) /
2) with d numbers searched (E. Gross & O. Vitells, Eur. Phys. J. C 70 (2010) 525; Astropart. Phys. 35 (2011) 230). Where
the size of the errors is not known, q stands for Student's t of the same probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.derived.component_quantities import Component, components_of, in_coordinates, plain_ratio
from ndfit.derived.profile_formulas import FORMULAS
from ndfit.derived.propagation import Values
from ndfit.problem.types import FitProblem
from ndfit.result.derived_maps import DerivedMap
from ndfit.result.maps import Maps
from ndfit.result.standard_errors import inverse, normalized

__all__ = ["Detection", "amplitudes_of", "false_alarms", "flux_limits", "line_columns"]

# Of these classes every parameter is linear.
_BACKGROUNDS = frozenset(
    {"Const1D", "Linear1D", "Polynomial1D", "Chebyshev1D", "Legendre1D", "Hermite1D"}
    | {"Const2D", "Planar2D", "Polynomial2D", "Chebyshev2D", "Legendre2D"}
)
# Profiles whose shape is scaled by one width.
_OF_ONE_WIDTH = frozenset({"Gaussian1D", "Lorentz1D", "Moffat1D", "Drude1D"})
_CONTINUED = 100  # noise fits, beyond which the law is used
_TAIL = 0.1  # of the noise fits at most: the law is that of high gains
_FITS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Detection:
    """What is known of the lines.

    Attributes
    ----------
    rate : false alarms a position that are accepted
    simulations, seed : of the fits of noise
    false_alarm : name of an amplitude -> probability that noise gains as much, shape B; NaN where there is no answer
    """

    rate: float
    simulations: int
    seed: int
    false_alarm: Mapping[str, FloatArray]

    def detected(self, name: str) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            return np.asarray(self.false_alarm[name] <= self.rate)


def amplitudes_of(problem: FitProblem) -> dict[str, int]:
    """Free amplitudes of lines, and how many numbers the search for each goes through."""
    free = {problem.params.names[index] for index in problem.params.free}
    return {
        name: sum(other in free for other in _names(component)) - 1
        for component in components_of(problem)
        if (name := _amplitude(component)) in free
    }


def line_columns(problem: FitProblem) -> list[int]:
    """Places of the amplitudes of all lines, tied and fixed ones too."""
    found = (_amplitude(component) for component in components_of(problem))
    return [problem.params.names.index(name) for name in found if name]


def _amplitude(component: Component) -> str:
    """Empty where the component is no line."""
    if component.kind not in FORMULAS["flux"]:
        return ""
    return FORMULAS["flux"][component.kind][0][0] + component.ending


def _names(component: Component) -> tuple[str, ...]:
    return component.problem.params.names[component.term.where]


def false_alarms(
    problem: FitProblem, maps: Maps, noise: Maps, absolute_sigma: bool, covariance: FloatArray
) -> dict[str, FloatArray]:
    """Name of an amplitude -> probability that noise gains as much as the line does, shape B.

    Parameters
    ----------
    noise : fits of noise, with their covariance, shape (n,)
    covariance : of the fits, as it is reported, shape (*B, F, F)
    """
    of_noise = noise.scaled_covariance(absolute_sigma)
    assert of_noise is not None
    found = {}
    for name, searched in amplitudes_of(problem).items():
        quiet = np.nan_to_num(_gained(problem, noise, of_noise, name, absolute_sigma), nan=0.0)
        gained = _gained(problem, maps, covariance, name, absolute_sigma)
        found[name] = np.where(maps.usable, _probability(gained, np.sort(quiet), searched), np.nan)
    return found


def _gained(problem: FitProblem, maps: Maps, covariance: FloatArray, name: str, absolute_sigma: bool) -> FloatArray:
    """Chi-square that an amplitude gains, shape B; zero where it has no error, as at its bound."""
    variance = _variance(problem, covariance, name)
    with np.errstate(all="ignore"):
        values = maps.parameters[problem.params.names.index(name)]
        gained = np.where(variance > 0.0, values**2 / variance, 0.0)
    return gained if absolute_sigma else _as_known(gained, maps.n_samples - len(problem.params.free))


def _variance(problem: FitProblem, covariance: FloatArray, name: str) -> FloatArray:
    """Of an amplitude, with what is not linear held, shape B; zero where it has no error."""
    params = problem.params
    matrices = covariance.reshape(-1, *covariance.shape[-2:])
    names = _linear_names(problem)
    linear = [number for number, index in enumerate(params.free) if params.names[index] in names]
    place = linear.index(params.free.index(params.names.index(name)))
    variance = np.empty(len(matrices))
    for start in range(0, len(matrices), _FITS_AT_ONCE):
        rows = slice(start, start + _FITS_AT_ONCE)
        variance[rows] = _variance_among(matrices[rows], linear, place)
    return variance.reshape(covariance.shape[:-2])


def flux_limits(
    problem: FitProblem, maps: Maps, covariance: FloatArray, fwhm: Any, confidence: float
) -> dict[str, DerivedMap]:
    """Upper limits of the fluxes of lines of a given width, by name.

    A line of flux F that the fit could have found anywhere would have been fitted with a signal to noise of at least
    F / sigma plus a normal number, because the fit has looked for the best. So F is above (S + z) sigma in a share of
    1 - confidence at most, with S the signal to noise that was found, z the quantile of the normal distribution, and
    sigma the error of the flux where place and width are known, which goes with the square root of the width.

    Parameters
    ----------
    fwhm : in the unit of the coordinate or as a speed, one or a map of shape B

    Raises
    ------
    ValueError, astropy.units.UnitsError
        There is no line with a free amplitude and a width, or the width is in another unit.
    """
    from scipy.special import ndtri

    free = amplitudes_of(problem)
    lines = [each for each in components_of(problem) if each.kind in _OF_ONE_WIDTH and _amplitude(each) in free]
    if not lines:
        raise ValueError(f"limits are for lines with a free amplitude, of {', '.join(sorted(_OF_ONE_WIDTH))}")
    found = {}
    for component in lines:
        name = _amplitude(component)
        table = maps.parameters.copy()
        table[problem.params.names.index(name)] = 1.0
        unit_flux, width = (component.formula(what, Values(problem, table)) for what in ("flux", "fwhm"))
        error = np.sqrt(_variance(problem, covariance, name))
        height = np.abs(maps.parameters[problem.params.names.index(name)]) + float(ndtri(confidence)) * error
        with np.errstate(all="ignore"):
            given = in_coordinates(fwhm, component.formula("centroid", Values(problem, table)))
            limit = height * abs(unit_flux) * np.sqrt(plain_ratio(given, width))
        known = maps.usable & (error > 0.0)
        numbers = np.where(known, np.broadcast_to(getattr(limit, "value", limit), known.shape), np.nan)
        meaning = f"upper limit of the flux of a line of FWHM {_told(fwhm)}, confidence {confidence:g}"
        found[f"flux_limit{component.ending}"] = DerivedMap(numbers, None, getattr(limit, "unit", None), meaning)
    return found


def _told(fwhm: Any) -> str:
    return str(fwhm) if np.ndim(fwhm) == 0 else "as given at each position"


def _linear_names(problem: FitProblem) -> set[str]:
    names: set[str] = set()
    for component in components_of(problem):
        names.update(_names(component) if component.kind in _BACKGROUNDS else (_amplitude(component),))
    return names


def _variance_among(matrices: FloatArray, linear: list[int], place: int) -> FloatArray:
    """Variance of a linear parameter with those that are not linear held; zero where it has none.

    The inverse of the covariance is the matrix of the normal equations, whose part for the linear parameters says how
    well these are known. Parameters without an error are held too.
    """
    matrix, scale, known = normalized(matrices)
    own = inverse(inverse(matrix)[:, linear][:, :, linear])[:, place, place] * scale[:, linear[place]] ** 2
    return np.asarray(np.where(known[:, linear[place]], own, 0.0), dtype=np.float64)


def _as_known(gained: FloatArray, degrees: Any) -> FloatArray:
    """What Student's t of so many degrees of freedom squared is worth where errors are known."""
    from scipy.special import ndtri, stdtr

    with np.errstate(all="ignore"):
        one_sided = stdtr(np.maximum(degrees, 1), -np.sqrt(gained))
        return np.asarray(np.where(one_sided > 0.0, ndtri(one_sided) ** 2, np.minimum(gained, 1e3)))


def _probability(gained: FloatArray, quiet: FloatArray, searched: int) -> FloatArray:
    """Share of noise that gains as much, given sorted gains of noise."""
    count = quiet.size
    below = np.searchsorted(quiet, gained, side="left")
    counted = np.asarray((count - below + 1.0) / (count + 1.0), dtype=np.float64)
    highest = min(_CONTINUED, int(_TAIL * count))
    if highest == 0 or quiet[-highest] <= 0.0:
        return counted
    edge = quiet[-highest]
    with np.errstate(all="ignore"):
        law = np.exp(-0.5 * (gained - edge)) * (gained / edge) ** (0.5 * max(searched - 1, 0))
    return np.where(gained > edge, np.minimum((highest + 1.0) / (count + 1.0) * law, 1.0), counted)
