"""Data of every kind of file, read where they are needed: the answer is that of the same data in memory."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Gaussian1D
from numpy.testing import assert_array_equal
from tests.mapped import on_linux, resident

import ndfit
from ndfit.errors import LoadError

MODEL = Gaussian1D(4.0, 12.0, 2.0)
CHANNELS = 24
BSCALE, BZERO = 0.001, 3.0


def cube(shape: tuple[int, int]) -> np.ndarray:
    """Lines in noise, float32, of values that 16 bits and the scale above hold exactly enough to be read back."""
    rng = np.random.default_rng(2)
    x = np.arange(float(CHANNELS), dtype=np.float32)[:, None, None]
    lines = 5.0 * np.exp(-0.5 * ((x - 12.0 - rng.normal(size=shape).astype(np.float32)) / 2.0) ** 2)
    return np.asarray(lines + 0.3 * rng.normal(size=lines.shape).astype(np.float32), dtype=np.float32)


Opened = Iterator[tuple[Any, np.ndarray]]
"""What is given to the fit, and the same numbers in memory."""


@contextmanager
def plain(path: Path, data: np.ndarray, chunks: Any) -> Opened:
    fits.writeto(path, data.astype(">f4"))
    with fits.open(path, memmap=True) as hdus:
        yield hdus[0].data, data


@contextmanager
def scaled(path: Path, data: np.ndarray, chunks: Any) -> Opened:
    stored = np.round((data - BZERO) / BSCALE).astype(np.int16)
    hdu = fits.PrimaryHDU(stored)
    hdu.header["BSCALE"], hdu.header["BZERO"] = BSCALE, BZERO
    hdu.writeto(path)
    with fits.open(path, memmap=False) as hdus:
        section = hdus[0].section
        meta = np.empty((0, 0, 0), section.dtype)
        yield da.from_array(section, chunks=chunks, lock=True, meta=meta), fits.getdata(path)


@contextmanager
def compressed(path: Path, data: np.ndarray, chunks: Any) -> Opened:
    fits.CompImageHDU(data, compression_type="GZIP_2", quantize_level=0.0, tile_shape=chunks).writeto(path)
    with fits.open(path) as hdus:
        yield da.from_array(hdus[1].section, chunks=chunks, lock=True), data


@contextmanager
def zarr_store(path: Path, data: np.ndarray, chunks: Any) -> Opened:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(path, data=data, chunks=chunks)
    yield da.from_zarr(path), data


@contextmanager
def hdf5(path: Path, data: np.ndarray, chunks: Any) -> Opened:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=data, chunks=chunks, compression="gzip", compression_opts=1)
    with h5py.File(path) as file:
        yield da.from_array(file["cube"], chunks=chunks), data


KINDS = [plain, scaled, compressed, zarr_store, hdf5]


@pytest.mark.parametrize("chunks", [(CHANNELS, 3, 8), (7, 4, 5)], ids=["whole spectra", "across"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_that_of_data_in_memory(kind: Callable[..., Any], chunks: Any, tmp_path: Path) -> None:
    with kind(tmp_path / "cube", cube((9, 16)), chunks) as (given, in_memory):
        found = ndfit.fit(MODEL, given, fitting_axes=0, scheduler="threads", chunk_n_max=20)
    expected = ndfit.fit(MODEL, in_memory, fitting_axes=0, scheduler="synchronous")
    for name in expected.param_names:
        assert_array_equal(found.parameters[name], expected.parameters[name])
    assert_array_equal(found.covariance, expected.covariance)
    assert_array_equal(found.status, expected.status)
    assert expected.success.all()


@on_linux
@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_maps_of_files_stay_untouched(scheduler: str, tmp_path: Path) -> None:
    data = cube((10, 400))
    arrays = {"data": data, "uncertainty": np.full_like(data, 0.3), "mask": data > 5.5}
    maps = {}
    for name, array in arrays.items():
        np.save(tmp_path / name, array)
        maps[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="c")
    before = {name: resident(array) for name, array in maps.items()}
    how = {"model": MODEL, "fitting_axes": 0, "engine": "compiled"}
    expected = ndfit.fit(**how, **arrays)
    found = ndfit.fit(**how, **maps, scheduler=scheduler, chunk_n_max=1600)
    assert {name: resident(array) for name, array in maps.items()} == before
    assert_array_equal(found.covariance, expected.covariance)
    assert_array_equal(found.n_samples, expected.n_samples)


@on_linux
@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_a_file_that_is_cut_short_behind_its_map_is_an_error(scheduler: str, tmp_path: Path) -> None:
    with plain(tmp_path / "cube", cube((10, 400)), None) as (given, _):
        os.truncate(tmp_path / "cube", 100_000)
        with pytest.raises(LoadError, match="the file of the data ends before byte 1"):
            ndfit.fit(MODEL, given, fitting_axes=0, scheduler=scheduler, engine="compiled", chunk_n_max=1600)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_large_files_stay_within_the_limit(kind: Callable[..., Any], tmp_path: Path) -> None:
    shape, chunks, limit = (600, 600), (CHANNELS, 20, 600), 8_000_000
    data = cube(shape)
    n_bytes = data.nbytes
    with kind(tmp_path / "cube", data, chunks) as (given, in_memory):
        del data, in_memory
        assert n_bytes > 4 * limit
        assert peak_beside_maps(given, limit) < limit + 4_000_000


@pytest.mark.parametrize("keyword", ["uncertainty", "mask"])
def test_numbers_beside_the_data_are_not_converted_as_a_whole(keyword: str, tmp_path: Path) -> None:
    shape, limit = (40, 4000), 1_000_000
    path = tmp_path / "beside.npy"
    whole = {"uncertainty": np.full((CHANNELS, *shape), 0.3), "mask": np.zeros((CHANNELS, *shape), dtype=np.int16)}
    np.save(path, whole[keyword])
    beside = {keyword: np.load(path, mmap_mode="r")}
    assert peak_beside_maps(cube(shape), limit, **beside) < limit + 2_000_000


def peak_beside_maps(data: Any, limit: int, **keywords: Any) -> int:
    """Bytes that Python and numpy own at most during a fit, less the maps."""

    def fit() -> ndfit.FitResult:
        return ndfit.fit(MODEL, data, fitting_axes=0, memory_limit=limit, scheduler="threads", **keywords)

    first = {name: array[:, :2] for name, array in keywords.items()}
    ndfit.fit(MODEL, data[:, :2], fitting_axes=0, scheduler="threads", **first)  # compiles, and imports what reads
    tracemalloc.start()
    try:
        result = fit()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.success.mean() > 0.99
    return peak - sum(array.nbytes for array in vars(result._maps).values() if isinstance(array, np.ndarray))
