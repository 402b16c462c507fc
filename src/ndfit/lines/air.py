"""Wavelengths in vacuum and in air.

Flows in: wavelengths in Angstrom. Flows out: the same in the other medium.

The refractive index of standard air (15 degrees C, 101,325 Pa, dry, 450 ppm of CO2) is that of P. E. Ciddor 1996,
Applied Optics 35, 1566, equation 1, with sigma the wavenumber in vacuum in 1/um:

    n - 1 = 0.05792105 / (238.0185 - sigma^2) + 0.00167917 / (57.362 - sigma^2)

Below 2000 Angstrom wavelengths are those in vacuum, as everywhere in astronomy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.arrays import FloatArray

__all__ = ["to_air", "to_vacuum"]

_LEAST = 2000.0  # Angstrom in vacuum
_STEPS = 5  # each leaves 1e-5 of the error before


def to_air(vacuum: Any) -> FloatArray:
    """Wavelengths in air, of those in vacuum, both in Angstrom."""
    wavelengths = np.asarray(vacuum, dtype=float)
    return np.where(wavelengths < _LEAST, wavelengths, wavelengths / _index(wavelengths))


def to_vacuum(air: Any) -> FloatArray:
    """Wavelengths in vacuum, of those in air, both in Angstrom."""
    wavelengths = np.asarray(air, dtype=float)
    vacuum = wavelengths
    for _ in range(_STEPS):
        vacuum = wavelengths * _index(vacuum)
    return np.where(vacuum < _LEAST, wavelengths, vacuum)


def _index(vacuum: FloatArray) -> FloatArray:
    squared = (1e4 / np.maximum(vacuum, _LEAST)) ** 2
    return 1.0 + 0.05792105 / (238.0185 - squared) + 0.00167917 / (57.362 - squared)
