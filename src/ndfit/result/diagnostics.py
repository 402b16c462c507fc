"""One folder a position that has something to say.

Flows in: what happened at the positions of one region, and what the caller wants to see. Flows out: folders named by
the position, with `error.log`, `warn.log` and whatever the caller's callable writes.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ndfit.atomic import refuse_existing, replacing
from ndfit.engines.base import BlockResult
from ndfit.result.maps import position_of
from ndfit.status import STATUS, Status

__all__ = ["Diagnostics", "PositionData", "parse_diagnostics"]

LEVELS = (None, "error", "error+warn", "all")

# Whatever the system's own encoding, and whatever characters are in a message.
_TEXT = {"encoding": "utf-8", "errors": "backslashreplace"}


@dataclass(frozen=True)
class PositionData:
    """One position as the caller's callable gets it: coordinates, data, weights and the fitted model (None if none)."""

    world: tuple[Any, ...]
    data: Any
    weights: Any
    model: Any


@dataclass(frozen=True)
class Diagnostics:
    """What to write, where, for which positions.

    Attributes
    ----------
    level : 'error', 'error+warn' or 'all'
    path : folder that exists
    function : the caller's callable, or None
    shape : the iterating shape, which sets the width of the folders' names
    fitter_kwargs : handed to the callable
    """

    level: str
    path: Path
    function: Callable[..., Any] | None
    shape: tuple[int, ...]
    fitter_kwargs: Mapping[str, Any]

    def write(
        self,
        region: tuple[slice, ...],
        result: BlockResult,
        look_up: Callable[[tuple[int, ...], BlockResult, int], PositionData],
    ) -> None:
        """Write the folders of one region.

        `look_up(position, result, row)` gives the data of a position; it is called where the caller has a callable.
        """
        shape = tuple(where.stop - where.start for where in region)
        for row in self._rows(result):
            position = position_of(region, shape, row)
            folder = self.path / self._name(position)
            folder.mkdir(parents=True, exist_ok=True)
            error = self._error(result, row)
            if error:
                _write(folder / "error.log", error)
            if result.warnings.get(row):
                _write(folder / "warn.log", "".join(f"{message}\n" for message in result.warnings[row]))
            if self.function is not None:
                self._call(folder, look_up(position, result, row))

    def _rows(self, result: BlockResult) -> list[int]:
        if self.level == "all":
            return [int(row) for row in np.flatnonzero(result.status != Status.NO_DATA)]
        failed = {int(row) for row in np.flatnonzero(_failed(result))}
        warned = set(result.warnings) if self.level == "error+warn" else set()
        return sorted(failed | warned)

    def _error(self, result: BlockResult, row: int) -> str:
        status = STATUS[int(result.status[row])]
        if row in result.errors:
            return result.errors[row]
        return f"{status.meaning}: {status.remedy}\n" if _failed(result)[row] else ""

    def _name(self, position: tuple[int, ...]) -> str:
        width = len(str(max(self.shape, default=1) - 1))
        return "_".join(f"{index:0{width}d}" for index in position) or "0"

    def _call(self, folder: Path, found: PositionData) -> None:
        """A callable that raises spoils its own position's folder, not the run."""
        try:
            assert self.function is not None
            self.function(folder, found.world, found.data, found.weights, found.model, dict(self.fitter_kwargs))
        except Exception:  # the caller's own code
            log = folder / "error.log"
            known = log.read_text(**_TEXT) if log.is_file() and not log.is_symlink() else ""
            _write(log, f"{known}diagnostics_callable raised:\n{traceback.format_exc()}")


def parse_diagnostics(
    level: Any, path: Any, function: Any, shape: tuple[int, ...], fitter_kwargs: Mapping[str, Any]
) -> Diagnostics | None:
    """Check the three keywords and make the folder.

    Raises
    ------
    ValueError
        An unknown level, a missing path, or a path that cannot be written to.
    TypeError
        The callable cannot be called.
    """
    if not (level is None or isinstance(level, str)) or level not in LEVELS:
        raise ValueError(f"diagnostics should be None, 'error', 'error+warn', or 'all', got {level!r}")
    if function is not None and not callable(function):
        raise TypeError(f"diagnostics_callable should be callable, got {function!r}")
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"diagnostics_path should be a path, got {path!r}")
    if level is None:
        return None
    if path is None:
        raise ValueError("diagnostics_path should be set: the folder in which diagnostics are written")
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_existing(folder / "error.log", overwrite=True)
    except OSError as error:
        raise ValueError(f"diagnostics_path '{folder}' cannot be written to: {error}") from None
    return Diagnostics(level, folder, function, shape, fitter_kwargs)


def _write(path: Path, text: str) -> None:
    """Thousands of small files: each whole or not there, and not waited for until it is on the disk."""
    with replacing(path, follow=False, sync=False) as partial:
        partial.write_text(text, **_TEXT)


def _failed(result: BlockResult) -> Any:
    rows = [code for code, row in STATUS.items() if row.counted and not row.usable]
    return np.isin(result.status, rows)
