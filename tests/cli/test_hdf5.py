"""HDF5 files and tables: arrays by their path, lazily where they are stored in chunks."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import dask.array
import h5py
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from tests.cli.cubes import fails, fitted, ndfit

import ndfit as package
from ndfit.cli.file_arrays import open_layer
from ndfit.io.hdf5 import find_dataset

POSITIONS, N = (3, 4), 30
WAVELENGTH = 192.2 + 0.02 * np.arange(N)
CORRECTION = 0.01 * (np.arange(12.0).reshape(POSITIONS) - 5)
CALIBRATION = np.linspace(2.0, 3.0, N)
MISSING = -100.0
MODEL = ("--model", "Gaussian1D + Const1D")


def counts() -> np.ndarray:
    """A line at 192.4 of the corrected wavelength and of 500 counts at each position, on 20, as calibrated."""
    x = WAVELENGTH - CORRECTION[..., None]
    values = 500 * np.exp(-0.5 * ((x - 192.4) / 0.05) ** 2) + 20
    values = np.random.default_rng(3).poisson(values / CALIBRATION).astype("f4")
    values[0, 0, :3] = MISSING
    return np.asarray(values)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as an instrument leaves them: data in one, stored whole and in chunks, what belongs to them in another."""
    folder = tmp_path_factory.mktemp("hdf5")
    with h5py.File(folder / "data.h5", "w", userblock_size=512) as file:
        file["level1/whole"] = counts()
        file.create_dataset("level1/chunked", data=counts(), chunks=(2, 2, N), compression="gzip")
        file["level1/whole"].attrs["units"] = "ct"
        file["level1/names"] = np.array([b"a", b"b"])
        file["cut"] = h5py.SoftLink("/level1/whole")
        file["elsewhere"] = h5py.ExternalLink("head.h5", "correction")
        file.create_dataset("unwritten", shape=(3, 4, N), dtype="f4")
        file["packed"] = np.ones(POSITIONS)
        file["packed"].attrs["scale_factor"] = 0.1
    with h5py.File(folder / "head.h5", "w") as file:
        file["wavelength"], file["correction"], file["calibration"] = WAVELENGTH, CORRECTION, CALIBRATION
        file["mask"] = np.broadcast_to(np.arange(N) == 15, (*POSITIONS, N))
        file["wavelength"].attrs["unit"] = np.bytes_(b"Angstrom")
    with h5py.File(folder / "one.h5", "w") as file:
        file["only"] = counts()
    return folder


def options(folder: Path, dataset: str) -> tuple[Any, ...]:
    head = folder / "head.h5"
    return (
        *(folder / "data.h5", "--hdu", dataset, "--axes", "-1", *MODEL, "--missing", MISSING, "--read-noise", 0),
        *("--world", f"{head}[wavelength]", "--shift", f"{head}[correction]"),
        *("--calibration", f"{head}[calibration]", "--mask", f"{head}[mask]"),
    )


@pytest.mark.parametrize("dataset", ["level1/whole", "level1/chunked"])
def test_every_array_is_a_dataset(folder: Path, tmp_path: Path, dataset: str) -> None:
    """The command reads what `ndfit.fit` is given here."""
    result = fitted(tmp_path, *options(folder, dataset), "--data-unit", "ct")
    data = counts()
    direct = package.fit(
        result.model.copy(),
        data * CALIBRATION,
        fitting_axes=2,
        world=((WAVELENGTH - CORRECTION[..., None]) * u.AA,),
        data_unit=u.ct,
        uncertainty=np.sqrt(np.maximum(data.astype(float), 1)) * CALIBRATION,
        mask=(data == MISSING) | (np.arange(N) == 15),
    )
    for name in direct.param_names:
        np.testing.assert_allclose(result.parameters[name], direct.parameters[name], rtol=1e-9)
        np.testing.assert_allclose(result.errors[name], direct.errors[name], rtol=1e-6)
    np.testing.assert_allclose(result.parameters["mean_0"].to_value(u.AA), 192.4, atol=0.02)
    assert result.n_samples[0, 0] == N - 4
    assert (result.n_samples.ravel()[1:] == N - 1).all()


def test_how_a_dataset_is_opened(folder: Path) -> None:
    """Stored whole, it is a map of the file, wherever a link leads; in chunks, a dask array of the same chunks."""
    path = folder / "data.h5"
    for name in ("level1/whole", "cut"):
        mapped = open_layer(path, name, 1)
        assert isinstance(mapped.values, np.memmap)
        assert mapped.unit == u.ct
        np.testing.assert_array_equal(mapped.values, counts())
    np.testing.assert_array_equal(open_layer(path, "elsewhere", 1).values, CORRECTION)
    chunked = open_layer(path, "level1/chunked", 1).values
    assert isinstance(chunked, dask.array.Array)
    assert chunked.chunks == ((2, 1), (2, 2), (N,))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(find_dataset(path, "level1/chunked")))[:2], counts()[:2])
    np.testing.assert_array_equal(open_layer(path, "unwritten", 1).values.compute(), 0)


