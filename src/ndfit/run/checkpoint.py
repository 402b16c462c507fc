"""Finished regions on disk, so that a run that was cut off goes on where it stopped.

Flows in: the path of a folder, the identity of the run and its Plan; then results, region by region. Flows out: a
folder, and from it the results again, bit for bit.

    run.json         layout, identity, processor, where the iterating axes are cut, and a checksum of all that; written
                     once, first
    fit/000012.npz   results of region 12, with the checksum of run.json, the stage and region that they belong to, and
                     digests of the samples and of the solutions that they were made from
    refine-01/...    the same of each round of the refinement
    lock, lock-...   held while a run uses the folder
    options.toml     where the command line started the run: its options, which are not read here

Everything is written beside its place and renamed, one rename a region, so that a region is there whole or not at all;
zip's checksums tell damage. Arrays and JSON alone: nothing is pickled, and numpy reads it.
"""

from __future__ import annotations

import errno
import json
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ndfit.atomic import PARTIAL, remove_leftovers, replacing
from ndfit.engines.base import BlockResult
from ndfit.errors import CheckpointError, FitWarning
from ndfit.problem.arrange import Region
from ndfit.run.digest import ResultWithChecksums
from ndfit.run.identity import differences, processor
from ndfit.run.lock import LOCK, file_lock
from ndfit.run.obstacles import in_the_way, remedy
from ndfit.run.plan import Plan

__all__ = ["OPTIONS", "Checkpoint", "is_unused", "open_checkpoint"]

LAYOUT = 2
_RUN = "run.json"
OPTIONS = "options.toml"
_METADATA = "told"


@dataclass(frozen=True)
class Checkpoint:
    """A folder of finished regions.

    Attributes
    ----------
    path : of the folder
    plan : of the run that made it, which every later one follows
    checksum : of run.json, by which regions tell that they belong to it
    """

    path: Path
    plan: Plan
    checksum: str

    def has(self, stage: str, number: int) -> bool:
        """Whether a region is finished."""
        return self._file(stage, number).exists()

    def load(self, stage: str, number: int) -> ResultWithChecksums | None:
        """Results of a region; None where they are damaged, or those of another region, stage or run."""
        try:
            with self._file(stage, number).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return _unpacked(dict(arrays), self._place(stage, number))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, stage: str, number: int, signed: ResultWithChecksums) -> None:
        """Put the results of a region in their place.

        Raises
        ------
        OSError
            They cannot be written; the message says where, and that what is there is safe.
        """
        target = self._file(stage, number)
        try:
            target.parent.mkdir(exist_ok=True)
            with replacing(target, follow=False) as partial, partial.open("wb") as file:
                np.savez(file, **_packed(signed, self._place(stage, number)))
        except OSError as error:
            raise OSError(error.errno, self._reason(error, target)) from error

    def _reason(self, error: OSError, target: Path) -> str:
        """Why a file cannot be written, and what to do."""
        if not self.path.is_dir():
            return (
                f"the checkpoint {self.path} is no longer there, and what was in it is lost: start the same run again"
            )
        obstacle = in_the_way([target], [target.parent])
        return (
            f"the checkpoint {self.path} cannot be written: {obstacle or error.strerror or error}. The regions that "
            f"are in it are whole: {'move it away' if obstacle else remedy(error)} and start the same run again, which "
            "goes on where it stopped"
        )

    def _place(self, stage: str, number: int) -> dict[str, Any]:
        """What results belong to."""
        return {"run": self.checksum, "stage": stage, "region": _edges(self.plan.regions[number])}

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
    OSError
        It cannot be read or written.

    Warns
    -----
    FitWarning
        It was begun on another kind of processor.
    """
    run = path / _RUN
    with ExitStack() as stack:
        with _explained(path):
            if not (run.exists() or is_unused(path)):
                raise CheckpointError(f"{path} exists and is no checkpoint: choose another name, or remove it yourself")
            path.mkdir(parents=True, exist_ok=True)
            obstacle = _in_the_way(path)
            if obstacle:
                raise CheckpointError(
                    f"the checkpoint {path} cannot be used: {obstacle}. Move it away, or choose another name"
                )
            other = stack.enter_context(file_lock(path / LOCK))
            if other is not None:
                raise CheckpointError(_in_use(path, other))
            for folder in (path, *filter(Path.is_dir, path.iterdir())):
                remove_leftovers(folder)
            if not run.exists():
                _begin(run, identity, plan)
        yield _opened(path, identity, plan)


def is_unused(path: Path) -> bool:
    """Whether nothing is there but an empty folder, or what a run leaves that was cut off before it began."""
    if not path.is_dir():
        return not os.path.lexists(path)
    return all(entry.name == OPTIONS or entry.name.startswith((LOCK, PARTIAL)) for entry in path.iterdir())


def _in_the_way(path: Path) -> str:
    lock = path / LOCK
    if lock.is_symlink():
        return f"{lock} is a link, and a file is needed there"
    return in_the_way([lock, path / _RUN, *path.glob("*/*.npz")])


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say what a folder cannot be used for, and what to do."""
    try:
        yield
    except OSError as error:
        what = {
            errno.ENOSPC: "make room, or choose another one",
            errno.EDQUOT: "make room, or choose another one",
            errno.ENOTDIR: "a part of its path is a file: choose another name",
        }.get(error.errno or 0, "choose a folder that you may write to")
        raise OSError(
            error.errno, f"the checkpoint {path} cannot be used: {error.strerror or error}; {what}"
        ) from error


