"""Rules for profiles and power laws whose `evaluate` writes in place or looks at shapes: symbols in, a symbol out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, pi, sqrt
from typing import Any

import numpy as np
from astropy.modeling import functional_models, powerlaws

from ndfit.model.reasons import Untraceable
from ndfit.model.trace.symbol import Symbol

__all__ = ["PROFILE_RULES"]

_SQRT_LN2 = sqrt(log(2.0))
_FIRST_ZERO_OF_J1 = 3.8317059702075123
_BREAK_IS_SHARP = 30.0


def _op(name: str, *args: Symbol) -> Symbol:
    tape = args[0].tape
    return Symbol(tape, tape.builder.apply(name, *(arg.node for arg in args)))


def _constant(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
    return params[0]


def _voigt(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
    """Real part of the Faddeeva function w(z), z = sqrt(ln 2) (2 (x - x_0) + i fwhm_L) / fwhm_G."""
    if model.method != "wofz":
        raise Untraceable(f"the method '{model.method}' is an approximation of its own; use method='wofz'")
    (x,), (x_0, amplitude, fwhm_lorentz, fwhm_gauss) = inputs, params
    scale = _SQRT_LN2 / fwhm_gauss
    profile = _op("faddeeva_real", 2.0 * (x - x_0) * scale, fwhm_lorentz * scale)
    return profile * (amplitude * fwhm_lorentz * scale * sqrt(pi))


def _smoothly_broken_power_law(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
    """Far from the break, in units of its width, the law is one of its two asymptotes; 0 where it has no logarithm."""
    (x,), (amplitude, x_break, alpha_1, alpha_2, delta) = inputs, params
    xx = x / x_break
    log_t = np.log(xx) / delta
    width = (alpha_1 - alpha_2) * delta
    asymptote = amplitude / 2.0**width
    rounded = amplitude * xx**-alpha_1 * ((1.0 + np.exp(log_t)) / 2.0) ** width
    conditions = [log_t > _BREAK_IS_SHARP, log_t < -_BREAK_IS_SHARP, np.abs(log_t) <= _BREAK_IS_SHARP]
    return np.select(conditions, [asymptote * xx**-alpha_2, asymptote * xx**-alpha_1, rounded], 0.0)


def _airy_disk(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
    """amplitude (2 J1(q) / q)^2, with q at the first zero of J1 where r = radius."""
    (x, y), (amplitude, x_0, y_0, radius) = inputs, params
    q = np.sqrt((x - x_0) ** 2 + (y - y_0) ** 2) * (_FIRST_ZERO_OF_J1 / radius)
    return amplitude * np.where(q > 0.0, (2.0 * _op("j1", q) / q) ** 2, 1.0)


def _king(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
    """amplitude r_core^2 (1 / sqrt(x^2 + r_core^2) - 1 / sqrt(r_tide^2 + r_core^2))^2 within the tidal radius."""
    (x,), (amplitude, r_core, r_tide) = inputs, params
    core = 1.0 / np.sqrt(x**2 + r_core**2) - 1.0 / np.sqrt(r_tide**2 + r_core**2)
    return np.where((x >= r_tide) | (x < 0.0), 0.0, amplitude * r_core**2 * core**2)


PROFILE_RULES: dict[type, Callable[[Any, Sequence[Any], Sequence[Any]], Any]] = {
    functional_models.Const1D: _constant,
    functional_models.Const2D: _constant,
    functional_models.Voigt1D: _voigt,
    functional_models.AiryDisk2D: _airy_disk,
    functional_models.KingProjectedAnalytic1D: _king,
    powerlaws.SmoothlyBrokenPowerLaw1D: _smoothly_broken_power_law,
}
