"""A checkpoint is not taken by another model: whatever changes what a model or a tie computes makes another run."""

from __future__ import annotations

import json
import logging
import operator
import re
import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.modeling import Fittable1DModel, Model, Parameter, custom_model
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D
from scipy.interpolate import CubicSpline
from scipy.stats import norm
from tests.children import python
from tests.normalized import normalize

import ndfit
from ndfit.engines.fitters import parse_fitter
from ndfit.engines.select import select_engine, solve_options
from ndfit.run.identity import identity_of
from ndfit.run.probe_points import computed_values, same_values
from ndfit.run.region_pipeline import Pipeline

X = np.arange(12.0)
DATA = 2.0 + 0.1 * np.random.default_rng(0).normal(size=(12, 6))
FACTOR = 1.0
SETTINGS = {"factor": 1.0}
HELPERS = ModuleType("helpers_of_somebody")
Change = Callable[[], Any]
Case = Callable[[], tuple[Any, Any]]
CASES: dict[str, Case] = {}


def case(make: Case) -> Case:
    """A function that gives a model, and what makes another one of it: a call that changes it, or another model."""
    CASES[make.__name__] = make
    return make


def helped(x: Any) -> Any:
    return FACTOR * x


def levels(values: Callable[[Any, Any], Any]) -> Any:
    """A model class whose one parameter is a level, with the values of a function of the level and x."""

    class Level(Fittable1DModel):
        level = Parameter(default=2.0)

        def evaluate(self, x: Any, level: Any) -> Any:
            return values(level, x)

    return Level


def level_with(attribute: Any) -> Any:
    """A model that multiplies its level by what it keeps in `kept`."""

    class Kept(Fittable1DModel):
        level = Parameter(default=2.0)
        kept = attribute

        def evaluate(self, x: Any, level: Any) -> Any:
            return level * self.kept + 0.0 * x

    return Kept()


def setting(target: Any, name: str, value: Any) -> Change:
    return lambda: setattr(target, name, value)


@case
def a_global_of_a_helper() -> Any:
    return levels(lambda level, x: level + helped(0.1 * x))(), lambda: globals().update(FACTOR=1.001)


@case
def a_global_of_another_module() -> Any:
    HELPERS.FACTOR = 1.0
    return levels(lambda level, x: level * HELPERS.FACTOR + 0 * x)(), setting(HELPERS, "FACTOR", 1.001)


@case
def a_global_of_a_module_that_is_imported_when_called() -> Any:
    HELPERS.FACTOR = 1.0
    sys.modules[HELPERS.__name__] = HELPERS

    def values(level: Any, x: Any) -> Any:
        from helpers_of_somebody import FACTOR  # type: ignore[import-not-found]

        return level * FACTOR + 0 * x

    return levels(values)(), setting(HELPERS, "FACTOR", 1.001)


@case
def a_table_among_the_globals() -> Any:
    return levels(lambda level, x: level * SETTINGS["factor"] + 0 * x)(), lambda: SETTINGS.update(factor=1.001)


@case
def an_attribute_of_the_class() -> Any:
    model = level_with(1.0)
    return model, setting(type(model), "kept", 1.001)


@case
def an_attribute_of_a_base_class() -> Any:
    base = type(level_with(1.0))
    return type("Derived", (base,), {})(), setting(base, "kept", 1.001)


@case
def an_attribute_of_the_model() -> Any:
    model = level_with(1.0)
    model.kept = 1.0
    return model, setting(model, "kept", 1.001)


@case
def a_private_attribute() -> Any:
    model = levels(lambda level, x: level + 0 * x)()
    cls = type(model)
    cls.evaluate = lambda self, x, level: level * self._factor + 0 * x
    model._factor = 1.0
    return model, setting(model, "_factor", 1.001)


@case
def a_private_table() -> Any:
    model = levels(lambda level, x: level + 0 * x)()
    type(model).evaluate = lambda self, x, level: level * np.interp(x, X, self._table)
    model._table = np.ones(12)

    def change() -> None:
        model._table[7] = 1.001

    return model, change


@case
def a_slot() -> Any:
    class Slotted:
        __slots__ = ("__hidden", "factor")

        def __init__(self, factor: float) -> None:
            self.factor = factor

    slotted = Slotted(1.0)
    return levels(lambda level, x: level * slotted.factor + 0 * x)(), setting(slotted, "factor", 1.001)


