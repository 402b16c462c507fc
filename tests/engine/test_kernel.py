"""The kernel's parts: arithmetic on lanes, and systems solved one a lane."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from ndfit.engine.kernel.algebra import factorise, substitute
from ndfit.engine.kernel.lanes import WIDTH, choose, load, none_of, root, store
from ndfit.engine.kernel.memory import pointer
from ndfit.jit import LANES


@njit
def arithmetic(address: Any) -> Any:
    rows = pointer(address)
    a, b = load(rows, 0), load(rows, 1)
    store(rows, 2, 2.0 * a - b / a)
    store(rows, 3, choose((a < b) & (b > 0.0) | (a == 1), root(a), -1.0))
    return none_of(a < -10.0), none_of(a < b)


@njit
def solve(matrix: Any, vector: Any, n: int) -> None:
    factorise(pointer(matrix), n)
    square = substitute(pointer(matrix), pointer(vector), n)
    store(pointer(vector), n, square)


def systems(n: int) -> Any:
    """Scaled positive definite matrices (LANES, n, n), their packed triangles, and right sides (n + 1, LANES)."""
    rng = np.random.default_rng(n)
    factors = rng.standard_normal((LANES, n + 2, n))
    factors /= np.linalg.norm(factors, axis=1, keepdims=True)
    matrices = factors.swapaxes(1, 2) @ factors
    packed = np.ascontiguousarray(matrices[:, *np.tril_indices(n)].T)
    return matrices, packed, rng.standard_normal((n + 1, LANES))


def test_arithmetic_on_lanes() -> None:
    rows = np.random.default_rng(0).uniform(0.5, 2.0, (4, LANES))
    rows[0, 0] = 1.0
    a, b = rows[0, :WIDTH], rows[1, :WIDTH]
    none_below, none_less = arithmetic(rows.ctypes.data)
    assert np.allclose(rows[2, :WIDTH], 2.0 * a - b / a, rtol=1e-15)
    assert np.array_equal(rows[3, :WIDTH], np.where((a < b) | (a == 1.0), np.sqrt(a), -1.0))
    assert none_below
    assert none_less == (not (a < b).any())


@pytest.mark.parametrize("n", [1, 2, 5, 11])
def test_a_system_in_each_lane(n: int) -> None:
    matrices, packed, right = systems(n)
    expected = np.linalg.solve(matrices, right[:n].T[..., None])[..., 0]
    squares = np.einsum("wi,wi->w", right[:n].T, expected)
    solve(packed.ctypes.data, right.ctypes.data, n)
    assert np.allclose(right[:n, :WIDTH].T, expected[:WIDTH], rtol=1e-9, atol=1e-11)
    assert np.allclose(right[n, :WIDTH], squares[:WIDTH], rtol=1e-9)


def test_a_dependent_row_is_set_to_zero() -> None:
    packed = np.ones((3, LANES))
    right = np.full((3, LANES), 2.0)
    solve(packed.ctypes.data, right.ctypes.data, 2)
    assert np.array_equal(right[:2, 0], [2.0, 0.0])
