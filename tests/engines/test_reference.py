"""The reference engine: the caller's fitter, and what ndfit does around it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.modeling.fitting import (
    DogBoxLSQFitter,
    FittingWithOutlierRemoval,
    LevMarLSQFitter,
    LinearLSQFitter,
    SimplexLSQFitter,
    SLSQPLSQFitter,
    TRFLSQFitter,
)
from astropy.modeling.models import (
    Box1D,
    Const1D,
    Const2D,
    Gaussian1D,
    Gaussian2D,
    Linear1D,
    Moffat2D,
    Tangent1D,
    custom_model,
)
from numpy.testing import assert_allclose, assert_array_equal
from tests.engines.problems import block_for

import ndfit
from ndfit.engines.base import SolveOptions
from ndfit.engines.reference.fit_status import status_of
from ndfit.engines.reference.jacobian import covariance_of, jacobian_at
from ndfit.engines.reference.reference_engine import ReferenceEngine
from ndfit.errors import FitWarning
from ndfit.problem.places import Places
from ndfit.status import Status

X = np.linspace(-5.0, 5.0, 41)


def line(scale: float = 1.0) -> Any:
    rng = np.random.default_rng(3)
    return scale * (5.0 * np.exp(-0.5 * ((X - 0.4) / 0.8) ** 2) + 0.1 * rng.normal(size=X.size))


def fit(model: Any, data: Any, fitter: Any, **keywords: Any) -> Any:
    return ndfit.parallel_fit_dask(
        model=model, data=data, fitter=fitter, world=(X,), fitting_axes=0, engine="reference", **keywords
    )


@pytest.mark.parametrize("fitter_class", [TRFLSQFitter, DogBoxLSQFitter, LevMarLSQFitter])
@pytest.mark.parametrize("compound", [False, True])
def test_report_of_tiny_data_is_that_of_the_data_scaled_up(fitter_class: Any, compound: bool) -> None:
    names = (
        ("cost", "fun", "jac", "grad", "x", "param_cov")
        if fitter_class is not LevMarLSQFitter
        else ("fvec", "param_cov")
    )
    reports = {}
    for scale in (1.0, 2.0**-60):
        fitter = fitter_class(calc_uncertainties=True)
        model = Gaussian1D(4.0 * scale, 0.0, 1.0)
        fit(model + Const1D(0.0) if compound else model, line(scale), fitter, fit_info=names)
        reports[scale] = {name: fitter.fit_info.get_property_as_array(name) for name in names}
    plain, tiny = reports[1.0], reports[2.0**-60]
    for name, power in {"cost": 2, "fun": 1, "fvec": 1}.items():
        if name in names:
            assert_allclose(tiny[name], plain[name] * 2.0 ** (-60 * power), rtol=1e-5, atol=1e-6 * 2.0 ** (-60 * power))
    assert_allclose(tiny["param_cov"][1, 1], plain["param_cov"][1, 1], rtol=1e-4)


def test_one_degree_of_freedom_scales_the_covariance_of_tiny_data_too() -> None:
    reports = []
    for scale in (1.0, 2.0**-60):
        fitter = TRFLSQFitter(calc_uncertainties=True)
        data = scale * np.array([1.0, 2.5, 3.0])
        ndfit.parallel_fit_dask(
            model=Linear1D(scale, scale),
            data=data,
            fitter=fitter,
            world=(np.arange(3.0),),
            fitting_axes=0,
            engine="reference",
            fit_info=("param_cov",),
        )
        reports.append(fitter.fit_info[()].param_cov / scale**2)
    assert_allclose(reports[1], reports[0], rtol=1e-6)


def test_ties_and_bounds_hold_in_scaled_fits() -> None:
    model = Gaussian1D(4e-18, 0.0, 1.0, bounds={"amplitude": (0, 4.5e-18)})
    model.stddev.tied = lambda m: m.amplitude / 5e-18
    fitted = fit(model, line(1e-18), TRFLSQFitter())
    assert_allclose(fitted.amplitude.value, 4.5e-18, rtol=1e-6)
    assert_allclose(fitted.stddev.value, 0.9, rtol=1e-6)


def test_start_far_below_the_data_needs_no_more_steps_than_another() -> None:
    fitter = TRFLSQFitter()
    fitted = fit(Gaussian1D(1.0, 0.2, 1.0), line(1e4), fitter, fit_info=("nfev", "success"))
    assert fitter.fit_info[()].success
    assert fitter.fit_info[()].nfev < 20
    assert_allclose(fitted.amplitude.value, 5e4, rtol=0.05)


def test_a_limit_that_was_asked_for_is_kept() -> None:
    fitter = TRFLSQFitter()
    with pytest.warns(ndfit.FitWarning, match="limit of evaluations"):
        fit(Gaussian1D(1.0, 0.2, 1.0), line(1e4), fitter, fit_info=("nfev",), fitter_kwargs={"maxiter": 4})
    assert fitter.fit_info[()].nfev == 4


def test_edges_of_a_box_are_found() -> None:
    data = np.where(np.abs(X - 1.3) < 1.1, 3.0, 0.0)
    fitted = fit(Box1D(1.0, 0.0, 1.0), data, LevMarLSQFitter())
    assert_allclose(fitted.amplitude.value, 3.0, rtol=1e-3)
    assert abs(fitted.x_0.value - 1.3) < 0.15
    assert abs(fitted.width.value - 2.2) < 0.3


def test_model_that_does_not_react_is_said_to() -> None:
    with pytest.raises(ndfit.AllFitsFailed, match="does not react to any free parameter"):
        fit(Gaussian1D(4.0, 1e6, 1.0), line(), TRFLSQFitter())


def test_model_that_is_not_finite_at_its_start() -> None:
    @custom_model
    def logarithm(x, offset=1.0):
        return np.log(x + offset)

    with pytest.raises(ndfit.AllFitsFailed, match="NaN or infinite at the starting values"):
        fit(logarithm(-10.0), line(), TRFLSQFitter())


@pytest.mark.parametrize("fitter", [SLSQPLSQFitter(), SimplexLSQFitter()], ids=["SLSQP", "simplex"])
def test_fitters_without_a_test_of_convergence_are_finished(fitter: Any, capsys: pytest.CaptureFixture[str]) -> None:
    fitted = fit(Gaussian1D(4.0, 0.3, 1.0), line(), fitter, fit_info=("status", "nfev"), fitter_kwargs={"maxiter": 500})
    assert fitter.fit_info[()].status == Status.FINISHED
    assert_allclose(fitted.mean.value, 0.4, atol=0.05)
    assert capsys.readouterr().out == ""


def test_object_with_the_protocol_of_a_fitter() -> None:
    class Mean:
        """Fits a constant; knows neither weights nor `inplace`."""

        def __call__(self, model: Any, x: Any, y: Any) -> Any:
            fitted = model.copy()
            fitted.amplitude = y.mean()
            return fitted

    fitted = ndfit.parallel_fit_dask(
        model=Const1D(0.0), data=np.arange(12.0).reshape(4, 3), fitter=Mean(), fitting_axes=0
    )
    assert_array_equal(fitted.amplitude.value, [4.5, 5.5, 6.5])


@pytest.mark.parametrize(
    ("info", "status"),
    [
        ({"ierr": 0}, Status.FINISHED),
        ({"ierr": 1}, Status.FTOL),
        ({"ierr": 2}, Status.XTOL),
        ({"ierr": 3}, Status.FTOL_XTOL),
        ({"ierr": 4}, Status.GTOL),
        ({"ierr": 5}, Status.EVALUATION_LIMIT),
        ({"ierr": 6}, Status.FTOL),
        ({"ierr": 7}, Status.XTOL),
        ({"ierr": 8}, Status.GTOL),
        ({"status": 0, "success": False}, Status.EVALUATION_LIMIT),
        ({"status": 1, "success": True}, Status.GTOL),
        ({"status": 2, "success": True}, Status.FTOL),
        ({"status": 3, "success": True}, Status.XTOL),
        ({"status": 4, "success": True}, Status.FTOL_XTOL),
        ({"status": -1, "success": False}, Status.FINISHED),
        ({"status": 3}, Status.FINISHED),
        ({"exit_mode": 1}, Status.EVALUATION_LIMIT),
        ({"exit_mode": 2}, Status.EVALUATION_LIMIT),
        ({"exit_mode": 9}, Status.EVALUATION_LIMIT),
        ({"exit_mode": 0}, Status.FINISHED),
        ({"singular_values": ()}, Status.GTOL),
        ({}, Status.FINISHED),
    ],
)
def test_status_of_each_kind_of_report(info: dict[str, Any], status: Status) -> None:
    assert status_of(info) == status


def test_jacobian_follows_ties() -> None:
    model = Gaussian2D(3.0, 0.2, -0.3, 1.1, 0.7, 0.0)
    model.y_stddev.tied = lambda m: 0.5 * m.x_stddev
    free = (0, 1, 3)
    x, y = np.meshgrid(X[::4], X[::4])

    def residual(values: Any) -> Any:
        return model.evaluate(x, y, *values).ravel()

    values = np.array([3.0, 0.2, -0.3, 1.1, 0.55, 0.0])
    jacobian = jacobian_at(residual, values, free, model.copy())
    exact = model.fit_deriv(x.ravel(), y.ravel(), *values)
    assert_allclose(jacobian[:, 0], exact[0], atol=1e-9)
    assert_allclose(jacobian[:, 2], exact[3] + 0.5 * exact[4], atol=1e-8)
    assert_allclose(covariance_of(jacobian), np.linalg.inv(jacobian.T @ jacobian), rtol=1e-8)


@pytest.mark.parametrize("jacobian", [np.ones((5, 2)), np.eye(2, 3), np.zeros((4, 2)), np.full((4, 2), np.nan)])
def test_singular_jacobian_has_no_covariance(jacobian: Any) -> None:
    assert np.isnan(covariance_of(jacobian)).all()


class Raises:
    """A fitter that fails at some positions, and returns what cannot be used at others."""

    def __call__(self, model: Any, x: Any, y: Any) -> Any:
        if y[0] < 0:
            raise LookupError("no table for this position")
        fitted = model.copy()
        fitted.amplitude = np.nan if y[0] > 5 else y.mean()
        return fitted


def test_a_position_whose_fitter_raises_leaves_the_others_alone() -> None:
    data = np.array([[-1.0, 1.0, 9.0, 2.0]] * 3)
    with pytest.warns(ndfit.FitWarning):
        result = ndfit.fit(Const1D(0.0), data, fitter=Raises(), fitting_axes=0, engine="reference")
    assert_array_equal(result.status, [Status.USER_ERROR, Status.FINISHED, Status.NON_FINITE_MODEL, Status.FINISHED])
    assert_array_equal(result.parameters["amplitude"], [np.nan, 1.0, np.nan, 2.0])


def test_maps_of_bounds_hold_position_by_position() -> None:
    data = np.repeat(line()[:, np.newaxis], 3, axis=1)
    bounds = {"amplitude": (None, [4.5, np.inf, 4.0])}
    result = ndfit.fit(
        Gaussian1D(3.0, 0.3, 1.0),
        data,
        world=(X,),
        fitting_axes=0,
        bounds=bounds,
        engine="reference",
    )
    assert_allclose(result.parameters["amplitude"][[0, 2]], [4.5, 4.0], rtol=1e-6)
    assert result.parameters["amplitude"][1] > 4.8


def test_each_side_of_the_bounds_may_be_a_map_or_one_number() -> None:
    model = Gaussian1D(3.0, 0.3, 1.0)
    engine = ReferenceEngine(model, TRFLSQFitter(), {}, (0, 1, 2), False, False, bounds_by_map=(0, 1))
    block = block_for(model, np.tile(line(), (3, 1)), (X,))
    lower, upper = np.tile(block.lower, (3, 1)), block.upper.copy()
    lower[:, 0], upper[0, 1] = [2.0, 5.5, -np.inf], 0.35
    result = engine(replace(block, lower=lower, upper=upper, start=np.clip(block.start, lower, upper)), SolveOptions())
    assert_allclose(result.parameters[1, 0], 5.5, rtol=1e-6)
    assert_allclose(result.parameters[[0, 2], 0], 5.0, rtol=0.05)
    assert_allclose(result.parameters[:, 1], 0.35, rtol=1e-6)


def test_edges_are_searched_for_within_each_position_s_bounds() -> None:
    model = Box1D(3.0, 0.0, 2.2)
    engine = ReferenceEngine(model, TRFLSQFitter(), {}, (0, 1, 2), False, False, (1,), piecewise_constant=(1, 2))
    block = block_for(model, np.tile(np.where(np.abs(X - 1.3) < 1.1, 3.0, 0.0), (2, 1)), (X,))
    upper = np.tile(block.upper, (2, 1))
    upper[0, 1] = 0.5
    result = engine(replace(block, upper=upper), SolveOptions())
    assert result.parameters[0, 1] <= 0.5
    assert_allclose(result.parameters[1, 1], 1.3, atol=0.15)


def test_cost_and_covariance_are_those_of_weighted_residuals() -> None:
    model, weights = Gaussian1D(4.0, 0.3, 1.0), np.linspace(0.2, 5.0, X.size)
    engine = ReferenceEngine(model, TRFLSQFitter(), {}, (0, 1, 2), True, False)
    block = block_for(model, line()[np.newaxis], (X,), weights=weights[np.newaxis])
    result = engine(block, SolveOptions(covariance=True))
    parameters = result.parameters[0]
    residual = weights * (model.evaluate(X, *parameters) - line())
    jacobian = weights[:, np.newaxis] * np.transpose(model.fit_deriv(X, *parameters))
    assert_allclose(result.cost[0], 0.5 * np.sum(residual**2), rtol=1e-12)
    assert_allclose(result.covariance[0], np.linalg.inv(jacobian.T @ jacobian), rtol=1e-6, atol=1e-12)
    assert_allclose(jacobian.T @ residual, 0.0, atol=1e-4)


class StopsAtItsLimit:
    """A fitter that stops at 1 the first time, and wherever it is told to the second."""

    def __init__(self, second: float) -> None:
        self.second, self.fit_info = second, {}

    def __call__(self, model: Any, x: Any, y: Any, weights: Any = None) -> Any:
        again = bool(self.fit_info)
        self.fit_info = {"ierr": 1, "nfev": 30} if again else {"ierr": 5, "nfev": 500}
        fitted = model.copy()
        # `weights` are 1 over a power of two, and so are the parameters in the second call.
        fitted.amplitude = self.second * model.amplitude.value if again else 1.0
        return fitted


@pytest.mark.parametrize(("second", "kept"), [(0.94, 1.0), (0.96, 1.0), (1.04, 1.0), (1.06, 1.06)])
def test_a_fit_that_stopped_at_a_limit_is_replaced_where_the_cost_falls_by_a_tenth(second: float, kept: float) -> None:
    engine = ReferenceEngine(Const1D(0.5), StopsAtItsLimit(second), {}, (0,), False, False)
    result = engine(block_for(Const1D(0.5), np.full((1, 5), 2.0), (np.arange(5.0),)), SolveOptions())
    assert_allclose(result.parameters[0, 0], kept)
    assert result.nfev[0] == (500 if kept == 1.0 else 530)
    assert result.status[0] == (Status.EVALUATION_LIMIT if kept == 1.0 else Status.FTOL)


def test_a_fitter_without_weights_gets_tiny_data_as_they_are() -> None:
    class Mean:
        def __call__(self, model: Any, x: Any, y: Any) -> Any:
            fitted = model.copy()
            fitted.amplitude = y.mean()
            return fitted

    engine = ReferenceEngine(Const1D(0.0), Mean(), {}, (0,), False, False)
    result = engine(block_for(Const1D(0.0), np.full((1, 5), 2e-18), (np.arange(5.0),)), SolveOptions())
    assert_array_equal(result.errors, {})
    assert_allclose(result.parameters, 2e-18)


def test_warnings_of_the_fitter_are_kept_with_their_position() -> None:
    class Warns:
        def __call__(self, model: Any, x: Any, y: Any) -> Any:
            if y[0] > 1:
                warnings.warn("the fit may be poor", stacklevel=2)
            fitted = model.copy()
            fitted.amplitude = y.mean()
            return fitted

    engine = ReferenceEngine(Const1D(0.0), Warns(), {}, (0,), False, False)
    block = block_for(Const1D(0.0), np.array([[1.0, 1.0], [2.0, 2.0]]), (np.arange(2.0),))
    result = engine(block, SolveOptions())
    assert list(result.warnings) == [1]
    assert "may be poor" in result.warnings[1][0]


def test_rejection_of_outliers_by_another_function_runs_in_the_reference_engine() -> None:
    """The wrapper returns the model and a mask, and holds a fitter that is copied too."""

    def above(values: Any) -> Any:
        return np.ma.masked_greater(values, 10.0)

    data = line()
    data[3] = 50.0
    fitter = FittingWithOutlierRemoval(TRFLSQFitter(), above, niter=2)
    expected, _ = fitter(Gaussian1D(4.0, 0.3, 1.0), X, data)
    fitted = fit(Gaussian1D(4.0, 0.3, 1.0), data, fitter)
    assert_allclose(fitted.parameters, expected.parameters, rtol=1e-6)


def test_a_position_that_does_not_react_says_so() -> None:
    model = Gaussian1D(4.0, 1e6, 1.0)
    engine = ReferenceEngine(model, TRFLSQFitter(), {}, (0, 1, 2), False, False)
    result = engine(block_for(model, line()[np.newaxis], (X,)), SolveOptions())
    assert result.status[0] == Status.INSENSITIVE
    assert "does not react to any free parameter" in result.errors[0]
    assert np.isnan(result.parameters).all()


def test_values_are_computed_in_the_shape_that_models_are_fitted_in() -> None:
    @custom_model
    def shifted(x, y, amplitude=1.0):
        image = amplitude * (np.asarray(x) + 10.0 * np.asarray(y))
        return np.roll(image, 1, axis=0) if np.ndim(image) == 2 else image

    y, x = np.mgrid[0.0:3.0, 0.0:4.0]
    engine = ReferenceEngine(shifted(), TRFLSQFitter(), {}, (0,), False, False)
    found = engine.values(np.array([[1.0], [2.0]]), Places((x.ravel(), y.ravel()), (3, 4)))
    assert_array_equal(found, [shifted(scale)(x, y).ravel() for scale in (1.0, 2.0)])


@custom_model
def blurred(x, amplitude=1.0, mean=0.0, stddev=1.0):
    """A line that cannot be compiled, and has no derivative of its own."""
    profile = amplitude * np.exp(-0.5 * ((x - mean) / stddev) ** 2)
    return np.convolve(profile, [0.05, 0.2, 0.5, 0.2, 0.05], mode="same")


TRF_LIKE = [TRFLSQFitter, DogBoxLSQFitter, LevMarLSQFitter]


@pytest.mark.parametrize("fitter_class", TRF_LIKE)
@pytest.mark.parametrize("scale", [1e-30, 1e-17, 1e16, 1e20])
def test_a_start_of_one_does_for_data_of_any_size(fitter_class: Any, scale: float) -> None:
    data = blurred(5.0, 0.4, 0.8)(X) + 0.01 * np.random.default_rng(1).normal(size=(3, X.size))
    plain, other = (
        ndfit.fit(start, factor * data, world=(X,), fitting_axes=1, fitter=fitter_class(), engine="reference")
        for factor, start in ((1.0, blurred(4.0)), (scale, blurred()))
    )
    assert other.success.all()
    for name, unit in (("amplitude", scale), ("mean", 1.0), ("stddev", 1.0)):
        error = plain.errors[name]
        assert_allclose(other.parameters[name] / unit, plain.parameters[name], rtol=0.0, atol=1e-3 * error.min())


def test_parameters_far_apart_in_size() -> None:
    @custom_model
    def decay(x, amplitude=1e4, rate=1e-11):
        return amplitude * np.exp(-rate * x)

    x = np.linspace(0.0, 4e11, 50)
    truth = decay(2.3e4, 5e-12)
    data = truth(x) + 30.0 * np.random.default_rng(4).normal(size=(4, 50))
    result = ndfit.fit(decay(), data, world=(x,), fitting_axes=1, engine="reference")
    assert result.success.all()
    for name, expected in zip(decay.param_names, truth.parameters, strict=True):
        assert (np.abs(result.parameters[name] - expected) < 4.0 * result.errors[name]).all()


@pytest.mark.parametrize("origin", [0.0, 60000.0, 1e9])
def test_a_line_of_minutes_among_dates(origin: float) -> None:
    x = origin + np.linspace(0.0, 1.0, 80)
    data = blurred(5.0, origin + 0.43, 0.06)(x) + 0.05 * np.random.default_rng(2).normal(size=(3, 80))
    result = ndfit.fit(blurred(3.0, origin + 0.5, 0.1), data, world=(x,), fitting_axes=1, engine="reference")
    assert result.success.all()
    assert_allclose(result.parameters["mean"] - origin, 0.43, atol=0.01)
    assert (result.edm < 1e-4).all()


def test_a_certificate_comes_with_each_fitter_of_least_squares() -> None:
    data = line() + 0.02 * np.random.default_rng(5).normal(size=(2, X.size))
    for fitter in (TRFLSQFitter(), LevMarLSQFitter(), SLSQPLSQFitter(), SimplexLSQFitter()):
        result = ndfit.fit(
            Gaussian1D(4.0, 0.3, 1.0), data, world=(X,), fitting_axes=1, fitter=fitter, engine="reference"
        )
        assert result.success.all()
        assert (result.edm <= 0.01).all()
    linear = ndfit.fit(Linear1D(), data, world=(X,), fitting_axes=1, fitter=LinearLSQFitter(), engine="reference")
    assert (linear.edm < 1e-9).all()


class StopsAtOnce(TRFLSQFitter):
    """Says that it converged where it starts: it may minimise anything."""

    def __call__(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        self.fit_info = {"status": 1, "success": True, "nfev": 1, "message": "here we are"}
        return model.copy()


def test_what_minimises_something_else_is_believed() -> None:
    engine = ReferenceEngine(Gaussian1D(4.0, 0.3, 1.0), StopsAtOnce(), {}, (0, 1, 2), False, False)
    result = engine(block_for(Gaussian1D(4.0, 0.3, 1.0), line()[np.newaxis], (X,)), SolveOptions())
    assert result.status[0] == Status.GTOL
    assert np.isnan(result.edm[0])
    assert_allclose(result.parameters[0], [4.0, 0.3, 1.0])


def test_a_fit_that_stops_early_goes_on() -> None:
    """A tolerance of a tenth ends a fit a good part of an error away from the minimum."""
    data = line(1.0)[np.newaxis]
    loose = ndfit.fit(
        Gaussian1D(3.0, 0.0, 1.5),
        data,
        world=(X,),
        fitting_axes=1,
        engine="reference",
        fitter=TRFLSQFitter(),
        fitter_kwargs={"acc": 0.3},
    )
    tight = ndfit.fit(Gaussian1D(3.0, 0.0, 1.5), data, world=(X,), fitting_axes=1, engine="reference")
    assert loose.success.all()
    for name in loose.parameters:
        assert (np.abs(loose.parameters[name] - tight.parameters[name]) < 0.15 * tight.errors[name]).all()


def test_a_parameter_that_runs_away_is_no_success() -> None:
    @custom_model
    def growth(x, a=1.0, b=1.0, c=1.0):
        return a * np.exp(-b * x) + c

    x = np.arange(36.0, 73.0)
    fitter = TRFLSQFitter()
    with pytest.warns(ndfit.FitWarning):
        ndfit.parallel_fit_dask(
            model=growth(),
            fitter=fitter,
            data=growth(0.9, -0.112, -30.0)(x),
            world=(x,),
            fitting_axes=0,
            engine="reference",
            fit_info=True,
        )
    info = fitter.fit_info[()]
    assert info.status in (Status.STALLED, Status.EVALUATION_LIMIT)
    assert not info.success
    assert info.edm > 0.01


def test_steps_to_where_the_model_is_not_finite_are_refused() -> None:
    @custom_model
    def rise(x, a=1.0, x0=-8.0, p=1.0):
        return a * (x - x0) ** p

    x = np.linspace(0.5, 10.0, 60)
    truth = np.array([2.0, 0.3, 0.5])
    for fitter in (TRFLSQFitter(), LevMarLSQFitter()):
        result = ndfit.fit(
            rise(), rise(*truth)(x)[np.newaxis], world=(x,), fitting_axes=1, fitter=fitter, engine="reference"
        )
        assert_allclose([result.parameters[name][0] for name in ("a", "x0", "p")], truth, rtol=1e-5)
        assert result.success.all()


def test_a_start_on_a_flat_place_has_no_covariance_of_zeros() -> None:
    """So far from the line that only rounding is left of the derivatives: astropy's matrix has rows of zeros."""
    fitter = TRFLSQFitter(calc_uncertainties=True)
    model = Gaussian1D(4.0, 300.0, 1.0) + Const1D(0.5)
    with pytest.warns(FitWarning, match="'amplitude_0', 'mean_0' and 'stddev_0' have no effect"):
        fit(model, line(), fitter, fit_info=True)
    covariance = fitter.fit_info[()].param_cov
    assert np.isnan(covariance[:3]).all()
    assert np.isnan(covariance[:, :3]).all()


