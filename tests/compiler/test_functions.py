"""The vectorisable functions: accuracy over their range, special values, packed instructions, independence of lanes."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import special
from tests.compiler.arrays import (
    IS_X86,
    PLAIN,
    WIDTHS,
    Array,
    conditions_among,
    evaluate,
    over_arrays,
    tables_of,
)

import ndfit.model.special as reference
from ndfit.compiler.functions import OPERATORS
from ndfit.compiler.machine_code import assembly, text_of
from ndfit.compiler.target import Target, host
from ndfit.model.ops import OPS, Op

COUNT = 2_000
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e-310, -1e-310, 1e300, -1e300, np.inf, -np.inf, np.nan]
PROCESSORS = pytest.mark.parametrize("target", [host(), PLAIN], ids=["this processor", "plain processor"])


class Between(NamedTuple):
    """Arguments spread evenly, or in their logarithm."""

    low: float
    high: float
    logarithmic: bool = False
    sign: float = 1.0

    def draw(self, rng: np.random.Generator) -> Array:
        values = rng.uniform(self.low, self.high, COUNT)
        return self.sign * (10.0**values if self.logarithmic else values)


def powers_of_ten(low: float, high: float, sign: float = 1.0) -> Between:
    return Between(low, high, logarithmic=True, sign=sign)


# name, allowed error in units of the last place, arguments
ELEMENTARY: list[tuple[str, float, tuple[Between, ...]]] = [
    ("exp", 1.0, (Between(-700, 709),)),
    ("exp", 1.0, (Between(-1, 1),)),
    ("exp", 1.0, (Between(-745, -708),)),
    ("expm1", 2.5, (Between(-40, 709),)),
    ("expm1", 2.5, (powers_of_ten(-20, 0.3),)),
    ("sinh", 3.0, (Between(-710, 710),)),
    ("sinh", 3.0, (powers_of_ten(-20, 0.5),)),
    ("cosh", 2.0, (Between(-710, 710),)),
    ("tanh", 3.0, (Between(-25, 25),)),
    ("tanh", 3.0, (powers_of_ten(-20, 0.5),)),
    ("log", 1.0, (powers_of_ten(-320, 308),)),
    ("log", 1.0, (Between(0.5, 2),)),
    ("log2", 2.0, (powers_of_ten(-320, 308),)),
    ("log2", 2.0, (Between(0.5, 2),)),
    ("log10", 2.0, (powers_of_ten(-320, 308),)),
    ("log10", 2.0, (Between(0.5, 2),)),
    ("log1p", 1.0, (powers_of_ten(-20, 300),)),
    ("log1p", 1.0, (powers_of_ten(-20, -1e-4, -1.0),)),
    ("arcsinh", 2.0, (powers_of_ten(-20, 300, -1.0),)),
    ("arccosh", 2.5, (Between(1, 3),)),
    ("arccosh", 2.5, (powers_of_ten(0, 300),)),
    ("arctanh", 2.5, (Between(-1, 1),)),
    ("sin", 1.0, (Between(-10, 10),)),
    ("sin", 1.0, (Between(-1e5, 1e5),)),
    ("cos", 1.0, (Between(-10, 10),)),
    ("cos", 1.0, (Between(-1e5, 1e5),)),
    ("tan", 2.5, (Between(-10, 10),)),
    ("tan", 2.5, (Between(-1e5, 1e5),)),
    ("arctan", 2.0, (powers_of_ten(-10, 10),)),
    ("arctan", 2.0, (Between(-3, 3),)),
    ("arctan2", 2.0, (Between(-1, 1), Between(-1, 1))),
    ("arctan2", 2.0, (powers_of_ten(-300, 308), powers_of_ten(-300, 308, -1.0))),
    ("arcsin", 2.5, (Between(-1, 1),)),
    ("arccos", 2.5, (Between(-1, 1),)),
    ("cbrt", 1.5, (powers_of_ten(-320, 308, -1.0),)),
    ("power", 2.0, (Between(0, 10), Between(-10, 10))),
    ("power", 2.0, (powers_of_ten(-300, 300), Between(-1, 1))),
    ("power", 2.0, (Between(0.9, 1.1), Between(-5000, 5000))),
]


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="no extended precision to compare with here")
@PROCESSORS
@pytest.mark.parametrize(("name", "allowed", "ranges"), ELEMENTARY)
def test_elementary_functions_are_right_to_the_last_places(
    name: str, allowed: float, ranges: tuple[Between, ...], target: Target
) -> None:
    rng = np.random.default_rng(20)
    arguments = [interval.draw(rng) for interval in ranges]
    exact = getattr(np, name)(*(a.astype(np.longdouble) for a in arguments))
    places = np.abs(np.spacing(exact.astype(float)))
    assert np.max(np.abs(evaluate(name, *arguments, target=target) - exact) / places) <= allowed


# name, counterpart, allowed relative and absolute errors, arguments; the counterparts' own errors limit some.
SPECIAL_FUNCTIONS: list[tuple[str, Callable[..., Any], float, float, tuple[Between, ...]]] = [
    ("erf", special.erf, 1e-15, 0, (Between(-3, 3),)),
    ("erf", special.erf, 1e-15, 0, (powers_of_ten(-20, 1),)),
    ("erfc", special.erfc, 4e-15, 0, (Between(-3, 3),)),
    ("erfc", special.erfc, 2e-13, 0, (Between(0, 26.5),)),
    ("faddeeva_real", reference.faddeeva_real, 3e-13, 0, (Between(-10, 10), powers_of_ten(-3, 1))),
    ("faddeeva_real", reference.faddeeva_real, 3e-13, 0, (powers_of_ten(-10, 12), powers_of_ten(-10, 12))),
    ("faddeeva_real", reference.faddeeva_real, 3e-13, 0, (Between(-8, 8), Between(0, 1e-200))),
    ("faddeeva_real", reference.faddeeva_real, 1e-12, 1e-12, (Between(-4, 4), Between(-1, 0))),
    ("faddeeva_imag", reference.faddeeva_imag, 1e-12, 0, (Between(-10, 10), powers_of_ten(-3, 1))),
    ("faddeeva_imag", reference.faddeeva_imag, 1e-12, 0, (powers_of_ten(-10, 12), powers_of_ten(-10, 12))),
    ("faddeeva_imag", reference.faddeeva_imag, 1e-12, 1e-12, (Between(-4, 4), Between(-1, 0))),
    ("gammaln", special.gammaln, 1e-14, 1e-14, (Between(0, 10),)),
    ("gammaln", special.gammaln, 1e-14, 1e-14, (powers_of_ten(-5, 5),)),
    ("gammaln", special.gammaln, 1e-13, 1e-13, (Between(-6, 0),)),
    ("digamma", special.digamma, 2e-15, 1e-15, (Between(0, 10),)),
    ("digamma", special.digamma, 2e-15, 1e-15, (powers_of_ten(-5, 5),)),
    ("digamma", special.digamma, 1e-11, 1e-11, (Between(-6, 0),)),
    ("gammainc", special.gammainc, 1e-13, 0, (Between(0.05, 50), Between(0.1, 100))),
    ("gammainc", special.gammainc, 2e-13, 0, (powers_of_ten(-1.3, 2), powers_of_ten(-1, 4))),
    ("gammaincinv", special.gammaincinv, 1e-12, 0, (Between(0.1, 24), Between(0.5, 0.5))),
    ("gammaincinv", special.gammaincinv, 1e-12, 0, (powers_of_ten(-1.3, 2), Between(0.001, 0.999))),
    ("gammaincinv", special.gammaincinv, 1e-12, 0, (Between(0.5, 50), powers_of_ten(-6, 0))),
    ("gammainc_grad_a", reference.gammainc_grad_a, 1e-12, 1e-14, (Between(0.05, 24), Between(0.01, 40))),
    ("j0", special.j0, 0, 2e-15, (Between(-50, 50),)),
    ("j0", special.j0, 0, 1e-14, (powers_of_ten(-3, 3),)),
    ("j1", special.j1, 0, 2e-15, (Between(-50, 50),)),
    ("j1", special.j1, 1e-15, 1e-14, (powers_of_ten(-3, 3),)),
    ("j1", special.j1, 1e-15, 0, (powers_of_ten(-200, -1),)),
]


@PROCESSORS
@pytest.mark.parametrize(("name", "counterpart", "relative", "absolute", "ranges"), SPECIAL_FUNCTIONS)
def test_special_functions_agree_with_scipy(
    name: str,
    counterpart: Callable[..., Any],
    relative: float,
    absolute: float,
    ranges: tuple[Between, ...],
    target: Target,
) -> None:
    rng = np.random.default_rng(21)
    arguments = [interval.draw(rng) for interval in ranges]
    found = evaluate(name, *arguments, target=target)
    np.testing.assert_allclose(found, counterpart(*arguments), rtol=relative, atol=absolute)


# x, y, real and imaginary part of w(x + iy), computed with 50 digits.
FADDEEVA = [
    (0.0, 0.0, 1.0, 0.0),
    (0.5, 1e-08, 0.778800776576865, 0.47892516511303573),
    (3.0, 1e-12, 0.0001234098041652443, 0.20115731703759965),
    (6.0, 1e-10, 1.6377660056646862e-12, 0.09539620896911076),
    (6.01, 0.104, 0.0016965456600428132, 0.09520202627013215),
    (0.0006, 0.2, 0.8090192865981276, 0.0004828627182581438),
    (12.5, 0.001, 3.6460445342233167e-06, 0.04528100817159591),
    (0.25, 5.0, 0.11045263305585983, 0.005321457749965852),
    (4.0, 7.0, 0.06074148933344916, 0.03418775651008327),
    (100.0, 1e-05, 5.642742331498006e-10, 0.005642177972594082),
    (1000000.0, 0.001, 5.641895835486026e-16, 5.641895835480384e-07),
    (2.0, 100000.0, 5.64189583293871e-06, 1.128379166474904e-10),
    (10000000000.0, 1.0, 5.6418958354775626e-21, 5.641895835477563e-11),
    (2.5, -1.5, -0.09853576494746241, 0.19759688490253616),
    (0.3, -2.0, 35.910867305370004, 93.0471730882232),
]


@PROCESSORS
def test_faddeeva_keeps_each_part_accurate_however_small(target: Target) -> None:
    x, y, real, imag = np.array(FADDEEVA).T
    np.testing.assert_allclose(evaluate("faddeeva_real", x, y, target=target), real, rtol=3e-14)
    np.testing.assert_allclose(evaluate("faddeeva_imag", x, y, target=target), imag, rtol=3e-14)


# Computed with 50 digits, where scipy's own error is larger.
POINTS: list[tuple[str, tuple[float, ...], float]] = [
    ("erfc", (10.0,), 2.088487583762545e-45),
    ("erfc", (24.6,), 3.487250939847712e-265),
    ("erfc", (26.5,), 2.2109076642637343e-307),
    ("gammaln", (0.99996,), 2.308994256898246e-05),
    ("gammaln", (1.000004,), -2.3088495000974666e-06),
    ("gammaln", (1.9999,), -4.227520877215346e-05),
    ("gammaln", (2.0001,), 4.2281658112919945e-05),
    ("gammainc_grad_a", (0.05, 0.001), -4.66181305268968),
    ("gammainc_grad_a", (1.0, 2.0), -0.2208254262118595),
    ("gammainc_grad_a", (8.0, 15.0), -0.01426059982814599),
    ("gammainc_grad_a", (24.0, 23.5), -0.0821455190537582),
    ("gammainc_grad_a", (50.0, 40.0), -0.019821892882228662),
    ("gammainc_grad_a", (90.0, 120.0), -0.0005968633091029055),
]


@PROCESSORS
@pytest.mark.parametrize(("name", "arguments", "exact"), POINTS)
def test_known_values(name: str, arguments: tuple[float, ...], exact: float, target: Target) -> None:
    tolerance = 1e-12 if name == "gammainc_grad_a" else 3e-15
    assert evaluate(name, *([a] for a in arguments), target=target)[0] == pytest.approx(exact, rel=tolerance)


ONE_ARGUMENT_OF_NUMPY = [name for name, op in OPS.items() if op.arity == 1 and not op.condition and hasattr(np, name)]
ONE_ARGUMENT_OF_NUMPY.remove("interp")


@PROCESSORS
@pytest.mark.parametrize("name", ONE_ARGUMENT_OF_NUMPY)
def test_special_values_are_numpys(name: str, target: Target) -> None:
    values = np.array([v for v in SPECIAL if not (name in {"sin", "cos", "tan"} and abs(v) == 1e300)])
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(values)
    found = evaluate(name, values, target=target)
    np.testing.assert_allclose(found, expected, rtol=5e-16, atol=1e-322)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(expected[numbers]))


@PROCESSORS
@pytest.mark.parametrize("name", ["power", "arctan2", "add", "subtract", "multiply", "divide"])
def test_special_pairs_are_numpys(name: str, target: Target) -> None:
    values = np.array([*SPECIAL, 2.0, -3.0, 0.25, -0.5, 2.0**53 + 2.0, -(2.0**52) - 1.0, 1.0 - 2.0**-53])
    x, y = (grid.ravel() for grid in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x, y)
    found = evaluate(name, x, y, target=target)
    np.testing.assert_allclose(found, expected, rtol=2e-15, atol=0)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(expected[numbers]))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("erf", [0.0, -0.0, np.inf, -np.inf, np.nan]),
        ("erfc", [0.0, 30.0, np.inf, -np.inf, np.nan]),
        ("gammaln", [0.0, 1.0, 2.0, -3.0, np.inf, np.nan]),
        ("digamma", [0.0, -0.0, np.inf, np.nan]),
        ("j0", [0.0, np.nan]),
        ("j1", [0.0, -0.0, np.nan]),
    ],
)
def test_special_values_are_scipys(name: str, values: list[float]) -> None:
    np.testing.assert_array_equal(evaluate(name, values), getattr(special, name)(values))


def test_ends_of_the_incomplete_gamma_functions() -> None:
    np.testing.assert_array_equal(evaluate("gammainc", [2.0, 2.0], [0.0, np.inf]), [0.0, 1.0])
    np.testing.assert_array_equal(evaluate("gammainc", [0.0, 101.0, 2.0, np.nan], [1, 1, -1, 1]), np.nan)
    np.testing.assert_array_equal(evaluate("gammaincinv", [2.0, 2.0], [0.0, 1.0]), [0.0, np.inf])
    np.testing.assert_array_equal(evaluate("gammaincinv", [2.0, 2.0, 101.0], [-0.1, 1.1, 0.5]), np.nan)
    np.testing.assert_array_equal(evaluate("gammainc_grad_a", [2.0], [0.0]), 0.0)


def test_far_arguments_of_sine_and_cosine_lose_no_more_than_their_last_digit_means() -> None:
    x = np.random.default_rng(22).uniform(1e6, 1e12, COUNT)
    np.testing.assert_array_less(np.abs(evaluate("sin", x) - np.sin(x)), 2 * np.spacing(x))
    np.testing.assert_array_equal(evaluate("sin", [2.0**50, -1e300, np.inf]), np.nan)


@PROCESSORS
def test_tables_are_numpys_interp(target: Target) -> None:
    points, values = (-1.0, 0.0, 0.25, 2.0, 7.0), (3.0, 1.0, 4.0, -1.0, 5.0)
    x = np.array([*np.linspace(-2, 8, 101), *points, np.inf, -np.inf, np.nan])
    interpolated = evaluate("interp", x, target=target, tables=(points, values))
    np.testing.assert_allclose(interpolated, np.interp(x, points, values), rtol=1e-15, atol=1e-15)
    slopes = evaluate("interp_slope", x, target=target, tables=(points, values))
    np.testing.assert_array_equal(slopes, reference.interp_slope(x, points, values))


def listing(name: str, target: Target) -> list[str]:
    return assembly(text_of((over_arrays(name, tables_of(name)),), target), target).splitlines()


def found_in(lines: list[str], pattern: str) -> list[str]:
    return [match[1] for match in (re.search(pattern, line) for line in lines) if match]


def called_elsewhere(lines: list[str]) -> set[str]:
    """What is called or jumped to and has no label."""
    return set(found_in(lines, r"\s(?:call|jmp)q?\s+(\S+)")) - set(found_in(lines, r"^([\w.$]+):"))


@pytest.mark.skipif(not IS_X86, reason="reads x86-64 assembly")
@pytest.mark.parametrize("name", OPERATORS)
def test_loops_become_packed_instructions(name: str) -> None:
    lines = listing(name, host())
    assert found_in(lines, r"\bv?((?:(?:add|sub|mul|div|sqrt|cmp\w*|round|rndscale)pd|p?(?:and|xor)\w*)\s.*[xyz]mm)")
    assert not found_in(lines, r"\bv?((?:mul|add|sub|div|sqrt|fn?m\w+)sd)\b")
    assert not called_elsewhere(lines)


@pytest.mark.skipif(not IS_X86, reason="reads x86-64 assembly")
@pytest.mark.parametrize("name", OPERATORS)
def test_a_plain_processor_is_not_asked_for_what_it_lacks(name: str) -> None:
    """Fused operations it does not know; to round would be to call a library."""
    lines = listing(name, PLAIN)
    assert not found_in(lines, r"\b(vfn?m\w+|v?round\w+)\b")
    assert not called_elsewhere(lines)


def drawn(op: Op, count: int) -> list[Array]:
    """Arguments from the domain of an operator."""
    rng = np.random.default_rng(len(op.name))
    return [rng.uniform(low, high, count) for low, high in op.domain]


def test_every_operator_has_a_function() -> None:
    assert set(OPERATORS) == set(OPS)


@PROCESSORS
@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_operators_compute_what_numpy_does(op: Op, target: Target) -> None:
    arguments = drawn(op, COUNT)
    conditions = conditions_among(op)
    truths = [each > 0.0 for each in arguments[:conditions]]
    expected = op.numpy(*truths, *arguments[conditions:], *tables_of(op.name))
    found = evaluate(op.name, *truths, *arguments[conditions:], target=target)
    tolerance = {"rtol": 0.0} if op.exact else {"rtol": 1e-12, "atol": 1e-15}
    np.testing.assert_allclose(found, expected, **tolerance)


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_the_width_changes_no_bit(op: Op) -> None:
    grid = np.array(list(product(SPECIAL, repeat=op.arity))).T
    arguments = np.hstack([drawn(op, 500), grid])
    found = [evaluate(op.name, *arguments, target=host(width)).view(np.int64) for width in WIDTHS]
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_a_value_does_not_depend_on_its_neighbours(op: Op) -> None:
    arguments = drawn(op, 67)
    together = evaluate(op.name, *arguments)
    alone = [evaluate(op.name, *(a[i : i + 1] for a in arguments))[0] for i in range(67)]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.arity > 1], ids=lambda op: op.name)
def test_a_number_stands_for_itself_in_every_lane(op: Op) -> None:
    arguments = drawn(op, 40)
    for k in range(conditions_among(op), op.arity):
        number = float(arguments[k][0])
        in_code, in_array = ([*arguments[:k], each, *arguments[k + 1 :]] for each in (number, np.full(40, number)))
        np.testing.assert_allclose(evaluate(op.name, *in_code), evaluate(op.name, *in_array), rtol=1e-13)


def assert_remainders(x: Array, y: Array, target: Target) -> None:
    """They are numpy's to the last bit; where y goes 2**150 times into x or more, they may be NaN."""
    with np.errstate(all="ignore"):
        expected, far = np.remainder(x, y), np.abs(x / y) >= 2.0**150
    found = evaluate("remainder", x, y, target=target)
    expected = np.where(far & np.isnan(found), np.nan, expected)
    np.testing.assert_array_equal(found, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(expected[numbers]))


@PROCESSORS
def test_remainders_are_numpys(target: Target) -> None:
    rng = np.random.default_rng(24)
    y, factor = (rng.choice([-1.0, 1.0], 50_000) * 10.0 ** rng.uniform(-40, 40, 50_000) for _ in range(2))
    whole = np.floor(10.0 ** rng.uniform(0, 12, y.size))
    near_the_most = 2.0 ** rng.uniform(50, 54, y.size)
    for quotient in (factor, whole, whole + 0.5, near_the_most):
        assert_remainders(y * quotient, y, target)


@PROCESSORS
def test_remainders_of_any_bits_are_numpys(target: Target) -> None:
    x, y = np.random.default_rng(25).integers(-(2**63), 2**63 - 1, (2, 50_000)).view(float)
    assert_remainders(x, y, target)


@PROCESSORS
def test_remainders_of_special_pairs_are_numpys(target: Target) -> None:
    values = [*SPECIAL, 2.0, -3.0, 0.25, -0.5, 2.0**53 + 2.0, -(2.0**52) - 1.0, 1.0 - 2.0**-53, 5e-324]
    x, y = (grid.ravel() for grid in np.meshgrid(values, values))
    assert_remainders(x, y, target)
