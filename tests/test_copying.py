"""Copies of models are those that `copy.deepcopy` makes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import CompoundModel, Fittable1DModel, Model, Parameter, fix_inputs, models
from numpy.testing import assert_array_equal

from ndfit.copying import copied

X = np.linspace(0.5, 2.9, 7)


class Holds(models.Const1D):
    """A model with attributes of its own, one of which holds the model."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = np.arange(3.0)
        self.nested = {"pair": (self.table, [1, slice(np.int64(2), None)]), "same": self.table, "self": (self,)}


class CopiesItself(models.Const1D):
    """A model whose class says how it is copied, by one of Python's ways or astropy's."""

    copies = 0

    def copy(self) -> Any:
        type(self).copies += 1
        return super().copy()


class CopiedDeeply(Fittable1DModel):
    level = Parameter(default=1.0)

    @staticmethod
    def evaluate(x: Any, level: Any) -> Any:
        return level + 0.0 * x

    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)(2.0 * self.level)


class HasState(models.Const1D):
    def __getstate__(self) -> Any:
        return {**vars(self), "told": True}


class HasSlots(models.Const1D):
    __slots__ = ("apart",)


MODELS = [
    models.Gaussian1D(1.0, 2.0, 3.0, bounds={"mean": (0.0, 9.0)}, tied={"stddev": lambda m: m.mean}),
    models.Gaussian1D(1.0 * u.Jy, 2.0 * u.um, [1.0, 2.0] * u.um),
    models.Gaussian1D(1.0, 2.0, 3.0) + models.Const1D(1.0) * models.Linear1D(2.0, 3.0),
    models.Tabular1D(np.arange(4.0), np.arange(4.0) ** 2),
    models.Polynomial1D(3, domain=(0.0, 2.0)),
    models.Spline1D(np.arange(8.0), np.ones(4), degree=3),
    models.Pix2Sky_TAN() | models.Sky2Pix_TAN(),
    fix_inputs(models.Gaussian2D(1.0, 3.0, 0.0, 2.0, 1.0), {"y": 0.5}),
    Holds(2.0),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_a_copy_is_that_of_the_library_and_shares_nothing(model: Any) -> None:
    _ = model.fixed, model.tied  # which models keep
    one, other = copied(model), copy.deepcopy(model)
    assert [kind for _, kind in things(one)] == [kind for _, kind in things(other)]
    assert not {number for number, _ in things(one)} & {number for number, _ in things(model)}
    assert_array_equal(one.parameters, other.parameters)
    inputs = (X,) * model.n_inputs
    if not model._has_units:
        assert_array_equal(one(*inputs), model(*inputs))
    one.parameters = np.zeros(one.parameters.size)
    assert_array_equal(model.parameters, other.parameters)


def test_what_is_one_thing_stays_one_thing() -> None:
    made = copied(Holds(2.0))
    assert made.nested["same"] is made.nested["pair"][0] is made.table
    assert made.nested["self"][0] is made
    compound = copied(models.Const1D(1.0) + models.Linear1D(2.0, 3.0))
    assert compound.amplitude_0 is compound.left.amplitude


@pytest.mark.parametrize("model", [CopiedDeeply(1.5), models.Const1D(1.0) + CopiedDeeply(1.5)])
def test_classes_that_say_how_they_are_copied_are_asked(model: Any) -> None:
    assert copied(model)(0.0) == model(0.0) + 1.5


def test_states_and_slots_are_copied() -> None:
    assert copied(HasState(3.0)).told
    model = HasSlots(3.0)
    model.apart = [1.0]
    made = copied(model)
    assert made.apart == [1.0]
    assert made.apart is not model.apart


def test_the_copy_method_of_a_class_is_called() -> None:
    before = CopiesItself.copies
    assert copied(CopiesItself(3.0)).amplitude == 3.0
    assert CopiesItself.copies == before + 1


def things(value: Any, seen: dict[int, Any] | None = None) -> Iterator[tuple[int, type]]:
    """Numbers and types of what is reached from a model and can change."""
    seen = {} if seen is None else seen
    if id(value) in seen:
        return
    if isinstance(value, (dict, list, np.ndarray, Model, Parameter)):
        seen[id(value)] = value
        yield id(value), type(value)
    if isinstance(value, dict):
        inside: Any = value.values()
    elif isinstance(value, (list, tuple)):
        inside = value
    else:
        inside = vars(value).values() if isinstance(value, (Model, Parameter)) else ()
    for item in inside:
        yield from things(item, seen)


def test_compounds_are_walked() -> None:
    assert CompoundModel in {kind for _, kind in things(MODELS[2])}
