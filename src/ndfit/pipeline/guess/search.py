"""The strongest peak of each fit's samples, of either sign, at any width.

Flows in: a Tile, residuals on it, and Limits. Flows out: Peak, a Gaussian on the grid of samples.

For a Gaussian g of a given centre and width, least squares with weights w = 1/sigma^2 give the amplitude
A = sum(w r g) / sum(w g^2), and lower the cost by S^2 / 2 with S = sum(w r g) / sqrt(sum(w g^2)): the matched filter
(Turin, IRE Trans. Inf. Theory 6, 311, 1960), which is the most likely position of one line in the noise, where moments
of the whole spectrum follow the noise in its wings. All centres at once are a convolution. Widths are a series whose
variance doubles, each made from the one before by a symmetric kernel of three taps with holes (the "a trous" algorithm,
Holschneider et al. 1989; Starck & Murtagh, Astronomical Image and Data Analysis, 2006): [a, 1 - 2a, a] at distance d
adds a variance of 2 a d^2. As g^2 has half the variance of g, the denominator is the weights one step of the series
before.

The peak is then measured by moments within the window of the filter that found it (`ndfit.pipeline.guess.moments`). Its
height is that of least squares.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.availability import why_not_compiled
from ndfit.once import cached_property
from ndfit.pipeline.guess.formulas import NUMPY
from ndfit.pipeline.guess.moments import determinant, distance_of, inverse_of, measured, square
from ndfit.pipeline.guess.profiles import WorldPeak
from ndfit.pipeline.guess.tile import Tile, total

__all__ = ["Limits", "Peak", "Scales", "in_world", "strongest", "strongest_with_arrays"]

# Of a single sample, the narrowest filter of the series.
_FIRST_VARIANCE = 0.25
_SHARES = (0.125, 0.25)
# One step before, a filter does not reach as far. At a sample of a large error it would miss what the good ones around
# add, and any residual of theirs would be a significant peak there.
_AT_LEAST = 0.5


@dataclass(frozen=True)
class Limits:
    """Where a peak may be: arrays of shape (n,), and (n, K) for the centre; infinite where there is no limit.

    Widths are standard deviations, in units of the coordinates.
    """

    height: tuple[FloatArray, FloatArray]
    centre: tuple[FloatArray, FloatArray]
    sigma: tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Peak:
    """n peaks in samples of the grid.

    Attributes
    ----------
    found : shape (n,), False where the residuals are zero
    height : shape (n,)
    position : shape (n, K)
    covariance : shape (n, K, K)
    score : shape (n,), the matched filter's S: half its square is what the peak lowers the cost by
    """

    found: NDArray[np.bool_]
    height: FloatArray
    position: FloatArray
    covariance: FloatArray
    score: FloatArray


@dataclass(frozen=True)
class Scales:
    """The series of widths for a tile."""

    tile: Tile

    @property
    def variances(self) -> FloatArray:
        """Of the filters, (levels,)."""
        return np.array([_FIRST_VARIANCE * 2.0**level for level in range(len(_kernels(self.tile.grid)))])

    @cached_property
    def sums(self) -> tuple[FloatArray, ...]:
        """sum(w g^2) of each filter, (M, n) or (M, 1)."""
        weights = self.tile.weights
        return (
            _sums_of(weights, self.tile.grid)
            if weights.shape[1] > 1
            else _known_sums(weights.tobytes(), self.tile.grid)
        )

    @property
    def steps(self) -> list[tuple[float, int, float, float]]:
        """Of each filter: share of each neighbour, distance, peak value, sum of squares; the first has no step."""
        steps = [(0.0, 0), *_steps(self.tile.grid)]
        return [(*step, *kernel) for step, kernel in zip(steps, _kernels(self.tile.grid), strict=True)]


def _steps(grid: tuple[int, ...]) -> Iterator[tuple[float, int]]:
    """(share of each neighbour, distance) that double the variance, up to half the shortest axis in width."""
    variance, level = _FIRST_VARIANCE, 0
    while 2 * variance <= (min(grid) / 2) ** 2:
        yield _SHARES[level % 2], 2 ** (level // 2)
        variance, level = 2 * variance, level + 1


def _smooth(values: FloatArray, grid: tuple[int, ...], share: float, distance: int) -> FloatArray:
    """One kernel along every axis; nothing lies outside the grid. Shape (M, n) -> (M, n)."""
    cube = values.reshape(*grid, -1)
    for axis in range(len(grid)):
        source = np.moveaxis(cube, axis, 0)
        cube = cube * (1.0 - 2.0 * share)
        target = np.moveaxis(cube, axis, 0)
        target[distance:] += share * source[:-distance]
        target[:-distance] += share * source[distance:]
    return cube.reshape(values.shape)


def _sums_of(weights: FloatArray, grid: tuple[int, ...]) -> tuple[FloatArray, ...]:
    smoothed, sums = weights, [weights]
    for (share, distance), (_, squares) in zip(_steps(grid), _kernels(grid)[1:], strict=True):
        wider = _smooth(smoothed, grid, share, distance)
        sums.append(squares * np.maximum(smoothed, _AT_LEAST * wider))
        smoothed = wider
    return tuple(sums)


@lru_cache(maxsize=4)
def _known_sums(weights: bytes, grid: tuple[int, ...]) -> tuple[FloatArray, ...]:
    """Those of weights that all fits share: the next tile has the same."""
    return _sums_of(np.frombuffer(weights)[:, np.newaxis], grid)


@cache
def _kernels(grid: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    """Peak value and sum of squares of each filter of the series, on a grid that it fits in."""
    wide = 4 * max(grid) + 1
    line = np.zeros((wide, 1))
    line[wide // 2] = 1.0
    lines = [line]
    for share, distance in _steps(grid):
        lines.append(_smooth(lines[-1], (wide,), share, distance))
    n_axes = len(grid)
    return tuple((float(line[wide // 2, 0]) ** n_axes, float(np.sum(line**2)) ** n_axes) for line in lines)


def strongest(scales: Scales, residual: FloatArray, limits: Limits, share: float) -> Peak:
    """The peak that lowers the cost most, within limits.

    Parameters
    ----------
    residual : shape (M, n)
    share : take the narrowest filter with this share of the best significance, S, or more
    """
    if why_not_compiled():
        return strongest_with_arrays(scales, residual, limits, share)
    from ndfit.pipeline.guess.code.peaks import strongest_peaks

    pixel, (low, high) = _pixel(scales.tile), limits.sigma
    in_samples = replace(limits, sigma=(low / pixel, high / pixel))
    height, score, position, covariance = strongest_peaks(scales, residual, in_samples, share, _AT_LEAST)
    return Peak(height != 0.0, height, position, square(covariance), score)


def strongest_with_arrays(scales: Scales, residual: FloatArray, limits: Limits, share: float) -> Peak:
    """The same by numpy."""
    tile = scales.tile
    closed = _closed_samples(tile, limits)
    positive, negative = (np.where(side, 1.0, 0.0) for side in (limits.height[1] > 0, limits.height[0] < 0))
    columns = np.arange(residual.shape[1])
    scores, samples, heights = [], [], []
    filtered = tile.weights * residual
    for sums, (side, distance, top, _) in zip(scales.sums, scales.steps, strict=True):
        norm = 1.0 / np.sqrt(np.where(sums > 0, sums, np.inf))
        if distance:
            filtered = _smooth(filtered, tile.grid, side, distance)
        signed = filtered * norm
        score = np.maximum(signed * positive, signed * -negative)
        if closed is not None:
            score[closed] = 0.0
        where = np.argmax(score, axis=0)
        samples.append(where)
        scores.append(score[where, columns])
        heights.append(signed[where, columns] * np.broadcast_to(norm, signed.shape)[where, columns] * top)
    score = np.where(_excluded_levels(scales, limits), 0.0, np.stack(scores))
    level = np.argmax(score >= share * score.max(axis=0), axis=0)
    height = np.where(score[level, columns] > 0, np.stack(heights)[level, columns], 0.0)
    sample, variance = np.stack(samples)[level, columns], scales.variances[level]
    return _measured(tile, residual, height, sample, variance, score[level, columns])


def _closed_samples(tile: Tile, limits: Limits) -> NDArray[np.bool_] | None:
    """Samples outside the limits of the centre, except the nearest where all that are used are; None where none are."""
    low, high = limits.centre
    if np.isinf(low).all() and np.isinf(high).all():
        return None
    outside = np.zeros(tile.data.shape)
    for axis, coordinate in enumerate(tile.coords):
        outside += np.maximum(np.maximum(low[:, axis] - coordinate, coordinate - high[:, axis]), 0.0)
    return outside > np.where(tile.weights > 0, outside, np.inf).min(axis=0)


def _excluded_levels(scales: Scales, limits: Limits) -> NDArray[np.bool_]:
    """Widths of the series that are outside the limits, except the nearest where all are; shape (levels, n)."""
    sigma = np.sqrt(scales.variances)[:, np.newaxis] * _pixel(scales.tile)
    low, high = np.maximum(limits.sigma[0], 0.0), np.abs(limits.sigma[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        outside = np.maximum(np.maximum(low / sigma, sigma / high), 1.0)
    return outside > outside.min(axis=0)


def _pixel(tile: Tile) -> FloatArray:
    """Distance of neighbouring samples in the middle, in units of the coordinates: (n,) or (1,)."""
    count = max(axis.shape[1] for axis in tile.coords)
    jacobian = _jacobian(tile, np.full((count, len(tile.grid)), np.array(tile.grid) // 2))
    return np.abs(determinant(jacobian)) ** (1.0 / len(tile.grid))


def _measured(
    tile: Tile,
    residual: FloatArray,
    height: FloatArray,
    sample: NDArray[np.intp],
    variance: FloatArray,
    score: FloatArray,
) -> Peak:
    """Position and covariance from moments in a Gaussian window of the filter's variance."""
    place = np.stack(np.unravel_index(sample, tile.grid), axis=1).astype(float)
    indices = [axis.reshape(-1, 1).astype(float) for axis in np.indices(tile.grid)]
    apart = [axis - place[:, k] for k, axis in enumerate(indices)]
    distance = sum(one * one for one in apart)
    windowed = _without_noise(residual, tile.weights, np.exp(-0.5 * distance / variance))
    mass, *sums = [total(windowed), *(total(windowed * one) for one in apart)]
    products = [total(windowed * apart[j] * apart[k]) for j in range(len(apart)) for k in range(j + 1)]
    displacement, covariance = measured(height, mass, sums, products, variance, NUMPY)
    position = place + np.stack(displacement, axis=1)
    precision = inverse_of(covariance)
    shape = np.exp(-0.5 * distance_of(precision, [axis - position[:, k] for k, axis in enumerate(indices)]))
    weighted = tile.weights * shape
    fitted = total(weighted * residual) / total(weighted * shape)
    return Peak(height != 0, np.where(fitted * height > 0, fitted, height), position, square(covariance), score)