def _in_use(path: Path, other: str) -> str:
    message = f"{path} is in use by another run: wait for it to end, or choose another name"
    if not other.startswith(LOCK):
        return message
    return f"{message}; if that run, which {other} stands for (host and process), is dead, remove that file"


def _begin(run: Path, identity: Mapping[str, Any], plan: Plan) -> None:
    content = {
        "layout": LAYOUT,
        "identity": identity,
        "processor": processor(),
        "cuts": [_edges(axis) for axis in plan.pieces],
    }
    with replacing(run, follow=False) as partial:
        partial.write_text(json.dumps(content | {"sha256": _checksum(content)}, indent=1), encoding="utf-8")


def _opened(path: Path, identity: Mapping[str, Any], plan: Plan) -> Checkpoint:
    """The checkpoint, if it is of the same run."""
    saved = _read(path)
    different = differences(saved["identity"], identity)
    if different:
        raise CheckpointError(
            f"{path} belongs to another run: {different}. Choose another name, or remove it to start again"
        )
    try:
        known = _plan_of(saved["cuts"], [axis[-1].stop if axis else 0 for axis in plan.pieces])
    except (TypeError, ValueError):
        raise CheckpointError(f"{path / _RUN} is damaged: its cuts do not cover the data. Remove {path}") from None
    if saved["processor"] != processor():
        warnings.warn(
            f"the checkpoint {path} was begun on another kind of processor ({saved['processor']}) than this one "
            f"({processor()}): what is in it is used, and its last digits may be others than they would be here",
            FitWarning,
            stacklevel=2,
        )
    return Checkpoint(path, known, saved["sha256"])


def _read(path: Path) -> Any:
    """What run.json holds, once its checksum is seen to be right."""
    run = path / _RUN
    try:
        saved = json.loads(run.read_text(encoding="utf-8"))
        layout = saved["layout"]
        if layout == LAYOUT:
            content = {name: saved[name] for name in ("layout", "identity", "processor", "cuts")}
            whole = saved.keys() == {*content, "sha256"} and saved["sha256"] == _checksum(content)
        else:
            version = str(saved["identity"]["versions"]["ndfit"])[:20]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointError(f"{run} cannot be read: remove {path} to start again") from None
    if layout != LAYOUT:
        raise CheckpointError(
            f"{path} was begun by ndfit {version}, whose checkpoints this version cannot go on with: finish it there, "
            "or remove it to start again"
        )
    if not whole:
        raise CheckpointError(f"{run} is damaged, as its checksum tells: remove {path} to start again")
    return saved


def _plan_of(cuts: Any, sizes: list[int]) -> Plan:
    """The plan that cuts describe.

    Raises
    ------
    TypeError, ValueError
        They do not cover each axis once, in order.
    """
    pieces = []
    for axis, size in zip(cuts, sizes, strict=True):
        reached = 0
        for start, stop in axis:
            if not (type(start) is type(stop) is int and start == reached < stop):
                raise ValueError(f"a cut from {start} to {stop} after {reached}")
            reached = stop
        if reached != size:
            raise ValueError(f"cuts of {reached} positions of {size}")
        pieces.append(tuple(slice(start, stop) for start, stop in axis))
    return Plan(tuple(pieces))


def _checksum(content: Mapping[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _edges(slices: Region) -> list[list[int]]:
    return [[int(where.start), int(where.stop)] for where in slices]


def _packed(signed: ResultWithChecksums, place: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays of a result as they are, everything else as JSON; whatever fields results have."""
    values = {field.name: getattr(signed.result, field.name) for field in fields(signed.result)}
    arrays = {
        name: value for name, value in values.items() if isinstance(value, np.ndarray) and not value.dtype.hasobject
    }
    rows = {name: value for name, value in values.items() if isinstance(value, Mapping)}
    metadata = {"digests": signed.digests, "rows": rows, "place": place}
    return arrays | {_METADATA: np.frombuffer(json.dumps(metadata).encode(), dtype=np.uint8)}


def _unpacked(arrays: dict[str, Any], place: Mapping[str, Any]) -> ResultWithChecksums | None:
    metadata = json.loads(arrays.pop(_METADATA).tobytes())
    if metadata["place"] != place:
        return None
    rows: dict[str, Any] = {
        name: {int(row): tuple(value) if isinstance(value, list) else value for row, value in saved.items()}
        for name, saved in metadata["rows"].items()
    }
    return ResultWithChecksums(BlockResult(**arrays, **rows), metadata["digests"])
