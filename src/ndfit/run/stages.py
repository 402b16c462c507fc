"""The parts of a run, one after another: the fits of every region, then the rounds of a refinement.

Flows in: the name of a stage, the work, what takes inputs, and regions. Flows out: (region, BlockResult) pairs: solved
now; or, where there is a checkpoint, those of an earlier run first, once it is seen that their samples are the same,
and the solutions that they started from.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Protocol

from ndfit.engines.base import BlockResult
from ndfit.errors import CheckpointError, FitWarning
from ndfit.problem.arrange import Region
from ndfit.run.checkpoint import Checkpoint
from ndfit.run.digest import SOLUTIONS, Digests, PipelineWithChecksums, digests_of, digests_of_solutions
from ndfit.run.execute import solve_regions
from ndfit.run.region_pipeline import Pipeline
from ndfit.run.tasks import Solved, Take
from ndfit.run.workers import Workers

__all__ = ["FITS", "ResumeFromCheckpoint", "RunAll", "StageRunner"]

FITS = "fit"
"""The first stage, in which samples are read once more; they are the same in every later one."""


class StageRunner(Protocol):
    """Solves the regions of one stage."""

    def __call__(
        self, stage: str, pipeline: Pipeline, take: Take, regions: Iterable[Region]
    ) -> Solved[BlockResult]: ...


class RunAll:
    """Everything is solved now."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def __call__(self, stage: str, pipeline: Pipeline, take: Take, regions: Iterable[Region]) -> Solved[BlockResult]:
        return solve_regions(pipeline, take, regions, self._workers)


class ResumeFromCheckpoint:
    """What an earlier run has finished is taken from its checkpoint; the rest is solved, and saved."""

    def __init__(self, workers: Workers, checkpoint: Checkpoint) -> None:
        self._workers, self._checkpoint = workers, checkpoint
        self._numbers = {_key(region): number for number, region in enumerate(checkpoint.plan.regions)}
        self._samples: dict[int, Digests] = {}

    def __call__(self, stage: str, pipeline: Pipeline, take: Take, regions: Iterable[Region]) -> Solved[BlockResult]:
        regions = list(regions)
        saved = [region for region in regions if self._checkpoint.has(stage, self._number(region))]
        unusable = []
        for region, digests in self._digests(stage, take, saved):
            signed = self._checkpoint.load(stage, self._number(region))
            if signed is not None:
                self._check(region, signed.digests, digests)
            if signed is None or signed.digests.get(SOLUTIONS) != digests.get(SOLUTIONS):
                unusable.append(region)
            else:
                yield region, signed.result
        if unusable:
            warnings.warn(
                f"{len(unusable)} regions of the checkpoint {self._checkpoint.path} are damaged, or were made from "
                "others that are: they are solved again",
                FitWarning,
                stacklevel=2,
            )
        known = {_key(region) for region in saved}
        to_solve = unusable + [region for region in regions if _key(region) not in known]
        for region, solved in solve_regions(PipelineWithChecksums(pipeline), take, to_solve, self._workers):
            number = self._number(region)
            self._samples.setdefault(number, solved.digests)
            self._checkpoint.save(stage, number, solved)
            yield region, solved.result

    def _digests(self, stage: str, take: Take, regions: list[Region]) -> Solved[Digests]:
        """Of the samples of each region, which are read in the first stage, and of what its fits start from."""
        if stage == FITS:
            for region, digests in solve_regions(digests_of, take, regions, self._workers):
                self._samples[self._number(region)] = digests
                yield region, digests
        else:
            for region in regions:
                yield region, {**self._samples[self._number(region)], **digests_of_solutions(take(region))}

    def _check(self, region: Region, saved: Digests, now: Digests) -> None:
        """The samples are those that they were."""
        different = [name for name in sorted({*saved, *now} - {SOLUTIONS}) if saved.get(name) != now.get(name)]
        if different:
            where = ", ".join(f"{part.start}:{part.stop}" for part in region)
            raise CheckpointError(
                f"{self._checkpoint.path} belongs to another run: the numbers of {', '.join(different)} in the region "
                f"[{where}] of the maps were others. Choose another name, or remove it to start again"
            )

    def _number(self, region: Region) -> int:
        return self._numbers[_key(region)]


def _key(region: Region) -> tuple[tuple[int, int], ...]:
    return tuple((where.start, where.stop) for where in region)