def _without_noise(residual: FloatArray, weights: FloatArray, window: FloatArray) -> FloatArray:
    """Residuals in a window, less of those samples that weigh less than is usual there.

    Moments with the weights themselves would be those of the weights, where these are uneven; without any they would be
    those of the noise, where the window holds a sample of a far larger error.
    """
    usual = total(weights * window) / total(window)
    return np.asarray(residual * window * np.minimum(weights / np.where(usual > 0, usual, 1.0), 1.0))


def in_world(peak: Peak, tile: Tile, sign: float) -> WorldPeak:
    """The peaks in the coordinates of the fit, which are taken to be linear around each; heights times a sign."""
    nearest = np.clip(np.rint(peak.position).astype(np.intp), 0, np.array(tile.grid) - 1)
    jacobian = _jacobian(tile, nearest)
    origin = np.stack([_at(axis, nearest, tile.grid) for axis in tile.coords], axis=1)
    centre = origin + np.einsum("njk,nk->nj", jacobian, peak.position - nearest)
    covariance = np.einsum("njk,nkl,nml->njm", jacobian, peak.covariance, jacobian)
    return WorldPeak(sign * peak.height, centre, covariance)


def _at(values: FloatArray, index: NDArray[np.intp], grid: tuple[int, ...]) -> FloatArray:
    """Values (M, n) or (M, 1) at one sample a fit, given as (n, K)."""
    flat = np.ravel_multi_index(tuple(index.T), grid)
    picked: FloatArray = values[flat, np.arange(flat.size) if values.shape[1] > 1 else 0]
    return picked


def _jacobian(tile: Tile, index: NDArray[np.intp]) -> FloatArray:
    """Change of each coordinate from sample to sample along each axis, (n, K, K), by central differences."""
    n_axes = len(tile.grid)
    jacobian = np.empty((len(index), n_axes, n_axes))
    for axis, size in enumerate(tile.grid):
        step = np.arange(n_axes) == axis
        before, after = np.clip(index - step, 0, None), np.minimum(index + step, np.array(tile.grid) - 1)
        span = np.maximum(after[:, axis] - before[:, axis], 1)
        for k, coordinate in enumerate(tile.coords):
            difference = _at(coordinate, after, tile.grid) - _at(coordinate, before, tile.grid)
            jacobian[:, k, axis] = difference / span if size > 1 else 1.0
    return jacobian
