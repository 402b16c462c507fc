"""The kernel's algebra: where entries of triangles are, and systems solved one a lane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.compiler.arrays import PLAIN, WIDTHS, loaded

from ndfit.compiler.flow import loop
from ndfit.compiler.machine_code import Function
from ndfit.compiler.memory import LANES, groups, pointer, shift, store, width
from ndfit.compiler.target import Target, host
from ndfit.compiler.values import Int, Pointer
from ndfit.engines.compiled.kernel.addresses import entry
from ndfit.engines.compiled.kernel.algebra import factorise, substitute

FOR_EACH = pytest.mark.parametrize(
    "target", [*map(host, WIDTHS), PLAIN], ids=[*(f"width {each}" for each in WIDTHS), "plain processor"]
)


def run(target: Target, body: Callable[[Pointer, Pointer], None], matrix: Any, vector: Any) -> None:
    """Run kernel code on each group of lanes of two arrays, which it may change."""

    def code(first: Int, second: Int) -> None:
        with loop(groups()) as group:
            body(*(shift(pointer(address), group * width()) for address in (first, second)))

    loaded(Function("code", code, (Int, Int)), target=target)["code"](matrix.ctypes.data, vector.ctypes.data)


def test_entries_of_a_packed_triangle() -> None:
    def code(out: Int, n: Int) -> None:
        with loop(n) as i, loop(n) as j:
            pointer(out)[i * n + j] = entry(i, j)
        pointer(out)[n * n] = entry(2, n)

    n = 4
    found = np.zeros(n * n + 1)
    loaded(Function("code", code, (Int, Int)), target=host())["code"](found.ctypes.data, n)
    rows, columns = np.indices((n, n))
    expected = np.zeros((n, n))
    expected[np.tril_indices(n)] = np.arange(n * (n + 1) // 2)
    expected = np.where(rows >= columns, expected, expected.T)
    assert found.tolist() == [*expected.ravel(), 4 * 5 // 2 + 2]


def systems(n: int) -> Any:
    """Scaled positive definite matrices (LANES, n, n), their packed triangles, and right sides (n + 1, LANES)."""
    rng = np.random.default_rng(n)
    factors = rng.standard_normal((LANES, n + 2, n))
    factors /= np.linalg.norm(factors, axis=1, keepdims=True)
    matrices = factors.swapaxes(1, 2) @ factors
    packed = np.ascontiguousarray(matrices[:, *np.tril_indices(n)].T)
    return matrices, packed, rng.standard_normal((n + 1, LANES))


@FOR_EACH
@pytest.mark.parametrize("n", [1, 2, 5, 11])
def test_a_system_in_each_lane(n: int, target: Target) -> None:
    matrices, packed, right = systems(n)
    expected = np.linalg.solve(matrices, right[:n].T[..., None])[..., 0]
    squares = np.einsum("wi,wi->w", right[:n].T, expected)

    def solve(matrix: Pointer, vector: Pointer) -> None:
        factorise(matrix, n)
        store(vector, n, substitute(matrix, vector, n))

    run(target, solve, packed, right)
    assert np.allclose(right[:n].T, expected, rtol=1e-9, atol=1e-11)
    assert np.allclose(right[n], squares, rtol=1e-9)


@FOR_EACH
def test_a_row_that_depends_on_the_others_is_left_out(target: Target) -> None:
    packed, right = np.ones((3, LANES)), np.full((3, LANES), 2.0)

    def solve(matrix: Pointer, vector: Pointer) -> None:
        factorise(matrix, 2)
        substitute(matrix, vector, 2)

    run(target, solve, packed, right)
    assert (right[0] == 2.0).all()
    assert (right[1] == 0.0).all()


@pytest.mark.parametrize("n", [1, 2, 5, 11])
def test_the_width_changes_no_bit_of_a_solution(n: int) -> None:
    def solve(matrix: Pointer, vector: Pointer) -> None:
        factorise(matrix, n)
        store(vector, n, substitute(matrix, vector, n))

    found = []
    for lanes in WIDTHS:
        _, packed, right = systems(n)
        run(replace(host(), width=lanes), solve, packed, right)
        found.append([packed, right])
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)
