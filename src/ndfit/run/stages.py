"""The parts of a run, one after another: the fits of every region, then the rounds of a refinement.

Flows in: the name of a stage, the work, what cuts inputs, and regions. Flows out: (region, BlockResult) pairs: solved
now; or, where there is a checkpoint, those of an earlier run first, once it is seen that their samples are the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Protocol

from ndfit.errors import CheckpointError, FitWarning
from ndfit.problem.arrange import Region
from ndfit.problem.types import BlockResult
from ndfit.run.checkpoint import Checkpoint
from ndfit.run.digest import Digests, Signed, SigningWork, digests_of
from ndfit.run.execute import solve_regions
from ndfit.run.tasks import Cut, Solved
from ndfit.run.work import Work
from ndfit.run.workers import Workers

__all__ = ["FITS", "Afresh", "Resuming", "Stages"]

FITS = "fit"
"""The first stage; the samples are the same in every later one."""


class Stages(Protocol):
    """Solves the regions of one stage."""

    def __call__(self, stage: str, work: Work, cut: Cut, regions: Iterable[Region]) -> Solved[BlockResult]: ...


class Afresh:
    """Everything is solved now."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def __call__(self, stage: str, work: Work, cut: Cut, regions: Iterable[Region]) -> Solved[BlockResult]:
        return solve_regions(work, cut, regions, self._workers)


class Resuming:
    """What an earlier run has finished is taken from its checkpoint; the rest is solved, and saved."""

    def __init__(self, workers: Workers, checkpoint: Checkpoint) -> None:
        self._workers, self._checkpoint = workers, checkpoint
        self._numbers = {_key(region): number for number, region in enumerate(checkpoint.plan.regions)}

    def __call__(self, stage: str, work: Work, cut: Cut, regions: Iterable[Region]) -> Solved[BlockResult]:
        regions = list(regions)
        saved = [region for region in regions if self._checkpoint.has(stage, self._number(region))]
        damaged = []
        for region, signed in self._saved(stage, cut, saved):
            if signed is None:
                damaged.append(region)
            else:
                yield region, signed.result
        if damaged:
            warnings.warn(
                f"{len(damaged)} regions of the checkpoint {self._checkpoint.path} are damaged and are solved again",
                FitWarning,
                stacklevel=2,
            )
        known = {_key(region) for region in saved}
        to_solve = damaged + [region for region in regions if _key(region) not in known]
        for region, solved in solve_regions(SigningWork(work), cut, to_solve, self._workers):
            self._checkpoint.save(stage, self._number(region), solved)
            yield region, solved.result

    def _saved(self, stage: str, cut: Cut, regions: list[Region]) -> Iterator[tuple[Region, Signed | None]]:
        """Saved results, None where they are damaged."""
        if stage != FITS:
            for region in regions:
                yield region, self._checkpoint.load(stage, self._number(region))
            return
        for region, digests in solve_regions(digests_of, cut, regions, self._workers):
            signed = self._checkpoint.load(stage, self._number(region))
            if signed is not None:
                self._check(region, signed.digests, digests)
            yield region, signed

    def _check(self, region: Region, saved: Digests, now: Digests) -> None:
        different = [name for name in now if saved.get(name) != now[name]]
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