@case
def a_slot_of_the_model() -> Any:
    class Base:
        __slots__ = ("factor",)

    class Mixed(Base, Fittable1DModel):
        level = Parameter(default=2.0)

        def evaluate(self, x: Any, level: Any) -> Any:
            return level * self.factor + 0 * x

    model = Mixed()
    model.factor = 1.0
    return model, setting(model, "factor", 1.001)


@case
def a_tie_that_reads_an_attribute_of_a_class() -> Any:
    class Ratio:
        value = 1.5

        @staticmethod
        def tie(model: Any) -> Any:
            return Ratio.value * model.mean

    return Gaussian1D(2.0, 6.0, 9.0, tied={"stddev": Ratio.tie}), setting(Ratio, "value", 1.501)


@case
def a_tie_that_is_an_object() -> Any:
    class Ratio:
        def __init__(self) -> None:
            self._ratio = 1.5

        def __call__(self, model: Any) -> Any:
            return self._ratio * model.mean

    ratio = Ratio()
    return Gaussian1D(2.0, 6.0, 9.0, tied={"stddev": ratio}), setting(ratio, "_ratio", 1.501)


@case
def a_tie_that_reads_a_table_by_c_code() -> Any:
    table = {"ratio": 1.5}
    read = partial(operator.getitem, table)
    model = Gaussian1D(2.0, 6.0, 9.0, tied={"stddev": lambda model: read("ratio") * model.mean})
    return model, lambda: table.update(ratio=1.501)


@case
def a_cell_of_a_closure() -> Any:
    factor = 1.0

    def change() -> None:
        nonlocal factor
        factor = 1.001

    return levels(lambda level, x: level * factor + 0 * x)(), change


@case
def a_default_that_is_a_list() -> Any:
    factors = [1.0]

    def values(level: Any, x: Any, by: Any = factors) -> Any:
        return level * by[0] + 0 * x

    return levels(values)(), lambda: factors.__setitem__(0, 1.001)


@case
def a_partial() -> Any:
    def model(factor: float) -> Any:
        function = partial(lambda by, x: by * x, factor)
        return levels(lambda level, x: level + function(0.1 * x))()

    return model(1.0), model(1.001)


@case
def an_attribute_of_a_function() -> Any:
    def values(level: Any, x: Any) -> Any:
        return level * values.factor + 0 * x  # type: ignore[attr-defined]

    values.factor = 1.0  # type: ignore[attr-defined]
    return levels(values)(), setting(values, "factor", 1.001)


@case
def a_large_table_that_changes_in_one_place() -> Any:
    table = np.ones(5000)

    def change() -> None:
        table[2500] += 1e-3

    return levels(lambda level, x: level * np.interp(x, np.linspace(0, 11, 5000), table))(), change


@case
def a_table_of_objects() -> Any:
    table = np.array([SimpleNamespace(factor=1.0)], dtype=object)
    return levels(lambda level, x: level * table[0].factor + 0 * x)(), setting(table[0], "factor", 1.001)


@case
def an_attribute_that_is_a_function() -> Any:
    model = level_with(1.0)
    type(model).evaluate = lambda self, x, level: level * self.shape(x)
    model.shape = lambda x: 1.0 + 0.0 * x
    return model, lambda: setattr(model, "shape", lambda x: 1.001 + 0.0 * x)


@case
def a_function_of_c_code() -> Any:
    def model(factor: float) -> Any:
        spline = CubicSpline(X, factor * np.ones(12))
        return levels(lambda level, x: level * spline(x))()

    return model(1.0), model(1.001)


@case
def a_method_of_an_object_of_c_code() -> Any:
    model = levels(lambda level, x: level * SETTINGS_GET("factor") + 0 * x)()
    return model, lambda: SETTINGS.update(factor=1.001)


SETTINGS_GET = SETTINGS.get


