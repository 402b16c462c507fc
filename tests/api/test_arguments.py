"""Nonsense in any argument is refused before the first fit, with the argument's name and what arrived."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.fitting import LevMarLSQFitter, TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D, Gaussian2D
from numpy.testing import assert_allclose, assert_array_equal

import ndfit

X = np.arange(20.0)
DATA = Gaussian1D(5.0, 9.0, 2.0)(X) + 0.1 * np.random.default_rng(0).normal(size=(3, X.size))
MODEL = Gaussian1D(4.0, 8.5, 2.5)


class Anything:
    """Of no type that an argument may have; its name is the same in every process that collects the tests."""

    def __repr__(self) -> str:
        return "anything"


ANYTHING = Anything()
NOTHING_OF_THESE = ("x", 1.5, -1, math.nan, {}, [], ANYTHING, np.array([1, 2]))

BOTH = {
    "equivalencies": ("x", True, 1.5, [], ANYTHING, np.array([1, 2]), {"y": []}, {"x": "doppler"}, {1: []}),
    "bounds": ("x", True, 1.5, [], ANYTHING, np.array([1, 2])),
    "fitter_kwargs": ("x", True, 1.5, [], ANYTHING, np.array([1, 2]), (1, 2, 3)),
    "chunk_n_max": ("x", True, 1.5, 0, -1, math.nan, math.inf),
    "engine": (None, *NOTHING_OF_THESE),
    "data_unit": (True, 1.5, math.nan, np.array([1, 2])),
    "weights": ("x", True, ANYTHING),
}
FIT = {
    "covariance": (None, *NOTHING_OF_THESE),
    "absolute_sigma": NOTHING_OF_THESE,
    "checkpoint": (True, 1.5, ANYTHING, np.array([1, 2])),
    "memory_limit": (math.inf, math.nan, -1, "x", True),
    "loss": (None, *NOTHING_OF_THESE),
    "statistic": (None, *NOTHING_OF_THESE),
    "resample": NOTHING_OF_THESE,
    "uncertainty": ("x", True, np.ones(20, dtype=bool)),
}
DROP_IN = {
    "preserve_native_chunks": (None, *NOTHING_OF_THESE),
    "fit_info": (1.5, -1, ANYTHING, np.array([1, 2]), (1, 2)),
    "diagnostics": NOTHING_OF_THESE,
    "diagnostics_path": (True, 1.5, ANYTHING),
}


def pairs(table: dict[str, tuple[Any, ...]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize(("name", "value"), pairs(BOTH | FIT), ids=str)
def test_fit(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=name.split("_")[0]):
        ndfit.fit(MODEL, DATA, fitting_axes=1, **{name: value})


@pytest.mark.parametrize(("name", "value"), pairs(BOTH | DROP_IN), ids=str)
def test_the_call_of_astropy(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=name.split("_")[0]):
        ndfit.parallel_fit_dask(model=MODEL, fitter=TRFLSQFitter(), data=DATA, fitting_axes=1, **{name: value})


@pytest.mark.parametrize("fitter", [TRFLSQFitter, LevMarLSQFitter])
@pytest.mark.parametrize("engine", ["auto", "reference"])
@pytest.mark.parametrize(
    ("name", "value"),
    pairs(
        {
            "maxiter": ("x", True, 1.5, 0, -1, math.nan, math.inf, None, [1]),
            "acc": ("x", True, -1e-3, 1.5, math.nan, math.inf, None),
            "epsilon": ("x", True, -1.0, math.nan),
            "estimate_jacobian": ("x", 1.5, None),
            "filter_non_finite": ("x", 1.5, None),
        }
    ),
    ids=str,
)
def test_keywords_of_the_fitter(name: str, value: Any, engine: str, fitter: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=name):
        ndfit.fit(MODEL, DATA, fitting_axes=1, fitter=fitter(), fitter_kwargs={name: value}, engine=engine)


@pytest.mark.parametrize(
    ("name", "value"),
    pairs(
        {"criterion": (None, *NOTHING_OF_THESE), "margin": ("x", True, -1, math.nan, [], None), "checkpoint": (1.5,)}
    ),
    ids=str,
)
def test_select(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=name):
        ndfit.select([MODEL, Const1D()], DATA, fitting_axes=1, **{name: value})


def test_numbers_of_numpy_and_whole_floats_are_as_good() -> None:
    kwargs = {"maxiter": 1e3, "acc": np.float64(1e-8), "estimate_jacobian": np.False_}
    one = ndfit.fit(MODEL, DATA, fitting_axes=1, fitter_kwargs=kwargs, covariance=np.True_, chunk_n_max=np.int64(2))
    other = ndfit.fit(MODEL, DATA, fitting_axes=1, fitter_kwargs={"maxiter": 1000, "acc": 1e-8})
    assert_array_equal(one.parameters["mean"], other.parameters["mean"])


def test_equivalencies_that_are_some() -> None:
    model = Gaussian1D(4.0, 8.5 * u.km / u.s, 2.5 * u.km / u.s)
    rest = 1420.4 * u.MHz
    frequency = (X * u.km / u.s).to(u.MHz, equivalencies=u.doppler_radio(rest))
    result = ndfit.fit(model, DATA, fitting_axes=1, world=(frequency,), equivalencies={"x": u.doppler_radio(rest)})
    assert_allclose(result.parameters["mean"].value, 9.0, atol=0.1)


@pytest.mark.parametrize(("shape", "axes"), [((3, 0), 1), ((3, 0, 4), (2, 1)), ((0,), 0)])
def test_no_samples_along_the_fitting_axes(shape: tuple[int, ...], axes: Any) -> None:
    model = MODEL if np.ndim(axes) == 0 else Gaussian2D()
    with pytest.raises(ValueError, match="nothing to fit"):
        ndfit.fit(model, np.zeros(shape), fitting_axes=axes)


@pytest.mark.parametrize("world", [np.full(20, np.nan), np.full((3, 20), np.inf)])
def test_coordinates_that_are_nowhere(world: Any) -> None:
    with pytest.raises(ValueError, match=r"every coordinate of world\[0\]"):
        ndfit.fit(MODEL, DATA, fitting_axes=1, world=(world,))


def test_coordinates_of_some_positions_may_be_nowhere() -> None:
    world = np.broadcast_to(X, (3, 20)).copy()
    world[0] = np.nan
    assert_array_equal(ndfit.fit(MODEL, DATA, fitting_axes=1, world=(world,)).success, [False, True, True])


def test_arrays_of_xarray_are_coordinates() -> None:
    xarray = pytest.importorskip("xarray")
    expected = ndfit.fit(MODEL, DATA, fitting_axes=1, world=(X,))
    for array in (xarray.DataArray(X, dims="x"), xarray.DataArray(X, dims="x").chunk()):
        found = ndfit.fit(MODEL, DATA, fitting_axes=1, world=(array,))
        assert_array_equal(found.parameters["mean"], expected.parameters["mean"])
    in_nm = xarray.DataArray(X, dims="x", attrs={"units": "nm"})
    model = Gaussian1D(4.0, 85.0 * u.AA, 25.0 * u.AA)
    assert_allclose(
        ndfit.fit(model, DATA, fitting_axes=1, world=(in_nm,)).parameters["mean"].to_value("nm"), 9.0, atol=0.1
    )
    with pytest.raises(TypeError, match="parsecs per fortnight"):
        ndfit.fit(MODEL, DATA, fitting_axes=1, world=(in_nm.assign_attrs(units="parsecs per fortnight"),))


def test_a_fitted_model_at_as_many_samples_as_positions() -> None:
    result = ndfit.fit(MODEL, np.vstack([DATA] * 7)[:20], fitting_axes=1)
    values = result.model(X)
    assert values.shape == (20, 20)
    assert_allclose(values[:, 4], result[4].model(X), rtol=1e-12)
