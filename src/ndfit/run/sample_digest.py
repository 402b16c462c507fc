"""One number for the samples of each fit, which changes when they do.

Flows in: a Block. Flows out: shape (N,), 64 bits a fit, of data, weights, mask and coordinates as they enter it.

The bits of each number, taken as an integer, are multiplied by an odd number of their own place and added up modulo
2^64. One changed number always changes the sum, and so does a change of order; two that undo each other by chance are
one in 2^64. It takes a hundredth of the time that the fits take, and tells of whole regions and of single positions
alike: nobody has to load a region to look at one position of it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.problem.types import Block

__all__ = ["sample_digests"]

Digests = NDArray[np.uint64]

_BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
_SEED = 20240229
_KEPT = 16


def sample_digests(block: Block) -> Digests:
    """Digest of the samples of each fit, shape (N,), the same for any division into blocks."""
    # A block has no `valid` where every sample is, and coordinates of one row where it has but one fit.
    left_out = None if block.valid is None else ~block.valid
    total = np.zeros(block.n_fits, dtype=np.uint64)
    for number, array in enumerate((block.data, block.weights, left_out, *block.coords, *_beside_coordinates(block))):
        if array is not None:
            total += _of_rows(np.atleast_2d(array), number)
    return total


def _beside_coordinates(block: Block) -> tuple[NDArray[Any], ...]:
    """What else the model is evaluated with, rows of (N, ...) or (1, ...)."""
    places, n_coords = block.places, len(block.coords)
    if places.response is not None:
        shared = 1 if places.response.is_shared else block.n_fits
        return (*places.inputs, places.response.coefficients.reshape(shared, -1))
    return places.inputs if len(places.inputs) > n_coords else ()


def _of_rows(array: NDArray[Any], number: int) -> Digests:
    bits = array.view(_BITS[array.itemsize])
    if array.strides[0] == 0 and len(array):  # one row that all fits share
        bits = bits[:1]
    return np.einsum("ij,j->i", bits, _multipliers(array.shape[1], number), dtype=np.uint64, casting="unsafe")


@lru_cache(_KEPT)
def _multipliers(count: int, number: int) -> Digests:
    drawn = np.random.default_rng([_SEED, number]).integers(0, 2**63, count, dtype=np.uint64)
    return 2 * drawn + np.uint64(1)
