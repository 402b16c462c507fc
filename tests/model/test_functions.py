"""numpy's and scipy's functions on symbols give what they give on numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from scipy import special

from ndfit.model.interpret import evaluate
from ndfit.model.reasons import Untraceable
from ndfit.model.trace.array_functions import FUNCTIONS
from ndfit.model.trace.node_functions import UFUNCS
from ndfit.model.trace.tape import ModelTape

X = np.array([-2.5, -1.0, -0.3, 0.0, 0.4, 1.0, 2.5, np.nan, np.inf])
Y = np.array([1.0, -1.0, 2.0, 0.5, np.nan, 1.0, 0.7, 1.0, 2.0])
POSITIVE = np.array([0.2, 0.7, 1.3, 2.0, 4.0])
UNIT = np.array([0.1, 0.5, 0.9])
BITWISE = {"bitwise_and", "bitwise_or", "bitwise_xor", "invert"}
DOMAINS = {
    "gammainc": (POSITIVE, POSITIVE[::-1]),
    "gammaincc": (POSITIVE, POSITIVE[::-1]),
    "gammaincinv": (POSITIVE[:3], UNIT),
    "gammaln": (POSITIVE,),
    "loggamma": (POSITIVE,),
    "digamma": (POSITIVE,),
    "psi": (POSITIVE,),
    "gamma": (np.array([-2.5, -1.3, -0.2, 0.3, 1.0, 4.5]),),
    "log_expit": (X[:7],),
    "logaddexp": (X[:4], Y[:4]),
    "clip": (X, np.full_like(X, -1.0), np.full_like(X, 1.5)),
    "floor_divide": (X[:3], Y[:3]),
    "remainder": (X[:3], Y[:3]),
}


def traced(function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """What a function gives when it is traced and interpreted."""
    tape = ModelTape(tuple("xyz"[: len(arrays)]), ())
    result = tape.lift(function(*(tape.input(i) for i in range(len(arrays)))))
    graph = tape.builder.graph(len(arrays), (), [tape.builder.real(result.node)])
    return evaluate(graph, (), arrays)[0]


def assert_same(function: Callable[..., Any], *arrays: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        expected = np.asarray(function(*arrays), dtype=float)
    np.testing.assert_allclose(traced(function, *arrays), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", sorted(UFUNCS.keys() - BITWISE))
def test_universal_functions(name: str) -> None:
    ufunc = getattr(np, name, None) or getattr(special, name)
    if name == "clip":
        ufunc = np._core.umath.clip  # np.clip itself is not universal
    assert_same(ufunc, *DOMAINS.get(name, (X, Y)[: ufunc.nin]))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: (x > 0) & (y > 0),
        lambda x, y: (x > 0) | ~(y >= 1),
        lambda x, y: (x > 0) ^ (y != 1),
        lambda x, y: (x > 0) * (y > 0) + (x < 0),
        lambda x, y: (x > 0) * y - (y <= 1),
        lambda x, y: np.logical_and(x, y > 0),
        lambda x, y: np.where(x > 0, y, -1),
        lambda x, y: np.where(x > 0, y > 0, x < -1),
        lambda x, y: np.where(x, 1.0, 2.0),
        lambda x, y: np.select([x > 1, y > 0], [x, y]),
        lambda x, y: np.select([x > 1, x > 0], [x, 2 * x], default=-1.0),
        lambda x, y: np.clip(x, -1, None) + np.clip(x, None, 1.5),
        lambda x, y: x.clip(-1, 1),
        lambda x, y: np.piecewise(x, [x < 0, x >= 1], [lambda t: -t, 3.0, lambda t: t * t]),
        lambda x, y: np.piecewise(x, [x < 0], [2.0]),
        lambda x, y: np.interp(x, [-1.0, 0.0, 2.0], [1.0, 5.0, -3.0]),
        lambda x, y: np.interp(x, [-1.0, 0.0, 2.0], [1.0, 5.0, -3.0], left=0.0, right=9.0),
        lambda x, y: np.polyval([2.0, -1.0, 0.5], x),
        lambda x, y: np.sinc(x),
        lambda x, y: np.nan_to_num(x, nan=3.0),
        lambda x, y: np.zeros_like(x) + np.ones_like(y) + np.full_like(x, 7.0),
        lambda x, y: np.real(x) + np.imag(y) + x.real + x.imag + x.T + np.copy(x) + x.copy(),
        lambda x, y: np.atleast_1d(x) + np.squeeze(y) + np.zeros(np.shape(x)) + np.ones(x.shape),
        lambda x, y: np.asarray(x) * np.array([y, x])[0],
        lambda x, y: np.exp(np.asarray(x)),
        lambda x, y: sum([x, y, 1.0]),
        lambda x, y: x.astype(float) + (x > 0).astype(float) * (x > 1).astype(int),
        lambda x, y: +x - (-y) + abs(x) + 2**x + x**2 + 1 / (1 + y**2),
        lambda x, y: np.float64(2.0) * x + np.array([3.0]) * y,
        lambda x, y: np.broadcast_to(x, y.shape) * np.broadcast_arrays(x, y)[1],
        lambda x, y: (1j * x + y).conjugate().imag + np.conj(x + 1j * y).imag,
        lambda x, y: np.exp(1j * x).real + np.abs(x + 1j * y) + ((x + 1j) ** 2).imag,
        lambda x, y: np.real((2 + 1j * x) / (1 - 1j * y) - np.conj(1j * x)),
        lambda x, y: np.imag(special.wofz(x + 1j * (1 + y**2))) + special.wofz(1j * y**2).real,
    ],
)
def test_functions_and_operators(function: Callable[..., Any]) -> None:
    assert_same(function, X[:7], np.nan_to_num(Y[:7]))


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: 1.0 if x > 0 else 2.0, "branches on a value computed from x"),
        (lambda x: x and 1.0, "branches"),
        (lambda x: 1.0 if x in (1.0, 2.0) else 0.0, "branches"),
        (lambda x: (x > 0).any(), "branches"),
        (lambda x: np.any(x > 0), "np.any combines several points"),
        (lambda x: float(x), "needs the number behind a value computed from x"),
        (lambda x: [1, 2, 3][x], "needs the number"),
        (lambda x: x.item(), "needs the number"),
        (lambda x: max(x, 0.0), "branches"),
        (lambda x: x[0], "takes an element"),
        (lambda x: x.__setitem__(0, 1.0), "writes into"),
        (lambda x: list(x), "steps through"),
        (lambda x: len(x), "steps through"),
        (lambda x: x.mean(), "combines all points"),
        (lambda x: np.mean(x), "np.mean combines several points"),
        (lambda x: np.add.reduce(x), "np.add.reduce combines several points"),
        (lambda x: np.cumsum(x), "np.cumsum combines"),
        (lambda x: np.exp(x, out=np.zeros(3)), "called with out="),
        (lambda x: np.exp(x, where=True, dtype=np.float32), "called with dtype, where="),
        (lambda x: np.spacing(x), "the function spacing has no derivative rule"),
        (lambda x: x * np.arange(3.0), "an array of shape (3,)"),
        (lambda x: x * "a", "a value of type str"),
        (lambda x: x.astype(int), "converts a value to int64"),
        (lambda x: np.asarray(x, dtype=float), "an array of float64"),
        (lambda x: x & 3, "bitwise operator"),
        (lambda x: np.interp(x, [1.0, 0.0], [0.0, 1.0]), "points that do not increase"),
        (lambda x: np.clip(x, 0.0, 1.0, casting="safe"), "arguments unknown to ndfit"),
        (lambda x: np.tan(1j * x), "the function tan of a complex value"),
        (lambda x: (1j * x) ** 0.5, "not a positive integer"),
        (lambda x: np.mean(1j * x), "applied to complex values"),
        (lambda x: np.add.reduce(1j * x), "np.add.reduce is applied to complex values"),
        (lambda x: np.add(1j * x, "a"), "a complex value meets a str"),
        (lambda x: np.add(x, 2 * u.m), "computes with a quantity in 'm'"),
    ],
)
def test_what_a_graph_cannot_say_is_refused_with_its_reason(function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(Untraceable, match=reason.replace("(", r"\(").replace(")", r"\)")):
        traced(function, X)


def test_an_in_place_update_is_a_new_value() -> None:
    def update(x: Any) -> Any:
        y = 2.0 * x
        y += 1.0
        y *= x
        y -= 3.0
        y /= 2.0
        y **= 2
        return y

    assert_same(update, X[:7])


def test_the_old_value_of_an_in_place_update_is_refused_under_another_name() -> None:
    def alias(x: Any) -> Any:
        y = x + 0.5
        z = y
        z += 1.0
        return y + z

    with pytest.raises(Untraceable, match="in place and uses it under another name"):
        traced(alias, X)


def test_asking_for_an_unknown_attribute_is_an_attribute_error() -> None:
    symbol = ModelTape(("x",), ()).input(0)
    assert not hasattr(symbol, "unit")
    assert not hasattr(symbol, "value")


def test_a_missing_function_names_itself_even_in_the_table_of_array_functions() -> None:
    assert all(callable(function) for function in FUNCTIONS)
    with warnings.catch_warnings(), pytest.raises(Untraceable, match=r"np\.sort combines several points"):
        traced(np.sort, X)


def test_a_value_is_that_of_one_point() -> None:
    x = ModelTape(("x",), ()).input(0)
    assert (np.ndim(x), np.size(x), np.shape(x), np.iscomplexobj(x)) == (0, 1, (), False)
    assert [np.shape(part) for part in np.broadcast_arrays(x, 2.0 * x)] == [(), ()]


def test_a_symbol_shows_what_it_depends_on() -> None:
    tape = ModelTape(("x", "y"), ("width",))
    assert "y" in repr(tape.input(1) + 1.0)
