"""Points 12 to 20 of the differences from astropy: where it raises, or spoils a position, and need not."""

from __future__ import annotations

import copy
import textwrap
from contextlib import nullcontext

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import Fittable1DModel, Parameter
from astropy.modeling.fitting import (
    FittingWithOutlierRemoval,
    LevMarLSQFitter,
    LinearLSQFitter,
    LMLSQFitter,
    TRFLSQFitter,
)
from astropy.modeling.models import Const1D, Gaussian1D, Linear1D
from astropy.nddata import InverseVariance, NDData, StdDevUncertainty, VarianceUncertainty
from astropy.stats import sigma_clip
from numpy.testing import assert_allclose
from tests.children import python
from tests.parity.synthetic import MEANS, X, cube, gaussian, spectra, start

from ndfit.errors import FitWarning

OUTLIER = 5
"""The sample that a test spoils, and that mask or weights take out again."""


@pytest.mark.parametrize("fitting_axes", [-3, [0], (-3,), np.int64(0)], ids=repr)
def test_point_12_first_axis(fit, fitting_axes):
    fitted = fit(model=start(), fitter=TRFLSQFitter(), data=cube(MEANS), world=(X,), fitting_axes=fitting_axes)
    assert_allclose(fitted.mean.value, MEANS, rtol=1e-6)


@pytest.mark.parametrize("fitting_axes", [-1, [-1], np.array([2])], ids=repr)
def test_point_12_last_axis(fit, fitting_axes):
    fitted = fit(model=start(), fitter=TRFLSQFitter(), data=spectra(MEANS), world=(X,), fitting_axes=fitting_axes)
    assert_allclose(fitted.mean.value, MEANS, rtol=1e-6)


@pytest.mark.parametrize("junk", [np.nan, np.inf])
@pytest.mark.parametrize("by", ["mask", "weights"])
def test_point_13_sample_left_out_may_be_anything(fit, junk, by):
    data = cube(MEANS)
    data[OUTLIER, 1, 1] = junk
    left_out = ~np.isfinite(data)
    keyword = {"mask": left_out} if by == "mask" else {"weights": np.where(left_out, 0.0, 10.0)}
    fitted = fit(model=start(), fitter=TRFLSQFitter(), data=data, world=(X,), fitting_axes=0, **keyword)
    assert_allclose(fitted.mean.value, MEANS, rtol=1e-6)


@pytest.mark.parametrize("uncertainty", [StdDevUncertainty, VarianceUncertainty, InverseVariance])
@pytest.mark.parametrize("useless", [0.0, np.inf])
def test_point_13_uncertainty_zero_or_infinite(fit, uncertainty, useless):
    data = cube(MEANS)
    data[OUTLIER] = 77.0
    values = np.full(data.shape, 0.04)
    values[OUTLIER] = useless
    nddata = NDData(data, uncertainty=uncertainty(values))
    # No sample is exact: that is said. One that is not known at all is left out on purpose.
    exact = useless == (np.inf if uncertainty is InverseVariance else 0.0)
    with pytest.warns(FitWarning, match="12 samples") if exact else nullcontext():
        fitted = fit(model=start(), fitter=TRFLSQFitter(), data=nddata, world=(X,), fitting_axes=0)
    assert_allclose(fitted.mean.value, MEANS, rtol=1e-6)


def test_point_14_integer_weights_with_a_mask(fit):
    data = cube(MEANS)
    data[OUTLIER] = 77.0
    mask = np.zeros(data.shape, dtype=bool)
    mask[OUTLIER] = True
    weights = np.full(data.shape, 3)
    fitted = fit(
        model=start(), fitter=TRFLSQFitter(), data=data, weights=weights, mask=mask, world=(X,), fitting_axes=0
    )
    assert_allclose(fitted.mean.value, MEANS, rtol=1e-6)


@pytest.mark.parametrize("shape", [(50,), (50, 1, 1), (50, 3, 1), (50, 3, 4)], ids=str)
@pytest.mark.parametrize("keyword", ["weights", "mask"])
def test_point_14_shapes_that_broadcast_to_the_data(fit, shape, keyword):
    data = cube(MEANS)
    data[OUTLIER] = 77.0
    mask = np.zeros(shape, dtype=bool)
    mask[OUTLIER] = True
    value = mask if keyword == "mask" else np.where(mask, 0, 2.5)
    fitted = fit(model=start(), fitter=TRFLSQFitter(), data=data, world=(X,), fitting_axes=0, **{keyword: value})
    assert_allclose(fitted.mean.value, MEANS, rtol=1e-6)


def test_point_14_mask_of_the_iterating_shape(fit):
    mask = np.zeros(MEANS.shape, dtype=bool)
    mask[2, 1] = True
    fitted = fit(model=start(), fitter=TRFLSQFitter(), data=cube(MEANS), mask=mask, world=(X,), fitting_axes=0)
    assert_allclose(fitted.mean.value, np.where(mask, np.nan, MEANS), rtol=1e-6)