@pytest.mark.parametrize("fitter_class", [TRFLSQFitter, DogBoxLSQFitter])
@pytest.mark.parametrize("bound", [0.0, -0.2, 2e-9])
def test_a_parameter_that_is_pushed_over_its_bound_ends_on_it(fitter_class: Any, bound: float) -> None:
    x = np.linspace(0.0, 5.0, 30)
    data = 1.5 * x + 0.3 + 0.1 * np.random.default_rng(8).normal(size=(4, 30))
    model = Linear1D(1.0, bound - 0.5, bounds={"intercept": (None, bound)})
    result = ndfit.fit(
        model,
        data,
        world=(x,),
        fitting_axes=1,
        fitter=fitter_class(),
        engine="reference",
        uncertainty=np.full_like(data, 0.1),
    )
    assert_array_equal(result.parameters["intercept"], bound)
    assert_allclose(result.errors["slope"], 0.1 / np.sqrt(x @ x), rtol=1e-6)
    assert (result.edm < 1e-6).all()
    assert result.success.all()


def test_a_derivative_of_the_model_that_is_wrong_does_not_decide() -> None:
    from tests.engines.test_objective import WrongDerivative

    class Worse(WrongDerivative):
        @staticmethod
        def fit_deriv(x: Any, amplitude: Any, mean: Any, stddev: Any) -> Any:
            derivatives = Gaussian1D.fit_deriv(x, amplitude, mean, stddev)
            return [derivatives[0], derivatives[1], derivatives[1] + derivatives[0]]

    data = line()[np.newaxis]
    result = ndfit.fit(Worse(4.0, 0.3, 1.0), data, world=(X,), fitting_axes=1, engine="reference")
    right = ndfit.fit(Gaussian1D(4.0, 0.3, 1.0), data, world=(X,), fitting_axes=1, engine="reference")
    assert result.success.all()
    assert_allclose(result.parameters["stddev"], right.parameters["stddev"], rtol=1e-4)


