"""The progress bar: where somebody can see it, or when asked for."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling.fitting import LevMarLSQFitter
from astropy.modeling.models import Gaussian1D

from ndfit import parallel_fit_dask
from ndfit.errors import FitWarning
from ndfit.run import progress


@pytest.fixture(autouse=True)
def drawn_after_every_fit(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BEFORE_SHOWN", 0)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_DRAWINGS", 0)


def run(**keywords):
    x = np.linspace(0, 10, 30)
    data = np.exp(-0.5 * (x - np.linspace(4, 6, 5)[:, np.newaxis]) ** 2)
    data[1, 7] = np.nan
    model, fitter = Gaussian1D(0.8, 5, 1.2), LevMarLSQFitter()
    with pytest.warns(FitWarning):
        parallel_fit_dask(model=model, fitter=fitter, data=data, world=(x,), fitting_axes=1, chunk_n_max=1, **keywords)


@pytest.mark.parametrize("keywords", [{}, {"progress": None}, {"progress": False}], ids=repr)
def test_nothing_in_logs(capsys, keywords):
    run(scheduler="synchronous", **keywords)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_bar_counts_fits_and_failures(capsys, scheduler):
    run(scheduler=scheduler, progress=True)
    output, bar = capsys.readouterr()
    assert output == ""
    assert "/5" in bar.replace(".00", "")
    assert "1 failed" in bar


def test_bar_in_a_terminal_unless_refused(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    run(scheduler="synchronous")
    assert "/5" in capsys.readouterr().err.replace(".00", "")
    run(scheduler="synchronous", progress=False)
    assert capsys.readouterr().err == ""


def test_no_bar_before_a_second(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BEFORE_SHOWN", 1e9)
    run(scheduler="synchronous", progress=True)
    assert capsys.readouterr().err == ""
