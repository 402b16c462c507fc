"""A cube, a model and a fit that faults are done to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ndfit


@pytest.fixture
def cube() -> np.ndarray:
    """Lines in noise, 30 channels at 8 x 9 positions."""
    rng = np.random.default_rng(3)
    x = np.arange(30.0)[:, None, None]
    lines = 5.0 * np.exp(-0.5 * ((x - 15.0 - rng.normal(size=(8, 9))) / 2.0) ** 2)
    return np.asarray(lines + 0.3 * rng.normal(size=lines.shape))


@pytest.fixture
def assert_same() -> Any:
    """Compares two results bit by bit."""

    def compare(one: ndfit.FitResult, other: ndfit.FitResult) -> None:
        for name in one.param_names:
            assert_array_equal(one.parameters[name], other.parameters[name])
        assert_array_equal(one.status, other.status)
        assert_array_equal(one.covariance, other.covariance)

    return compare
