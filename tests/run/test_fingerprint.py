"""A fingerprint is the same for what does the same, and another for what does not."""

from __future__ import annotations

import copy
import json
from functools import partial
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import Fittable1DModel, Parameter
from astropy.modeling.fitting import LevMarLSQFitter, TRFLSQFitter
from astropy.modeling.models import Gaussian1D, Polynomial1D

from ndfit.io.tie_text import ExpressionTie
from ndfit.pipeline.clipping import Clip
from ndfit.run.fingerprint import fingerprint

FACTOR = 2.0


def doubled(model: Any) -> Any:
    return FACTOR * model.mean


def also_doubled(model: Any) -> Any:
    # With a comment.
    return FACTOR * model.mean


def through_another(model: Any) -> Any:
    return doubled(model)


def recursive(n: int) -> int:
    return recursive(n - 1) if n else 0


def tie(factor: float) -> Any:
    return lambda model: factor * model.mean


def default(factor: float) -> Any:
    def tied(model: Any, by: float = factor) -> Any:
        return by * model.mean

    return tied


def custom(power: int, offset: float = 0.0) -> Any:
    class Custom(Fittable1DModel):
        height = Parameter(default=1.0)

        def __init__(self, offset: float) -> None:
            self.offset = offset
            super().__init__()

        def evaluate(self, x: Any, height: Any) -> Any:
            return height * x**power + self.offset

    return Custom(offset)


BIG = np.arange(100.0)

SAME = [
    (doubled, also_doubled),
    (tie(2.0), tie(2.0)),
    (custom(2), custom(2)),
    (TRFLSQFitter(), TRFLSQFitter()),
    (BIG, BIG.reshape(2, 50).reshape(100)),
    (BIG[::2], BIG[::2].copy()),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (frozenset(("a", "b", "c")), frozenset(("c", "b", "a"))),
    (u.km, u.Unit("km")),
    (Polynomial1D(2, c0=3.0), Polynomial1D(2)),
]

DIFFERENT = [
    (doubled, through_another),
    (tie(2.0), tie(np.nextafter(2.0, 3.0))),
    (default(2.0), default(3.0)),
    (custom(2), custom(3)),
    (custom(2, 1.0), custom(2, 2.0)),
    (TRFLSQFitter(), LevMarLSQFitter()),
    (TRFLSQFitter(), TRFLSQFitter(calc_uncertainties=True)),
    (BIG, BIG + 1e-12),
    (BIG, BIG.astype(np.float32)),
    (BIG, BIG.reshape(2, 50)),
    (np.zeros(3), np.zeros(4)),
    (u.km, u.m),
    (np.nan, np.inf),
    (0.1, 0.1 + 1e-17 * 4),
    (Gaussian1D(), Polynomial1D(2)),
    (Polynomial1D(2), Polynomial1D(2, domain=(0, 9))),
    (Gaussian1D() + Polynomial1D(1), Gaussian1D() * Polynomial1D(1)),
    (partial(doubled, 1), partial(doubled, 2)),
    (ExpressionTie("2 * mean"), ExpressionTie("3 * mean")),
    (Clip({"sigma": 3.0}), Clip({"sigma": 4.0})),
    (TRFLSQFitter().__call__, LevMarLSQFitter().__call__),
    (np.sin, np.cos),
    ({1}, {2}),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=range(len(SAME)))
def test_the_same(one: Any, other: Any) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=range(len(DIFFERENT)))
def test_different(one: Any, other: Any) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_a_global_that_changes_is_another_function(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(through_another)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert fingerprint(through_another) != before


def test_what_a_fit_leaves_on_a_fitter_is_no_difference() -> None:
    fitter = TRFLSQFitter()
    fitter(Gaussian1D(), np.arange(9.0), np.arange(9.0), maxiter=1000)
    assert fingerprint(fitter) == fingerprint(TRFLSQFitter())


@pytest.mark.parametrize(
    "value",
    [recursive, custom(2), TRFLSQFitter(), tie(2.0), 1j, object(), range(3)],
    ids=lambda value: type(value).__name__,
)
def test_everything_has_a_fingerprint_that_is_strict_json(value: Any) -> None:
    assert json.dumps(fingerprint(value), allow_nan=False)


def test_a_class_stays_the_same_when_its_models_are_copied() -> None:
    class Custom(Gaussian1D):
        pass

    before = fingerprint(Custom)
    copy.deepcopy(Custom())
    assert fingerprint(Custom) == before
