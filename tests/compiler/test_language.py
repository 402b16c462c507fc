"""The language that compiled code is written in: each of its instructions, whatever the width of the processor."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from llvmlite import binding as llvm
from llvmlite import ir
from tests.compiler.arrays import PLAIN, WIDTHS, loaded

from ndfit.compiler import flow, memory, values, variables
from ndfit.compiler.building import builder, building, once_in_block
from ndfit.compiler.flow import Routine, define, either, loop, loop_while, subroutine, when
from ndfit.compiler.machine_code import Function, text_of
from ndfit.compiler.memory import (
    LANES,
    float_at,
    gather,
    groups,
    has_byte,
    lanes,
    load,
    none_of,
    pointer,
    put_float,
    shift,
    single_at,
    store,
    table,
    width,
)
from ndfit.compiler.target import Target, host
from ndfit.compiler.values import (
    Bool,
    Float,
    Int,
    IntLanes,
    Lanes,
    Mask,
    Pointer,
    Table,
    Value,
    Word,
    choose,
    fma,
    identity,
    intrinsic,
    value_of,
)
from ndfit.compiler.variables import Local, constants

Run = Callable[..., None]

ARITHMETIC = (operator.add, operator.sub, operator.mul)
LOGIC = (operator.and_, operator.or_, operator.xor)
COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)
NUMBERS = [0.0, -0.0, 1.0, -2.5, 3.75, 1e-310, -1e300, math.inf, -math.inf, math.nan]
WHOLE = [0, 1, -1, 7, -12, 2**31, -(2**62), 2**63 - 1]


@pytest.fixture(params=WIDTHS, ids=[f"width {each}" for each in WIDTHS])
def target(request: pytest.FixtureRequest) -> Target:
    return host(request.param)


@pytest.fixture
def run(target: Target) -> Run:
    """Run code of integers: numbers, and the addresses of arrays, which it may change."""
    return lambda body, *given: run_for(target, body, *given)


def run_for(target: Target, body: Callable[..., None], *given: Any) -> None:
    integers = [each.ctypes.data if isinstance(each, np.ndarray) else each for each in given]
    loaded(Function("code", body, (Int,) * len(integers)), target=target)["code"](*integers)


def by_groups(body: Callable[..., None]) -> Callable[..., None]:
    """Code that works on scratch, a group of lanes at a time."""

    def code(address: Int, *others: Int) -> None:
        with loop(groups()) as group:
            body(shift(pointer(address), group * width()), *others)

    return code


def scratch(*numbers: Any) -> np.ndarray:
    """Rows of scratch, the first ones with numbers in them."""
    rows = np.zeros((24, LANES))
    rows[: len(numbers)] = [np.resize(each, LANES) for each in numbers] or 0.0
    return rows


def put(row: Pointer, first: int, results: list[Any]) -> None:
    for place, each in enumerate(results):
        store(row, first + place, choose(each, 1.0, 0.0) if isinstance(each, Mask) else each)


def assert_rows(rows: np.ndarray, first: int, expected: Any) -> None:
    """What is in rows of scratch from one on; the signs of zeros count."""
    expected = np.array(expected, dtype=float)
    found = rows[first : first + len(expected)]
    np.testing.assert_array_equal(found, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(expected[numbers]))


def test_every_instruction_is_tried_here() -> None:
    """What is imported and not used, the linter finds."""
    modules = values, variables, flow, memory
    assert {name for module in modules for name in module.__all__} <= set(globals())


def test_arithmetic_of_lanes(run: Run) -> None:
    def both(a: Any, b: Any, one: Any) -> list[Any]:
        return [
            *(operation(a, b) for operation in (*ARITHMETIC, operator.truediv)),
            *(a + 2, 2.0 - a, a * 0.5, 1 / a, a + one, one - a, np.float64(3.0) * a, -a, abs(a)),
        ]

    def body(row: Pointer, single: Int) -> None:
        put(row, 2, both(load(row, 0), load(row, 1), pointer(single)[0]))

    rows = scratch(NUMBERS, np.roll(NUMBERS, 3))
    x, y = rows[:2].copy()
    run(by_groups(body), rows, np.array([0.75]))
    with np.errstate(all="ignore"):
        assert_rows(rows, 2, both(x, y, 0.75))


def test_comparisons_of_lanes(run: Run) -> None:
    def both(a: Any, b: Any) -> list[Any]:
        less, same = a < b, a == b
        return [
            *(compare(a, b) for compare in COMPARISONS),
            *(operation(less, same) for operation in (*LOGIC, operator.ne)),
            *(~less, a > 1, b >= 0.0),
        ]

    def body(row: Pointer) -> None:
        put(row, 2, both(load(row, 0), load(row, 1)))

    rows = scratch(NUMBERS, np.repeat(NUMBERS, 3))
    expected = both(*rows[:2].copy())
    run(by_groups(body), rows)
    assert_rows(rows, 2, expected)


def test_masks_that_are_constant(run: Run) -> None:
    def body(row: Pointer) -> None:
        some = load(row, 0) > 0.0
        put(row, 1, [some & True, some | True, some ^ True, Mask.of(False)])

    rows = scratch([1.0, -1.0, -1.0])
    some = rows[0] > 0.0
    run(by_groups(body), rows)
    assert_rows(rows, 1, [some, some | True, ~some, some & False])


def test_whole_numbers_of_lanes(run: Run) -> None:
    def both(a: Any, b: Any) -> list[Any]:
        return [*(operation(a, b) for operation in (*ARITHMETIC, *LOGIC)), a << 3, a >> 2, a & 5, 1 - a]

    def body(row: Pointer) -> None:
        a, b = (IntLanes(load(row, k).bits().own) for k in range(2))
        put(row, 2, [each.as_floats() for each in both(a, b)])
        put(row, 12, [compare(a, b) for compare in COMPARISONS])
        put(row, 18, [choose(a > b, a, b).as_floats(), choose(a > b, IntLanes.of(1), 0).as_floats()])

    rows = scratch()
    rows.view(np.int64)[:2] = np.resize(WHOLE, LANES), np.repeat(WHOLE, 4)
    a, b = rows.view(np.int64)[:2].copy()
    run(by_groups(body), rows)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(rows.view(np.int64)[2:12], both(a, b))
    assert_rows(rows, 12, [compare(a, b) for compare in COMPARISONS])
    np.testing.assert_array_equal(rows.view(np.int64)[18:20], [np.maximum(a, b), a > b])


def test_single_whole_numbers(run: Run) -> None:
    def both(a: Any, b: Any) -> list[Any]:
        return [*(operation(a, b) for operation in (*ARITHMETIC, *LOGIC)), a * 2 - 1, 1 - a, a << 4, a >> 1, a ^ 6]

    def body(out: Int, truths: Int, a: Int, b: Int) -> None:
        for place, each in enumerate(both(a, b)):
            put_bits(out + 8 * place, each)
        for place, compare in enumerate(COMPARISONS):
            pointer(truths)[place] = choose(compare(a, b), 1.0, 0.0)

    for a, b in ((2, 3), (3, 3), (-5, 3), (2**62, 7), (-(2**63), 1)):
        found, truths = np.zeros(11, np.int64), np.zeros(6)
        run(body, found, truths, a, b)
        assert found.tolist() == [wrapped(each) for each in both(a, b)]
        assert truths.tolist() == [compare(a, b) for compare in COMPARISONS]


def put_bits(place: Int, value: Int) -> None:
    """Store an integer, which the language itself never does."""
    put_float(place, Float(builder().bitcast(value.own, Float.kind())))


def wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def test_words_have_no_sign(run: Run) -> None:
    def body(out: Int, floats: Int, number: Int) -> None:
        word = Word(number.own)
        for place, each in enumerate((word >> 32, word >> np.uint64(1), word * np.uint64(0xD2511F53), word & 0xFF)):
            put_bits(out + 8 * place, each)
        pointer(floats)[0] = Float.of(word)
        pointer(floats)[1] = Float.of(number)

    for number in (5, -5, -(2**63)):
        found, floats = np.zeros(4, np.uint64), np.zeros(2)
        run(body, found, floats, number)
        word = number % 2**64
        assert found.tolist() == [word >> 32, word >> 1, word * 0xD2511F53 % 2**64, word & 0xFF]
        assert floats.tolist() == [float(word), float(number)]


def test_single_numbers(run: Run) -> None:
    def both(a: Any, b: Any, i: Any) -> list[Any]:
        return [*(operation(a, b) for operation in (*ARITHMETIC, operator.truediv)), 1.5 * i / 2.0, i + a, 2 - a]

    def body(numbers: Int, i: Int) -> None:
        given = pointer(numbers)
        a, b = given[0], given[1]
        truths = [compare(a, b) for compare in COMPARISONS]
        results = [*both(a, b, i), *(choose(each, 1.0, 0.0) for each in truths), (a * 0.5).truncated()]
        for place, each in enumerate(results):
            given[2 + place] = each

    for a, b in ((3.75, -2.5), (-3.75, 2.0), (1.0, 1.0)):
        numbers = np.array([a, b, *np.zeros(14)])
        run(body, numbers, 5)
        assert numbers[2:].tolist() == [*both(a, b, 5), *(c(a, b) for c in COMPARISONS), int(0.5 * a)]


def test_nan_is_neither_more_nor_less_nor_equal(run: Run) -> None:
    def body(numbers: Int) -> None:
        nan = pointer(numbers)[0]
        for place, compare in enumerate(COMPARISONS):
            pointer(numbers)[1 + place] = choose(compare(nan, nan), 1.0, 0.0)

    numbers = np.array([math.nan, *np.zeros(6)])
    run(body, numbers)
    assert numbers[1:].tolist() == [0, 0, 0, 0, 0, 1]


def test_truth_values(run: Run) -> None:
    def both(a: Any, b: Any) -> list[Any]:
        return [*(operation(a, b) for operation in (*LOGIC, operator.ne)), a & True, b | False, a ^ True]

    def body(out: Int, first: Int, second: Int) -> None:
        a, b = first != 0, second != 0
        for place, each in enumerate([*both(a, b), ~a, Bool.of(True)]):
            pointer(out)[place] = choose(each, 1.0, 0.0)

    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        out = np.zeros(9)
        run(body, out, a, b)
        assert out.tolist() == [*both(bool(a), bool(b)), not a, True]


def test_choices(run: Run) -> None:
    def body(row: Pointer, number: Int) -> None:
        a, chosen = load(row, 0), number > 3
        some = a > 0.0
        pointers = choose(chosen, row, shift(row, LANES))
        put(row, 2, [choose(some, a, -1.0), choose(some, 2.0, 3.0), choose(chosen, a, 1.0), load(pointers, 0)])
        put(row, 6, [choose(some, chosen_mask(some, chosen), False), Lanes.of(choose(chosen, number, 7))])
        put(row, 8, [Lanes.of(choose(chosen, 0.5, number)), Lanes.of(choose(choose(chosen, False, True), 1.0, 0.0))])

    def chosen_mask(some: Mask, chosen: Bool) -> Mask:
        mask: Mask = choose(chosen, some, False)
        return mask

    for number in (3, 4):
        rows = scratch(NUMBERS[:9], 1.0)
        a, more = rows[0].copy(), number > 3
        run(by_groups(body), rows, number)
        some, other = a > 0.0, np.ones(LANES)
        lanes = [np.where(some, a, -1.0), np.where(some, 2.0, 3.0), a if more else other, a if more else other]
        single = [some & more, other * (number if more else 7), other * (0.5 if more else number), other * (not more)]
        assert_rows(rows, 2, [*lanes, *single])


@pytest.mark.parametrize("processor", [host(), PLAIN], ids=["this processor", "plain processor"])
def test_a_sum_of_a_product_is_rounded_once_where_the_target_fuses(processor: Target, target: Target) -> None:
    def body(row: Pointer) -> None:
        a, b, c = (load(row, k) for k in range(3))
        put(row, 3, [a * b + c, c + a * b, a * b - c, c - a * b, fma(a, b, c), fma(a, 2.0, c)])
        total = Local(c)
        total += a * b
        store(row, 9, total.value)

    rows = scratch(1.0 + 2.0**-30, 1.0 - 2.0**-29, 0.0)
    rows[2] = -rows[0] * rows[1]
    a, b, c = (Fraction(each) for each in rows[:3, 0])
    run_for(replace(processor, width=target.width), by_groups(body), rows)
    error = float(a * b + c) if processor.fuses else 0.0
    rounded = float(a * b - c)
    expected = [error, error, rounded, -rounded, error, float(2 * a + c), error]
    assert_rows(rows, 3, [[each] * LANES for each in expected])


def test_functions_of_llvm(run: Run) -> None:
    def body(row: Pointer) -> None:
        a, b = load(row, 0), load(row, 1)
        put(row, 2, [intrinsic("sqrt", abs(a)), intrinsic("copysign", a, b), intrinsic("copysign", 2.0, b)])

    rows = scratch(NUMBERS, np.roll(NUMBERS, 3))
    a, b = rows[:2].copy()
    run(by_groups(body), rows)
    assert_rows(rows, 2, [np.sqrt(abs(a)), np.copysign(a, b), np.copysign(2.0, b)])


def test_constants_and_what_is_gathered_from_them(run: Run) -> None:
    def body(row: Pointer, number: Int) -> None:
        places = constants((1.5, -2.0, math.inf, 1e-310))
        index = load(row, 0).bits()
        put(row, 1, [gather(places, index), gather(constants((5.0,)), index & 0), Lanes.of(places[number])])

    rows = scratch()
    rows.view(np.int64)[0] = index = np.resize([3, 0, 2, 1, 1], LANES)
    run(by_groups(body), rows, 2)
    found = np.array([1.5, -2.0, math.inf, 1e-310])[index]
    assert_rows(rows, 1, [found, np.full(LANES, 5.0), np.full(LANES, math.inf)])


def test_equal_constants_are_kept_once(target: Target) -> None:
    def body() -> None:
        constants((1.0, 2.0))
        constants([1.0, 2.0])
        constants((1.0, 3.0))

    assert text_of((Function("code", body, ()),), target).count("internal constant") == 2


def test_pointers_and_tables(run: Run) -> None:
    def body(numbers: Int, integers: Int) -> None:
        places, numbered = pointer(numbers), table(integers)
        assert isinstance(places, Pointer)
        assert isinstance(numbered, Table)
        places[1] = places[0] + numbered[1]
        places[numbered[0]] = 7
        shift(places, numbered[0])[1] = 8.0

    numbers = np.array([0.5, 0.0, 0.0, 0.0])
    run(body, numbers, np.array([2, 2**40]))
    assert numbers.tolist() == [0.5, 2**40 + 0.5, 7.0, 8.0]


def test_memory_of_any_alignment(run: Run) -> None:
    def body(numbers: Int, raw: Int) -> None:
        out = pointer(numbers)
        out[0], out[1] = float_at(raw + 1), single_at(raw + 9)
        for place in range(2):
            out[2 + place] = choose(has_byte(raw + 13 + place), 1.0, 0.0)
        put_float(raw + 15, out[0] * 2.0)
        put_float(raw + 23, 3)

    raw = np.frombuffer(bytearray(31), np.uint8)
    raw[1:15] = np.frombuffer(np.float64(-1.1).tobytes() + np.float32(2.7).tobytes() + b"\0\x80", np.uint8)
    numbers = np.zeros(4)
    run(body, numbers, raw)
    assert numbers.tolist() == [-1.1, np.float32(2.7), 0.0, 1.0]
    assert np.frombuffer(raw[15:].tobytes()).tolist() == [-2.2, 3.0]


def test_groups_of_lanes_from_rows_of_scratch(run: Run, target: Target) -> None:
    def body(row: Pointer, number: Int) -> None:
        store(row, number, load(row, number - 2) + 1.0)
        store(row, 2, load(row, 0))

    def packed(address: Int, number: Int) -> None:
        assert width() == target.width
        assert groups() * width() == lanes() == LANES == 32
        store(pointer(address), number, load(pointer(address), 0, width()), width())

    rows = scratch(NUMBERS, 5.0)
    expected = [*rows[:2].copy(), rows[0].copy(), rows[1] + 1.0, rows[4].copy()]
    run(by_groups(body), rows, 3)
    assert_rows(rows, 0, expected)
    numbers = np.arange(4.0 * target.width)
    run(packed, numbers, 2)
    np.testing.assert_array_equal(numbers.reshape(4, -1)[2], numbers[: target.width])


def test_rows_of_scratch_as_long_as_a_target_says(target: Target) -> None:
    def body(address: Int) -> None:
        assert (lanes(), groups()) == (2 * target.width, 2)
        with loop(groups()) as group:
            row = shift(pointer(address), group * width())
            store(row, 1, load(row, 0) + 1.0)

    numbers = np.arange(4.0 * target.width)
    run_for(replace(target, lanes=2 * target.width), body, numbers)
    np.testing.assert_array_equal(*(row + add for row, add in zip(numbers.reshape(2, -1), (1.0, 0.0), strict=True)))


def test_whether_no_lane_is_true(run: Run) -> None:
    def body(out: Int, numbers: Int) -> None:
        with loop(groups()) as group:
            some = load(shift(pointer(numbers), group * width()), 0)
            pointer(out)[group] = choose(none_of(some > 0.0), 1.0, 0.0)

    for place in (None, 0, 5, 31):
        out, numbers = np.full(LANES, -1.0), np.zeros(LANES)
        numbers[place : None if place is None else place + 1] = 0.0 if place is None else 1.0
        run(body, out, numbers)
        found = out[out >= 0.0]
        assert found.tolist() == [not any(group) for group in numbers.reshape(len(found), -1)]


def test_loops_and_choices(run: Run) -> None:
    def body(address: Int, n: Int) -> None:
        numbers, total, turns, whole = pointer(address), Local(0.0), Local(0), Local(True)
        with loop(n) as i:
            total += i
        numbers[0] = total.value
        with loop(1, n, 3) as i, loop(i):
            total -= 1.0
        numbers[1] = total.value
        with loop_while(lambda: turns.value * turns.value < n):
            turns += 1
        numbers[2] = turns.value
        with when(n > 4):
            numbers[3] = 1.0
            whole.set(False)
        with either(whole.value) as (less, more):
            with less:
                numbers[4] = -1.0
            with more, when(n > 10):
                numbers[4] = 1.0

    for n in (0, 1, 4, 5, 11):
        numbers = np.zeros(5)
        run(body, numbers, n)
        total = n * (n - 1) / 2
        turns = math.isqrt(n - 1) + 1 if n else 0
        last = -1.0 if n <= 4 else float(n > 10)
        assert numbers.tolist() == [total, total - sum(range(1, n, 3)), turns, float(n > 4), last]


def test_variables_keep_their_kind(run: Run) -> None:
    def body(row: Pointer, number: Int) -> None:
        lanes, single, many = Local(load(row, 0)), Local(number), Local(load(row, 0) > 0.0)
        with loop(3) as i:
            single -= i
            lanes += 1.0
            lanes -= single.value
            many.set(~many.value)
        kept = [lanes.value, single.value, many.value]
        assert [type(each) for each in kept] == [Lanes, Int, Mask]
        put(row, 1, [lanes.value, Lanes.of(single.value), many.value])

    rows = scratch(NUMBERS[2:])
    a = rows[0].copy()
    run(by_groups(body), rows, 10)
    assert_rows(rows, 1, [a + 3.0 - 10 - 9 - 7, np.full(LANES, 7.0), ~(a > 0.0)])


@subroutine(Int)
def doubled(value: Any) -> Any:
    return value * 2


@subroutine(Bool)
def follows_a_byte(place: Any) -> Any:
    return has_byte(place - 1)


@subroutine(Lanes)
def larger(x: Any, y: Any) -> Any:
    return choose(x > y, x, y)


@subroutine()
def put_sum(row: Any, number: Any) -> None:
    store(row, 3, larger(load(row, 0), load(row, 1)) + number)


def test_subroutines(run: Run, target: Target) -> None:
    def body(row: Pointer, place: Int) -> None:
        first = doubled(table(place)[0])
        store(row, 2, larger(load(row, 0), load(row, 1)))
        put_sum(row, 0.5)
        put(row, 4, [Lanes.of(doubled(first) + doubled(5)), Lanes.of(choose(follows_a_byte(place + 2), 1.0, 0.0))])

    rows = scratch(NUMBERS[:9], 1.0)
    a, b = rows[:2].copy()
    run(by_groups(body), rows, np.array([256]))
    most, other = np.maximum(a, b), np.ones(LANES)
    assert_rows(rows, 2, [most, most + 0.5, other * (4 * 256 + 10), other])
    text = text_of((Function("code", by_groups(body), (Int, Int)),), target)
    assert text.count("define internal") == 4


def test_routines_are_called_at_their_address(run: Run, target: Target) -> None:
    def halve(numbers: Table, number: Int, scale: Float) -> None:
        pointer(numbers[0])[number] = scale * 0.5

    kinds = (Table, Int, Float)
    code = loaded(Function("halve", halve, kinds), target=target)

    def body(address: Int, places: Int) -> None:
        routine = Routine(address, kinds)
        with loop(1, 3) as i:
            routine(table(places), i, 3 + i)

    numbers = np.zeros(3)
    run(body, code.addresses["halve"], np.array([numbers.ctypes.data]))
    assert numbers.tolist() == [0.0, 2.0, 2.5]
    code["halve"](np.array([numbers.ctypes.data]).ctypes.data, 0, 9.0)
    assert numbers.tolist() == [4.5, 2.0, 2.5]


def test_functions_are_defined_in_a_module(target: Target) -> None:
    module = ir.Module()
    with building(ir.IRBuilder(), target):
        define(module, "code", lambda places, number: places.__setitem__(0, number), (Pointer, Float))
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    assert not parsed.get_function("code").is_declaration


def test_what_is_asked_for_twice_is_written_once_between_two_jumps(run: Run, target: Target) -> None:
    def square(number: Int) -> Any:
        return once_in_block(("square", identity(number)), lambda: number * number)

    def body(out: Int, number: Int) -> None:
        pointer(out)[0] = square(number) + square(number) + square(Int.of(3)) + square(Int.of(3))
        with loop(number):
            pointer(out)[1] = square(number) - 1

    out = np.zeros(2)
    run(body, out, 4)
    assert out.tolist() == [50.0, 15.0]
    assert text_of((Function("code", body, (Int, Int)),), target).count(" = mul ") == 3


def test_a_value_is_one_already() -> None:
    one = Float.of(1.0)
    assert value_of(one) is one
    assert isinstance(value_of(True), Bool)
    assert isinstance(value_of(2), Int)
    assert isinstance(value_of(2.0), Float)


def test_a_value_is_told_from_others(run: Run) -> None:
    def body(first: Int, second: Int) -> None:
        assert identity(first) == identity(Int(first.own)) != identity(second)
        assert identity(Int.of(2)) == identity(Int.of(2)) != identity(Int.of(3)) != identity(Float.of(3))

    run(body, 0, 0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda address: Int.of(pointer(address)[0]), "expected Int, got"),
        (lambda address: pointer(address)[0] & 1, "there is no 'and' of"),
        (lambda address: load(pointer(address), 0) and None, "is known when the code runs: use `choose`"),
        (lambda address: Value.of(1), "expected Value, got 1"),
        (lambda address: store(pointer(address), 0, "1"), "expected Lanes, got '1'"),
    ],
)
def test_values_of_another_kind_are_refused(wrong: Callable[[Int], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        text_of((Function("code", wrong, (Int,)),), host())
