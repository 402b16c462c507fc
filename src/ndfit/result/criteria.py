"""Information criteria of fits.

Flows in: chi-square, samples and parameters. Flows out: AIC or BIC.

Akaike, IEEE Trans. Autom. Control 19, 716, 1974; Schwarz, Ann. Statist. 6, 461, 1978; up to a constant that the data
alone decide. With known errors AIC = chi-square + 2 k and BIC = chi-square + k ln n, for k free parameters and n
samples used; with unknown ones the maximum likelihood over their common size gives n ln(chi-square / n) in place of
chi-square, and counts that size as a parameter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.arrays import FloatArray

__all__ = ["information_criterion"]


def information_criterion(name: str, chi_square: FloatArray, n_samples: Any, n_free: int, known: bool) -> FloatArray:
    """'aic' or 'bic'; `known` is the size of the errors."""
    with np.errstate(divide="ignore", invalid="ignore"):
        penalty = 2.0 if name == "aic" else np.log(n_samples)
        deviance = chi_square if known else n_samples * np.log(chi_square / n_samples)
    return np.asarray(deviance + (n_free + (not known)) * penalty, dtype=float)
