"""Models that change between calls: each call fits the model as it is then, however well the one before is known."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.modeling import Fittable1DModel, Parameter, custom_model, fix_inputs, models
from astropy.modeling.fitting import TRFLSQFitter
from numpy.testing import assert_allclose

import ndfit

X = np.linspace(0.5, 6.0, 40)
DATA = np.stack([3.0 + 2.0 * X + 0.1 * np.sin(7.0 * X + shift) for shift in range(3)])

CASES: dict[str, Callable[[], tuple[Any, Callable[[Any], Any]]]] = {}
FACTOR = 1.0
SETTINGS = {"factor": 1.0}


def case(make: Callable[[], tuple[Any, Callable[[Any], Any]]]) -> Callable[[], tuple[Any, Callable[[Any], Any]]]:
    CASES[make.__name__] = make
    return make


def keep(change: Callable[[], Any]) -> Callable[[Any], Any]:
    """A change of what the model uses, after which it is the same object."""

    def changed(model: Any) -> Any:
        change()
        return model

    return changed


class Line(Fittable1DModel):
    """A line whose slope counts by a factor that subclasses say."""

    level, slope = Parameter(default=1.0), Parameter(default=1.0)
    factor = 1.0

    def evaluate(self, x: Any, level: Any, slope: Any) -> Any:
        return level + self.factor * slope * x


@case
def attribute_of_the_instance() -> Any:
    model = Line()
    return model, keep(lambda: setattr(model, "factor", 2.0))


@case
def attribute_of_the_class() -> Any:
    class Own(Line):
        pass

    return Own(), keep(lambda: setattr(Own, "factor", 2.0))


@case
def subclass() -> Any:
    class Other(Line):
        factor = 2.0

    return Line(), lambda model: Other()


@case
def two_classes_of_one_name() -> Any:
    def made(factor: float) -> Any:
        class Same(Line):
            def evaluate(self, x: Any, level: Any, slope: Any) -> Any:
                return level + factor * slope * x

        return Same()

    return made(1.0), lambda model: made(2.0)


@case
def evaluate_replaced_in_the_class() -> Any:
    class Own(Line):
        pass

    def other(self: Any, x: Any, level: Any, slope: Any) -> Any:
        return level + 2.0 * slope * x

    return Own(), keep(lambda: setattr(Own, "evaluate", other))


@case
def evaluate_replaced_in_the_instance() -> Any:
    model = Line()
    return model, keep(lambda: setattr(model, "evaluate", lambda x, level, slope: level + 2.0 * slope * x))


@case
def closure() -> Any:
    factor = 1.0

    @custom_model
    def line(x, level=1.0, slope=1.0):
        return level + factor * slope * x

    def change() -> None:
        nonlocal factor
        factor = 2.0

    return line(), keep(change)


@case
def global_number() -> Any:
    globals()["FACTOR"] = 1.0

    @custom_model
    def line(x, level=1.0, slope=1.0):
        return level + FACTOR * slope * x

    return line(), keep(lambda: globals().update(FACTOR=2.0))


@case
def global_table() -> Any:
    SETTINGS["factor"] = 1.0

    @custom_model
    def line(x, level=1.0, slope=1.0):
        return level + SETTINGS["factor"] * slope * x

    return line(), keep(lambda: SETTINGS.update(factor=2.0))


@case
def table_of_values() -> Any:
    class Table(Line):
        grid = np.linspace(0.0, 7.0, 15)

        def evaluate(self, x: Any, level: Any, slope: Any) -> Any:
            return level + slope * np.interp(x, self.grid, self.table)

    model = Table()
    model.table = 1.0 * Table.grid
    return model, keep(lambda: np.multiply(model.table, 2.0, out=model.table))


@case
def closure_of_a_tie() -> Any:
    factor = 1.0
    model = models.Linear1D(1.0, 1.0) + models.Linear1D(1.0, 0.0)
    model.intercept_1.fixed = True
    model.slope_1.tied = lambda m: factor * m.slope_0

    def change() -> None:
        nonlocal factor
        factor = 2.0

    return model, keep(change)


@case
def another_tie() -> Any:
    model = models.Linear1D(1.0, 1.0) + models.Linear1D(1.0, 0.0)
    model.intercept_1.fixed = True
    model.slope_1.tied = lambda m: m.slope_0
    return model, keep(lambda: setattr(model.slope_1, "tied", lambda m: 2.0 * m.slope_0))


@case
def value_of_a_fixed_parameter() -> Any:
    model = models.Const1D(1.0) + models.Linear1D(1.0, 0.0) * models.Const1D(1.0)
    model.intercept_1.fixed = model.amplitude_2.fixed = True
    return model, keep(lambda: setattr(model, "amplitude_2", 2.0))


@case
def value_of_a_fixed_input() -> Any:
    plane = models.Polynomial2D(2, c0_0=1.0, c1_1=0.1)
    for name in ("c1_0", "c2_0", "c0_1", "c0_2"):
        plane.fixed[name] = True
    return fix_inputs(plane, {"y": 1.0}), lambda model: fix_inputs(plane, {"y": 2.0})


@case
def domain_of_a_polynomial() -> Any:
    model = models.Polynomial1D(1, domain=(-1.0, 1.0), window=(-1.0, 1.0))
    return model, keep(lambda: setattr(model, "domain", (-2.0, 2.0)))


@case
def limit_that_only_the_solution_passes() -> Any:
    """At the start, and around it, nothing tells one limit from the other."""
    limit = 1e6

    @custom_model
    def bent(x, level=1.0, slope=0.01):
        return level + np.where(level > limit, 0.5, 1.0) * slope * x

    def change() -> None:
        nonlocal limit
        limit = 2.5

    return bent(), keep(change)


@case
def branch_that_hides_from_tracing() -> Any:
    """Python takes it elsewhere, and what a trace raises there is caught."""
    limit = 1e6

    @custom_model
    def hidden(x, level=1.0, slope=0.01):
        try:
            above = bool(level > limit)
        except Exception:
            above = False
        return level + (0.5 if above else 1.0) * slope * x

    def change() -> None:
        nonlocal limit
        limit = 2.5

    return hidden(), keep(change)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("count", [1, 3])
def test_a_model_is_fitted_as_it_is_now(name: str, count: int) -> None:
    model, change = CASES[name]()
    before = fitted(model, count)
    assert_allclose(fitted(model, count), before)
    model = change(model)
    after = fitted(model, count)
    assert not np.allclose(after, before, rtol=1e-3)
    assert_allclose(after, fitted(model, count, "reference"), rtol=1e-5)


def fitted(model: Any, count: int, engine: str = "auto") -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = ndfit.parallel_fit_dask(
            model=model, fitter=TRFLSQFitter(), data=DATA[:count], world=(X,), fitting_axes=1, engine=engine
        )
    return np.stack([np.ravel(getattr(made, part).value) for part in made.param_names])
