"""Finished regions on disk, so that a run that was cut off goes on where it stopped.

Flows in: the path of a folder, the identity of the run and its Plan; then results, region by region. Flows out: a
folder, and from it the results again, bit for bit.

    run.json             layout, identity, and where the iterating axes are cut; written once, first
    fit/000012.npz       results of region 12, with the digests of the samples they were made from
    refine-01/...        the same of each round of the refinement
    lock                 held while a run uses the folder
    options.toml         where the command line started the run: its options, which are not read here

Everything is written beside its place and renamed, one rename a region, so that a region is there whole or not at all;
zip's checksums tell damage. Arrays and JSON alone: nothing is pickled, and numpy reads it.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.atomic import PARTIAL, remove_leftovers, replacing
from ndfit.errors import CheckpointError
from ndfit.problem.types import BlockResult
from ndfit.run.digest import Signed
from ndfit.run.identity import differences
from ndfit.run.lock import held
from ndfit.run.plan import Plan

__all__ = ["OPTIONS", "Checkpoint", "is_unused", "open_checkpoint"]

LAYOUT = 2
_RUN = "run.json"
OPTIONS = "options.toml"
_ARRAYS = ("parameters", "status", "nfev", "cost", "covariance", "n_samples", "flags", "edm")
_TOLD = "told"


@dataclass(frozen=True)
class Checkpoint:
    """A folder of finished regions.

    Attributes
    ----------
    path : of the folder
    plan : of the run that made it, which every later one follows
    """

    path: Path
    plan: Plan

    def has(self, stage: str, number: int) -> bool:
        """Whether a region is finished."""
        return self._file(stage, number).exists()

    def load(self, stage: str, number: int) -> Signed | None:
        """Results of a region; None where they are damaged."""
        try:
            with self._file(stage, number).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return _unpacked(dict(arrays))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, stage: str, number: int, signed: Signed) -> None:
        """Put the results of a region in their place.

        Raises
        ------
        OSError
            They cannot be written; the message says where, and that what is there is safe.
        """
        target = self._file(stage, number)
        try:
            target.parent.mkdir(exist_ok=True)
            with replacing(target) as partial, partial.open("wb") as file:
                np.savez(file, **_packed(signed))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OSError(
                error.errno,
                f"the checkpoint {self.path} cannot be written: {error.strerror or error}. The regions that are in it "
                "are whole: make room and start the same run again, which goes on where it stopped",
            ) from error

    def _file(self, stage: str, number: int) -> Path:
        return self.path / stage / f"{number:06d}.npz"


@contextmanager
def open_checkpoint(path: Path, identity: Mapping[str, Any], plan: Plan) -> Iterator[Checkpoint]:
    """Open the checkpoint of a run, or begin one, and hold it.

    Parameters
    ----------
    plan : to be followed where none is begun yet

    Raises
    ------
    CheckpointError
        It belongs to another run, is used by one now, or is no checkpoint.
    """
    run = path / _RUN
    if not (run.exists() or is_unused(path)):
        raise CheckpointError(f"{path} exists and is no checkpoint: choose another name, or remove it yourself")
    path.mkdir(parents=True, exist_ok=True)
    with held(path / "lock") as ours:
        if not ours:
            raise CheckpointError(f"{path} is in use by another run: wait for it to end, or choose another name")
        for folder in (path, *filter(Path.is_dir, path.iterdir())):
            remove_leftovers(folder)
        if not run.exists():
            with replacing(run) as partial:
                cuts = [[[where.start, where.stop] for where in axis] for axis in plan.pieces]
                partial.write_text(json.dumps({"layout": LAYOUT, "identity": identity, "cuts": cuts}, indent=1))
        yield Checkpoint(path, _plan_of(path, run, identity))


def _plan_of(path: Path, run: Path, identity: Mapping[str, Any]) -> Plan:
    """The plan of the run that made the checkpoint, if it is the same run."""
    try:
        saved = json.loads(run.read_text())
        layout, known, cuts = saved["layout"], saved["identity"], saved["cuts"]
    except (OSError, ValueError, KeyError, TypeError):
        raise CheckpointError(f"{run} cannot be read: remove {path} to start again") from None
    if layout != LAYOUT:
        raise CheckpointError(f"{path} was written by another version of ndfit (layout {layout}): remove it")
    different = differences(known, identity)
    if different:
        raise CheckpointError(
            f"{path} belongs to another run: {different}. Choose another name, or remove it to start again"
        )
    return Plan(tuple(tuple(slice(*cut) for cut in axis) for axis in cuts))


def is_unused(path: Path) -> bool:
    """Whether nothing is there but an empty folder, or what a run leaves that was cut off before it began."""
    if not path.is_dir():
        return not os.path.lexists(path)
    return all(entry.name in ("lock", OPTIONS) or entry.name.startswith(PARTIAL) for entry in path.iterdir())


def _packed(signed: Signed) -> dict[str, Any]:
    result = signed.result
    arrays = {name: getattr(result, name) for name in _ARRAYS if getattr(result, name) is not None}
    told = {"digests": signed.digests, "errors": result.errors, "warnings": result.warnings}
    return arrays | {_TOLD: np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)}


def _unpacked(arrays: dict[str, NDArray[Any]]) -> Signed:
    told = json.loads(arrays.pop(_TOLD).tobytes())
    result = BlockResult(
        **arrays,
        errors={int(row): text for row, text in told["errors"].items()},
        warnings={int(row): tuple(texts) for row, texts in told["warnings"].items()},
    )
    return Signed(result, told["digests"])
