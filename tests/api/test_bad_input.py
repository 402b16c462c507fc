"""A mistake in the call is named before the first fit: what was expected, what arrived, what to do."""

from __future__ import annotations

from typing import ClassVar

import dask.array as da
import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian1D, Gaussian2D
from astropy.nddata import NDData, UnknownUncertainty
from astropy.wcs import WCS

import ndfit
from ndfit import parallel_fit_dask
from ndfit.status import Status

X = np.linspace(0, 10, 30)
DATA = np.exp(-0.5 * (X[:, np.newaxis, np.newaxis] - 5.0) ** 2) * np.ones((1, 3, 4))
KMS = u.km / u.s


class CountingFitter(TRFLSQFitter):
    """Counts the fits that it and every copy of it make; called like any other fitter."""

    calls: ClassVar[int] = 0

    def _run_fitter(self, *args, **kwargs):
        type(self).calls += 1
        return super()._run_fitter(*args, **kwargs)


@pytest.fixture(autouse=True)
def no_fit_is_made():
    """Whatever a test passes, it has to be refused before the first fit."""
    CountingFitter.calls = 0
    yield
    assert CountingFitter.calls == 0


def gaussian(**constraints):
    return Gaussian1D(0.8, 4.8, 1.2, **constraints)


def gaussian_with_units():
    return Gaussian1D(0.8 * u.K, 4.8 * KMS, 1.2 * KMS)


def refused(error, *words, **keywords):
    """The call's message, which has the words in it in any order; keywords replace those of a call that would work."""
    call = {"model": gaussian(), "fitter": CountingFitter(), "data": DATA, "world": (X,), "fitting_axes": 0}
    with pytest.raises(error) as raised:
        parallel_fit_dask(**call | {"scheduler": "synchronous"} | keywords)
    message = str(raised.value)
    missing = [word for word in words if str(word) not in message]
    assert not missing, f"{missing} not in: {message}"


@pytest.mark.parametrize(
    ("model", "fitting_axes", "words"),
    [
        (gaussian(), (0, 1), ["1-dimensional", "2 value(s)", "fitting_axes"]),
        (Gaussian2D(), 0, ["2-dimensional", "1 value(s)", "fitting_axes"]),
        (gaussian(), (), ["1-dimensional", "0 value(s)", "fitting_axes"]),
    ],
    ids=["too many", "too few", "none"],
)
def test_wrong_number_of_axes(model, fitting_axes, words):
    refused(ValueError, *words, model=model, fitting_axes=fitting_axes)


@pytest.mark.parametrize("axis", [3, -4, 17])
def test_axis_out_of_range(axis):
    refused(ValueError, axis, "out of range", "3-dimensional", fitting_axes=axis)


def test_axis_named_twice():
    refused(ValueError, "fitting_axes", "twice", model=Gaussian2D(), fitting_axes=(1, -2), world=None)


@pytest.mark.parametrize("axes", [None, "spectral", 0.5, (0.5,)], ids=repr)
def test_axes_that_are_not_integers(axes):
    refused(TypeError, "fitting_axes", fitting_axes=axes)


def test_world_of_the_wrong_length():
    refused(ValueError, "world", 29, 30, world=(X[1:],))


@pytest.mark.parametrize("shape", [(30, 4, 3), (29, 3, 4), (30, 2, 1)], ids=str)
def test_world_of_the_wrong_shape(shape):
    refused(ValueError, "world", shape, DATA.shape, world=(np.ones(shape),))


def test_wrong_number_of_world_arrays():
    refused(ValueError, "2", "1", "world", world=(X, X))


@pytest.mark.parametrize("world", ["pixel", 3, {"x": X}], ids=lambda world: type(world).__name__)
def test_world_of_the_wrong_type(world):
    refused(TypeError, "world", "WCS", world=world)


def test_world_is_wcs_of_another_number_of_dimensions():
    refused(ValueError, "WCS", 2, 3, world=WCS(naxis=2))


@pytest.mark.parametrize("name", ["maxitr", "max_nfev"])
def test_unknown_fitter_keyword(name):
    refused(TypeError, name, "maxiter", "CountingFitter", fitter_kwargs={name: 100})


def test_unit_of_the_world_that_cannot_convert():
    refused(
        u.UnitsError,
        "world[0]",
        "km / s",
        "Hz",
        model=gaussian_with_units(),
        data=DATA * u.K,
        world=(X * u.Hz,),
    )


def test_unit_of_the_data_that_cannot_convert():
    refused(
        u.UnitsError,
        "amplitude",
        "K",
        "Jy",
        model=gaussian_with_units(),
        data=DATA * u.Jy,
        world=(X * KMS,),
    )


def test_unit_of_one_parameter_that_cannot_convert():
    model = Gaussian1D(0.8 * u.K, 4.8 * KMS, 1.2 * u.Hz)
    refused(u.UnitsError, "stddev", "Hz", "km / s", model=model, data=DATA * u.K, world=(X * KMS,))


def test_data_unit_against_the_data():
    refused(u.UnitsError, "data_unit", "K", "Jy", data=DATA * u.K, data_unit=u.Jy)


def test_data_unit_that_is_no_unit():
    refused(ValueError, "data_unit", "furlongs", data_unit="furlongs")


