"""Silence is only for what went well: who hears what when fits fail. Warnings are errors in these tests."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling import custom_model
from astropy.modeling.fitting import LevMarLSQFitter, TRFLSQFitter
from numpy.testing import assert_allclose, assert_array_equal
from tests.parity.synthetic import MEANS, X, cube, start

from ndfit.errors import AllFitsFailed, FitWarning


def test_one_cause_for_every_position_is_raised_with_its_remedy(fit):
    data = cube(MEANS)
    data[10] = np.nan
    with pytest.raises(AllFitsFailed, match="NaN") as raised:
        fit(model=start(), fitter=TRFLSQFitter(), data=data, world=(X,), fitting_axes=0)
    assert "filter_non_finite" in str(raised.value)


def test_positions_without_data_do_not_hide_the_cause(fit):
    data = cube(MEANS)
    data[10] = np.nan
    data[:, 0, 0] = np.nan
    with pytest.raises(AllFitsFailed, match="NaN"):
        fit(model=start(), fitter=TRFLSQFitter(), data=data, world=(X,), fitting_axes=0)


@custom_model
def opaque(x, amplitude=1.0):
    raise LookupError("the table of opacities is not loaded")


def test_error_of_the_callers_own_model_is_named(fit):
    with pytest.raises(AllFitsFailed, match="the table of opacities is not loaded"):
        fit(model=opaque(), fitter=TRFLSQFitter(), data=cube(MEANS), world=(X,), fitting_axes=0)


def test_some_failures_give_one_warning_with_counts(fit):
    data = cube(MEANS)
    data[10, 0, 0] = np.nan
    data[11, 2, 1:3] = np.inf
    with pytest.warns(FitWarning) as caught:
        fitted = fit(model=start(), fitter=LevMarLSQFitter(), data=data, world=(X,), fitting_axes=0)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "3" in message
    assert "12" in message
    assert "NaN or infinity among the samples" in message
    failed = ~np.isfinite(data).all(axis=0)
    assert_allclose(fitted.mean.value, np.where(failed, np.nan, MEANS), rtol=1e-6)


def test_limit_of_evaluations_keeps_the_parameters_and_warns_once(fit):
    fitter = TRFLSQFitter()
    with pytest.warns(FitWarning, match="limit of evaluations") as caught:
        fitted = fit(
            model=start(),
            fitter=fitter,
            data=cube(MEANS),
            world=(X,),
            fitting_axes=0,
            fitter_kwargs={"maxiter": 2},
            fit_info=("success",),
        )
    assert len(caught) == 1
    assert not fitter.fit_info.get_property_as_array("success").any()
    assert np.isfinite(fitted.mean.value).all()


@pytest.mark.parametrize("by", ["mask", "nan"])
def test_positions_without_data_are_nan_in_silence(fit, by):
    data = cube(MEANS)
    empty = np.zeros(MEANS.shape, dtype=bool)
    empty[0, :2] = True
    keywords = {}
    if by == "mask":
        keywords["mask"] = np.broadcast_to(empty, data.shape)
    else:
        data[:, empty] = np.nan
    fitted = fit(model=start(), fitter=TRFLSQFitter(), data=data, world=(X,), fitting_axes=0, **keywords)
    assert_array_equal(np.isnan(fitted.mean.value), empty)
