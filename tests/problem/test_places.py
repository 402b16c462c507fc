"""What samples see of a model: responses against the matrices that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ndfit.problem.places import Places, Response


def dense(response: Response, fit: int | None = None) -> NDArray[np.float64]:
    """The matrix (M, L) of a response, or of one of its fits."""
    coefficients = response.coefficients if fit is None else response.coefficients[fit]
    matrix = np.zeros((response.n_samples, response.n_places))
    for sample, (columns, own) in enumerate(zip(response.columns, coefficients, strict=True)):
        np.add.at(matrix[sample], columns, own)
    return matrix


def some_response(rng: np.random.Generator, n_samples: int, n_places: int, n_taps: int, fits: int = 0) -> Response:
    """Bands that begin anywhere, beyond the places too."""
    first = rng.integers(-n_taps, n_places, n_samples)
    shape = (fits, n_samples, n_taps) if fits else (n_samples, n_taps)
    return Response.of_band(first, rng.normal(size=shape), n_places)


def test_a_band_ends_where_the_places_end() -> None:
    response = Response.of_band(np.array([-1, 0, 2]), np.ones((3, 2)), 3)
    np.testing.assert_array_equal(dense(response), [[1, 0, 0], [1, 1, 0], [0, 0, 1]])


@given(seed=st.integers(0, 2**32 - 1), sizes=st.tuples(*[st.integers(1, 9)] * 5), fits=st.sampled_from([0, 3]))
def test_responses_are_put_together_as_matrices_are(seed: int, sizes: tuple[int, ...], fits: int) -> None:
    rng = np.random.default_rng(seed)
    n_samples, n_middle, n_places, one, other = sizes
    left, right = some_response(rng, n_samples, n_middle, one, fits), some_response(rng, n_middle, n_places, other)
    both = left @ right
    for fit in range(fits) if fits else (None,):
        np.testing.assert_allclose(dense(both, fit), dense(left, fit) @ dense(right), atol=1e-12)
    turned = right @ some_response(rng, n_places, n_places, one, fits)
    assert turned.is_shared == (fits == 0)


@given(seed=st.integers(0, 2**32 - 1), sizes=st.tuples(*[st.integers(1, 5)] * 6))
def test_the_responses_of_two_axes_make_that_of_the_plane(seed: int, sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    one, two = some_response(rng, *sizes[:3]), some_response(rng, *sizes[3:])
    np.testing.assert_allclose(dense(one.beside(two)), np.kron(dense(one), dense(two)), atol=1e-12)


@pytest.mark.parametrize("fits", [0, 4])
def test_values_and_derivatives_are_seen_in_the_same_way(fits: int) -> None:
    rng = np.random.default_rng(0)
    response = some_response(rng, 6, 11, 3, fits)
    values, derivatives = rng.normal(size=(4, 11)), rng.normal(size=(4, 2, 11))
    for fit in range(4):
        matrix = dense(response, fit if fits else None)
        np.testing.assert_allclose(response.seen(values)[fit], matrix @ values[fit], atol=1e-12)
        np.testing.assert_allclose(response.seen(derivatives)[fit], derivatives[fit] @ matrix.T, atol=1e-12)


def test_what_each_fit_has_of_its_own_goes_with_it() -> None:
    rng = np.random.default_rng(0)
    own, shared = some_response(rng, 6, 6, 3, fits=4), some_response(rng, 6, 6, 3)
    x, each = np.arange(6.0), rng.normal(size=(4, 6))
    assert Places((x,), (6,), shared).are_shared
    assert not Places((x,), (6,), own).are_shared
    assert not Places((x, each), (6,), shared).are_shared
    some = Places((x, each), (6,), own).take(np.array([2, 0]))
    np.testing.assert_array_equal(some.inputs[1], each[[2, 0]])
    np.testing.assert_array_equal(some.response.coefficients, own.coefficients[[2, 0]])  # type: ignore[union-attr]
    one = Places((x, each), (6,), own).one(3)
    np.testing.assert_array_equal(one.inputs[1], each[3])
    np.testing.assert_allclose(one.seen(each[:1]), dense(own, 3) @ each[0][:, np.newaxis].T[0] * np.ones((1, 6)))


def test_a_sample_without_coefficients_sees_nothing() -> None:
    response = Response.of_band(np.array([-5, 0]), np.ones((2, 2)), 3)
    np.testing.assert_array_equal(response.blind(), [True, False])
