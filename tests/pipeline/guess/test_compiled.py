"""What is compiled of the guess, against what it is compiled from: numpy's version of each step, and of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import models
from astropy.modeling.models import Const1D, Const2D, Gaussian1D, Gaussian2D, Linear1D, Lorentz1D, Voigt1D
from numpy.testing import assert_allclose, assert_array_equal

from ndfit.compiler.flow import loop
from ndfit.compiler.machine_code import Function, load
from ndfit.compiler.memory import load as lanes_at
from ndfit.compiler.memory import pointer, store
from ndfit.compiler.target import host
from ndfit.compiler.values import Int
from ndfit.pipeline.guess import background, left, refit, search
from ndfit.pipeline.guess.background import Clipping, fit_background, fit_with_arrays
from ndfit.pipeline.guess.code.median import median
from ndfit.pipeline.guess.guess import Guess
from ndfit.pipeline.guess.left import left_over, left_with_arrays
from ndfit.pipeline.guess.lines import LINES
from ndfit.pipeline.guess.refit import Found, Refit, orthonormal
from ndfit.pipeline.guess.search import Limits, Scales, strongest, strongest_with_arrays
from ndfit.pipeline.guess.terms import Term, parse_terms
from ndfit.pipeline.guess.tile import Tile
from ndfit.pipeline.guess.tile import median as median_of
from ndfit.problem.types import Block
from ndfit.status import Status

INFINITY = np.inf
KINDS = ["shared weights", "own weights", "a single sample", "single fit", "descending"]


def medians(job_at: Any, n_values: Any) -> None:
    """Of values in rows of scratch, given their number, what is expected, and where the median belongs."""
    values = pointer(job_at)
    with loop(1):
        count, expected = (lanes_at(values, n_values + row, host().width) for row in (1, 2))
        store(values, n_values + 3, median(values, n_values, count, expected), host().width)


@pytest.mark.parametrize("spread", ["normal", "alike", "whole", "any size"])
@pytest.mark.parametrize("n_values", [1, 2, 7, 60, 61])
def test_the_median_is_that_of_sorted_values(spread: str, n_values: int) -> None:
    rng, width = np.random.default_rng(n_values), host().width
    values = {
        "normal": np.abs(rng.normal(size=(n_values, width))),
        "alike": np.full((n_values, width), 0.25),
        "whole": rng.integers(0, 4, (n_values, width)).astype(float),
        "any size": 10.0 ** rng.uniform(-300, 300, (n_values, width)),
    }[spread]
    used = rng.random(values.shape) < 0.8
    used[:, 0], used[:, 1] = False, True
    memory = np.zeros((n_values + 4, width))
    memory[:n_values] = np.where(used, values, INFINITY)
    memory[n_values + 1], memory[n_values + 2] = used.sum(axis=0), rng.choice([0.0, 1e-9, 1.0, INFINITY], width)
    load((Function("medians", medians, (Int, Int)),), host())["medians"](memory.ctypes.data, n_values)
    assert_array_equal(memory[n_values + 3], median_of(values, used))


def tile_of(kind: str, seed: int, grid: tuple[int, ...] = (60,)) -> Tile:
    """Peaks of either sign on a slope, with noise."""
    rng = np.random.default_rng(seed)
    grid = (1,) * len(grid) if kind == "a single sample" else grid
    n_fits, n_samples = 1 if kind == "single fit" else 43, int(np.prod(grid))
    index = np.indices(grid).reshape(len(grid), n_samples, 1).astype(float)
    centres = [rng.uniform(-1.0, size + 1.0, n_fits) for size in grid]
    distance = sum((one - centre) ** 2 for one, centre in zip(index, centres, strict=True))
    shape = rng.uniform(-8.0, 8.0, n_fits) * np.exp(-0.5 * distance / rng.uniform(0.5, 4.0, n_fits) ** 2)
    data = shape + 0.05 * index[0] + rng.normal(size=(n_samples, n_fits))
    weights = np.ones((n_samples, 1))
    if kind == "own weights":
        weights = rng.uniform(0.2, 3.0, data.shape) * (rng.random(data.shape) > 0.2)
        weights[:, 0] = 0.0
        data = np.where(weights > 0.0, data, 0.0)
    step = -0.3 if kind == "descending" else 1.0
    return Tile(data, weights, tuple(10.0 + step * one for one in index), grid)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", [0, 1, 3])
@pytest.mark.parametrize("clipped", [False, True])
def test_backgrounds_are_the_same(kind: str, degree: int, clipped: bool) -> None:
    for seed in range(4):
        tile = tile_of(kind, seed)
        functions = [tile.coords[0] ** power for power in range(degree + 1)]
        expected = fit_with_arrays(tile.data, tile.weights, functions, Clipping(5 * clipped, 2, 2.5 * 1.4826))
        found = fit_background(tile, tile.data, functions, clipped)
        assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def limits_of(tile: Tile, rng: np.random.Generator, limited: bool) -> Limits:
    n_fits, n_axes = tile.data.shape[1], len(tile.grid)

    def both(low: Any, high: Any, *shape: int) -> Any:
        return np.broadcast_to(low, (n_fits, *shape)), np.broadcast_to(high, (n_fits, *shape))

    if not limited:
        return Limits(both(-INFINITY, INFINITY), both(-INFINITY, INFINITY, n_axes), both(0.0, INFINITY))
    middle = np.stack([np.broadcast_to(axis.mean(axis=0), n_fits) for axis in tile.coords], axis=1)
    low = middle + rng.uniform(-9.0, 9.0, middle.shape)
    return Limits(
        both(rng.choice([-INFINITY, 0.0], n_fits), rng.choice([INFINITY, 0.0], n_fits)),
        (low, low + rng.choice([0.0, 2.0, INFINITY], low.shape)),
        both(rng.uniform(0.0, 2.0, n_fits), rng.uniform(0.1, 5.0, n_fits)),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("grid", [(60,), (2,), (9, 12), (13, 2)], ids=str)
@pytest.mark.parametrize("limited", [False, True])
def test_peaks_are_the_same(kind: str, grid: tuple[int, ...], limited: bool) -> None:
    for seed in range(4):
        tile = tile_of(kind, seed, grid)
        limits, scales = limits_of(tile, np.random.default_rng(seed), limited), Scales(tile)
        for share in (1.0, 0.7):
            with np.errstate(all="ignore"):
                expected = strongest_with_arrays(scales, tile.data, limits, share)
                found = strongest(scales, tile.data, limits, share)
            for name in ("found", "height", "position", "covariance", "score"):
                assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-7, atol=1e-9, err_msg=name)


def test_numbers_of_any_size_have_the_same_peak() -> None:
    tile = tile_of("own weights", 5)
    limits = limits_of(tile, np.random.default_rng(5), limited=False)
    usual = strongest(Scales(tile), tile.data, limits, 1.0)
    for size, weight in ((1e-200, 1.0), (1e200, 1.0), (1.0, 1e-120), (1.0, 1e120)):
        other = Tile(size * tile.data, weight * tile.weights, tile.coords, tile.grid)
        found = strongest(Scales(other), other.data, limits, 1.0)
        assert_allclose(found.height, size * usual.height, rtol=1e-9)
        assert_allclose(found.position, usual.position, rtol=1e-9)


def line_of(kind: str) -> tuple[Term, list[float]]:
    model = getattr(models, kind)()
    centre, width = [19.0, 15.0][: model.n_inputs], 1.5
    # A round Gaussian has no angle, and steps along it are rounding.
    given = {
        "y_stddev": 2.5,
        "theta": 0.4,
        "x_0": centre[0],
        "mean": centre[0],
        "x_mean": centre[0],
        "y_0": centre[-1],
        "y_mean": centre[-1],
    }
    values = [given.get(name, width) for name in model.param_names]
    return Term(kind, tuple(range(len(values))), -1.0), values


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("weights", ["shared weights", "own weights"])
def test_lines_leave_the_same_and_are_fitted_alike(kind: str, weights: str) -> None:
    term, values = line_of(kind)
    tile = tile_of(weights, 2, (30,) if getattr(models, kind)().n_inputs == 1 else (14, 11))
    rng, n_fits = np.random.default_rng(3), tile.data.shape[1]
    table = values * rng.uniform(0.9, 1.1, (n_fits, len(values)))
    lines = [Found(term, rng.random(n_fits) < 0.8)]
    one = np.ones((len(tile.data), 1))
    background_of = {0: one}
    for found, expected in zip(
        left_over(tile, background_of, lines, table), left_with_arrays(tile, background_of, lines, table), strict=True
    ):
        assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    free = np.ones(len(values), dtype=bool)
    free[0] = False
    lower, upper = (np.broadcast_to(bound, table.shape) for bound in (np.array(values) - 1.0, np.array(values) + 1.0))
    fit = Refit(tile, tile.data, orthonormal([one, tile.coords[0]], tile.weights), free, lower, upper, None)
    by_code, by_arrays = table.copy(), table.copy()
    cost = fit(by_code, lines, 3)
    with np.errstate(all="ignore"):
        expected_cost = fit.with_arrays(by_arrays, lines, list(range(1, len(values))), 3)
    assert_allclose(cost, expected_cost, rtol=1e-6)
    assert_allclose(by_code, by_arrays, rtol=1e-4, atol=1e-4)
    assert (by_code != table).any()


MODELS = [
    Gaussian1D(3, 30, 4) + Const1D(0),
    Lorentz1D(3, 30, 4) - Gaussian1D(1, 20, 3, fixed={"stddev": True}) + Linear1D(0, 0),
    Gaussian1D(3, 20, 4, bounds={"amplitude": (0, None)})
    + Gaussian1D(3, 30, 4, bounds={"mean": (20, 40)})
    + Const1D(0),
    Voigt1D(20, 3, 2, 2) + Linear1D(0, 0, fixed={"slope": True}),
    Gaussian1D(1, 10, 2) + Gaussian1D(1, 20, 2) + Gaussian1D(1, 30, 2),
    Gaussian2D(3, 5, 5, 2, 2) + Const2D(0),
]


def block_of(model: Any, how: str, seed: int) -> Block:
    rng = np.random.default_rng(seed)
    shape = (60,) if model.n_inputs == 1 else (12, 11)
    tile = tile_of("shared weights", seed, shape)
    n_fits = tile.data.shape[1]
    x = tuple((axis[:, 0] * (-1.0 if how == "descending" else 1.0)) for axis in tile.coords)
    data, weights, valid = np.ascontiguousarray(tile.data.T), None, None
    if how == "weights and masks":
        weights, valid = rng.uniform(0.3, 2.0, data.shape), rng.random(data.shape) > 0.3
        valid[0], valid[1, 1:] = False, False
        data = np.where(valid, data, 0.0)
    start = np.tile(model.parameters, (n_fits, 1))
    lower, upper = (
        np.array([[default if bound[end] is None else bound[end] for bound in model.bounds.values()]])
        for end, default in ((0, -INFINITY), (1, INFINITY))
    )
    status = np.full(n_fits, Status.READY, np.int16)
    return Block(data, weights, valid, x, start, lower, upper, status, shape)


@pytest.mark.parametrize("how", ["plain", "descending", "weights and masks"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: "+".join(type(part).__name__ for part in model))
def test_guesses_are_the_same(model: Any, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    free = tuple(place for place, fixed in enumerate(model.fixed.values()) if not fixed)
    guess = Guess(parse_terms(model), free, None)
    blocks = [block_of(model, how, seed) for seed in range(3)]
    found = [list(guess(block)) for block in blocks]
    alike: list[bool] = []
    for module in (background, left, refit, search):
        monkeypatch.setattr(module, "why_not_compiled", lambda: "asked not to")
    for block, tables in zip(blocks, found, strict=True):
        expected = list(guess(block))
        assert len(tables) == len(expected)
        for one, other in zip(tables, expected, strict=True):
            alike.extend(np.isclose(one, other, rtol=1e-5, atol=1e-6, equal_nan=True).all(axis=1))
    # Steps along valleys, of lines beyond the samples and of Voigt profiles in noise, end apart from rounding apart.
    assert np.mean(alike) >= (
        1.0 if model.n_submodels == 2 and isinstance(model[0], (Gaussian1D, Gaussian2D)) else 0.93
    )
