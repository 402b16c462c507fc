"""Results drawn by Hypothesis, without a fit: any numbers stand in their maps, as a file has to keep them all.

Flows in: Hypothesis' draws. Flows out: FitResult.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import fix_inputs, models
from hypothesis import strategies as st
from tests.normalized import normalize

import ndfit
from ndfit.io.record import Call
from ndfit.io.tie_text import ExpressionTie
from ndfit.problem.types import FitProblem
from ndfit.result.maps import Maps
from ndfit.result.standard_errors import Uncertainties
from ndfit.run.evaluate import evaluate_everywhere, values_of_model
from ndfit.run.inspect import look_up_fit
from ndfit.status import FLAGS, STATUS

__all__ = ["M", "result_of", "results"]

M = 6
WORLD_UNITS = (u.Unit("km / s"), u.nm, 0.1234567890123 * u.m)
DATA_UNITS = (u.K, u.Jy / u.beam, 1e-20 * u.erg / u.s / u.cm**2, u.dimensionless_unscaled)
SPECIAL = np.array([np.nan, np.inf, -0.0, 5e-324, 1e300])

WITH_UNITS = (
    lambda x, y: models.Gaussian1D(4 * y, 2 * x, 1 * x) + models.Const1D(0.5 * y),
    lambda x, y: models.Lorentz1D(4 * y, 2 * x, 1 * x),
)
PLAIN = (
    lambda: models.Voigt1D(2.0, 1.0, 0.5, 0.3),
    lambda: models.Chebyshev1D(2, domain=(-1.0, 7.0), c0=1 / 3, c2=-0.5),
    lambda: models.Polynomial1D(3, c1=0.1, name="baseline"),
    lambda: (models.Gaussian1D(1.0, 2.0, 0.7) - models.Const1D(0.1)) * models.Linear1D(0.1, 1.0),
    lambda: models.Gaussian1D(1.0, 2.0, 0.7) | models.Scale(2.0),
    lambda: models.Gaussian1D(1.0, 2.0, 0.7, name="H alpha") + models.Tabular1D(np.arange(9.0), np.arange(9.0) ** 0.5),
    lambda: fix_inputs(models.Gaussian2D(1.0, 2.0, 0.5, 0.7, 0.8), {"y": 0.25}),
    lambda: models.Gaussian2D(1.0, 2.0, 0.5, 0.7, 0.8) + models.Polynomial2D(1),
)


@st.composite
def results(draw: Any) -> ndfit.FitResult:
    """A result of 0 to 4 iterating axes, with every kind of number in its maps."""
    x_unit, y_unit = draw(st.sampled_from([None, *WORLD_UNITS])), draw(st.sampled_from(DATA_UNITS))
    model = draw(st.sampled_from(PLAIN))() if x_unit is None else draw(st.sampled_from(WITH_UNITS))(x_unit, y_unit)
    shape = tuple(draw(st.lists(st.integers(1, 3), max_size=4)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bounds = _constrain(draw, model, shape, rng)
    data = rng.normal(size=shape + (M,) * model.n_inputs)
    problem = normalize(
        model=model,
        data=data if x_unit is None else data * y_unit,
        world=None if x_unit is None else (np.arange(M) * x_unit,),
        fitting_axes=tuple(range(len(shape), data.ndim)),
        bounds=bounds,
        weights=draw(st.sampled_from([None, np.full(data.shape, 2.0)])),
    )
    return result_of(problem, rng, covariance=draw(st.booleans()))


def _constrain(draw: Any, model: Any, shape: tuple[int, ...], rng: Any) -> dict[str, tuple[Any, Any]]:
    """Fix, tie and bound some parameters, start one from a map; bounds that astropy cannot hold are returned."""
    names = draw(st.permutations(model.param_names))
    if draw(st.booleans()):
        starts = {name: _start(getattr(model, name)) for name in names}
        starts[names[0]] = starts[names[0]] * rng.uniform(1, 2, shape)
        model._reset_parameters(**starts)
    if len(names) > 2 and draw(st.booleans()):
        getattr(model, names[0]).fixed = True
    if len(names) > 3 and draw(st.booleans()):
        ties = [ExpressionTie(f"2 * {names[2]} - 1e-3"), lambda model: 3.0]
        getattr(model, names[1]).tied = draw(st.sampled_from(ties))
    last = getattr(model, names[-1])
    value = float(np.ravel(last.value)[0])
    kind = draw(st.sampled_from(["none", "numbers", "maps"]))
    if kind == "numbers":
        last.bounds = (value - 1 / 3, None)
    return {names[-1]: (value - rng.uniform(1, 2, shape), None)} if kind == "maps" else {}


def _start(parameter: Any) -> Any:
    return parameter.value if parameter.unit is None else parameter.quantity


def result_of(problem: FitProblem, rng: Any, *, covariance: bool = True) -> ndfit.FitResult:
    """A result with numbers from a generator, some NaN, infinite, or subnormal."""
    names, shape, n_free = problem.params.names, problem.axes.iterating_shape, len(problem.params.free)

    def numbers(*size: int) -> Any:
        values = rng.normal(size=size) * 10.0 ** rng.integers(-20, 20, size)
        return np.where(rng.random(size) < 0.2, rng.choice(SPECIAL, size), values)

    maps = replace(
        Maps.empty(problem, covariance=False, info=False),
        parameters=numbers(len(names), *shape),
        status=np.asarray(rng.choice(list(STATUS), shape), dtype=np.int16),
        nfev=np.asarray(rng.integers(0, 2**31 - 1, shape), dtype=np.int32),
        n_samples=np.asarray(rng.integers(0, M, shape), dtype=np.int32),
        flags=np.asarray(rng.integers(0, sum(FLAGS) + 1, shape), dtype=np.uint32),
        cost=np.asarray(np.abs(rng.normal(size=shape))),
        edm=numbers(*shape),
        messages={(0,) * len(shape): 'Traceback: "wide" λ\n  ValueError: é  '},
    )
    reported = Uncertainties({name: numbers(*shape) for name in names}, numbers(*shape, n_free, n_free))
    values = values_of_model(problem, None)
    return ndfit.FitResult(
        problem,
        maps,
        "reference",
        "asked for: «because»",
        bool(rng.integers(2)),
        partial(look_up_fit, problem, maps, values_of=values),
        partial(evaluate_everywhere, problem, maps, values),
        _call=Call.of({"starts": 3, "fitter": object(), "weights": np.ones(3), "scale": np.nan}),
        _reported=reported if covariance else Uncertainties(None, None),
    )
