"""The order in which inputs are checked, what is refused at once, and what the problem keeps of the call."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.models import Const1D, Gaussian1D, Identity, Linear1D, Polynomial1D
from astropy.nddata import NDData, StdDevUncertainty
from numpy.testing import assert_array_equal
from tests.normalized import normalize

DATA = np.ones((12, 3))


def all_fixed() -> Any:
    model = Linear1D(fixed={"slope": True})
    model.intercept.tied = lambda m: m.slope
    return model


REFUSED = [
    (Gaussian1D, TypeError, "model should be an instance of an astropy model"),
    (lambda: Gaussian1D([1.0, 2.0], [0.0, 0.0], [1.0, 1.0], n_models=2), ValueError, "got a set of 2"),
    (lambda: Identity(2) | (Const1D() & Const1D()), ValueError, "model should have one output, got 2"),
    (all_fixed, ValueError, "every parameter of the model is fixed or tied"),
]


@pytest.mark.parametrize(("make", "error", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_models_that_cannot_be_fitted(make: Any, error: type[Exception], message: str) -> None:
    model = make if isinstance(make, type) else make()
    with pytest.raises(error, match=message):
        normalize(model=model, data=DATA, fitting_axes=0)


def test_one_free_parameter_is_enough() -> None:
    model = Linear1D(fixed={"slope": True})
    assert normalize(model=model, data=DATA, fitting_axes=0).params.free == (1,)


def lazy(chunks: tuple[int, int], shape: tuple[int, int] = (12, 3)) -> Any:
    return da.ones(shape, chunks=chunks)


CHUNKS = [
    (DATA, None, TypeError, "input data is a dask array"),
    (lazy((12, 1)), DATA, TypeError, "input weights is a dask array"),
    (lazy((6, 3)), None, ValueError, r"chunk size should match the data size.*got chunks of \(6, 3\)"),
    (lazy((12, 1)), lazy((12, 3)), ValueError, r"same chunk size as the data: got \(12, 3\) and \(12, 1\)"),
]


@pytest.mark.parametrize(("data", "weights", "error", "message"), CHUNKS, ids=[message for *_, message in CHUNKS])
def test_chunks_that_cannot_be_kept(data: Any, weights: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        normalize(model=Linear1D(), data=data, weights=weights, fitting_axes=0, preserve_native_chunks=True)
    normalize(model=Linear1D(), data=data, weights=weights, fitting_axes=0)


@pytest.mark.parametrize("weights", [None, lazy((12, 1))])
def test_chunks_that_can_be_kept(weights: Any) -> None:
    data = lazy((12, 1))
    problem = normalize(model=Linear1D(), data=data, weights=weights, fitting_axes=0, preserve_native_chunks=True)
    assert problem.samples.data is data


def test_what_the_problem_keeps_of_the_call() -> None:
    plain = normalize(model=Gaussian1D(), data=DATA, fitting_axes=0)
    assert (plain.absolute_sigma, plain.filter_non_finite, plain.transform, plain.data_unit) == (
        False,
        False,
        None,
        None,
    )
    full = normalize(
        model=Polynomial1D(1),
        data=DATA * u.Jy,
        weights=DATA,
        mask=DATA > 2.0,
        fitting_axes=0,
        linear=True,
        filter_non_finite=True,
    )
    assert (full.absolute_sigma, full.filter_non_finite, full.data_unit) == (True, True, u.Jy)
    assert full.transform is not None
    assert_array_equal(full.samples.mask, np.zeros(DATA.shape, dtype=bool))


def test_weights_of_nddata_are_absolute_too() -> None:
    data = NDData(DATA, uncertainty=StdDevUncertainty(np.full(DATA.shape, 4.0)))
    problem = normalize(model=Linear1D(), data=data, fitting_axes=0)
    assert problem.absolute_sigma
    assert_array_equal(problem.samples.weights, 0.25)


def test_units_of_the_model_or_of_the_data_count() -> None:
    assert normalize(model=Gaussian1D(), data=DATA, data_unit=u.Jy, fitting_axes=0).units[0] == u.Jy
    with_units = Gaussian1D(1 * u.one, 3 * u.pix, 1 * u.pix)
    assert normalize(model=with_units, data=DATA, fitting_axes=0).units == (u.one, u.pix, u.pix)
    assert normalize(model=Gaussian1D(), data=DATA, fitting_axes=0).units == (None, None, None)