def test_the_only_dataset_needs_no_name(folder: Path) -> None:
    run = ndfit("fit", folder / "one.h5", *MODEL, "--axes", 2, "--missing", MISSING)
    assert run.exit_code == 0, run.output
    assert run.stdout.startswith("one.h5[only]: (3, 4, 30) without a unit, 12 positions with 30 samples along axis 2")
    assert "No coordinates come with the data: they are pixels, counted from 0; see --world." in run.stderr


def test_checkpoint_knows_the_numbers(folder: Path, tmp_path: Path) -> None:
    """What is done is taken over from the same numbers, and not from others of the same shape."""
    path = tmp_path / "data.h5"
    path.write_bytes((folder / "data.h5").read_bytes())
    arguments = ("fit", path, *options(folder, "level1/chunked")[1:], "--checkpoint", tmp_path / "done")
    first = ndfit(*arguments)
    assert first.exit_code == 0, first.output
    assert ndfit("resume", tmp_path / "done").exit_code == 0
    with h5py.File(path, "r+") as file:
        file["level1/chunked"][1, 1, 5] += 1
    fails(ndfit(*arguments), "data")


def test_other_processes_read_the_file(folder: Path, tmp_path: Path) -> None:
    arguments = (*options(folder, "level1/chunked"), "--engine", "reference", "--region", "0:1,0:2", "--workers", 2)
    result = fitted(tmp_path, *arguments)
    np.testing.assert_allclose(result.parameters["mean_0"].to_value(u.AA), 192.4, atol=0.02)


# Arguments beside the model -> parts of the sentence.
BAD = [
    (("--hdu", "level1/whol"), "has no dataset 'level1/whol'. Did you mean level1/whole"),
    (
        ("--hdu", "xyz"),
        "has no dataset 'xyz'. It has level1/chunked (3, 4, 30), level1/whole (3, 4, 30), packed (3, 4)",
    ),
    (("--hdu", "level1"), "level1 of", "is a group, and a dataset is needed. It has level1/chunked (3, 4, 30)"),
    (("--hdu", "level1/names"), "data.h5[level1/names] holds |S1, and real numbers are needed."),
    (("--hdu", "packed"), "[packed] is packed (scale_factor), which is not undone"),
    ((), "has several datasets of 1 or more axes", "with --hdu. It has level1/chunked (3, 4, 30)"),
    (("--hdu", "level1/whole", "--axes", 2, "--world", "{head}[correction]"), "The coordinates cannot be used"),
    (
        ("--hdu", "level1/whole", "--axes", 2, "--world", "{head}[wavelength]", "--shift", "{head}[mask]"),
        "has shape (3, 4, 30), and the positions have (3, 4).",
    ),
    (("--hdu", "level1/whole", "--axes", 2, "--mask", "{head}"), "has several datasets of 0 or more axes"),
    (("--hdu", "level1/whole", "--axes", 2, "--std", "absent.h5[x]"), "There is no file absent.h5."),
]


@pytest.mark.parametrize(("arguments", "parts"), [(row[0], row[1:]) for row in BAD], ids=[str(row[0]) for row in BAD])
def test_bad_input(folder: Path, arguments: tuple[Any, ...], parts: tuple[str, ...]) -> None:
    given = [str(argument).format(head=folder / "head.h5") for argument in arguments]
    fails(ndfit("fit", folder / "data.h5", *MODEL, *given), *parts)


def test_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "cut.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    fails(ndfit("fit", path, *MODEL), f"{path} cannot be read as an HDF5 file")


def test_without_h5py(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    fails(ndfit("fit", folder / "data.h5", *MODEL), "needs h5py to be read: pip install 'ndfit[io]'.")


def test_columns_of_a_table(tmp_path: Path) -> None:
    wave = np.linspace(6.5, 7.5, 60)
    flux = np.exp(-0.5 * ((wave - 7.0) / 0.05) ** 2) + np.random.default_rng(0).normal(scale=0.01, size=60)
    table = Table({"Wavelength": wave * u.um, "flux": flux * u.MJy, "error": np.full(60, 10.0) * u.kJy})
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(table)])
    hdus.writeto(tmp_path / "spectrum.fits")
    fails(ndfit("fit", tmp_path / "spectrum.fits", *MODEL), "a column of a table has to be named, as 1/Wavelength.")
    columns = ("--hdu", "1/flux", "--world", "1/wavelength", "--std", "1/error", "--redshift", 0.4)
    result = fitted(tmp_path, tmp_path / "spectrum.fits", "--model", "Gaussian1D", *columns)
    assert result.parameters["amplitude"].unit == u.MJy
    np.testing.assert_allclose(result.parameters["mean"].to_value(u.um), 5.0, atol=0.01)
    np.testing.assert_allclose(result.reduced_chi_square, 1.0, atol=0.5)
