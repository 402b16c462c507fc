"""Rules for physical models, which compute with quantities: symbols in the models' own units in, a symbol out.

Constants of nature and conversions of units are folded into plain numbers when a rule is run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi
from typing import Any

import numpy as np
from astropy import constants as const
from astropy import units as u
from astropy.modeling import physical_models

from ndfit._compat.astropy_models import output_unit
from ndfit.model.reasons import Untraceable

__all__ = ["PHYSICAL_RULES"]

_PLANCK = const.h.si.value
_BOLTZMANN = const.k_B.si.value
_LIGHT = const.c.si.value
_PER_FREQUENCY = u.W / (u.m**2 * u.Hz * u.sr)
_PER_WAVELENGTH = u.W / (u.m**3 * u.sr)


def _black_body(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
    """Planck's law in frequency (input in Hz) or in wavelength (input in Angstrom), by the units of the output."""
    (x,), (temperature, scale) = inputs, params
    unit = output_unit(model)
    in_wavelength = next(iter(model.input_units.values())) == u.AA
    frequency = (_LIGHT / u.AA.to(u.m)) / x if in_wavelength else x
    radiance = (2.0 * _PLANCK / _LIGHT**2) * frequency**3 / np.expm1((_PLANCK / _BOLTZMANN) * frequency / temperature)
    if unit.is_equivalent(_PER_FREQUENCY):
        return scale * radiance * _PER_FREQUENCY.to(unit)
    if unit.is_equivalent(_PER_WAVELENGTH):
        return scale * (radiance * frequency**2 / _LIGHT) * _PER_WAVELENGTH.to(unit)
    raise Untraceable(f"its output unit '{unit}' is neither per frequency nor per wavelength")


def _nfw(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
    """rho_s / (r/r_s (1 + r/r_s)^2); the overdensity is the model's own, set when it was made; r in kpc."""
    (r,), (mass, concentration, _) = inputs, params
    overdensity = model.density_delta.to_value(u.M_sun / u.kpc**3)
    radius = np.cbrt(mass * (3.0 / (4.0 * pi * overdensity))) / concentration
    enclosed = np.log(1.0 + concentration) - concentration / (1.0 + concentration)
    density = mass / (4.0 * pi * radius**3 * enclosed)
    reduced = r / radius
    return density / (reduced * (1.0 + reduced) ** 2)


PHYSICAL_RULES: dict[type, Callable[[Any, Sequence[Any], Sequence[Any]], Any]] = {
    physical_models.BlackBody: _black_body,
    physical_models.NFW: _nfw,
}