@pytest.mark.parametrize("keyword", ["mask", "weights"])
@pytest.mark.parametrize("shape", [(4, 3), (30, 4), (29, 3, 4), (1, 30, 3, 4), (5,)], ids=str)
def test_shape_of_mask_and_weights(keyword, shape):
    refused(ValueError, keyword, shape, DATA.shape, **{keyword: np.ones(shape, dtype=bool)})


def test_shape_that_could_mean_two_things():
    refused(ValueError, "weights", (4,), "(4, 4)", data=DATA[:4, 0, :], world=(X[:4],), weights=np.ones(4))


def test_mask_that_is_not_boolean():
    refused(TypeError, "mask", "float64", mask=np.ones(DATA.shape))


@pytest.mark.parametrize(
    "weights", [np.ones(DATA.shape, complex), np.full(DATA.shape, "1")], ids=lambda w: w.dtype.name
)
def test_weights_that_are_not_numbers(weights):
    refused(TypeError, "weights", weights.dtype, weights=weights)


def test_unit_of_weights_that_cannot_convert():
    refused(
        u.UnitsError,
        "weights",
        "1 / Jy",
        "1 / K",
        model=gaussian_with_units(),
        data=DATA * u.K,
        world=(X * KMS,),
        weights=np.ones(DATA.shape) / u.Jy,
    )


def test_uncertainty_of_unknown_kind():
    data = NDData(DATA, uncertainty=UnknownUncertainty(np.ones(DATA.shape)))
    refused(TypeError, "uncertainty", "StdDevUncertainty", data=data)


def test_start_outside_its_bounds_everywhere():
    refused(ValueError, "mean", "bounds", 4.8, 6, 9, model=gaussian(bounds={"mean": (6.0, 9.0)}))


def test_map_of_starts_outside_the_bounds_everywhere():
    model = Gaussian1D(0.8, np.full((3, 4), 4.8), 1.2, bounds={"mean": (None, 3.0)})
    refused(ValueError, "mean", "bounds", 4.8, 3, model=model)


def test_bounds_in_the_wrong_order():
    refused(ValueError, "mean", "bound", 6.0, 2.0, model=gaussian(bounds={"mean": (6.0, 2.0)}))


def test_a_bound_that_is_nan():
    refused(ValueError, "mean", "bound", "nan", "None", model=gaussian(bounds={"mean": (np.nan, 6.0)}))
    refused(ValueError, "mean", "bound", "nan", "None", bounds={"mean": (3.0, np.nan)})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_start_that_is_nowhere_finite(value):
    refused(ValueError, "mean", value, "starting value", "finite", model=Gaussian1D(0.8, value, 1.2))
    with pytest.raises(ValueError, match="starting value of 'mean' should be a finite number"):
        ndfit.fit(Gaussian1D(0.8, value, 1.2), DATA, world=(X,), fitting_axes=0, guess=None)


def test_one_sentence_for_a_bound_that_is_nan_from_fit_too():
    with pytest.raises(ValueError, match=r"bounds of 'mean' should be numbers, got \(nan, 6.0\)"):
        ndfit.fit(gaussian(), DATA, world=(X,), fitting_axes=0, bounds={"mean": (np.nan, 6.0)})


def test_gaps_in_a_map_of_bounds():
    lower = np.zeros((3, 4))
    lower[1, 2] = np.nan
    with pytest.warns(ndfit.FitWarning, match="a bound is NaN"):
        result = ndfit.fit(gaussian(), DATA, world=(X,), fitting_axes=0, bounds={"amplitude": (lower, None)})
    assert result.status[1, 2] == Status.NON_FINITE_START
    assert np.sum(result.success) == 11


def test_starts_of_a_shape_that_does_not_broadcast():
    refused(ValueError, "mean", (4, 3), (3, 4), model=Gaussian1D(0.8, np.full((4, 3), 4.8), 1.2))


def test_diagnostics_path_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("not a folder")
    path = blocked / "diagnostics"
    refused((OSError, ValueError), "diagnostics_path", path, diagnostics="error", diagnostics_path=path)


def test_diagnostics_path_is_missing():
    refused(ValueError, "diagnostics_path", diagnostics="error")


def test_diagnostics_of_unknown_kind(tmp_path):
    refused(ValueError, "'error+warn'", "everything", diagnostics="everything", diagnostics_path=tmp_path)


@pytest.mark.parametrize("keyword", ["scheduler", "engine"])
def test_names_that_are_not_known(keyword):
    refused(ValueError, keyword, "teleport", **{keyword: "teleport"})


@pytest.mark.parametrize("chunk_n_max", [0, -5])
def test_chunks_of_no_fits(chunk_n_max):
    refused(ValueError, "chunk_n_max", chunk_n_max, chunk_n_max=chunk_n_max)


def test_fitter_that_is_a_class():
    refused(TypeError, "fitter", "instance", fitter=CountingFitter)


def test_model_that_is_a_class():
    refused(TypeError, "model", "instance", model=Gaussian1D)


@pytest.mark.parametrize("data", [DATA.astype(complex), np.full(DATA.shape, "1.5")], ids=lambda data: data.dtype.name)
def test_data_that_are_not_real_numbers(data):
    refused(TypeError, "data", "real", data.dtype, data=data)


def test_dask_array_of_unknown_chunks():
    data = da.from_array(DATA, chunks=(10, 3, 4))
    refused(ValueError, "chunk", "compute_chunk_sizes", data=data[data.sum(axis=(1, 2)) > 0])
