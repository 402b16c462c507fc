"""Diagnostics folders and `fit_info` are astropy's, whoever does the fits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.modeling import fitting
from astropy.modeling.fitting import TRFLSQFitter
from numpy.testing import assert_allclose
from tests.parity.synthetic import X, spectra, start

from ndfit import parallel_fit_dask

SHAPE = (2, 11)


def spoilt():
    """Lines on a map of 2 x 11: one position has a NaN sample, one nothing but NaN."""
    data = spectra(np.linspace(4, 6, 22).reshape(SHAPE)) + 0.02 * np.random.default_rng(4).normal(size=(*SHAPE, 50))
    data[1, 10, 3] = np.nan
    data[0, 2] = np.nan
    return data


def note(path, world, data, weights, model, fitter_kwargs):
    mean = "none" if model is None else f"{model.mean.value:.6f}"
    (path / "note.txt").write_text(f"{world[0].shape} {data.shape} {weights} {mean} {fitter_kwargs}")


def leavings(function, path, **keywords):
    """What a run leaves: its folders, their files, what the caller's own callable wrote, and the fit_info."""
    fitter = TRFLSQFitter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function(
            model=start(),
            fitter=fitter,
            data=spoilt(),
            world=(X,),
            fitting_axes=2,
            diagnostics_path=path,
            fit_info=True,
            **keywords,
        )
    files = [file for file in path.rglob("*") if file.is_file()]
    tree = {folder.name for folder in path.iterdir()} | {str(file.relative_to(path)) for file in files}
    notes = {file.parent.name: file.read_text() for file in files if file.name == "note.txt"}
    return tree, notes, fitter.fit_info


@pytest.mark.parametrize(
    ("scheduler", "maxiter"), [("synchronous", 2), ("synchronous", 100), ("threads", 100), ("processes", 2)]
)
def test_everything_a_run_leaves_is_what_astropy_leaves(tmp_path, scheduler, maxiter):
    """An evaluation limit of 2 makes every fit warn; with 100 all converge but the one with a NaN sample."""
    common = {"fitter_kwargs": {"maxiter": maxiter}, "diagnostics": "error+warn", "diagnostics_callable": note}
    theirs = leavings(fitting.parallel_fit_dask, tmp_path / "astropy", scheduler="synchronous", **common)
    ours = leavings(parallel_fit_dask, tmp_path / "ndfit", scheduler=scheduler, engine="reference", **common)
    assert ours[:2] == theirs[:2]
    assert "01_10/error.log" in ours[0]
    assert ("00_00/warn.log" in ours[0]) == (maxiter == 2)
    compare_fit_info(ours[2], theirs[2])


def compare_fit_info(ours, theirs):
    """At the positions that have one; astropy has no way to ask for an array where some have none."""
    assert set(theirs.properties) <= set(ours.properties)
    fitted = [position for position in np.ndindex(SHAPE) if position not in {(1, 10), (0, 2)}]
    assert len(fitted) == 20
    for name in ("nfev", "njev", "status", "success", "cost", "x", "jac", "param_cov"):
        values = ours.get_property_as_array(name)
        for position in fitted:
            assert_allclose(values[position], theirs[position][name], rtol=1e-9, atol=1e-12, err_msg=name)
    assert all(ours[position].message == theirs[position].message for position in fitted)


@pytest.mark.parametrize("diagnostics", ["error", "all"])
def test_folders_of_each_level(fit, tmp_path, diagnostics):
    theirs = leavings(fitting.parallel_fit_dask, tmp_path / "astropy", scheduler="synchronous", diagnostics=diagnostics)
    ours = leavings(fit, tmp_path / "ndfit", diagnostics=diagnostics)
    assert ours[0] == theirs[0]
