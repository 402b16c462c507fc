"""The diagnostics table sorts and filters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import custom_model
from numpy.testing import assert_array_equal
from tests.io.test_fits import cube_wcs, fitted

import ndfit
from ndfit.status import STATUS, Flag, Status


@pytest.fixture(scope="module")
def result() -> ndfit.FitResult:
    result = fitted()
    flags, messages = result.flags.copy(), {(1, 2): "Traceback\n  ValueError: no line\n"}
    flags[0, 1] = Flag.AT_BOUND | Flag.SINGULAR
    return replace(result, _maps=replace(result._maps, flags=flags, messages=messages))


def test_a_row_a_position(result: ndfit.FitResult) -> None:
    table = result.diagnostics()
    assert len(table) == 12
    row = table[(table["axis_1"] == 1) & (table["axis_2"] == 3)]
    assert row["mean"][0] == result.parameters["mean"][1, 3]
    assert row["mean_err"][0] == result.errors["mean"][1, 3]
    assert u.isclose(row["ra"][0], cube_wcs().celestial.pixel_to_world_values(3, 1)[0] * u.deg, rtol=1e-14)
    assert row["chi_square"][0] == result.chi_square[1, 3]


def test_filters(result: ndfit.FitResult) -> None:
    table = result.diagnostics()
    failed = table[~table["converged"]]
    assert len(failed) == 1
    assert failed["status_name"][0] == "NO_DATA"
    assert failed["meaning"][0] == STATUS[Status.NO_DATA].meaning
    assert failed["message"][0] == "ValueError: no line"
    assert table["flags"][1] == "AT_BOUND SINGULAR"
    assert set(table["flags"]) == {"", "AT_BOUND SINGULAR"}


def test_sorts(result: ndfit.FitResult) -> None:
    table = result.diagnostics()
    table.sort("reduced_chi_square")
    expected = np.sort(result.reduced_chi_square.ravel())
    assert_array_equal(table["reduced_chi_square"], expected)


def test_one_fit_without_errors() -> None:
    data = np.random.default_rng(0).normal(size=9)

    @custom_model
    def line(x, flags=1.0, status=0.5):
        return flags * x + status

    result = ndfit.fit(line(), data, fitting_axes=0, covariance=False, engine="reference")
    table = result.diagnostics()
    assert len(table) == 1
    assert table["parameter.flags"][0] == result.parameters["flags"]
    assert table["status"][0] == result.status
    assert not any(name.endswith("_err") for name in table.colnames)
