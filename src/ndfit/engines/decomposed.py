"""Decompositions of many matrices at once.

Flows in: matrices (n, i, j). Flows out: their factors; NaN for those whose decomposition does not converge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ndfit.arrays import FloatArray

__all__ = ["eigenvectors", "singular_vectors"]


def singular_vectors(matrices: FloatArray) -> Sequence[FloatArray]:
    """U, the singular values in descending order, and V^T."""
    return _one_by_one_if_needed(partial(np.linalg.svd, full_matrices=False), matrices)


def eigenvectors(matrices: FloatArray) -> Sequence[FloatArray]:
    """Eigenvalues of symmetric matrices, and their eigenvectors in columns."""
    return _one_by_one_if_needed(np.linalg.eigh, matrices)


def _one_by_one_if_needed(decomposed: Callable[[FloatArray], Any], matrices: FloatArray) -> Sequence[FloatArray]:
    """Decompose matrices; NaN where that does not converge, which is not to be the others' affair."""
    try:
        return tuple(decomposed(matrices))
    except np.linalg.LinAlgError:
        parts = []
        for matrix in matrices:
            try:
                parts.append(tuple(decomposed(matrix)))
            except np.linalg.LinAlgError:
                parts.append(tuple(np.full_like(part, np.nan) for part in decomposed(np.zeros_like(matrix))))
        return tuple(np.stack(each) for each in zip(*parts, strict=True))
