"""The rows of a model and the sums of their products, compiled: against numpy, at every width, in either form."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from astropy.modeling import custom_model, models
from tests.compiler.arrays import PLAIN, WIDTHS, loaded
from tests.engines.problems import engine_for, free_of, in_code

from ndfit.compiler.memory import LANES
from ndfit.compiler.target import Target, host
from ndfit.engines.compiled.kernel import accumulate
from ndfit.engines.compiled.kernel.accumulate import ModelInCode, compiled_model, model_functions
from ndfit.engines.compiled.kernel.seeing import Seeing
from ndfit.engines.compiled.kernel.workspace import Field, allocate
from ndfit.model.derive import differentiate
from ndfit.model.interpret import evaluate
from ndfit.model.separate import separate
from ndfit.model.trace.tracing import trace
from ndfit.problem.places import Places, Response

GAUSSIAN = models.Gaussian1D(1.0, 0.0, 1.0)
GAUSSIANS = GAUSSIAN + models.Gaussian1D(2.0, 3.0, 0.5) + models.Linear1D(0.1, 1.0)
MODELS = {
    "few rows": GAUSSIAN + models.Const1D(0.3),
    "many rows": GAUSSIANS,
    "2-D": models.Gaussian2D(2.0, 0.1, 0.2, 1.0, 1.5, 0.3),
}
SAMPLES = 53  # no multiple of what a tile holds
SCALE = 0.7  # of the losses

FOR_MODELS = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
FOR_PROCESSORS = pytest.mark.parametrize("target", [host(), PLAIN], ids=["this processor", "plain processor"])


@dataclass(frozen=True)
class Samples:
    """Of a fit in each lane: arrays are (SAMPLES, LANES), points (P, LANES)."""

    coords: Sequence[np.ndarray]
    data: np.ndarray
    weights: np.ndarray
    points: np.ndarray


def drawn(model: Any) -> Samples:
    rng = np.random.default_rng(0)
    shape = SAMPLES, LANES
    coords = [rng.uniform(-2.0, 4.0, shape) for _ in range(model.n_inputs)]
    points = model.parameters[:, np.newaxis] + rng.uniform(0.0, 0.2, (len(model.parameters), LANES))
    return Samples(coords, rng.uniform(0.5, 2.0, shape), rng.uniform(0.5, 2.0, shape), points)


def results(
    model: Any,
    code: ModelInCode,
    samples: Samples,
    target: Target | None = None,
    response: Response | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The packed products; and the columns of J with the residuals behind them, (F + 1, samples, LANES)."""
    target, count = target or host(), len(samples.data)
    places = Places(tuple(np.zeros((model.n_inputs, count))), (count,), response)
    scratch = allocate(code.structure, count, places, engine_for(model).model.constants)
    if response is not None and not response.is_shared:
        scratch.arrays[Field.TAPS][...] = response.coefficients.reshape(LANES, -1).T
    scratch.arrays[Field.X][...] = np.concatenate(samples.coords)
    for field, values in ((Field.Y, samples.data), (Field.WEIGHT, samples.weights), (Field.TRIAL, samples.points)):
        scratch.arrays[field][...] = values
    machine_code = loaded(*model_functions(code), target=target)
    for group in range(LANES // target.width):
        for name in ("accumulate", "differentiate"):
            machine_code[name](scratch.table.ctypes.data, group, count, SCALE)
    n = code.structure.n_rows
    jacobian = scratch.arrays[Field.JACOBIAN].reshape(-1, count, LANES)
    return scratch.arrays[Field.GRAM][: n * (n + 1) // 2], jacobian


def products_of(rows: np.ndarray) -> np.ndarray:
    i, j = np.tril_indices(len(rows))
    return np.einsum("pml,pml->pl", rows[i], rows[j])


@FOR_PROCESSORS
@FOR_MODELS
@pytest.mark.parametrize(("weighted", "eliminate"), [(True, True), (False, True), (True, False)])
def test_rows_and_their_products_are_numpys(weighted: bool, eliminate: bool, model: Any, target: Target) -> None:
    graph, free, samples = trace(model), free_of(model), drawn(model)
    code = in_code(model, weighted=weighted, eliminate=eliminate)
    gram, jacobian = results(model, code, samples, target)
    weights = samples.weights if weighted else np.ones_like(samples.data)

    value, *slopes = evaluate(separate(graph, free, free if eliminate else ()).graph, samples.points, samples.coords)
    rows = weights * np.array([samples.data - value, *slopes])
    np.testing.assert_allclose(gram, products_of(rows), rtol=1e-11, atol=1e-11)

    value, *slopes = evaluate(differentiate(graph, code.structure.free), samples.points, samples.coords)
    columns = weights * np.array([*slopes, samples.data - value])
    np.testing.assert_allclose(jacobian, columns, rtol=1e-12, atol=1e-13)


@FOR_MODELS
@pytest.mark.parametrize(("loss", "weighted"), [("linear", True), ("soft_l1", False)])
def test_the_form_and_the_width_change_no_bit(
    loss: str, weighted: bool, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sums are kept in registers, or taken from tiles."""
    code, samples, found = in_code(model, loss, weighted), drawn(model), []
    for most_rows, widths in ((100, WIDTHS), (0, [None])):
        monkeypatch.setattr(accumulate, "_MOST_ROWS", most_rows)
        found += [results(model, code, samples, host(lanes)) for lanes in widths]
    assert len(found) == 5
    for gram, jacobian in found[1:]:
        np.testing.assert_array_equal(gram, found[0][0])
        np.testing.assert_array_equal(jacobian, found[0][1])


@FOR_PROCESSORS
@FOR_MODELS
@pytest.mark.parametrize("seeing", [Seeing.SHARED, Seeing.OWN])
def test_rows_are_seen_through_a_response(seeing: Seeing, model: Any, target: Target) -> None:
    """Each sample sees five of the places; each lane in its own way where they are its own."""
    free, samples, rng = free_of(model), drawn(model), np.random.default_rng(2)
    columns = np.sort(rng.integers(0, SAMPLES, (SAMPLES, 5)), axis=1)
    coefficients = rng.normal(size=(LANES, SAMPLES, 5) if seeing == Seeing.OWN else (SAMPLES, 5))
    response = Response(columns, coefficients, SAMPLES)
    code = replace(in_code(model, weighted=True), seeing=seeing)
    gram, jacobian = results(model, code, samples, target, response)

    def seen(rows: np.ndarray) -> np.ndarray:
        return response.seen(np.moveaxis(rows, -1, 0)).transpose(1, 2, 0)

    rows = seen(np.array(evaluate(separate(trace(model), free, free).graph, samples.points, samples.coords)))
    rows[0] = samples.data - rows[0]
    np.testing.assert_allclose(gram, products_of(samples.weights * rows), rtol=1e-10, atol=1e-10)
    value, *slopes = seen(
        np.array(evaluate(differentiate(trace(model), code.structure.free), samples.points, samples.coords))
    )
    columns_of_jacobian = samples.weights * np.array([*slopes, samples.data - value])
    np.testing.assert_allclose(jacobian, columns_of_jacobian, rtol=1e-11, atol=1e-11)


@FOR_MODELS
def test_through_an_identity_rows_are_what_they_are_at_any_width(model: Any) -> None:
    """But for the last rounding of a value, which the direct way fuses with its difference from the data."""
    samples, code = drawn(model), in_code(model, weighted=True)
    direct, found = results(model, code, samples), []
    for seeing, shape in ((Seeing.SHARED, (SAMPLES, 1)), (Seeing.OWN, (LANES, SAMPLES, 1))):
        identity = Response(np.arange(SAMPLES)[:, np.newaxis], np.ones(shape), SAMPLES)
        found += [results(model, replace(code, seeing=seeing), samples, host(lanes), identity) for lanes in WIDTHS]
    for other in found:
        for one, first, without in zip(other, found[0], direct, strict=True):
            np.testing.assert_array_equal(one, first)
            np.testing.assert_allclose(one, without, rtol=1e-12, atol=1e-12)


# What the square of a residual over the scale becomes, and its derivative, as `scipy.optimize.least_squares` has them.
LOSSES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "linear": (lambda z: z, np.ones_like),
    "huber": (lambda z: np.where(z <= 1.0, z, 2.0 * np.sqrt(z) - 1.0), lambda z: np.minimum(1.0, z**-0.5)),
    "soft_l1": (lambda z: 2.0 * (np.sqrt(1.0 + z) - 1.0), lambda z: (1.0 + z) ** -0.5),
    "cauchy": (np.log1p, lambda z: 1.0 / (1.0 + z)),
    "arctan": (np.arctan, lambda z: 1.0 / (1.0 + z**2)),
}


@FOR_PROCESSORS
@pytest.mark.parametrize("loss", LOSSES)
def test_cost_and_gradient_of_a_loss(loss: str, target: Target) -> None:
    model = MODELS["few rows"]
    free, samples, code = free_of(model), drawn(model), in_code(model, loss, weighted=True)
    gram, jacobian = results(model, code, samples, target)
    value, *slopes = evaluate(separate(trace(model), free, free).graph, samples.points, samples.coords)
    residual, slopes = samples.weights * (samples.data - value), samples.weights * np.array(slopes)
    cost, slope = LOSSES[loss]
    z = (residual / SCALE) ** 2
    np.testing.assert_allclose(gram[0], (SCALE**2 * cost(z)).sum(axis=0), rtol=1e-12)
    first = [i * (i + 1) // 2 for i in range(1, 1 + len(slopes))]
    np.testing.assert_allclose(gram[first], (slope(z) * residual * slopes).sum(axis=1), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose((jacobian[-1] ** 2).sum(axis=0), gram[0], rtol=1e-12)


@FOR_PROCESSORS
def test_cost_and_gradient_of_counts(target: Target) -> None:
    model = MODELS["few rows"]
    free, code = free_of(model), in_code(model, "cash", eliminate=False)
    drawn_ones = drawn(model)
    counts = np.random.default_rng(1).poisson(1.0, drawn_ones.data.shape).astype(float)
    samples = Samples(drawn_ones.coords, counts, drawn_ones.weights, drawn_ones.points)
    gram, _ = results(model, code, samples, target)
    value, *slopes = evaluate(separate(trace(model), free, ()).graph, samples.points, samples.coords)
    terms = value - counts + np.where(counts > 0.0, counts * np.log(np.maximum(counts, 1.0) / value), 0.0)
    np.testing.assert_allclose(gram[0], 2.0 * terms.sum(axis=0), rtol=1e-11)
    first = [i * (i + 1) // 2 for i in range(1, 1 + len(slopes))]
    expected = ((counts - value) / value * np.array(slopes)).sum(axis=1)
    np.testing.assert_allclose(gram[first], expected, rtol=1e-10, atol=1e-10)


def values_of(model: Any, x: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Compiled values at samples, the same in all lanes."""
    lanes = np.ones(LANES)
    samples = Samples([x[:, np.newaxis] * lanes], np.zeros((len(x), LANES)), np.ones(LANES), np.outer(point, lanes))
    _, jacobian = results(model, in_code(model), samples)
    np.testing.assert_array_equal(jacobian, np.broadcast_to(jacobian[..., :1], jacobian.shape))
    return -jacobian[-1, :, 0]


def test_a_model_that_does_not_depend_on_its_parameter() -> None:
    @custom_model
    def still(x, a=1.0):
        return x**2

    x = np.arange(9.0)
    assert np.array_equal(values_of(still(), x, np.ones(1)), x**2)


def test_constants_that_are_no_finite_numbers() -> None:
    @custom_model
    def bounded(x, a=1.0):
        return np.where(x > 1.0, np.inf, np.where(x < -1.0, -np.inf, np.where(np.abs(x) < 0.5, np.nan, a * x)))

    found = values_of(bounded(), np.array([2.0, -2.0, 0.0, 0.75, -0.75]), np.array([2.0]))
    assert np.array_equal(found, [np.inf, -np.inf, np.nan, 1.5, -1.5], equal_nan=True)


def test_a_lookup_table() -> None:
    points, heights = np.arange(5.0), np.array([0.0, 1.0, 0.5, 2.0, 1.0])
    model = models.Tabular1D(points, heights) * models.Const1D(2.0)
    x = np.linspace(0.2, 3.8, 40)
    assert np.allclose(values_of(model, x, np.array([3.0])), 3.0 * np.interp(x, points, heights), rtol=1e-13)


def with_constant(number: float) -> Any:
    @custom_model
    def curve(x, a=1.0, b=0.5):
        return a * np.exp(-number * x) + b * x

    return curve()


def test_models_that_differ_in_a_constant_share_their_code_and_not_their_values() -> None:
    x, point = np.linspace(0.0, 2.0, 11), np.array([1.5, 0.25])
    numbers = 0.7123, 3.1416, 1e300
    assert len({id(compiled_model(in_code(with_constant(number)))) for number in numbers}) == 1
    for number in numbers:
        expected = point[0] * np.exp(-number * x) + point[1] * x
        np.testing.assert_allclose(values_of(with_constant(number), x, point), expected, rtol=1e-13)


def test_a_model_that_was_sent_elsewhere_is_compiled_once() -> None:
    code = in_code(GAUSSIANS)
    copy = pickle.loads(pickle.dumps(code))
    assert copy == code
    assert compiled_model(copy) is compiled_model(code)
