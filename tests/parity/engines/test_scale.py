"""The compiled engine finds the same fit whatever unit the data are counted in."""

from __future__ import annotations

import pytest
from astropy import units as u
from astropy.modeling.fitting import TRFLSQFitter
from numpy.testing import assert_allclose
from tests.parity.engines.problems import PROBLEMS, draw

from ndfit import parallel_fit_dask


@pytest.mark.parametrize("factor", [1e-18, 1e6])
@pytest.mark.parametrize("name", [name for name, problem in PROBLEMS.items() if problem.units])
def test_scale_of_the_data_does_not_matter(name: str, factor: float) -> None:
    case, problem = draw(name, "plain", 30), PROBLEMS[name]
    scaled = case.model.copy()
    powers = [factor if u.Jy in problem.units.get(name, u.one).bases else 1.0 for name in scaled.param_names]
    scaled.parameters = scaled.parameters * powers
    plain, other = (
        parallel_fit_dask(**case.keywords | changes, fitter=TRFLSQFitter(), engine="compiled")
        for changes in ({}, {"model": scaled, "data": case.keywords["data"] * factor})
    )
    for parameter, power, scatter in zip(scaled.param_names, powers, problem.scatter, strict=True):
        expected = getattr(plain, parameter).value
        assert_allclose(getattr(other, parameter).value / power, expected, rtol=1e-7, atol=1e-7 * scatter)
