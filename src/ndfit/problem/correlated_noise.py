"""Noise that is correlated between the samples of a fit.

Flows in: a correlation. Flows out: the response that makes such noise independent, and noise that is correlated so.

With correlation matrix C = L L^T, the samples L^-1 y have independent noise, and L^-1 f is their model (A. C. Aitken,
Proc. R. Soc. Edinburgh 55 (1935) 42). Of the samples that are used only their part of C counts, so that what is left
out changes L too. Noise of first-order autoregression has C_ij = rho^|i - j|, and the row of L^-1 for a sample that
follows another used one g samples before it is (y_j - rho^g y_i) / sqrt(1 - rho^2g).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.places import Response

__all__ = ["Autoregressive", "Correlated", "Noise"]


class Noise(Protocol):
    """Noise of variance one at each sample, correlated between them."""

    def whitening(self, n_samples: int, valid: NDArray[np.bool_] | None) -> Response:
        """What makes the noise of the used samples independent; nothing is seen of those that are not used.

        Parameters
        ----------
        valid : shape (N, M), the samples to use; None for all
        """

    def drawn(self, independent: FloatArray) -> FloatArray:
        """Noise that is correlated so, of independent numbers (N, M)."""


@dataclass(frozen=True)
class Autoregressive:
    """Correlation rho^g of samples g apart."""

    rho: float

    def whitening(self, n_samples: int, valid: NDArray[np.bool_] | None) -> Response:
        used = np.ones((1, n_samples), dtype=bool) if valid is None else valid
        numbers = np.where(used, np.arange(n_samples), -1)
        before = np.full(used.shape, -1)
        before[:, 1:] = np.maximum.accumulate(numbers, axis=1)[:, :-1]
        gap = np.where(used & (before >= 0), np.arange(n_samples) - before, 0)
        along = np.where(gap > 0, self.rho ** np.maximum(gap, 1), 0.0)
        own = used / np.sqrt(1.0 - along**2)
        n_taps = int(gap.max(initial=0)) + 1
        coefficients = np.zeros((*used.shape, n_taps))
        np.put_along_axis(coefficients, (n_taps - 1 - gap)[..., np.newaxis], (-along * own)[..., np.newaxis], axis=-1)
        coefficients[..., -1] = own
        first = np.arange(n_samples) - (n_taps - 1)
        return Response.of_band(first, coefficients[0] if valid is None else coefficients, n_samples)

    def drawn(self, independent: FloatArray) -> FloatArray:
        found = independent.copy()
        for sample in range(1, found.shape[1]):
            found[:, sample] = self.rho * found[:, sample - 1] + np.sqrt(1.0 - self.rho**2) * independent[:, sample]
        return found


@dataclass(frozen=True, eq=False)
class Correlated:
    """Any correlation, shape (M, M)."""

    correlation: FloatArray

    def whitening(self, n_samples: int, valid: NDArray[np.bool_] | None) -> Response:
        columns = np.broadcast_to(np.arange(n_samples), (n_samples, n_samples))
        if valid is None:
            return Response(columns, self._inverse(np.ones(n_samples, dtype=bool)), n_samples)
        patterns, which = np.unique(np.packbits(valid, axis=1), axis=0, return_inverse=True)
        used = np.unpackbits(patterns, axis=1, count=n_samples).astype(bool)
        return Response(columns, np.stack([self._inverse(each) for each in used])[which.ravel()], n_samples)

    def drawn(self, independent: FloatArray) -> FloatArray:
        return independent @ np.linalg.cholesky(self.correlation).T

    def _inverse(self, used: NDArray[np.bool_]) -> FloatArray:
        """L^-1 of the used samples, zero elsewhere."""
        whole = np.zeros(self.correlation.shape)
        part = np.ix_(used, used)
        whole[part] = np.tril(np.linalg.inv(np.linalg.cholesky(self.correlation[part])))
        return whole
