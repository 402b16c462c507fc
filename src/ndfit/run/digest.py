"""Which samples a region holds, and which solutions its fits start from, as digests.

Flows in: Inputs in memory. Flows out: name of an input -> SHA-256 of its numbers in the region, whatever their order in
memory; and beside the results of a fit, when it is asked to tell them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from ndfit.engines.base import BlockResult
from ndfit.problem.block import Inputs
from ndfit.run.region_pipeline import Pipeline

__all__ = ["SOLUTIONS", "Digests", "PipelineWithChecksums", "ResultWithChecksums", "digests_of", "digests_of_solutions"]

Digests = Mapping[str, str]

SOLUTIONS = "solutions"
"""Name of the digest of what fits start from, where that comes from an earlier stage."""

_SAMPLES_AT_ONCE = 2**18


class ResultWithChecksums(NamedTuple):
    """Results of a region, and the digests of what they were made from."""

    result: BlockResult
    digests: Digests


@dataclass(frozen=True)
class PipelineWithChecksums:
    """A Pipeline that also returns checksums of what it was given."""

    pipeline: Pipeline

    def make_ready(self) -> None:
        self.pipeline.make_ready()

    def __call__(self, inputs: Inputs) -> ResultWithChecksums:
        return ResultWithChecksums(self.pipeline(inputs), digests_of(inputs))


def digests_of(inputs: Inputs) -> Digests:
    """Digest of each input of a region; the caller's maps of parameters are in the run's identity."""
    samples = inputs.samples
    pairs = zip(samples.names, samples.arrays, strict=True)
    known = {name: _digest(array) for name, array in pairs if array is not None}
    return {**known, **digests_of_solutions(inputs)}


def digests_of_solutions(inputs: Inputs) -> Digests:
    """Digest of what the fits of a region start from, where an earlier stage has left it."""
    return {} if inputs.starts is None else {SOLUTIONS: _digest(inputs.starts)}


def _digest(array: Any) -> str:
    values = np.asarray(array)
    digest = sha256(f"{values.dtype.str} {values.shape}".encode())
    if values.ndim == 0:
        digest.update(values.tobytes())
        return digest.hexdigest()
    rows = max(1, _SAMPLES_AT_ONCE // max(1, values[:1].size))
    for start in range(0, len(values), rows):
        digest.update(np.ascontiguousarray(values[start : start + rows]).data)
    return digest.hexdigest()
