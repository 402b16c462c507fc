"""What a compiled engine is given of a model: how it is split by linear parameters, its constants, its values."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from astropy.modeling import custom_model, models

from ndfit.model.constants import SLOT, without_constants
from ndfit.model.model_code import generate
from ndfit.model.reasons import NotDifferentiable
from ndfit.model.separate import separate
from ndfit.model.trace.tracing import trace

GAUSSIANS = models.Gaussian1D(1.0, 0.0, 1.0) + models.Gaussian1D(2.0, 3.0, 0.5) + models.Linear1D(0.1, 1.0)
ALL = tuple(range(8))


def test_linear_parameters_are_split_off() -> None:
    rows = separate(trace(GAUSSIANS), ALL, ALL)
    assert rows.linear == (0, 3, 6, 7)
    assert rows.nonlinear == (1, 2, 4, 5)
    assert list(zip(rows.basis, rows.variable, strict=True)) == [(0, 4), (0, 5), (1, 6), (1, 7)]


def test_a_part_without_linear_parameters_has_its_own_derivatives() -> None:
    rows = separate(trace(GAUSSIANS), ALL, (0, 6, 7))
    assert rows.linear == (0, 6, 7)
    assert [basis for basis in rows.basis if basis < 0] == [-1, -1, -1]


def test_parameters_with_bounds_are_not_split_off() -> None:
    rows = separate(trace(GAUSSIANS), ALL, ())
    assert rows.linear == ()
    assert rows.variable == ALL


def test_a_split_with_many_more_derivatives_is_not_made() -> None:
    model = models.Polynomial1D(6) * models.Gaussian1D(1.0, 0.0, 1.0, fixed={"amplitude": True})
    graph = trace(model)
    free = tuple(i for i, name in enumerate(model.param_names) if not model.fixed[name])
    assert separate(graph, free, free).linear == ()


def test_code_is_data_that_is_made_once() -> None:
    code = generate(trace(GAUSSIANS), ALL, (0, 6, 7))
    assert pickle.loads(pickle.dumps(code)) == code
    assert generate(trace(GAUSSIANS), ALL, (0, 6, 7)) is code
    assert (code.n_inputs, code.n_params, code.n_linear) == (1, 8, 3)
    assert code.free == (0, 6, 7, 1, 2, 3, 4, 5)
    assert len(code.rows.outputs) == 1 + code.n_linear + len(code.basis)
    assert code.widths == (False, False, True, False, False, True, False, False)


def test_values_and_derivatives_are_those_of_the_model() -> None:
    model = models.Gaussian1D(2.0, 0.3, 0.8) + models.Const1D(0.5)
    free = 0, 1, 3
    code = generate(trace(model), free, (3,))
    x = np.linspace(-2.0, 2.0, 7)
    parameters = model.parameters + np.array([[0.0], [0.1], [-0.2]])
    each = [_with_parameters(model, row) for row in parameters]
    np.testing.assert_allclose(code.values(parameters, [x]), [one(x) for one in each], rtol=1e-14)
    slopes = [[np.array(one[0].fit_deriv(x, *one[0].parameters))[k] for k in (0, 1)] + [np.ones(7)] for one in each]
    np.testing.assert_allclose(code.derivatives(parameters, [x]), slopes, rtol=1e-13, atol=1e-15)


def _with_parameters(model: Any, parameters: np.ndarray) -> Any:
    copy = model.copy()
    copy.parameters = parameters
    return copy


def test_tied_parameters_are_set() -> None:
    model = models.Gaussian1D(1.0, 0.0, 1.0) + models.Gaussian1D(2.0, 3.0, 0.5)
    model.mean_1.tied = lambda model: model.mean_0 + 2.5
    code = generate(trace(model), (0, 1, 2, 3, 5), ())
    parameters = np.array([[1.0, 0.25, 1.0, 2.0, np.nan, 0.5], [1.0, -4.0, 1.0, 2.0, 7.0, 0.5]])
    code.set_tied(parameters)
    assert parameters[:, 4].tolist() == [2.75, -1.5]


def curve(first: float, second: float) -> Any:
    @custom_model
    def curve(x, a=1.0):
        return a * np.exp(-first * x) + second + np.where(x > 0.5, np.inf, 2.0 * x)

    return trace(curve())


def test_constants_are_apart_from_the_graph() -> None:
    graph, constants = without_constants(curve(0.7123, -3.3))
    slots = [node.value for node in graph.nodes if node.op == SLOT]
    assert slots == list(range(len(constants)))
    assert {abs(constant) for constant in constants} == {0.7123, 3.3, np.inf}
    assert {node.value for node in graph.nodes if node.op == "const"} <= {0.5, 1.0, -1.0, 2.0}
    other, others = without_constants(curve(0.9, 1e-300))
    assert other == graph
    assert others != constants


def test_constants_of_formulas_stay() -> None:
    graph, constants = without_constants(curve(2.0, -0.75))
    assert {abs(constant) for constant in constants} == {np.inf}
    assert {2.0, -2.0} & {node.value for node in graph.nodes if node.op == "const"}
    assert graph != without_constants(curve(0.9, 1e-300))[0]


def test_an_operator_without_a_derivative_is_named() -> None:
    @custom_model
    def digamma(x, a=1.0):
        from scipy.special import digamma

        return digamma(a * x)

    with pytest.raises(NotDifferentiable, match="digamma"):
        generate(trace(digamma()), (0,), ())
