"""How much memory fits take while they are made, beside their data where these are in memory already and their results.

Flows in: FitProblem and Pipeline. Flows out: bytes a fit, and how many fits may be in work at once.

Counted are the arrays of a sample's size that `ndfit.run.load`, the engines and what is done to their fits hold at the
same time, as measured; `tests/run/test_memory.py` holds the sum to what the system allows.
"""

from __future__ import annotations

from dataclasses import replace

from ndfit.options import SQUARE
from ndfit.pipeline.guess.tile import TILE_NUMBERS
from ndfit.problem.types import FitProblem
from ndfit.run.region_pipeline import Pipeline

__all__ = ["bytes_per_fit", "fits_within"]

_DOUBLE = 8
# The data as doubles, and again with what is left out replaced; which samples are wanted, finite, valid.
_DATA = 2 * _DOUBLE + 3
_WEIGHTS = 3 * _DOUBLE + 2
_COORDINATE = 2 * _DOUBLE
# Residuals and what is made of them.
_LOSS = 6 * _DOUBLE
_CLIP = 8 * _DOUBLE
_BOOTSTRAP = 8 * _DOUBLE
# Arrays of its own places; of coefficients while those of a stage are made, and of all stages together.
_PLACES, _STAGE, _STAGES = 4, 5, 3
# Arrays of a tile, and more for each parameter.
_GUESS, _GUESS_OF_PARAMETER = 18, 1.5
# Arrays of the size of parameters and of covariances.
_PARAMETERS, _COVARIANCES = 8, 4


def bytes_per_fit(problem: FitProblem, pipeline: Pipeline) -> int:
    """Bytes that one fit takes while its region is in work."""
    samples, params = problem.samples, problem.params
    a_sample = _DATA + sum(
        cost
        for cost, used in (
            (_WEIGHTS, samples.varies(samples.weights)),
            (_LOSS, pipeline.options.loss != SQUARE),
            (_CLIP, pipeline.clip is not None),
            (_BOOTSTRAP, pipeline.bootstrap is not None),
        )
        if used
    )
    loaded = (samples.data, samples.weights, samples.mask)
    a_sample += sum(array.dtype.itemsize for array in loaded if samples.varies(array))
    a_sample += _COORDINATE * sum(map(samples.varies, samples.inputs))
    n_params, n_free = len(params.names), len(params.free)
    return (
        _of_instrument(problem)
        + samples.axes.n_samples * a_sample
        + _DOUBLE * (_PARAMETERS * n_params + _COVARIANCES * n_free**2)
    )


def _of_instrument(problem: FitProblem) -> int:
    """Bytes of what one fit sees through an instrument of its own."""
    chain, samples = problem.samples.instrument, problem.samples
    if chain is None or not chain.stages or 0 in samples.axes.shape:
        return 0
    n_places, largest, together = chain.sizes(replace(samples, data=None, weights=None, mask=None))
    return _DOUBLE * (_PLACES * n_places + _STAGE * largest + _STAGES * together)


def fits_within(memory: int, problem: FitProblem, pipeline: Pipeline) -> int:
    """How many fits at once take no more than some bytes; guesses are made for a tile of them at a time."""
    a_fit = bytes_per_fit(problem, pipeline)
    if pipeline.starting.guess is None:
        return memory // a_fit
    n_params, n_free = len(problem.params.names), len(problem.params.free)
    a_fit += _DOUBLE * (_PARAMETERS * n_params + _COVARIANCES * n_free**2)  # tables of starts, and another result
    n_samples = max(problem.axes.n_samples, 1)
    tile = max(1, TILE_NUMBERS // n_samples)
    guess = int(_DOUBLE * n_samples * (_GUESS + _GUESS_OF_PARAMETER * n_params))
    few = memory // (a_fit + guess)
    return few if few < tile else max(tile, (memory - guess * tile) // a_fit)
