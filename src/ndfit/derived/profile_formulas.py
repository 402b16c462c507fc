"""Flux, width and centre of the profiles that have formulas for them.

Flows in: parameters of a component, numbers or Quantities of any shape. Flows out: the quantity, with its unit.

| class | flux | FWHM |
|---|---|---|
| Gaussian1D | sqrt(2 pi) a s | sqrt(8 ln 2) s |
| Lorentz1D | pi a w / 2 | w |
| Voigt1D | pi a_L w_L / 2 | 0.5346 w_L + sqrt(0.2166 w_L^2 + w_G^2), right to 0.02 % [1] |
| Moffat1D | sqrt(pi) a g Gamma(b - 1/2) / Gamma(b), for b > 1/2 | 2 g sqrt(2^(1/b) - 1) [2] |
| Drude1D | pi a w / 2 | w |
| Box1D | a w | w |
| Trapezoid1D | a (w + a / slope) | w + a / slope |
| Gaussian2D | 2 pi a s_x s_y | |
| Moffat2D | pi a g^2 / (b - 1), for b > 1 | |
| Sersic2D | 2 pi n r^2 I e^k k^(-2n) Gamma(2n) (1 - e), with gamma(2n, k) = Gamma(2n) / 2 [3] | |
| AiryDisk2D | 4 a R^2 / (pi 1.21967^2) | |

a: amplitude, s: standard deviation, w: FWHM, g and b: gamma and alpha of a Moffat profile. Drude's flux is an integral
of Glasser's kind: with y = x / x_0, that of F((y - 1/y)^2) over y > 0 is that of F(y^2).

References: [1] J. J. Olivero & R. L. Longbothum, J. Quant. Spectrosc. Radiat. Transfer 17 (1977) 233. [2] A. F. J.
Moffat, Astron. Astrophys. 3 (1969) 455. [3] A. W. Graham & S. P. Driver, Publ. Astron. Soc. Australia 22 (2005) 118.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["FORMULAS", "SIGMAS_PER_FWHM"]

Formula = Callable[..., Any]

SIGMAS_PER_FWHM = float(np.sqrt(8.0 * np.log(2.0)))
_AIRY = 1.2196698912665045  # first zero of J1 over pi


def _number(value: Any) -> Any:
    """A parameter that has no dimension, as plain numbers."""
    return value.to_value("") if hasattr(value, "to_value") else np.asarray(value, dtype=float)


def _where(condition: Any, value: Any) -> Any:
    """The value where a condition holds, and else NaN."""
    return value * np.where(condition, 1.0, np.nan)


def _moffat_flux(amplitude: Any, width: Any, alpha: Any) -> Any:
    from scipy.special import gammaln  # late: it takes a tenth of a second

    power = _number(alpha)
    with np.errstate(all="ignore"):
        shape = np.sqrt(np.pi) * np.exp(gammaln(power - 0.5) - gammaln(power))
    return _where(power > 0.5, amplitude * abs(width) * shape)


def _moffat_width(width: Any, alpha: Any) -> Any:
    with np.errstate(all="ignore"):
        return 2.0 * abs(width) * np.sqrt(2.0 ** (1.0 / _number(alpha)) - 1.0)


def _moffat_flux_2d(amplitude: Any, width: Any, alpha: Any) -> Any:
    power = _number(alpha)
    with np.errstate(all="ignore"):
        return _where(power > 1.0, np.pi * amplitude * width**2 / (power - 1.0))


def _sersic_flux(amplitude: Any, radius: Any, n: Any, ellip: Any) -> Any:
    from scipy.special import gamma, gammaincinv

    index = _number(n)
    with np.errstate(all="ignore"):
        b = gammaincinv(2.0 * index, 0.5)
        shape = 2.0 * np.pi * index * np.exp(b) * b ** (-2.0 * index) * gamma(2.0 * index)
    return amplitude * radius**2 * shape * (1.0 - _number(ellip))


def _voigt_width(lorentz: Any, gauss: Any) -> Any:
    return 0.5346 * abs(lorentz) + np.sqrt(0.2166 * lorentz**2 + gauss**2)


def _axis_ratio(one: Any, other: Any) -> Any:
    ratio = abs(_number(one / other))
    with np.errstate(all="ignore"):
        return np.minimum(ratio, 1.0 / ratio)


# Quantity -> class -> parameters, and the formula of these. An ellipse's area is that within half of the maximum.
FORMULAS: Mapping[str, Mapping[str, tuple[tuple[str, ...], Formula]]] = {
    "flux": {
        "Gaussian1D": (("amplitude", "stddev"), lambda a, s: np.sqrt(2.0 * np.pi) * a * abs(s)),
        "Lorentz1D": (("amplitude", "fwhm"), lambda a, w: 0.5 * np.pi * a * abs(w)),
        "Voigt1D": (("amplitude_L", "fwhm_L"), lambda a, w: 0.5 * np.pi * a * abs(w)),
        "Moffat1D": (("amplitude", "gamma", "alpha"), _moffat_flux),
        "Drude1D": (("amplitude", "fwhm"), lambda a, w: 0.5 * np.pi * a * abs(w)),
        "Box1D": (("amplitude", "width"), lambda a, w: a * abs(w)),
        "Trapezoid1D": (("amplitude", "width", "slope"), lambda a, w, slope: a * (w + a / slope)),
        "Gaussian2D": (("amplitude", "x_stddev", "y_stddev"), lambda a, x, y: 2.0 * np.pi * a * abs(x * y)),
        "Moffat2D": (("amplitude", "gamma", "alpha"), _moffat_flux_2d),
        "Sersic2D": (("amplitude", "r_eff", "n", "ellip"), _sersic_flux),
        "AiryDisk2D": (("amplitude", "radius"), lambda a, r: 4.0 * a * r**2 / (np.pi * _AIRY**2)),
    },
    "fwhm": {
        "Gaussian1D": (("stddev",), lambda s: SIGMAS_PER_FWHM * abs(s)),
        "Lorentz1D": (("fwhm",), abs),
        "Voigt1D": (("fwhm_L", "fwhm_G"), _voigt_width),
        "Moffat1D": (("gamma", "alpha"), _moffat_width),
        "Drude1D": (("fwhm",), abs),
        "Box1D": (("width",), abs),
        "Trapezoid1D": (("amplitude", "width", "slope"), lambda a, w, slope: w + a / slope),
    },
    "centroid": {
        "Gaussian1D": (("mean",), lambda x: x),
        "Lorentz1D": (("x_0",), lambda x: x),
        "Voigt1D": (("x_0",), lambda x: x),
        "Moffat1D": (("x_0",), lambda x: x),
        "Drude1D": (("x_0",), lambda x: x),
        "Box1D": (("x_0",), lambda x: x),
        "Trapezoid1D": (("x_0",), lambda x: x),
    },
    "area": {
        "Gaussian2D": (
            ("x_stddev", "y_stddev"),
            lambda x, y: 0.25 * np.pi * SIGMAS_PER_FWHM**2 * abs(x * y),
        ),
        "Moffat2D": (("gamma", "alpha"), lambda g, b: 0.25 * np.pi * _moffat_width(g, b) ** 2),
    },
    "axis_ratio": {
        "Gaussian2D": (("x_stddev", "y_stddev"), _axis_ratio),
        "Sersic2D": (("ellip",), lambda ellip: 1.0 - _number(ellip)),
    },
}
