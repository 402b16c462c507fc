"""The kernel's parts: the language it is written in, arithmetic on lanes, and systems solved one a lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit, types
from numba.extending import intrinsic

from ndfit.engine.kernel.algebra import factorise, substitute
from ndfit.engine.kernel.flow import either, emitted, loop, loop_while, subroutine, when
from ndfit.engine.kernel.lanes import choose, load, none_of, root, store
from ndfit.engine.kernel.memory import entry, has_byte, pointer, select, table
from ndfit.engine.kernel.values import WIDTH, Bool, Float, Int, Lanes, Local, value_of
from ndfit.jit import LANES


def built(body: Callable[[Any, Any], None]) -> Callable[[int, int], None]:
    """Compile kernel code of two integers."""

    @intrinsic
    def code(typingctx, first, second):  # type: ignore[no-untyped-def]
        return types.void(types.int64, types.int64), emitted(body)

    @njit
    def function(first: int, second: int) -> None:
        code(first, second)

    compiled: Callable[[int, int], None] = function
    return compiled


def run(body: Callable[[Any, Any], None], values: Any, number: int = 0) -> Any:
    """Run kernel code with the address of an array, which it may change."""
    built(body)(values.ctypes.data, number)
    return values


def arithmetic(address: Any, _: Any) -> None:
    rows = pointer(address)
    a, b = load(rows, 0), load(rows, 1)
    store(rows, 2, 2.0 * a - b / a)
    store(rows, 3, choose((a < b) & (b > 0.0) | (a == 1), root(a), -1.0))
    store(rows, 4, rows[LANES] - (a + rows[0]))
    rows[5 * LANES] = select(none_of(a < -10.0), 1.0, 0.0)
    rows[5 * LANES + 1] = select(none_of(a < b), 1.0, 0.0)


def test_arithmetic_on_lanes() -> None:
    rows = np.random.default_rng(0).uniform(0.5, 2.0, (6, LANES))
    rows[0, 0] = 1.0
    run(arithmetic, rows)
    a, b = rows[0, :WIDTH], rows[1, :WIDTH]
    assert np.allclose(rows[2, :WIDTH], 2.0 * a - b / a, rtol=1e-15)
    assert np.array_equal(rows[3, :WIDTH], np.where((a < b) | (a == 1.0), np.sqrt(a), -1.0))
    assert np.allclose(rows[4, :WIDTH], b[0] - (a + a[0]), rtol=1e-15)
    assert rows[5, 0] == 1.0
    assert rows[5, 1] == (not (a < b).any())


def scalars(address: Any, number: Any) -> None:
    values = pointer(address)
    comparisons = number < 3, number <= 3, number > 3, number >= 3, number == 3, number != 3, number > 3, number == 3
    nan = Float.of(float("nan"))
    floats = nan == nan, nan != nan, nan < 1.0, nan >= 1.0, ~(nan > 1.0), (number == 3) | (nan == nan)
    for i, truth in enumerate((*comparisons, *floats)):
        values[i] = select(truth, 1.0, 0.0)
    values[20] = number * 2 - 1
    values[21] = 1 - number
    values[22] = (number * 5) >> 1
    values[23] = 1.5 * number / 2.0
    values[24] = (values[23] + 0.75).truncated()
    values[25] = entry(2, number)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_arithmetic_on_single_numbers(number: int) -> None:
    values = run(scalars, np.zeros(26), number)
    n = number
    assert values[:8].tolist() == [n < 3, n <= 3, n > 3, n >= 3, n == 3, n != 3, n > 3, n == 3]
    assert values[8:14].tolist() == [0, 1, 0, 0, 1, n == 3]
    assert values[20:25].tolist() == [2 * n - 1, 1 - n, 5 * n // 2, 0.75 * n, int(0.75 * n + 0.75)]
    assert values[25] == max(2, n) * (max(2, n) + 1) // 2 + min(2, n)


def flows(address: Any, n: Any) -> None:
    values, total, turns = pointer(address), Local(0.0), Local(0)
    with loop(n) as i:
        total += Float.of(i)
    values[0] = total.value
    with loop(1, n, 3) as i:
        total -= Float.of(i)
    values[1] = total.value
    with loop_while(lambda: turns.value * turns.value < n):
        turns += 1
    values[2] = turns.value
    with when(n > 4):
        values[3] = 1.0
    with either(n > 4) as (more, less):
        with more:
            values[4] = 1.0
        with less:
            values[4] = -1.0


@pytest.mark.parametrize("n", [0, 1, 4, 5, 11])
def test_loops_and_choices(n: int) -> None:
    values = run(flows, np.zeros(5), n)
    total = n * (n - 1) / 2
    turns = next(turns for turns in range(10) if turns * turns >= n)
    assert values.tolist() == [total, total - sum(range(1, n, 3)), turns, float(n > 4), 1.0 if n > 4 else -1.0]


@subroutine(Int)
def doubled(value: Any) -> Any:
    return value * 2


@subroutine(Bool)
def is_odd(bytes_address: Any) -> Any:
    return has_byte(bytes_address + 1)


def calls(address: Any, number: Any) -> None:
    values, numbers = pointer(address), table(address)
    first = doubled(numbers[0])
    values[1] = doubled(first) + doubled(5)
    values[2] = select(is_odd(address), 1.0, 0.0)


def test_subroutines() -> None:
    values = np.zeros(3)
    values.view(np.int64)[0] = 256
    run(calls, values)
    assert values[1:].tolist() == [4 * 256 + 10, 1.0]


def test_values_of_another_kind_are_refused() -> None:
    def mixes(address: Any, number: Any) -> None:
        Int.of(pointer(address)[0])

    with pytest.raises(Exception, match="expected Int, got"):
        built(mixes)(0, 0)


def test_a_value_is_one_already() -> None:
    one = Float.of(1.0)
    assert value_of(one) is one
    assert isinstance(value_of(True), Bool)
    assert isinstance(value_of(2), Int)


def systems(n: int) -> Any:
    """Scaled positive definite matrices (LANES, n, n), their packed triangles, and right sides (n + 1, LANES)."""
    rng = np.random.default_rng(n)
    factors = rng.standard_normal((LANES, n + 2, n))
    factors /= np.linalg.norm(factors, axis=1, keepdims=True)
    matrices = factors.swapaxes(1, 2) @ factors
    packed = np.ascontiguousarray(matrices[:, *np.tril_indices(n)].T)
    return matrices, packed, rng.standard_normal((n + 1, LANES))


@pytest.mark.parametrize("n", [1, 2, 5, 11])
def test_a_system_in_each_lane(n: int) -> None:
    matrices, packed, right = systems(n)
    expected = np.linalg.solve(matrices, right[:n].T[..., None])[..., 0]
    squares = np.einsum("wi,wi->w", right[:n].T, expected)

    def solve(matrix: Any, vector: Any) -> None:
        factorise(pointer(matrix), n)
        square: Lanes = substitute(pointer(matrix), pointer(vector), n)
        store(pointer(vector), n, square)

    built(solve)(packed.ctypes.data, right.ctypes.data)
    assert np.allclose(right[:n, :WIDTH].T, expected[:WIDTH], rtol=1e-9, atol=1e-11)
    assert np.allclose(right[n, :WIDTH], squares[:WIDTH], rtol=1e-9)


def test_a_row_that_depends_on_the_others_is_left_out() -> None:
    packed, right = np.ones((3, LANES)), np.full((3, LANES), 2.0)

    def solve(matrix: Any, vector: Any) -> None:
        factorise(pointer(matrix), 2)
        substitute(pointer(matrix), pointer(vector), 2)

    built(solve)(packed.ctypes.data, right.ctypes.data)
    assert (right[0, :WIDTH] == 2.0).all()
    assert (right[1, :WIDTH] == 0.0).all()