def test_point_15_world_as_large_as_the_data(fit):
    shift = np.array([0.0, 0.3, -0.2])
    world = X + shift[:, np.newaxis]
    data = gaussian(world, 2.0, 5.2, 0.8)
    fitted = fit(model=start(), fitter=TRFLSQFitter(), data=data, world=(world,), fitting_axes=1)
    assert_allclose(fitted.mean.value, 5.2, rtol=1e-6)


def test_point_15_world_that_broadcasts(fit):
    shift = np.array([0.0, 0.3, -0.2, 0.5])
    world = (X[:, np.newaxis] + shift)[:, np.newaxis, :]
    data = gaussian(world, 2.0, MEANS, 0.8)
    fitted = fit(model=start(), fitter=TRFLSQFitter(), data=data, world=(world,), fitting_axes=0)
    assert_allclose(fitted.mean.value, MEANS, rtol=1e-6)


@pytest.mark.parametrize("world", [[X], X, [list(X)], [X * u.s], X * u.s], ids=lambda world: type(world).__name__)
def test_point_15_world_without_a_tuple(fit, world):
    model = start()
    if isinstance(world, u.Quantity) or isinstance(world[0], u.Quantity):
        model = Gaussian1D(1.5 * u.one, 5.0 * u.s, 1.0 * u.s)
    fitted = fit(model=model, fitter=TRFLSQFitter(), data=cube(MEANS), world=world, fitting_axes=0, data_unit=u.one)
    assert_allclose(fitted.mean.value, MEANS, rtol=1e-6)


@pytest.mark.parametrize("model", [Gaussian1D(1.5 * u.Jy, 24.0, 5.0), Const1D(1 * u.Jy)], ids=lambda m: m.name)
def test_point_16_quantity_data_without_world(fit, model):
    data = cube(MEANS) if isinstance(model, Gaussian1D) else np.full((50, 3, 4), 3.0)
    fitted = fit(model=model, fitter=TRFLSQFitter(), data=data * u.Jy, fitting_axes=0)
    amplitude = 2.0 if isinstance(model, Gaussian1D) else 3.0
    assert_allclose(fitted.amplitude.quantity.to_value(u.Jy), np.full(MEANS.shape, amplitude), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">i4", "uint64", "bool"])
def test_point_16_integer_data(fit, dtype):
    data = np.round(cube(MEANS, amplitude=200.0)).astype(dtype)
    model = Gaussian1D(150 if dtype != "bool" else 1, 5, 1)
    fitted = fit(model=model, fitter=TRFLSQFitter(), data=data, world=(X,), fitting_axes=0)
    expected = fit(model=model, fitter=TRFLSQFitter(), data=data.astype(float), world=(X,), fitting_axes=0)
    assert_allclose(fitted.mean.value, expected.mean.value, rtol=1e-12)
    assert_allclose(fitted.mean.value, MEANS, atol=0.2)


LOWER, UPPER = MEANS - 0.3, MEANS + 0.3
UPPER[0, 0], LOWER[2, 3] = MEANS[0, 0] - 0.1, MEANS[2, 3] + 0.1


class LineNearby(Fittable1DModel):
    """A line that may move only so far from where it is expected at each position."""

    amplitude = Parameter(default=1.5)
    mean = Parameter(default=5.0, bounds=(LOWER, UPPER))

    @staticmethod
    def evaluate(x, amplitude, mean):
        return gaussian(x, amplitude, mean, 0.8)


def test_point_16_bounds_that_are_maps(fit):
    model = LineNearby(mean=(LOWER + UPPER) / 2)
    fitted = fit(model=model, fitter=TRFLSQFitter(), data=cube(MEANS), world=(X,), fitting_axes=0)
    assert_allclose(fitted.mean.value, np.clip(MEANS, LOWER, UPPER), rtol=1e-4)


def test_point_16_bounds_as_quantities(fit):
    fitted = fit(
        model=Gaussian1D(1.5 * u.K, 4.9 * u.km / u.s, 1.0 * u.km / u.s),
        bounds={"mean": (4800 * u.m / u.s, [5200] * u.m / u.s), "stddev": (None, 3 * u.km / u.s)},
        fitter=TRFLSQFitter(),
        data=cube(MEANS) * u.K,
        world=(X * u.km / u.s,),
        fitting_axes=0,
    )
    assert_allclose(fitted.mean.quantity.to_value(u.km / u.s), np.clip(MEANS, 4.8, 5.2), rtol=1e-3)


def test_point_17_fitting_with_outlier_removal(fit):
    rng = np.random.default_rng(17)
    data = np.stack([2 * X + 1, 4 - X]) + 0.05 * rng.normal(size=(2, 50))
    data[:, [7, 20, 44]] += 60
    fitter = FittingWithOutlierRemoval(LinearLSQFitter(), sigma_clip, niter=5, sigma=3.0)
    fitted = fit(model=Linear1D(1, 0), fitter=fitter, data=data, world=(X,), fitting_axes=1)
    assert_allclose(fitted.slope.value, [2, -1], atol=0.02)
    assert_allclose(fitted.intercept.value, [1, 4], atol=0.1)


