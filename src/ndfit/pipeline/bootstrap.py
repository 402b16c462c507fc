"""Covariances from fits of data that could have been.

Flows in: a Block and its fits. Flows out: the fits with the covariance of the parameters over `count` fits of drawn
data (B. Efron, Ann. Statist. 7 (1979) 1; Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapters 6, 9):

==========  =====================================================================================================
parametric  the fitted model plus normal errors of the size that the weights give, or, where these are relative,
            of that which the residuals have; counts are drawn from Poisson's distribution
residual    the fitted model plus the position's own weighted residuals, drawn with replacement, each over the
            weight of the sample that it goes to, and times sqrt(n / (n - p)), because the fit made them small
==========  =====================================================================================================

with n samples and p free parameters. Each drawn fit starts from the solution. Draws belong to seed and position, so
that chunks and workers change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult, SolveOptions
from ndfit.options import CASH, SQUARE, Errors
from ndfit.pipeline import draws
from ndfit.pipeline.draws import uniform
from ndfit.problem.places import Places
from ndfit.problem.types import Block
from ndfit.status import Status, usable

__all__ = ["Bootstrap", "bootstrap_of", "repeated"]

PARAMETRIC, RESIDUAL = "parametric", "residual"
# Apart from the numbers that starting points are drawn by.
_FIRST = 2**31
# Positions whose drawn data are in memory together.
_FITS_AT_ONCE = 5000

Refit = Callable[[Block, SolveOptions], BlockResult]
Values = Callable[[FloatArray, Places], FloatArray]


@dataclass(frozen=True)
class Bootstrap:
    """How data are drawn.

    Attributes
    ----------
    count : fits a position
    seed : of the draws
    kind : PARAMETRIC or RESIDUAL
    free : indices of the free parameters
    absolute_sigma : weights are 1/sigma in the data's unit
    """

    count: int
    seed: int
    kind: str
    free: tuple[int, ...]
    absolute_sigma: bool

    def make_ready(self) -> None:
        """Import, compile or load, in this thread, what drawing takes."""
        import scipy.special  # noqa: F401

        draws.make_ready()

    def __call__(
        self, refit: Refit, values: Values, block: Block, options: SolveOptions, result: BlockResult
    ) -> BlockResult:
        """Fit drawn data, and put the covariance of what comes out in the place of the result's.

        Parameters
        ----------
        refit : makes the fits of a block
        values : gives the model's values
        block, options, result : what was fitted, how, and what came out
        """
        fitted = usable(result.status)
        status = np.where(fitted, Status.READY, Status.NO_DATA).astype(np.int16)
        start = np.where(fitted[:, np.newaxis], result.parameters, block.start)
        block = replace(block, start=np.clip(start, block.lower, block.upper), status=status)
        draw = self._drawer(values, block, options, result)
        options = replace(options, covariance=False)
        spread = _Spread.of(result.parameters[:, list(self.free)])
        at_once = max(1, _FITS_AT_ONCE // max(block.n_fits, 1))
        for first in range(0, self.count, at_once):
            numbers = range(first, min(first + at_once, self.count))
            data = [draw(uniform(self.seed, block.positions, _FIRST + n, block.data.shape[1])) for n in numbers]
            drawn = refit(repeated(block, np.concatenate(data)), options)
            known = usable(drawn.status).reshape(len(numbers), -1)
            parameters = drawn.parameters[:, list(self.free)].reshape(len(numbers), block.n_fits, -1)
            for own, answered in zip(parameters, known, strict=True):
                spread.add(own, answered)
        covariance = spread.covariance()
        if result.covariance is not None:  # what has no error at the solution gets none from draws around it
            covariance[np.isnan(result.covariance)] = np.nan
        return replace(result, covariance=covariance)

    def _drawer(
        self, values: Values, block: Block, options: SolveOptions, result: BlockResult
    ) -> Callable[[FloatArray], FloatArray]:
        """From uniform numbers (N, M) to data; 0 where samples are not used, as in a Block."""
        from scipy.special import ndtri  # 65 ms that other fits don't need

        used = np.ones(block.data.shape, dtype=bool) if block.valid is None else block.valid
        with np.errstate(all="ignore"):
            fitted = np.where(used, values(block.start, block.places), 0.0)
        if options.loss == CASH:
            return lambda numbers: np.where(used, _poisson(numbers, fitted), 0.0)
        size = np.ones((1, 1)) if block.weights is None else _inverse(block.weights)
        n_used = used.sum(axis=1, keepdims=True)
        degrees = np.maximum(n_used - len(self.free), 1)
        if self.kind == PARAMETRIC:
            spread = 1.0 if self.absolute_sigma else np.sqrt(2.0 * result.cost[:, np.newaxis] / degrees)
            correlated = (lambda normal: normal) if block.noise is None else block.noise.drawn
            return lambda numbers: np.where(used, fitted + spread * size * correlated(ndtri(numbers + 2.0**-54)), 0.0)
        residual = np.sqrt(n_used / degrees) * (block.data - fitted) * _inverse(size)
        pool = np.take_along_axis(residual, np.argsort(~used, axis=1, kind="stable"), axis=1)

        def resample(numbers: FloatArray) -> FloatArray:
            chosen = np.take_along_axis(pool, (numbers * n_used).astype(np.intp), axis=1)
            return np.where(used, fitted + chosen * size, 0.0)

        return resample


def repeated(block: Block, data: FloatArray) -> Block:
    """The block as often as the data, (T * N, M), hold its fits."""
    times = len(data) // block.n_fits

    def rows(array: Any) -> Any:
        repeats = array is not None and array.ndim == 2 and len(array) == block.n_fits
        return np.tile(array, (times, 1)) if repeats else array

    return replace(
        block,
        data=data,
        weights=rows(block.weights),
        valid=rows(block.valid),
        coords=tuple(rows(axis) for axis in block.coords),
        other_places=block.other_places and block.other_places.take(np.tile(np.arange(block.n_fits), times)),
        start=rows(block.start),
        lower=rows(block.lower),
        upper=rows(block.upper),
        status=np.tile(block.status, times),
        positions=np.tile(block.positions, times),
    )


def _inverse(values: FloatArray) -> FloatArray:
    return np.divide(1.0, values, out=np.zeros(values.shape), where=values > 0.0)


def _poisson(numbers: FloatArray, expected: FloatArray) -> FloatArray:
    """Counts whose cumulative probability is the first to reach the numbers."""
    from scipy.special import pdtrik

    with np.errstate(all="ignore"):
        counts = np.ceil(pdtrik(numbers, expected))
    return np.where(numbers <= np.exp(-expected), 0.0, counts)


@dataclass
class _Spread:
    """Sums over drawn fits of parameters, counted from the solution, and of their products."""

    centre: FloatArray
    count: NDArray[np.int64]
    total: FloatArray
    products: FloatArray

    @classmethod
    def of(cls, centre: FloatArray) -> _Spread:
        n_fits, n_free = centre.shape
        return cls(centre, np.zeros(n_fits, np.int64), np.zeros(centre.shape), np.zeros((n_fits, n_free, n_free)))

    def add(self, parameters: FloatArray, usable: NDArray[np.bool_]) -> None:
        moved = np.where(usable[:, np.newaxis], parameters - self.centre, 0.0)
        self.count += usable
        self.total += moved
        self.products += moved[:, :, np.newaxis] * moved[:, np.newaxis, :]

    def covariance(self) -> FloatArray:
        """NaN where fewer than two fits have an answer."""
        count = self.count[:, np.newaxis, np.newaxis].astype(float)
        with np.errstate(all="ignore"):
            mean = self.total / self.count[:, np.newaxis]
            spread = self.products - count * mean[:, :, np.newaxis] * mean[:, np.newaxis, :]
            return np.where(count > 1.0, spread / (count - 1.0), np.nan)


def bootstrap_of(
    errors: Errors, seed: int, free: tuple[int, ...], loss: str, known: bool, correlated: bool = False
) -> Bootstrap | None:
    """What is drawn; None for nothing.

    Parameters
    ----------
    known : the size of the errors is given
    correlated : the noise of a position is correlated between its samples

    Raises
    ------
    ValueError
        A way to draw that is not possible.
    """
    resample = errors.resample
    if correlated and loss == CASH:
        raise ValueError("counts have independent noise: statistic='cash' cannot be combined with correlated noise")
    if correlated and resample == RESIDUAL:
        raise ValueError(f"residuals of correlated noise cannot be drawn one by one: use resample='{PARAMETRIC}'")
    if loss == CASH and resample == RESIDUAL:
        raise ValueError(f"counts have no residuals to draw from: with statistic='cash' use resample='{PARAMETRIC}'")
    if loss not in (SQUARE, CASH) and resample == PARAMETRIC:
        raise ValueError(f"the errors that loss='{loss}' allows for are not normal: use resample='{RESIDUAL}'")
    if errors.bootstrap == 0:
        return None
    suited = PARAMETRIC if loss == CASH or correlated or (known and loss == SQUARE) else RESIDUAL
    return Bootstrap(errors.bootstrap, seed, resample or suited, free, known)
