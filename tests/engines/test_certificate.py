"""When a fit may be called converged."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ndfit.engines.certificate import CONVERGED_EDM, edm_of, noise_variance, status_with_certificate
from ndfit.status import Status

EPS = np.finfo(float).eps


def test_unknown_noise_is_chi_square_over_the_degrees_of_freedom() -> None:
    assert_allclose(noise_variance([3.0, 8.0], [8, 20], 2, [1e3, 1e3], False), [1.0, 16.0 / 18.0])


def test_known_noise_is_one() -> None:
    assert_array_equal(noise_variance([3.0, 1e9, 0.0], 8, 2, 1e3, True), 1.0)


@pytest.mark.parametrize("n_free", [8, 9])
def test_without_a_degree_of_freedom_there_is_a_variance(n_free: int) -> None:
    assert noise_variance(3.0, 8, n_free, 1e3, False) == 6.0


def test_data_without_noise_have_that_of_their_rounding() -> None:
    found = noise_variance(0.0, 10, 3, 10.0, False)
    assert EPS < np.sqrt(found) < 1000 * EPS
    assert_allclose(noise_variance(0.0, 10, 3, 10.0e40, False), 1e40 * found)
    assert noise_variance(0.0, 10, 3, 10.0e40, True) == 1e40 * found


def test_large_parameters_are_rounded_too_but_not_without_limit() -> None:
    date = noise_variance(0.0, 10, 3, 10.0, False, param_power=(6e4 * 1e3) ** 2)
    assert_allclose(date, noise_variance(0.0, 10, 3, 10.0, False) * 3.6e14, rtol=1e-6)
    angle = noise_variance(0.0, 10, 3, 10.0, False, param_power=1e28)
    assert_allclose(angle, 1e-11)


def test_weights_that_make_the_samples_vanish_are_no_errors() -> None:
    """Ones as weights of data of 1e-17, say."""
    assert_allclose(noise_variance(1e-36, 10, 3, 10 * 1e-34, True), 1e-34)
    assert noise_variance(1e-36, 10, 3, 0.0, True) == 1.0


def test_nothing_overflows_where_a_number_is_huge() -> None:
    assert noise_variance(1.0, 10, 3, 1.0, False, param_power=np.inf) == 2.0 / 7.0


def test_no_distance_is_none_in_any_unit() -> None:
    assert_array_equal(edm_of([0.0, 1.0, 1.0], [0.0, 0.0, 4.0]), [0.0, np.inf, 0.25])
    assert np.isnan(edm_of(np.nan, 1.0))


def test_only_a_small_distance_is_converged() -> None:
    before = np.array(
        [Status.GTOL, Status.FTOL, Status.XTOL, Status.FINISHED, Status.EVALUATION_LIMIT, Status.USER_ERROR], np.int16
    )
    stalled = np.array([Status.STALLED] * 4 + [Status.EVALUATION_LIMIT, Status.USER_ERROR], np.int16)
    far = np.nextafter(CONVERGED_EDM, 1.0)
    assert_array_equal(status_with_certificate(before, np.full(6, far)), stalled)
    assert_array_equal(status_with_certificate(before, np.full(6, CONVERGED_EDM)), before)
    assert_array_equal(status_with_certificate(before, np.full(6, np.nan)), before)
    assert_array_equal(status_with_certificate(before, np.full(6, np.inf)), stalled)
    assert status_with_certificate(before, np.full(6, far)).dtype == np.int16