@case
def a_subclass_that_evaluates_something_else() -> Any:
    class Broad(Gaussian1D):
        def evaluate(self, x: Any, amplitude: Any, mean: Any, stddev: Any) -> Any:
            return Gaussian1D.evaluate(x, amplitude, mean, 1.001 * stddev)

    class Narrow(Gaussian1D):
        def evaluate(self, x: Any, amplitude: Any, mean: Any, stddev: Any) -> Any:
            return Gaussian1D.evaluate(x, amplitude, mean, stddev)

    return Narrow(2.0, 6.0, 9.0), Broad(2.0, 6.0, 9.0)


@case
def a_base_that_a_method_calls() -> Any:
    def model(factor: float) -> Any:
        class Base(Fittable1DModel):
            level = Parameter(default=2.0)

            def evaluate(self, x: Any, level: Any) -> Any:
                return level * factor + 0 * x

        class Derived(Base):
            def evaluate(self, x: Any, level: Any) -> Any:
                return super().evaluate(x, level)

        return Derived()

    return model(1.0), model(1.001)


@case
def evaluate_of_one_model() -> Any:
    model = Const1D(2.0)
    model.evaluate = lambda x, amplitude: 1.0 * amplitude + 0.0 * x
    return model, lambda: setattr(model, "evaluate", lambda x, amplitude: 1.001 * amplitude + 0.0 * x)


@case
def evaluate_of_a_class_of_astropy() -> Any:
    def changed(x: Any, amplitude: Any, mean: Any, stddev: Any) -> Any:
        return 1.001 * amplitude * np.exp(-0.5 * ((x - mean) / stddev) ** 2)

    return Gaussian1D(2.0, 6.0, 9.0), lambda: PATCH.setattr(Gaussian1D, "evaluate", staticmethod(changed))


@case
def a_property() -> Any:
    model = level_with(1.0)
    state = {"factor": 1.0}
    type(model).kept = property(lambda self: state["factor"])
    return model, lambda: state.update(factor=1.001)


@case
def what_is_remembered() -> Any:
    state = {"factor": 1.0}

    @lru_cache
    def factor() -> float:
        return state["factor"]

    def change() -> None:
        state["factor"] = 1.001
        factor.cache_clear()

    return levels(lambda level, x: level * factor() + 0 * x)(), change


@case
def a_constant_of_a_custom_model() -> Any:
    def model(factor: float) -> Any:
        @custom_model
        def level(x: Any, level: float = 2.0) -> Any:
            return level * factor + 0 * x

        return level()

    return model(1.0), model(1.001)


@case
def its_own_derivative() -> Any:
    model = levels(lambda level, x: level + 0 * x)()
    factors = [1.0]
    type(model).fit_deriv = staticmethod(lambda x, level: [factors[0] + 0 * x])
    return model, lambda: factors.__setitem__(0, 2.0)


@case
def far_from_the_start() -> Any:
    """The values differ below a level of 1.8 alone."""
    limits = [0.0]
    return levels(lambda level, x: np.where(level < limits[0], 1.0, level) + 0 * x)(), lambda: limits.__setitem__(
        0, 1.8
    )


@case
def part_of_a_compound() -> Any:
    model = level_with(1.0) + Const1D(0.0, fixed={"amplitude": True})
    return model, setting(type(model.left), "kept", 1.001)


PATCH = pytest.MonkeyPatch()


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(globals(), "FACTOR", 1.0)
    yield
    SETTINGS.update(factor=1.0)
    sys.modules.pop(HELPERS.__name__, None)
    PATCH.undo()


def fit(model: Any, path: Path, engine: str) -> ndfit.FitResult:
    return ndfit.fit(
        model, DATA, fitting_axes=0, engine=engine, scheduler="synchronous", chunk_n_max=3, checkpoint=path
    )


@pytest.mark.filterwarnings("ignore:.* fits did not converge:ndfit.FitWarning")
@pytest.mark.filterwarnings("ignore:.*:astropy.utils.exceptions.AstropyUserWarning")
@pytest.mark.parametrize("engine", ["reference", "auto"])
@pytest.mark.parametrize("name", CASES)
def test_another_model_is_refused(name: str, engine: str, tmp_path: Path) -> None:
    model, change = CASES[name]()
    fit(model, tmp_path / "run", engine)
    fit(model, tmp_path / "run", engine)  # the same one is not
    if isinstance(change, Model):
        model = change
    else:
        change()
    with pytest.raises(ndfit.CheckpointError, match="belongs to another run"):
        fit(model, tmp_path / "run", engine)


