"""Data that cannot be read, and disks that are full: a clear error, and nothing that was saved is lost."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Gaussian1D

import ndfit
from ndfit.run import checkpoint as checkpoint_module

MODEL = Gaussian1D(4.0, 15.0, 2.0)


def unreadable_in(cube: np.ndarray, bad: set[tuple[int, ...]]) -> Any:
    """The cube as a dask array of 2 x 9 positions a chunk, of which some cannot be read."""

    def read(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info and tuple(block_info[0]["chunk-location"]) in bad:
            raise OSError(errno.EIO, "Input/output error")
        return block

    return da.from_array(cube, chunks=(30, 2, 9)).map_blocks(read, dtype=cube.dtype, meta=cube[:0])


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_a_chunk_that_cannot_be_read(scheduler: str, cube: np.ndarray, tmp_path: Path, assert_same: Any) -> None:
    keywords = {"fitting_axes": 0, "chunk_n_max": 18, "scheduler": scheduler, "checkpoint": tmp_path / "run"}
    with pytest.raises(ndfit.LoadError, match=r"positions 36 to 53 .*cannot be read: .*Input/output error"):
        ndfit.fit(MODEL, unreadable_in(cube, {(0, 2, 0)}), **keywords)
    kept = sorted((tmp_path / "run" / "fit").iterdir())
    assert [file.name for file in kept][:2] == ["000000.npz", "000001.npz"]
    times = [file.stat().st_mtime_ns for file in kept]
    assert_same(ndfit.fit(MODEL, unreadable_in(cube, set()), **keywords), ndfit.fit(MODEL, cube, fitting_axes=0))
    assert [file.stat().st_mtime_ns for file in kept] == times


def test_a_file_that_was_cut_short(cube: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "cube.fits"
    fits.writeto(path, cube)
    path.write_bytes(path.read_bytes()[:-6000])
    with (
        pytest.warns(Warning, match="truncated"),
        fits.open(path, memmap=True) as hdus,
        pytest.raises((TypeError, ValueError, OSError)),
    ):
        ndfit.fit(MODEL, hdus[0].data, fitting_axes=0)


def test_a_disk_that_is_full(
    cube: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_same: Any
) -> None:
    path, whole = tmp_path / "run", ndfit.fit(MODEL, cube, fitting_axes=0)
    room = iter(range(3))
    write = np.savez

    def write_while_there_is_room(file: Any, **arrays: Any) -> None:
        if next(room, None) is None:
            file.write(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(file, **arrays)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint_module.np, "savez", write_while_there_is_room)
        with pytest.raises(OSError, match=r"run cannot be written: No space left on device.*goes on where it stopped"):
            ndfit.fit(MODEL, cube, fitting_axes=0, chunk_n_max=9, checkpoint=path)
    files = [file for file in path.rglob("*") if file.is_file()]
    assert sum(file.suffix == ".npz" for file in files) == 3
    assert not [file for file in files if file.name.startswith(".")]
    assert_same(ndfit.fit(MODEL, cube, fitting_axes=0, checkpoint=path), whole)


def test_a_disk_that_is_full_from_the_start(cube: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(self: Path, text: str, **_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", no_room)
        with pytest.raises(OSError, match="cannot be used: No space left on device; make room"):
            ndfit.fit(MODEL, cube, fitting_axes=0, checkpoint=tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.json"))
    ndfit.fit(MODEL, cube, fitting_axes=0, checkpoint=tmp_path / "run")
