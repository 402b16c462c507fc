"""What is read is what was written: bit for bit, in both formats, over models, shapes, units and constraints."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import custom_model
from astropy.modeling.models import Const1D, Gaussian1D
from hypothesis import HealthCheck, given, settings
from numpy.testing import assert_array_equal

import ndfit
from ndfit.output.model_record import CannotRebuild
from ndfit.output.tie_text import ExpressionTie
from ndfit.problem.normalize import normalize
from tests.reading.drawn_results import M, result_of, results

FORMATS = ("fits", "zarr")
RNG = np.random.default_rng(3)
X = np.arange(M) * u.km / u.s


def write(result: ndfit.FitResult, path: Path, **keywords: Any) -> Path:
    {".fits": result.to_fits, ".zarr": result.to_zarr}[path.suffix](path, **keywords)
    return path


def same_bits(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def same_quantities(one: Any, other: Any) -> bool:
    units = [getattr(maps, "unit", None) for maps in (one, other)]
    return units[0] == units[1] and same_bits(getattr(one, "value", one), getattr(other, "value", other))


@pytest.mark.parametrize("ending", FORMATS)
@given(result=results())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_round_trip_is_exact(result: ndfit.FitResult, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        again = ndfit.read(write(result, Path(folder) / f"fit.{ending}"))
    for name in result.param_names:
        assert same_quantities(result.parameters[name], again.parameters[name])
        if result.has_errors:
            assert same_quantities(result.errors[name], again.errors[name])
    assert again.has_errors == result.has_errors
    if result.has_errors:
        assert same_bits(result.covariance, again.covariance)
    for name in ("status", "flags", "nfev", "n_samples", "success", "chi_square", "reduced_chi_square", "aic", "bic"):
        assert same_bits(getattr(result, name), getattr(again, name))
    assert again.summary() == result.summary()
    assert_same_problem(result, again)


def assert_same_problem(result: ndfit.FitResult, again: ndfit.FitResult) -> None:
    one, other = result._problem, again._problem
    for name in ("names", "fixed", "tied", "even"):
        assert getattr(one.params, name) == getattr(other.params, name)
    for name in ("start", "lower", "upper"):
        for values, others in zip(getattr(one.params, name), getattr(other.params, name), strict=True):
            assert_array_equal(values, others)
    assert one.axes == other.axes
    assert result.model.bounds == again.model.bounds
    assert result.model.fixed == again.model.fixed
    for name, tie in result.model.tied.items():
        assert again.model.tied[name] == tie if isinstance(tie, ExpressionTie) else bool(again.model.tied[name]) == bool(tie)
    for part in ("record", "messages"):
        written, reread = (getattr(each._contents(None), part) for each in (result, again))
        assert json.dumps(str(written)) == json.dumps(str(reread))
