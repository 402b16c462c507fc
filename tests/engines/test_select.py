"""Which engine is chosen, with which options, and why."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from astropy.modeling import Fittable1DModel, Parameter, custom_model, fix_inputs
from astropy.modeling.fitting import (
    DogBoxLSQFitter,
    FittingWithOutlierRemoval,
    LevMarLSQFitter,
    LinearLSQFitter,
    LMLSQFitter,
    SLSQPLSQFitter,
    TRFLSQFitter,
)
from astropy.modeling.models import Box1D, Const1D, Gaussian1D, Gaussian2D, Linear1D, Spline1D
from astropy.stats import sigma_clip
from tests.normalized import normalize

import ndfit
from ndfit.engines.base import EngineChoice, SolveOptions
from ndfit.engines.fitters import parse_fitter
from ndfit.engines.reference.reference_engine import ReferenceEngine
from ndfit.engines.registry import WantedInfo
from ndfit.engines.select import select_engine, solve_options
from ndfit.run.expected_time import FitTime


class Branching(Fittable1DModel):
    """Takes one of two ways by the value of a parameter, which tracing cannot follow."""

    slope = Parameter(default=1.0)

    @staticmethod
    def evaluate(x: Any, slope: Any) -> Any:
        return slope * x if slope > 0 else x**2


def choose(
    model: Any = None,
    fitter: Any = None,
    engine: str = "auto",
    wanted: WantedInfo = (),
    fitter_kwargs: dict[str, Any] | None = None,
    bounds: dict[str, Any] | None = None,
) -> tuple[EngineChoice, SolveOptions]:
    call = parse_fitter(TRFLSQFitter() if fitter is None else fitter, fitter_kwargs)
    problem = normalize(
        model=Gaussian1D(1.0, 3.0, 1.5) if model is None else model,
        data=np.ones((10, 2)),
        fitting_axes=0,
        linear=call.linear,
        bounds=bounds,
    )
    choice = select_engine(problem, call, engine, wanted)
    return choice, solve_options(choice, call, wanted)


@pytest.mark.parametrize("fitter", [TRFLSQFitter(), DogBoxLSQFitter(), LMLSQFitter(), LevMarLSQFitter()])
def test_least_squares_fitters_are_compiled(fitter: Any) -> None:
    assert choose(fitter=fitter)[0].engine.name == "compiled"


def test_models_with_fixed_inputs_are_compiled() -> None:
    cut = fix_inputs(Gaussian2D(1.0, 3.0, 0.0, 1.5, 1.0), {"y": 0.5})
    assert choose(cut)[0].engine.name == "compiled"
    assert choose(cut + Const1D(1.0))[0].engine.name == "compiled"


@pytest.mark.parametrize("fitter", [LinearLSQFitter(), TRFLSQFitter()])
@pytest.mark.parametrize("model", [Linear1D(), Const1D() + Const1D(fixed={"amplitude": True})])
def test_linear_models_are_solved_directly(fitter: Any, model: Any) -> None:
    assert choose(model, fitter)[0].engine.name == "linear"


@pytest.mark.parametrize("limits", [(0, 1), (0, None), (None, 1), ([-np.inf, 0.0], None), (None, [np.inf, 1.0])])
def test_linear_models_with_bounds_are_solved_directly_too(limits: Any) -> None:
    choice, _ = choose(Linear1D(), bounds={"slope": limits})
    assert choice.engine.name == "linear"
    assert "linear in every free parameter" in choice.reason


def test_bounds_that_are_maps_are_known_to_the_reference_engine() -> None:
    bounds = {"amplitude": ([0.0, 1.0], None), "mean": (None, [9.0, 8.0]), "stddev": (0.1, 5.0)}
    engine = choose(engine="reference", bounds=bounds)[0].engine
    assert isinstance(engine, ReferenceEngine)
    assert engine.bounds_by_map == (0, 1)


class OwnFitter(TRFLSQFitter):
    """May do anything."""


REASONS = [
    ({"fitter": OwnFitter()}, "OwnFitter is not one of"),
    ({"fitter": SLSQPLSQFitter()}, "SLSQPLSQFitter is not one of"),
    ({"fitter": FittingWithOutlierRemoval(TRFLSQFitter(), np.ma.masked_invalid)}, "another function than"),
    ({"fitter": FittingWithOutlierRemoval(TRFLSQFitter(), sigma_clip, axis=0)}, "'axis' of sigma_clip"),
    ({"fitter": FittingWithOutlierRemoval(TRFLSQFitter(), sigma_clip), "wanted": ("nfev",)}, "known to it only"),
    ({"fitter": FittingWithOutlierRemoval(SLSQPLSQFitter(), sigma_clip)}, "SLSQPLSQFitter is not one of"),
    ({"fitter": LinearLSQFitter(), "model": Linear1D(), "fitter_kwargs": {"rcond": 1e-9}}, "'rcond'"),
    ({"fitter": LinearLSQFitter()}, "linear in every free parameter"),
    ({"wanted": ("nfev", "jac")}, "fit_info 'jac'"),
    ({"model": Box1D(1.0, 3.0, 2.1)}, "flat between jumps"),
    ({"model": Branching()}, "branches on a value"),
    ({"model": Spline1D(degree=3, knots=2)}, "knots"),
]


@pytest.mark.parametrize(("arguments", "reason"), REASONS, ids=[reason for _, reason in REASONS])
def test_reference_engine_with_its_reason(arguments: dict[str, Any], reason: str) -> None:
    choice, _ = choose(**arguments)
    assert choice.engine.name == "reference"
    assert reason in choice.reason
    assert "\n" not in choice.reason
    with pytest.raises(ValueError, match="engine='compiled' is not possible here"):
        choose(**arguments, engine="compiled")


def test_reference_engine_when_asked_for() -> None:
    assert choose(engine="reference")[0].reason == "asked for"
    with pytest.raises(ValueError, match="engine should be one of auto, compiled, reference"):
        choose(engine="gpu")


def test_reason_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="ndfit"):
        choose(model=Box1D(1.0, 3.0, 2.1))
    assert "flat between jumps" in caplog.text


def test_keywords_of_the_fitter_become_options() -> None:
    _, options = choose(fitter_kwargs={"maxiter": 7, "acc": 1e-12, "estimate_jacobian": True, "epsilon": 1e-5})
    assert (options.max_nfev, options.xtol) == (7, 1e-12)
    assert (options.ftol, options.gtol) == (1e-12, 1e-12)
    _, coarse = choose(fitter_kwargs={"acc": 1e-3})
    assert (coarse.ftol, coarse.xtol, coarse.gtol) == (1e-8, 1e-3, 1e-8)
    assert choose(fitter=LevMarLSQFitter())[1].gtol == 0.0


@pytest.mark.parametrize(
    ("fitter", "wanted", "computed"),
    [
        (TRFLSQFitter(), (), False),
        (TRFLSQFitter(), ("nfev",), False),
        (TRFLSQFitter(), ("param_cov",), True),
        (TRFLSQFitter(), None, True),
        (TRFLSQFitter(calc_uncertainties=True), (), True),
    ],
)
def test_covariance_is_computed_where_it_is_wanted(fitter: Any, wanted: WantedInfo, computed: bool) -> None:
    assert choose(fitter=fitter, wanted=wanted)[1].covariance == computed


def test_long_job_of_the_reference_engine_warns_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of fits that are taken to last a second each."""
    monkeypatch.setattr("ndfit.run.solve.time_of_fits", lambda *_: FitTime(mean=1.0, longest=1.0))
    data = np.broadcast_to(np.exp(-0.5 * (np.arange(10.0)[:, None] - 4) ** 2), (10, 200))
    with pytest.warns(ndfit.FitWarning, match=r"one by one .* about \d+ s, because OwnFitter is not one of"):
        ndfit.parallel_fit_dask(
            model=Gaussian1D(0.5, 4.5, 1.5),
            fitter=OwnFitter(),
            data=data,
            fitting_axes=0,
            scheduler="synchronous",
        )


