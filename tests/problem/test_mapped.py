"""Mapped arrays: the values are those of the map, whatever its owner does, and its pages stay untouched."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal
from tests.mapped import on_linux, resident

from ndfit.problem.deferred import LazyElementwise
from ndfit.problem.mapped import read_if_mapped

SHAPE = (6, 40, 300)
VALUES = np.arange(np.prod(SHAPE), dtype=">f4").reshape(SHAPE)


def in_file(path: Path, mode: Any = "c", values: Any = VALUES) -> Any:
    """The values, mapped from a file."""
    values.tofile(path)
    return np.memmap(path, values.dtype, mode, shape=values.shape)


def in_fits(path: Path) -> Any:
    """As astropy maps them: privately, behind a header."""
    fits.writeto(path, VALUES)
    with fits.open(path, memmap=True) as hdus:
        return hdus[0].data


def in_npy(path: Path) -> Any:
    """In Fortran's order."""
    with path.open("wb") as file:
        np.save(file, VALUES.T)
    return np.load(path, mmap_mode="r").T


VIEWS: dict[str, Callable[[Any], Any]] = {
    "whole": lambda array: array,
    "rows": lambda array: array[:, 7:19],
    "positions first": lambda array: array[:, 7:19].transpose(1, 2, 0),
    "backwards": lambda array: array[::-1, ::-1, ::-1],
    "every other plane": lambda array: array[::2, 3:5],
    "part of a row": lambda array: array[:, 5, 100:250],
    "repeated": lambda array: np.broadcast_to(array[1, np.newaxis, 3:20], (4, 17, 300)),
    "two at once": lambda array: np.lib.stride_tricks.sliding_window_view(array[2], 3, axis=0),
    "an axis of one": lambda array: array[2:3, :, np.newaxis],
}


@on_linux
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("opened", [in_file, in_fits, in_npy])
def test_values_are_read_and_no_page_is_touched(
    opened: Callable[[Path], Any], view: Callable[[Any], Any], tmp_path: Path
) -> None:
    array = opened(tmp_path / "data")
    before = resident(array)
    read = read_if_mapped(view(array))
    assert resident(array) == before
    assert not np.shares_memory(read, array)
    assert read.dtype == array.dtype
    assert_array_equal(read, view(VALUES))


@on_linux
@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize("dtype", ["?", "<i2", ">i4", ">f8"])
def test_every_kind_of_map_and_number(mode: str, dtype: str, tmp_path: Path) -> None:
    values = (VALUES % 2).astype(dtype)
    array = in_file(tmp_path / "data", mode, values)
    read = read_if_mapped(array)
    assert not np.shares_memory(read, array)
    assert_array_equal(read, values)


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_what_the_caller_changed_in_memory_is_used(mode: str, tmp_path: Path) -> None:
    array = in_file(tmp_path / "data", mode)
    expected = VALUES.copy()
    expected[3, 20, 17] = array[3, 20, 17] = -1.0
    for view in VIEWS.values():
        assert_array_equal(read_if_mapped(view(array)), view(expected))


@on_linux
def test_a_change_elsewhere_leaves_a_region_to_the_file(tmp_path: Path) -> None:
    array = in_file(tmp_path / "data")
    array[3, 20, 17] = -1.0
    assert not np.shares_memory(read_if_mapped(array[4:]), array)
    assert np.shares_memory(read_if_mapped(array[2:4]), array)


@on_linux
@pytest.mark.parametrize("touched", [False, True])
def test_pages_that_were_only_looked_at_are_the_files(touched: bool, tmp_path: Path) -> None:
    array = in_file(tmp_path / "data")
    if touched:
        array.sum()
    assert not np.shares_memory(read_if_mapped(array), array)


def replaced(path: Path) -> None:
    (path.parent / "other").write_bytes(bytes(VALUES.nbytes))
    os.replace(path.parent / "other", path)


def became_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@on_linux
@pytest.mark.parametrize("change", [Path.unlink, replaced, became_a_folder])
def test_another_file_in_its_place_is_not_read(change: Callable[[Path], Any], tmp_path: Path) -> None:
    array = in_file(tmp_path / "data")
    change(tmp_path / "data")
    assert_array_equal(read_if_mapped(array), VALUES)


@on_linux
def test_a_file_that_was_moved_and_has_a_name_of_its_own(tmp_path: Path) -> None:
    array = in_file(tmp_path / "data")
    moved = tmp_path / " with blanks\nand\rlines (deleted)"
    os.rename(tmp_path / "data", moved)
    assert_array_equal(read_if_mapped(array), VALUES)


@on_linux
def test_a_file_that_was_cut_short_is_an_error(tmp_path: Path) -> None:
    array = in_file(tmp_path / "data")
    os.truncate(tmp_path / "data", VALUES.nbytes - 10_000)
    assert_array_equal(read_if_mapped(array[:3]), VALUES[:3])
    with pytest.raises(OSError, match="the file of the data ends before byte 278000, and did not when it was opened"):
        read_if_mapped(array)


def test_what_is_not_mapped_or_in_short_pieces_stays_as_it_is(tmp_path: Path) -> None:
    mapped = in_file(tmp_path / "data")
    for array in (VALUES, None, 3.0, mapped[:, :, ::2], mapped[:, 0, 0], mapped[:0], mapped[0, 0, 0, ...]):
        assert read_if_mapped(array) is array


@on_linux
@pytest.mark.parametrize("way", [np.asarray, lambda deferred: np.asarray(pickle.loads(pickle.dumps(deferred)))])
def test_what_is_deferred_is_read_too(way: Callable[[Any], Any], tmp_path: Path) -> None:
    array = in_file(tmp_path / "data")
    before = resident(array)
    assert_array_equal(way(LazyElementwise(np.negative, ">f4", array)[:, 3:9]), -VALUES[:, 3:9])
    assert resident(array) == before