def test_what_code_cannot_tell() -> None:
    """An array that only C code keeps: its values at the probe points tell it."""
    buffer = np.ones(12)
    view = memoryview(buffer)
    model = levels(lambda level, x: level * np.frombuffer(view, dtype=float)[0] + 0 * x)()
    problem = normalize(model=model, data=DATA, fitting_axes=0)
    before = computed_values(problem)
    buffer[:] = 1.001
    after = computed_values(problem)
    assert before.keys() == after.keys()
    assert not all(same_values(before[where], after[where]) for where in before if where.startswith("the model"))


class Kind(Enum):
    NARROW = 1
    WIDE = 2


LOG = logging.getLogger(__name__)
LOCK = threading.Lock()
RANDOM = np.random.default_rng()
PATTERN = re.compile("a+b")


class Keeper(Fittable1DModel):
    """A model that keeps and uses what has an address, a state of the process, or no order."""

    level = Parameter(default=2.0)
    names = {"a", "b", "c"}  # noqa: RUF012
    functions = {helped: 1, np.cos: 2, Kind.WIDE: 3, (Kind.NARROW, "b"): 4}  # noqa: RUF012
    place, day, price = Path("a") / "b", date(2020, 1, 1), Decimal("1.5")

    def __init__(self) -> None:
        super().__init__()
        self._anything, self._calls, self._last = object(), {"evaluate": 0}, deque([1.0])
        self._spline, self._profile = CubicSpline(X, X), norm(0.0, 1.0)
        self._vectorized = np.vectorize(lambda x: x)

    def evaluate(self, x: Any, level: Any) -> Any:
        LOG.debug("evaluated")
        with LOCK:
            self._calls["evaluate"] += 1
        drawn = 0.0 * RANDOM.random() * self._profile.pdf(0.0) * self._spline(0.0)
        return level * self._last[0] + 0.0 * x + drawn * len(PATTERN.pattern)


def test_what_changes_by_itself_makes_no_other_run(tmp_path: Path) -> None:
    fit(Keeper(), tmp_path / "run", "reference")
    logging.getLogger(f"{__name__}.another").setLevel("DEBUG")
    RANDOM.random()
    fit(Keeper(), tmp_path / "run", "reference")


def identities() -> str:
    """Of the model of each case, and of one that keeps all kinds of things; for another process to print."""
    found = {}
    for name, make in {**CASES, "keeper": lambda: (Keeper(), None)}.items():
        call = parse_fitter(TRFLSQFitter(), {})
        problem = normalize(model=make()[0], data=DATA, fitting_axes=0)
        choice = select_engine(problem, call, "reference", ())
        pipeline = Pipeline.of(problem, choice.engine, solve_options(choice, call, ()))
        found[name] = identity_of(problem, pipeline, {})
    return json.dumps(found)


def test_other_processes_find_the_same() -> None:
    """Orders of sets and addresses of objects differ between them."""
    code = "from tests.run.test_another_model import identities; print(identities())"
    told = [json.loads(python("-c", code, variables={"PYTHONHASHSEED": seed}).stdout) for seed in ("1", "2")]
    assert len(told[0]) == len(CASES) + 1
    for name in told[0]:
        assert told[0][name] == told[1][name], name


def test_rounding_is_no_difference() -> None:
    values = [1.0, -3.0, 1e-20, "nan"]
    assert same_values(values, [1.0 + 1e-12, -3.0 - 1e-11, 0.0, "nan"])
    assert not same_values(values, [1.0 + 1e-9, -3.0, 0.0, "nan"])
    assert not same_values(values, [1.0, -3.0, 0.0, 0.0])
    assert not same_values(values, values[:3])
    assert not same_values(values, "raises ValueError")
    assert not same_values(values, None)
    assert not same_values(values, [1.0, -3.0, {}, "nan"])


def test_a_model_that_is_another_one_at_each_call(tmp_path: Path) -> None:
    """Nobody can tell it from another one by its values; its code is compared."""
    numbers = count()
    model = levels(lambda level, x: level + 1e-6 * next(numbers) + 0 * x)()
    problem = normalize(model=model, data=DATA, fitting_axes=0)
    assert computed_values(problem) == {"everywhere": "differs from call to call"}