def test_the_report_of_an_answer_that_was_improved_is_of_that_answer() -> None:
    data, fitter = line(), TRFLSQFitter(calc_uncertainties=True)
    fitted = fit(Gaussian1D(3.0, 0.0, 1.5), data, fitter, fit_info=True, fitter_kwargs={"acc": 0.3})
    info = fitter.fit_info[()]
    residual = fitted(X) - data
    assert_allclose(info.x, fitted.parameters)
    assert_allclose(info.fun, residual, atol=1e-12)
    assert_allclose(info.cost, 0.5 * residual @ residual)
    jacobian = np.transpose(Gaussian1D.fit_deriv(X, *fitted.parameters))
    assert_allclose(info.jac, jacobian, atol=1e-6)
    covariance = np.linalg.inv(jacobian.T @ jacobian) * (residual @ residual) / (X.size - 3)
    assert_allclose(info.param_cov, covariance, rtol=1e-5, atol=1e-10)


def test_a_compound_of_two_inputs_with_weights() -> None:
    """astropy's derivative of such a compound is flat, and does not multiply by weights of the image's shape."""
    y, x = np.mgrid[:9, :11].astype(float)
    truth = Gaussian2D(5.0, 5.2, 4.1, 1.5, 1.2, 0.3) + Const2D(1.0)
    data = truth(x, y) + 0.05 * np.random.default_rng(3).normal(size=(2, 9, 11))
    model = Gaussian2D(4.0, 5.0, 4.0, 1.3, 1.4, 0.1) + Const2D(0.0)
    for scale in (1.0, 1e-18):
        model.amplitude_0 = 4.0 * scale
        sigma = np.full((9, 11), 0.05 * scale)
        result = ndfit.fit(model, scale * data, fitting_axes=(2, 1), uncertainty=sigma, engine="reference")
        assert result.success.all()
        assert_allclose(result.parameters["x_mean_0"], 5.2, atol=0.05)
        assert_allclose(result.parameters["amplitude_1"] / scale, 1.0, atol=0.05)


