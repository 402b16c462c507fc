"""`ndfit.curvefit` beside xarray's own: the same Dataset, and the same numbers."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from tests.children import python

import ndfit
import ndfit.xarray
from ndfit.status import Status

TIME = np.arange(1.0, 9.0)


def decay(t, n0, tau=2.0):
    return n0 * np.exp(-t / tau)


def plane(xy, a, b, c=0.0):
    x, y = xy
    return a * x + b * y + c


def noisy(values: Any, seed: int = 0) -> Any:
    return values + np.random.default_rng(seed).normal(0.0, 0.01, values.shape)


def decays() -> xr.DataArray:
    tau = xr.DataArray(np.linspace(1.5, 4.0, 6).reshape(2, 3), dims=("y", "x"), coords={"x": [1, 2, 4]})
    time = xr.DataArray(TIME, dims="time", coords={"time": TIME})
    data = noisy(decay(time, 3.0, tau)).transpose("y", "time", "x")
    return data.assign_coords(region=("y", ["a", "b"]), run=7).assign_attrs(units="mV")


def images() -> xr.DataArray:
    x, y = np.arange(7.0), 10.0 + np.arange(5.0)
    image = 2.0 * x + 3.0 * y[:, None] + np.array([1.0, -4.0])[:, None, None]
    return xr.DataArray(noisy(image), dims=("time", "y", "x"), coords={"x": x, "y": y})


def both(obj: Any, *arguments: Any, **keywords: Any) -> tuple[Any, Any]:
    """xarray's Dataset and ours, which has what xarray's has, and more."""
    theirs, ours = obj.curvefit(*arguments, **keywords), ndfit.curvefit(obj, *arguments, **keywords)
    assert set(theirs.data_vars) <= set(ours.data_vars)
    assert theirs.attrs == ours.attrs
    for name, expected in theirs.data_vars.items():
        found = ours[name]
        assert found.dims == expected.dims, name
        assert set(found.coords) == set(expected.coords), name
        for coord in expected.coords:
            xr.testing.assert_identical(found[coord].variable, expected[coord].variable)
        rtol = 1e-3 if str(name).endswith("covariance") else 1e-5
        assert_allclose(found, expected, rtol=rtol, atol=rtol * float(np.abs(expected).max()))
    return theirs, ours


def test_the_signature_is_that_of_xarray() -> None:
    theirs = list(inspect.signature(xr.DataArray.curvefit).parameters.values())[1:]
    ours = list(inspect.signature(ndfit.curvefit).parameters.values())[1:]
    assert [(each.name, each.default) for each in ours] == [(each.name, each.default) for each in theirs]


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"p0": {"n0": 2.0, "tau": 1.0}},
        {"bounds": {"tau": (0.5, 10.0)}},
        {"bounds": {"tau": (3.0, np.inf), "n0": (0.0, 10.0)}, "p0": {"n0": 4.0}, "reduce_dims": "x"},
        {"reduce_dims": ["x", "y"]},
        {"reduce_dims": "y", "kwargs": {"absolute_sigma": True, "maxfev": 500}},
        {"param_names": ["n0", "tau"], "p0": {"tau": xr.DataArray([1.0, 3.0], dims="y")}},
    ],
)
def test_a_curve_along_a_dimension(lazy: bool, keywords: dict[str, Any]) -> None:
    data = decays()
    if "tau" in keywords.get("bounds", {}) and keywords["bounds"]["tau"][0] == 3.0:
        data = data.isel(y=[1, 1])  # where no bound is reached
    obj = data.chunk({"time": 4}) if lazy and "reduce_dims" not in keywords else data
    theirs = data.curvefit("time", decay, **keywords)
    ours = ndfit.curvefit(obj, "time", decay, **keywords)
    for name in theirs.data_vars:
        assert ours[name].dims == theirs[name].dims
        assert_allclose(ours[name], theirs[name], rtol=1e-3)
    both(data, "time", decay, **keywords)


@pytest.mark.parametrize("absolute", [{}, {"absolute_sigma": True}, {"absolute_sigma": False}])
def test_uncertainties_are_relative_unless_it_is_said_that_they_are_not(absolute: dict[str, bool]) -> None:
    both(decays(), "time", decay, kwargs={"sigma": np.linspace(0.5, 2.0, 8), **absolute})


def test_beside_the_coefficients_stand_errors_status_and_flags() -> None:
    data = decays()
    data[0, :, 0] = np.nan
    fitted = ndfit.curvefit(data, "time", decay)
    variance = np.einsum("...ii->...i", fitted.curvefit_covariance.values)
    assert_allclose(fitted.curvefit_errors, np.sqrt(variance))
    assert fitted.curvefit_status.dims == fitted.curvefit_flags.dims == ("y", "x")
    assert fitted.curvefit_status[0, 0] == Status.NO_DATA
    assert np.isnan(fitted.curvefit_coefficients[0, 0]).all()
    both(data, "time", decay)


@pytest.mark.parametrize("coords", [("x", "y"), ["y", "x"]])
def test_several_coordinates_are_one_argument(coords: Any) -> None:
    both(images(), coords, plane)
    both(images(), [images()[name] for name in coords], plane)
    both(images(), coords, lambda xy, a, b, c: xy[0] * a + xy[1] * b + c)


def test_a_coordinate_of_several_dimensions() -> None:
    data = images()
    radius = np.hypot(data["x"] - 3.0, data["y"] - 12.0)
    data = noisy(5.0 * np.exp(-radius / 2.0) * xr.DataArray([1.0, 2.0], dims="time")).transpose("time", "y", "x")
    theirs, _ = both(data, radius.rename("radius"), decay, reduce_dims=("y", "x"), p0={"tau": 1.0})
    assert theirs.curvefit_coefficients.dims == ("time", "param")
    delays = xr.DataArray(TIME * np.array([[1.0], [2.0]]), dims=("y", "time"), name="delay")
    both(noisy(decay(delays, 2.0, 3.0)), delays, decay, reduce_dims="time")


def test_a_dataset_has_a_result_for_each_variable() -> None:
    data = xr.Dataset({"one": decays(), "two": 2.0 * decays().isel(y=0, drop=True)}, attrs={"title": "runs"})
    theirs, _ = both(data, "time", decay)
    assert "two_curvefit_coefficients" in theirs
    with pytest.raises(ValueError, match="'three' has no dimension time"):
        ndfit.curvefit(data.assign(three=("y", [1.0, 2.0])), "time", decay)


def test_failures_raise_or_are_nan() -> None:
    data = decays()
    limited: Any = {"func": lambda t, n0, tau: n0 * np.exp(-t / tau), "kwargs": {"maxfev": 2}, "p0": {"tau": 90.0}}
    with pytest.raises(RuntimeError, match=r"first of them at \(0, 0\).*maxfev = 2"):
        ndfit.curvefit(data, "time", **limited)
    fitted = ndfit.curvefit(data, "time", errors="ignore", **limited)
    for name in ("coefficients", "covariance", "errors"):
        assert np.isnan(fitted[f"curvefit_{name}"]).all()
    assert (fitted.curvefit_status == Status.EVALUATION_LIMIT).all()

    def broken(t, a):
        raise ZeroDivisionError("of somebody's function")

    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        ndfit.curvefit(data, "time", broken)


def test_names_that_models_have_are_names_of_parameters() -> None:
    fitted = ndfit.curvefit(decays(), "time", lambda t, name, bounds: name * np.exp(-t / bounds), p0={"bounds": 2.0})
    assert list(fitted.param.values) == ["name", "bounds"]
    assert_allclose(fitted.curvefit_coefficients.sel(param="name"), 3.0, atol=0.1)


def test_times_are_seconds() -> None:
    start = np.datetime64("2020-01-01", "ns")
    data = decays().assign_coords(time=start + (TIME * 1e9).astype("timedelta64[ns]"))
    with pytest.warns(UserWarning, match="seconds"):
        fitted = ndfit.curvefit(data, "time", decay)
    expected = ndfit.curvefit(decays(), "time", decay).curvefit_coefficients.sel(param="tau")
    assert_allclose(fitted.curvefit_coefficients.sel(param="tau"), expected, rtol=1e-6)


def test_the_attribute_of_arrays() -> None:
    data = decays()
    xr.testing.assert_identical(data.ndfit.curvefit("time", decay), ndfit.curvefit(data, "time", decay))
    xr.testing.assert_identical(
        data.to_dataset(name="a").ndfit.curvefit("time", decay),
        ndfit.curvefit(data.to_dataset(name="a"), "time", decay),
    )
    result = data.ndfit.fit(decay, "time", p0={"n0": 2.0})
    assert result.to_xarray()["tau"].dims == ("y", "x")
    told = python("-c", "import ndfit, xarray; ndfit.fit; print(hasattr(xarray.DataArray([1]), 'ndfit'))")
    assert told.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("keywords", "error", "match"),
    [
        ({"coords": "tine"}, ValueError, "did you mean 'time'"),
        ({"coords": []}, ValueError, "at least one"),
        ({"coords": "run"}, ValueError, "reduce_dims"),
        ({"reduce_dims": "z"}, ValueError, "no dimension"),
        ({"p0": {"tua": 1.0}}, ValueError, "did you mean 'tau'"),
        ({"bounds": {"tua": (0, 1)}}, ValueError, "did you mean 'tau'"),
        ({"bounds": {"tau": 3.0}}, ValueError, "pair"),
        ({"kwargs": {"maxfew": 3}}, TypeError, "did you mean 'maxfev'"),
        ({"kwargs": {"method": "simplex"}}, ValueError, "lm"),
        ({"errors": "coerce"}, ValueError, "ignore"),
        ({"func": np.exp}, ValueError, "arguments"),
        ({"func": 3}, TypeError, "function"),
        ({"func": lambda *values: 1}, ValueError, "any number"),
    ],
)
def test_mistakes_are_named(keywords: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        ndfit.curvefit(decays(), **{"coords": "time", "func": decay, **keywords})


def test_samples_that_are_missing_are_an_error_where_they_are_not_to_be_left_out() -> None:
    data = decays()
    data[0, 3, 1] = np.nan
    both(data, "time", decay)
    for call in (data.curvefit, lambda *arguments, **keywords: ndfit.curvefit(data, *arguments, **keywords)):
        with pytest.raises(ValueError, match="NaN"):
            call("time", decay, skipna=False)
    with pytest.raises(TypeError, match="DataArray"):
        ndfit.curvefit(data.values, "time", decay)
