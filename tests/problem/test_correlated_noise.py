"""Correlated noise: what makes it independent, and what is drawn of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.problem.test_places import dense

from ndfit.problem.correlated_noise import Autoregressive, Correlated

M = 7


def correlation(rho: float, size: int = M) -> np.ndarray:
    return rho ** np.abs(np.subtract.outer(np.arange(size), np.arange(size)))


@given(rho=st.floats(0.01, 0.99), valid=arrays(bool, (3, M)))
def test_whitening_makes_the_noise_of_used_samples_independent(rho: float, valid: np.ndarray) -> None:
    for noise in (Autoregressive(rho), Correlated(correlation(rho))):
        response = noise.whitening(M, valid)
        for fit, used in enumerate(valid):
            white = dense(response, fit)
            covariance = white @ correlation(rho) @ white.T
            np.testing.assert_allclose(covariance, np.diag(used.astype(float)), atol=1e-9)
            assert not white[:, ~used].any()


@pytest.mark.parametrize("noise", [Autoregressive(0.6), Correlated(correlation(0.6))])
def test_all_samples_used_are_the_same_as_no_mask(noise: Autoregressive | Correlated) -> None:
    shared, own = noise.whitening(M, None), noise.whitening(M, np.ones((2, M), dtype=bool))
    assert shared.is_shared
    assert not own.is_shared
    np.testing.assert_allclose(dense(own, 1), dense(shared), atol=1e-15)


@pytest.mark.parametrize("noise", [Autoregressive(0.6), Correlated(correlation(0.6))])
def test_drawn_noise_is_correlated_as_told(noise: Autoregressive | Correlated) -> None:
    drawn = noise.drawn(np.random.default_rng(0).normal(size=(100_000, M)))
    np.testing.assert_allclose(np.cov(drawn.T), correlation(0.6), atol=0.02)