def test_losses_other_than_the_square_need_the_compiled_engine() -> None:
    data = np.ones((10, 2))
    with pytest.raises(
        ValueError, match=r"engine='reference' is not possible here: astropy's fitters minimise squares"
    ):
        ndfit.fit(Gaussian1D(1.0, 3.0, 1.5), data, fitting_axes=0, loss="huber", engine="reference")
    with pytest.raises(ValueError, match=r"no engine can fit this: .*flat between.*the loss 'cauchy'"):
        ndfit.fit(Box1D(1.0, 3.0, 2.1), data, fitting_axes=0, loss="cauchy")


class Keywords:
    """A fitter that takes any keyword."""

    def __call__(self, model: Any, x: Any, y: Any, **keywords: Any) -> Any:
        return model


def test_keywords_of_fitters_that_take_any_are_handed_on() -> None:
    call = parse_fitter(Keywords(), {"anything": 3, "filter_non_finite": True})
    assert dict(call.kwargs) == {"anything": 3}
    assert (call.filter_non_finite, call.linear, call.calc_uncertainties) == (True, False, False)
    with pytest.raises(TypeError, match=r"TRFLSQFitter has no keyword 'maxitr'; did you mean 'maxiter'\?"):
        parse_fitter(TRFLSQFitter(), {"maxitr": 3})


@pytest.mark.filterwarnings("ignore::ndfit.FitWarning")
def test_a_thick_line_that_starts_at_zero_is_compiled() -> None:
    @custom_model
    def thick(x, tau=5.0, center=0.0, width=0.3):
        return 1 - np.exp(-tau * np.exp(-0.5 * ((x - center) / width) ** 2))

    x = np.linspace(-1.5, 1.5, 300)
    data = thick()(x)[:, None] + np.random.default_rng(0).normal(0, 0.05, (300, 4))
    result = ndfit.fit(thick(), data, fitting_axes=0, world=(x,))
    assert (result.engine, result.success.all()) == ("compiled", True)


FACTOR = 2.0


class FactorOfTheModule(Const1D):
    """Computes with a number of its module, which a caller may change between calls."""

    @staticmethod
    def evaluate(x, amplitude):
        return FACTOR * amplitude + 0.0 * x


def test_a_number_that_the_model_reads_is_read_in_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    for factor in (2.0, 4.0, 2.0):
        monkeypatch.setitem(globals(), "FACTOR", factor)
        result = ndfit.fit(FactorOfTheModule(1.0), np.full((5, 3), 8.0), fitting_axes=0)
        assert np.allclose(result.parameters["amplitude"], 8.0 / factor)