def test_a_tie_that_admits_no_point_beside_the_answer_does_no_harm() -> None:
    def tie(model: Any) -> Any:
        if model.amplitude.value < limit:
            raise ValueError("too faint")
        return 0.2 * model.amplitude

    data = line()[np.newaxis]
    model, limit = Gaussian1D(6.0, 0.3, 1.0), -np.inf
    model.stddev.tied = tie
    free = ndfit.fit(model, data, world=(X,), fitting_axes=1, engine="reference")
    engine = ReferenceEngine(model, StopsAtOnce(), {}, (0, 1), False, False)
    at = [free.parameters[name][0] for name in model.param_names]
    limit = at[0]
    result = engine(block_for(model, data, (X,), start=at), SolveOptions(covariance=True))
    assert result.status[0] == Status.GTOL
    assert_allclose(result.parameters[0], at)
    assert np.isfinite(result.covariance).all()


def test_data_without_noise_are_fitted_to_their_rounding() -> None:
    """What remains is less than what the last digits of the parameters change."""
    x, rng = np.arange(40.0), np.random.default_rng(7)
    truth = np.array([1.1, 0.0066, -0.061]) * rng.uniform(0.9, 1.1, (60, 3))
    data = np.stack([Tangent1D.evaluate(x, *own) for own in truth])
    result = ndfit.fit(Tangent1D(1, 0.0066, -0.06), data, fitting_axes=1, engine="reference", guess=None)
    assert result.success.all()
    changes = [np.abs(own[:, None] * Tangent1D.fit_deriv(x, *own)).sum(axis=0) for own in truth]
    assert (np.sqrt(result.chi_square) < np.finfo(float).eps * np.linalg.norm(changes, axis=1)).all()


def test_a_start_of_another_size_than_the_data_does_not_hide_what_parameters_do() -> None:
    """With an amplitude of one at the start, a place matters by 1e-11; where the fit ends, by its own width."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[-4:5, -4:5].astype(float)
    star = Moffat2D(3e-19, -0.5, -1.2, 2.0, 2.5) + Const2D(4e-12)
    data = star(x, y) + 3e-20 * rng.normal(size=(6, 9, 9))
    start = Moffat2D(1, 1, 1, 1, 1) + Const2D(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # those that did not get there say so
        result = ndfit.fit(start, data, world=(y, x), fitting_axes=(1, 2), engine="reference", guess=None)
        true = ndfit.fit(star, data, world=(y, x), fitting_axes=(1, 2), engine="reference", guess=None)
    claimed = result.success & (result.chi_square > true.chi_square * (1.0 + 0.1 / 75))
    assert not claimed.any()
