"""The strongest peak of a grid: where it is, how wide, and within which limits it is sought."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ndfit.pipeline.guess.search import Limits, Peak, Scales, in_world, strongest
from ndfit.pipeline.guess.tile import Tile

N = 64
PIXELS = np.arange(float(N))[:, np.newaxis]
INF = np.array([np.inf])


def line(height: float, centre: float, sigma: float) -> Any:
    return height * np.exp(-0.5 * ((PIXELS - centre) / sigma) ** 2)


def limits(height: Any = None, centre: Any = None, sigma: Any = None, n: int = 1, n_axes: int = 1) -> Limits:
    def pair(given: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
        low, high = given or (-np.inf, np.inf)
        return np.full(shape, low), np.full(shape, high)

    return Limits(pair(height, (n,)), pair(centre, (n, n_axes)), pair(sigma, (n,)))


def peak_of(
    data: Any, within: Limits | None = None, share: float = 1.0, weights: Any = None, step: float = 1.0
) -> Peak:
    weights = np.ones((N, 1)) if weights is None else weights
    tile = Tile(data, weights, (step * PIXELS + 100.0,), (N,))
    return strongest(Scales(tile), data, within or limits(n=data.shape[1]), share)


@pytest.mark.parametrize("height", [5.0, -5.0])
@pytest.mark.parametrize("sigma", [0.8, 2.0, 5.5])
@pytest.mark.parametrize("centre", [20.0, 31.4, 44.7])
def test_a_line_without_noise_is_measured(height: float, sigma: float, centre: float) -> None:
    peak = peak_of(line(height, centre, sigma))
    assert peak.found.all()
    assert_allclose(peak.height, height, rtol=0.03)
    assert_allclose(peak.position, centre, atol=0.03)
    assert_allclose(peak.covariance[:, 0, 0], sigma**2, rtol=0.1)


def test_weights_choose_among_peaks_by_their_significance() -> None:
    data = line(5.0, 20.0, 2.0) + line(3.0, 45.0, 2.0)
    weights = np.where(PIXELS < 32.0, 0.1, 1.0)
    assert_allclose(peak_of(data).position, 20.0, atol=0.1)
    assert_allclose(peak_of(data, weights=weights).position, 45.0, atol=0.1)
    gap = np.where(np.abs(PIXELS - 20.0) < 8.0, 0.0, 1.0)
    assert_allclose(peak_of(data, weights=gap).position, 45.0, atol=0.1)


def test_a_residual_beside_samples_of_a_large_error_is_no_peak() -> None:
    """A filter at such a sample sees the good ones around it, too: 0.2 of one at 28 is less than the line at 45."""
    data = line(1.0, 45.0, 2.0)
    data[28] = 0.2
    weights = np.ones((N, 1))
    weights[[27, 29, 30]] = 1e-6
    assert_allclose(peak_of(data, weights=weights).position, 45.0, atol=0.1)


@pytest.mark.parametrize("worse", [30.0, 300.0])
def test_samples_of_a_large_error_do_not_move_a_peak(worse: float) -> None:
    data, weights = line(5.0, 31.4, 2.0), np.ones((N, 1))
    data[[27, 34]], weights[[27, 34]] = worse * np.array([[-1.0], [1.0]]), worse**-2.0
    peak = peak_of(data, weights=weights)
    assert_allclose(peak.position, 31.4, atol=0.3)
    assert_allclose(np.sqrt(peak.covariance), 2.0, rtol=0.2)


def test_nothing_is_found_in_nothing() -> None:
    peak = peak_of(np.zeros((N, 2)))
    assert not peak.found.any()
    assert_array_equal(peak.height, 0.0)


@pytest.mark.parametrize(
    ("within", "position"),
    [
        ({"height": (0.0, np.inf)}, 20.0),
        ({"height": (-np.inf, 0.0)}, 45.0),
        ({"centre": (110.0, 130.0)}, 20.0),
        ({"centre": (130.0, 160.0)}, 45.0),
    ],
)
def test_limits_of_height_and_centre_choose_the_peak(within: Any, position: float) -> None:
    data = line(3.0, 20.0, 2.0) - line(4.0, 45.0, 2.0)
    assert_allclose(peak_of(data, limits(**within)).position, position, atol=0.1)


def test_a_centre_beyond_every_sample_is_sought_at_the_nearest() -> None:
    data = line(3.0, 20.0, 2.0) + 0.5
    narrow = (0.0, 1.0)
    assert_allclose(peak_of(data, limits(centre=(300.0, 400.0), sigma=narrow)).position, N - 1.0, atol=1.0)
    assert_allclose(peak_of(data, limits(centre=(-300.0, 0.0), sigma=narrow)).position, 0.0, atol=1.0)


def test_a_limit_between_samples_leaves_the_nearest() -> None:
    peak = peak_of(line(3.0, 20.0, 2.0), limits(centre=(124.3, 124.4), sigma=(0.0, 0.5)))
    assert_allclose(peak.position, 24.0, atol=0.51)


@pytest.mark.parametrize("step", [1.0, 0.01, -50.0])
def test_limits_of_the_width_are_in_units_of_the_coordinate(step: float) -> None:
    """A narrow and a broad line; the broad one is the more significant."""
    data = line(4.0, 12.0, 1.0) + line(4.0, 42.0, 5.0)
    narrow, broad = limits(sigma=(0.0, 1.5 * abs(step))), limits(sigma=(3.0 * abs(step), np.inf))
    assert_allclose(peak_of(data, broad, step=step).position, 42.0, atol=0.2)
    found = peak_of(line(4.0, 12.0, 1.0) + line(2.0, 42.0, 5.0), narrow, step=step)
    assert_allclose(found.position, 12.0, atol=0.2)


def test_a_share_prefers_the_narrower_of_filters_that_are_nearly_as_good() -> None:
    """Two lines that overlap: all of the significance is in one broad line, most of it in a narrow one."""
    data = line(3.0, 28.0, 2.5) + line(3.0, 36.0, 2.5)
    widths = [peak_of(data, share=share).covariance[0, 0, 0] for share in (1.0, 0.7)]
    assert widths[1] < 0.6 * widths[0]


def test_peaks_of_an_image_in_turned_and_scaled_coordinates() -> None:
    rows, columns = (axis.reshape(-1, 1) for axis in np.mgrid[:24, :30].astype(float))
    turn = np.array([[0.3, -0.4], [0.8, 0.6]])
    coords = (turn[0, 0] * rows + turn[0, 1] * columns + 7.0, turn[1, 0] * rows + turn[1, 1] * columns - 2.0)
    position, covariance = np.array([11.3, 14.6]), np.array([[4.0, 1.0], [1.0, 2.5]])
    apart = np.hstack([rows, columns]) - position
    data = -2.0 * np.exp(-0.5 * np.einsum("mj,jk,mk->m", apart, np.linalg.inv(covariance), apart))[:, np.newaxis]
    tile = Tile(data, np.ones((720, 1)), coords, (24, 30))
    peak = strongest(Scales(tile), data, limits(n_axes=2), 1.0)
    assert_allclose(peak.position, [position], atol=0.02)
    assert_allclose(peak.covariance, [covariance], atol=0.2)
    world = in_world(peak, tile, -1.0)
    assert_allclose(world.height, 2.0, rtol=0.03)
    assert_allclose(world.centre, [turn @ position + [7.0, -2.0]], atol=0.03)
    assert_allclose(world.covariance, [turn @ peak.covariance[0] @ turn.T], rtol=1e-9)


def test_the_coordinates_around_a_peak_may_be_uneven() -> None:
    data = line(5.0, 30.0, 2.0)
    x = 100.0 + 0.01 * PIXELS**2
    tile = Tile(data, np.ones((N, 1)), (x,), (N,))
    world = in_world(strongest(Scales(tile), data, limits(), 1.0), tile, 1.0)
    assert_allclose(world.centre, 109.0, atol=0.03)
    assert_allclose(np.sqrt(world.covariance), 0.02 * 30.0 * 2.0, rtol=0.06)


@pytest.mark.parametrize("centre", [0.0, N - 1.0])
def test_a_peak_at_the_edge(centre: float) -> None:
    peak = peak_of(line(5.0, centre, 2.0))
    assert_allclose(peak.position, centre, atol=1.0)
    tile = Tile(line(5.0, centre, 2.0), np.ones((N, 1)), (0.5 * PIXELS,), (N,))
    assert_allclose(in_world(peak, tile, 1.0).centre, 0.5 * peak.position, rtol=1e-9)
