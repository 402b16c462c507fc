"""How many places in each sample a model is evaluated at, where it is integrated over the samples.

Flows in: FitProblem, and the lines of its model. Flows out: the problem with as many as the narrowest line needs where
it starts, and the instrument's own spread.

q nodes of Gauss and Legendre integrate a Gaussian of standard deviation s samples, at any place in its sample, to 1e-3
of its peak where s > 1.2 / q (measured for s from 0.1 to 0.8). Profiles with a pole beside the real axis take three
times as many (`ndfit.pipeline.flags`). A line that ends narrower is flagged UNDERSAMPLED.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from ndfit.pipeline.flags import Line
from ndfit.pipeline.shapes import PER_SIGMA
from ndfit.problem.chain import Chain
from ndfit.problem.deferred import is_lazy
from ndfit.problem.samples import Samples
from ndfit.problem.types import FitProblem

__all__ = ["with_nodes"]

_ROOM = 0.7  # of the width that lines start with
_SPREAD = 1.2  # as of a Gaussian line
_MOST = 25


def with_nodes(problem: FitProblem, lines: Sequence[Line]) -> FitProblem:
    """The problem with enough nodes, where their number is not the caller's."""
    chain = problem.samples.instrument
    if chain is None or not chain.chosen:
        return problem
    if 0 in problem.axes.shape:
        return problem
    samples = _loaded(problem)
    own: Chain = samples.instrument  # type: ignore[assignment]
    step = min(float(np.fmax.reduce(own.steps(samples, axis), axis=None)) for axis in range(len(samples.coords)))
    start = np.array([[np.nanmin(np.abs(values)) for values in problem.params.start]])
    profiles = [line for line in lines if line.shape.is_profile]
    widths = [line.fwhm(start).least[0] * _ROOM / PER_SIGMA / step for line in profiles]
    needed = [_nodes(line.resolved_by_nodes, width) for line, width in zip(profiles, widths, strict=True)]
    needed += [_nodes(_SPREAD, width) for width in own.spreads(samples)]
    return replace(
        problem, samples=replace(problem.samples, instrument=replace(chain, nodes=max([chain.nodes, *needed])))
    )


def _loaded(problem: FitProblem) -> Samples:
    """Coordinates and instrument of all positions, or of the first where that takes computing."""
    samples = replace(problem.samples, data=None, weights=None, mask=None, known=())
    if any(map(is_lazy, samples.arrays)):
        samples = samples.region(tuple(slice(0, 1) for _ in problem.axes.iterating_shape))
    return samples.load()


def _nodes(times: float, width: float) -> int:
    """An odd number, so that one is in the middle, for a width in samples."""
    return ceil(times / width) | 1 if width > times / _MOST else _MOST
