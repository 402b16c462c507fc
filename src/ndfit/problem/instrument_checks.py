"""Whether an instrument and the coordinates of the samples can be meant together.

Flows in: samples with their instrument, as far as they are in memory. Flows out: an error that says what is wrong.

What is lazy is not computed for that: where it turns out to be wrong, its samples are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.problem.deferred import LazyElementwise, is_lazy
from ndfit.problem.instrument_stages import Bins, Diagonals, Prompt
from ndfit.problem.samples import Samples, in_memory
from ndfit.problem.sampling_grid import SamplingGrid, outside

__all__ = ["check_instrument"]


def check_instrument(samples: Samples) -> None:
    """Check that samples have the coordinates that their instrument wants.

    Raises
    ------
    ValueError
        They do not rise or fall along each fitting axis, are not in the bins whose edges are given, or are too few.
    """
    chain, shape = samples.instrument, samples.axes.fitting_shape
    if chain is None or 0 in samples.axes.shape:
        return
    stages = [stage for stage in chain.stages if not isinstance(stage, Diagonals)]
    bins = next((stage for stage in stages if isinstance(stage, Bins) and stage.bounds is not None), None)
    if not stages:
        return
    if bins is None and 1 in shape:
        raise ValueError(
            f"an instrument spreads light between samples, and there is one along a fitting axis, of {shape}: give "
            "edges by Instrument.bins(edges), or no instrument"
        )
    if any(is_lazy(each) or isinstance(each, LazyElementwise) for each in samples.coords):
        return
    coords = in_memory(samples.coords)
    sight = SamplingGrid(Samples(samples.axes, None, coords=coords), ())
    if shape != (1,):
        for axis in range(len(shape)):
            _check_order(sight, axis)
    if any(isinstance(stage, Prompt) for stage in stages) and (np.diff(sight.along(0), axis=-1) < 0.0).any():
        raise ValueError("times should rise from sample to sample for an instrument with a prompt, and they fall")
    if bins is not None and not any(map(is_lazy, bins.bounds or ())):
        _check_bins(sight, *in_memory(tuple(bins.bounds or ())))


def _check_order(sight: SamplingGrid, axis: int) -> None:
    orderly = sight.is_orderly(axis)
    if not orderly.all():
        which = "" if orderly.ndim == 0 else f" at {np.count_nonzero(~orderly)} of {orderly.size} positions"
        raise ValueError(
            "coordinates should rise, or fall, from sample to sample for an instrument, and they turn or "
            f"repeat{which}: sort the samples"
        )


def _check_bins(sight: SamplingGrid, lower: Any, upper: Any) -> None:
    at, lower, upper = sight.along(0), sight.rows(lower), sight.rows(upper)
    wrong = outside(at, lower, upper)
    if wrong.any():
        number = int(np.argwhere(wrong)[0][-1])
        low, high, own = (np.broadcast_to(each, wrong.shape)[wrong][0] for each in (lower, upper, at))
        raise ValueError(
            f"edges of bins should have the coordinate of each sample between them, and sample {number} is at {own:g}, "
            f"its bin from {low:g} to {high:g}: give edges in the order and unit of the coordinates"
        )
