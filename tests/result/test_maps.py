"""Maps hold what was stored, and NaN where nothing was: their memory is not set beforehand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Gaussian1D
from tests.normalized import normalize

from ndfit.engines.base import BlockResult
from ndfit.result.maps import Maps
from ndfit.status import Status

FIRST, SECOND = (slice(0, 2),), (slice(2, 5),)


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> Maps:
    """Maps of five positions, whose memory held something else before."""
    problem = normalize(model=Gaussian1D(), data=np.zeros((9, 5)), fitting_axes=0)
    monkeypatch.setattr(np, "empty", lambda shape: np.full(shape, 7.25))
    return Maps.empty(problem, covariance=True, info=False)


def result_of(n_fits: int, covariance: Any) -> BlockResult:
    status = np.full(n_fits, Status.FTOL, np.int16)
    return BlockResult(np.ones((n_fits, 3)), status, np.ones(n_fits, np.int32), np.ones(n_fits), covariance)


def test_what_was_not_fitted_is_nan(maps: Maps) -> None:
    maps.store(FIRST, result_of(2, np.ones((2, 3, 3))))
    maps.clear_unfitted()
    for values in (maps.parameters[0], maps.cost, maps.covariance[:, 0, 0]):  # type: ignore[index]
        np.testing.assert_array_equal(values, [1.0, 1.0, np.nan, np.nan, np.nan])


def test_a_result_without_covariance(maps: Maps) -> None:
    maps.store(FIRST, result_of(2, np.ones((2, 3, 3))))
    maps.store(SECOND, result_of(3, None))
    maps.clear_unfitted()
    assert maps.covariance is not None
    np.testing.assert_array_equal(maps.covariance[:, 1, 2], [1.0, 1.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(maps.cost, 1.0)


def test_distances_that_an_engine_does_not_know_are_nan(maps: Maps) -> None:
    maps.store(FIRST, replace(result_of(2, None), edm=np.array([1e-9, 0.5])))
    maps.store(SECOND, result_of(3, None))
    np.testing.assert_array_equal(maps.edm, [1e-9, 0.5, np.nan, np.nan, np.nan])
    better = replace(result_of(2, None), cost=np.array([0.5, 2.0]))
    maps.improve(FIRST, better)
    np.testing.assert_array_equal(maps.edm[:2], [np.nan, 0.5])


def test_positions_that_are_taken_bring_their_distance(maps: Maps) -> None:
    maps.store(FIRST, replace(result_of(2, None), edm=np.array([1.0, 2.0])))
    maps.take(FIRST, replace(result_of(2, None), edm=np.array([3.0, 4.0])), np.array([False, True]))
    np.testing.assert_array_equal(maps.edm[:2], [1.0, 4.0])
