"""Few counts a bin: their likelihood gives the rates without the bias that least squares has in the same run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Gaussian1D

import ndfit

X = np.arange(100.0)
N_FITS = 4000
RATE = 3.0


@pytest.mark.parametrize(
    ("model", "rate", "tolerance"),
    # The mean of counts is an unbiased rate. Beside a line it is lower by 0.5 %, where the fitted line is too wide.
    [(Const1D(RATE), "amplitude", 0.001), (Gaussian1D(6.0, 50.0, 8.0) + Const1D(RATE), "amplitude_1", 0.01)],
    ids=["rate", "line on a rate"],
)
def test_rates_of_three_counts_a_bin(model: Any, rate: str, tolerance: float) -> None:
    data = np.random.default_rng(10).poisson(model(X), (N_FITS, X.size)).astype(float)
    counts = ndfit.fit(model, data, world=(X,), fitting_axes=1, statistic="cash")
    # As it is commonly done: an error of sqrt(counts), and of one where there are none.
    sigma = np.sqrt(np.maximum(data, 1.0))
    squares = ndfit.fit(model, data, world=(X,), fitting_axes=1, uncertainty=sigma)
    assert abs(np.mean(counts.parameters[rate]) / RATE - 1.0) < tolerance
    assert np.mean(squares.parameters[rate]) / RATE - 1.0 < -0.2
    assert abs(np.median(counts.errors[rate]) / np.std(counts.parameters[rate]) - 1.0) < 0.05
