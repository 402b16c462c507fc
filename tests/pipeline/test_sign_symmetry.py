"""Which parameters a model is even in, whatever the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Drude1D, Gaussian1D, Lorentz1D, Moffat1D, Sine1D, custom_model
from tests.normalized import normalize

from ndfit.engines.fitters import parse_fitter
from ndfit.engines.select import select_engine
from ndfit.pipeline.model_rules import with_sign_symmetry


def even(model: Any, **keywords: Any) -> tuple[bool, ...]:
    """Of both engines."""
    problem, call = (
        normalize(model=model, data=np.ones((12, 3)), fitting_axes=0, **keywords),
        parse_fitter(TRFLSQFitter(), None),
    )
    one, other = (
        with_sign_symmetry(problem, select_engine(problem, call, engine, ()).engine).params.sign_symmetric
        for engine in ("auto", "reference")
    )
    assert one == other
    return one


EVEN = [
    (Gaussian1D(bounds={"stddev": (None, None)}), (False, False, True)),
    (Gaussian1D(), (False, False, False)),
    (Gaussian1D(1.0, 0.0, 1.0, bounds={"stddev": (None, None)}, fixed={"stddev": True}), (False, False, False)),
    (Lorentz1D(), (False, False, True)),
    (Lorentz1D(tied={"fwhm": lambda m: 2.0 * m.amplitude}), (False, False, False)),
    (Drude1D(1.0, 5.0, 1.0), (False, True, True)),
    (Moffat1D(1.0, 4.0, 2.0, 1.5), (False, False, True, False)),
    (Sine1D(1.0, 0.1, 0.0), (False, False, False)),
    (Gaussian1D(0.0, 3.0, 1.0, bounds={"stddev": (None, None)}) + Const1D(1.0), (False, False, True, False)),
]


@pytest.mark.parametrize(("model", "flags"), EVEN, ids=lambda value: getattr(value, "name", None) or "")
def test_parameters_that_the_model_is_even_in(model: Any, flags: tuple[bool, ...]) -> None:
    assert even(model) == flags


def test_a_centre_between_the_samples_has_a_sign() -> None:
    """A narrow line at 0, seen by the sample there alone, on something so wide that its tail is lost in rounding."""
    free = {"stddev": (None, None)}
    model = Gaussian1D(1.0, 0.0, 1.0, bounds=free) + Gaussian1D(1.0, 0.0, 50.0, bounds=free)
    assert even(model, world=(14.0 * np.arange(12.0),)) == (False, False, True, False, False, True)


def test_even_parameter_with_another_tied_to_it() -> None:
    model = Lorentz1D(1.0, 3.0, 2.0) + Lorentz1D(1.0, 6.0, 2.0)
    model.fwhm_1.tied = lambda m: m.fwhm_0
    assert even(model) == (False, False, True, False, False, False)


def test_model_that_raises_is_even_in_nothing() -> None:
    @custom_model
    def broken(x, width=1.0):
        raise LookupError("no table")

    assert even(broken()) == (False,)


def test_even_parameter_has_no_bound_anywhere() -> None:
    for bounds in (([-np.inf, 0.1, -np.inf], None), (None, [np.inf, 9.0, np.inf])):
        assert even(Lorentz1D(), bounds={"fwhm": bounds}) == (False, False, False)
    assert even(Lorentz1D(), bounds={"fwhm": ([-np.inf] * 3, None)}) == (False, False, True)


def test_even_parameter_is_even_wherever_it_is_tried() -> None:
    @custom_model
    def sometimes(x, level=1.0, width=2.0):
        return x * (width**2 if level < 1.0 else width)

    assert even(sometimes()) == (False, False)
    assert even(sometimes(0.5)) == (False, True)


def test_even_parameter_takes_those_tied_to_it_along() -> None:
    @custom_model
    def product(x, width=2.0, other=2.0):
        return x * width * other

    model = product()
    assert even(model) == (False, False)
    model.other.tied = lambda m: 0.5 * m.width
    assert even(model) == (True, False)


def test_even_parameter_has_an_effect() -> None:
    @custom_model
    def still(x, width=2.0, slope=1.0):
        return slope * x

    assert even(still()) == (False, False)