def test_point_18_one_name_as_a_string(fit):
    fitter = TRFLSQFitter()
    fit(model=start(), fitter=fitter, data=cube(MEANS), world=(X,), fitting_axes=0, fit_info="nfev")
    assert fitter.fit_info.properties == ("nfev",)
    assert (fitter.fit_info.get_property_as_array("nfev") > 0).all()


@pytest.mark.parametrize("fitter_class", [LevMarLSQFitter, LMLSQFitter, TRFLSQFitter])
def test_point_18_subset_for_every_fitter(fit, fitter_class):
    fitter = fitter_class(calc_uncertainties=True)
    fit(model=start(), fitter=fitter, data=cube(MEANS), world=(X,), fitting_axes=0, fit_info=("nfev", "param_cov"))
    assert fitter.fit_info.properties == ("nfev", "param_cov")
    assert fitter.fit_info.get_property_as_array("param_cov").shape == (3, 4, 3, 3)
    assert (fitter.fit_info.get_property_as_array("nfev") > 0).all()


@pytest.mark.parametrize("fitter_class", [LevMarLSQFitter, TRFLSQFitter])
@pytest.mark.parametrize("fit_info", [True, ("nfev", "message")], ids=["all", "subset"])
@pytest.mark.parametrize("empty", [0, 2])
def test_point_18_all_nan_position_in_the_container(fit, fitter_class, fit_info, empty):
    data = spectra([4.0, 5.0, 6.0])
    data[empty] = np.nan
    fitter = fitter_class()
    fit(model=start(), fitter=fitter, data=data, world=(X,), fitting_axes=1, fit_info=fit_info)
    nfev = fitter.fit_info.get_property_as_array("nfev")
    assert nfev[empty] == 0
    assert (np.delete(nfev, empty) > 0).all()
    assert {"nfev", "message"} <= set(fitter.fit_info.properties)


@pytest.mark.parametrize("fitter_class", [LevMarLSQFitter, TRFLSQFitter])
@pytest.mark.parametrize("fit_info", [False, True, ("nfev",)], ids=["none", "all", "subset"])
def test_point_18_fitter_can_be_used_again(fit, fitter_class, fit_info):
    fitter = fitter_class()
    arguments = {"model": start(), "fitter": fitter, "data": cube(MEANS), "world": (X,), "fitting_axes": 0}
    first = fit(**arguments, fit_info=fit_info)
    copy.deepcopy(fitter)
    second = fit(**arguments, fit_info=fit_info)
    assert_allclose(second.mean.value, first.mean.value, rtol=0)
    single = fitter(start(), X, cube(MEANS)[:, 0, 0])
    assert_allclose(single.mean.value, MEANS[0, 0], rtol=1e-6)


def complain_about_second(path, world, data, weights, model, fitter_kwargs):
    path.joinpath("seen.txt").write_text(f"{len(world)} {len(data)}")
    if path.name == "1":
        raise OSError("no space left for the figure")


def test_point_19_diagnostics_callable_that_raises(fit, tmp_path):
    fitted = fit(
        model=start(),
        fitter=TRFLSQFitter(),
        data=spectra([4.0, 5.0, 6.0]),
        world=(X,),
        fitting_axes=1,
        diagnostics="all",
        diagnostics_path=tmp_path,
        diagnostics_callable=complain_about_second,
    )
    assert_allclose(fitted.mean.value, [4, 5, 6], rtol=1e-6)
    assert {folder.name for folder in tmp_path.iterdir()} == {"0", "1", "2"}
    assert all((tmp_path / position / "seen.txt").read_text() == "1 50" for position in "012")
    logs = {log.parent.name: log.read_text() for log in tmp_path.rglob("*.log")}
    assert set(logs) == {"1"}
    assert "no space left for the figure" in logs["1"]


SCRIPT = """
import numpy as np
from astropy.modeling.fitting import {fitter}
from astropy.modeling.models import Gaussian1D
from ndfit import parallel_fit_dask

x = np.linspace(0, 10, 50)
data = np.exp(-0.5 * (x[:, None] - np.linspace(4, 6, 30)) ** 2)
fitted = parallel_fit_dask(
    model=Gaussian1D(0.8, 5, 1.2), fitter={fitter}(), data=data, world=(x,), fitting_axes=0{arguments}
)
assert np.allclose(fitted.mean.value, np.linspace(4, 6, 30), atol=1e-4)
print("fitted without a guard")
"""


def run_script(path, **replacements):
    script = path / "no_guard.py"
    script.write_text(textwrap.dedent(SCRIPT.format(**replacements)))
    return python(str(script), status=None, variables={"DASK_NUM_WORKERS": "1"})


def test_point_20_script_without_a_guard(tmp_path):
    done = run_script(tmp_path, fitter="TRFLSQFitter", arguments="")
    assert done.stdout.strip() == "fitted without a guard", done.stderr


def test_point_20_processes_without_a_guard_say_so_once(tmp_path):
    done = run_script(tmp_path, fitter="SLSQPLSQFitter", arguments=", scheduler='processes', engine='reference'")
    if done.returncode == 0:
        assert done.stdout.strip() == "fitted without a guard"
    else:
        assert "BrokenProcessPool" not in done.stderr
        assert done.stderr.count('if __name__ == "__main__"') == 1
