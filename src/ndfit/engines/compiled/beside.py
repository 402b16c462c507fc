"""Where to search for something lower than an answer: a part of its standard errors away.

A plateau looks like a minimum, and where derivatives jump there are minima side by side.

Flows in: answers to some fits. Flows out: starting values beside them.
"""

from __future__ import annotations

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.engines.compiled.some_fits import Fits
from ndfit.engines.decomposed import singular_vectors

__all__ = ["NUDGES", "beside"]

NUDGES = 8
"""Searches beside an answer."""

# In standard errors, and the least singular value of columns of length one that counts.
_NUDGE, _UNDETERMINED = 0.3, 1e-8
# Of which no two multiples are alike: what turns one nudge into the next.
_GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))


def beside(fits: Fits, parameters: FloatArray, variance: FloatArray) -> FloatArray:
    """Where to start searches for something lower than the answers to n fits, shape (NUDGES, n, P).

    Each start is a part of a standard error away along every axis of the error ellipse, but no axis takes a parameter
    further than that part of its natural scale.

    Parameters
    ----------
    fits : n fits of a block
    parameters : shape (n, P), their answers
    variance : shape (n,), of the noise
    """
    with np.errstate(all="ignore"):
        return _beside(fits, parameters, variance)


def _beside(fits: Fits, parameters: FloatArray, variance: FloatArray) -> FloatArray:
    columns, _ = fits.weighted(parameters)
    columns = np.where(np.isfinite(columns), columns, 0.0)
    lengths = np.linalg.norm(columns, axis=2)
    columns = columns / np.where(lengths > 0.0, lengths, 1.0)[:, :, np.newaxis]
    _, sizes, axes = singular_vectors(np.asarray(np.linalg.qr(columns.swapaxes(1, 2), mode="r")))
    unit = np.where(lengths > 0.0, np.sqrt(variance)[:, np.newaxis] / np.where(lengths > 0.0, lengths, 1.0), 0.0)
    axes = axes * unit[:, np.newaxis, :] / np.maximum(sizes, _UNDETERMINED)[:, :, np.newaxis]
    room = fits.natural_room(parameters)[:, np.newaxis, :]
    longest = np.max(np.abs(axes) / np.where(room > 0.0, room, np.inf), axis=2)
    axes = _NUDGE * axes / np.maximum(longest, 1.0)[:, :, np.newaxis]
    ways = np.arange(1, NUDGES + 1)[:, np.newaxis] * np.arange(1, axes.shape[1] + 1)
    changes = np.einsum("wk,nkf->wnf", np.sqrt(2.0) * np.cos(_GOLDEN_ANGLE * ways), axes)
    return np.stack([fits.moved(parameters, change) for change in changes])
