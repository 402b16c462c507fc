"""Fits of noise: the same model, samples and starts, where no line is.

Flows in: FitProblem, its fits, and the Pipeline that made them. Flows out: Maps of the fits of noise.

At some positions spread over the maps, the model without its lines and noise of the size of the errors are the data: of
the residuals, where the errors are not known; of the counts, where counts are fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult
from ndfit.options import CASH
from ndfit.pipeline.bootstrap import repeated
from ndfit.problem.block import inputs_of, make_block
from ndfit.problem.types import Block, FitProblem
from ndfit.result.maps import Maps
from ndfit.run.evaluate import Values
from ndfit.run.load import load
from ndfit.run.region_pipeline import Pipeline
from ndfit.status import Status

__all__ = ["noise_fits"]

_POSITIONS = 16


def noise_fits(
    problem: FitProblem,
    maps: Maps,
    pipeline: Pipeline,
    values_of: Values,
    *,
    lines: Sequence[int],
    count: int,
    seed: int,
) -> Maps:
    """About `count` fits of noise, as maps of one axis.

    Parameters
    ----------
    lines : places of the parameters that are zero where no line is
    """
    usable = np.flatnonzero(maps.usable)
    chosen = usable[np.unique(np.linspace(0, usable.size - 1, min(_POSITIONS, usable.size)).astype(int))]
    each = max(1, -(-count // max(chosen.size, 1)))
    results = []
    for number in chosen:
        place = np.unravel_index(number, maps.status.shape)
        block = make_block(load(inputs_of(problem, tuple(slice(int(i), int(i) + 1) for i in place))))
        if block.status[0] == Status.READY:
            quiet = maps.parameters.reshape(len(maps.parameters), -1)[:, number].copy()
            quiet[list(lines)] = 0.0
            with np.errstate(all="ignore"):
                model = values_of(quiet[np.newaxis], block.places)
            rng = np.random.default_rng([seed, int(number)])
            data = _drawn(rng, block, model, each, pipeline, _scatter(maps, int(number), len(problem.params.free)))
            drawn = replace(repeated(block, data), positions=np.arange(each, dtype=np.int64))
            results.append(pipeline.of_block(drawn))
    return _maps_of(results, len(problem.params.names), len(problem.params.free), pipeline.errors_are_final)


def _scatter(maps: Maps, number: int, n_free: int) -> float:
    """Root of the reduced chi-square."""
    degrees = max(int(maps.n_samples.ravel()[number]) - n_free, 1)
    return float(np.sqrt(2.0 * maps.cost.ravel()[number] / degrees))


def _drawn(
    rng: np.random.Generator, block: Block, model: FloatArray, count: int, pipeline: Pipeline, scatter: float
) -> FloatArray:
    """Data of shape (count, M); 0 where samples are not used, as in a Block."""
    shape = (count, block.data.shape[1])
    used = np.ones(shape, dtype=bool) if block.valid is None else np.broadcast_to(block.valid, shape)
    model = np.where(used, model, 0.0)
    if pipeline.options.loss == CASH:
        return np.where(used, rng.poisson(np.maximum(model, 0.0)), 0.0)
    size = np.ones((1, 1)) if block.weights is None else block.weights
    size = np.divide(1.0, size, out=np.zeros(size.shape), where=size > 0.0)
    normal = rng.normal(size=shape)
    if block.noise is not None:
        normal = block.noise.drawn(normal)
    spread = 1.0 if pipeline.options.absolute_sigma else scatter
    return np.where(used, model + spread * size * normal, 0.0)


def _maps_of(results: list[BlockResult], n_params: int, n_free: int, absolute: bool) -> Maps:
    """Their maps, one after another."""
    if not results:
        empty = np.empty(0)
        return Maps(
            np.empty((n_params, 0)),
            empty.astype(np.int16),
            empty.astype(np.int32),
            empty,
            empty.astype(np.int32),
            empty.astype(np.uint32),
            empty,
            np.empty((0, n_free, n_free)),
            None,
        )
    covariances = [
        np.full((len(each.status), n_free, n_free), np.nan) if each.covariance is None else each.covariance
        for each in results
    ]
    status = np.concatenate([each.status for each in results])
    return Maps(
        parameters=np.concatenate([each.parameters for each in results]).T,
        status=status,
        nfev=np.concatenate([each.nfev for each in results]),
        cost=np.concatenate([each.cost for each in results]),
        n_samples=np.concatenate([each.n_samples for each in results]),
        flags=np.zeros(status.shape, dtype=np.uint32),
        edm=np.full(status.shape, np.nan),
        covariance=np.concatenate(covariances),
        info=None,
        absolute=absolute,
    )
