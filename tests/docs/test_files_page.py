"""The page on files names everything that a file holds, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Const1D, Gaussian1D
from astropy.table import Table
from astropy.wcs import WCS
from tools.pages import DOCS

import ndfit

SHAPE = (2, 3)
PAGE = (DOCS / "files.md").read_text()
STRUCTURE = re.compile(
    r"XTENSION|SIMPLE|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|EXTNAME|BSCALE|BZERO|CHECKSUM|DATASUM|COMMENT|HISTORY|"
    r"WCSAXES|C(?:RPIX|DELT|UNIT|TYPE|RVAL|NAME)\d|PC\d_\d|LONPOLE|LATPOLE|RADESYS|EQUINOX|MJDREF|WCSNAME"
)


def rows_of(text: str, head: str) -> list[list[str]]:
    """Cells of the table that begins with a head."""
    lines = text[text.index(f"\n| {head} |") :].strip().split("\n\n", 1)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


@pytest.fixture(scope="module")
def result() -> ndfit.FitResult:
    """With everything that a file can hold: maps of starts and bounds, flags of parameters, a fit that failed."""
    x, rng = np.arange(30.0), np.random.default_rng(1)
    data = 3.0 * np.exp(-0.5 * ((x[:, None, None] - 15.0) / 2.0) ** 2) + rng.normal(0.0, 0.1, (30, *SHAPE))
    line = Gaussian1D(np.full(SHAPE, 2.0), 14.0, 1.5, bounds={"stddev": (0.5, 1.6)}) + Const1D(0.0)
    bounds = {"mean_0": (np.full(SHAPE, 5.0), np.full(SHAPE, 25.0))}

    wcs = WCS(naxis=3)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN", "VRAD"
    wcs.wcs.cunit = "deg", "deg", "m/s"
    wcs.wcs.cdelt = -0.1, 0.1, 1.0
    wcs.wcs.crpix, wcs.wcs.crval = (1, 1, 1), (10.0, 20.0, 0.0)
    result = ndfit.fit(line, data, fitting_axes=0, world=wcs, bounds=bounds, uncertainty=np.full(30, 0.1))
    result._maps.messages[(1, 2)] = "for this test"
    return result.derive("flux_0").detect(simulations=200)


@pytest.fixture(scope="module")
def hdus(result: ndfit.FitResult, tmp_path_factory: pytest.TempPathFactory) -> Iterable[fits.HDUList]:
    path = tmp_path_factory.mktemp("fits") / "fit.fits"
    (path.parent / "cube.fits").write_bytes(b"the data came from here")
    result.to_fits(path, cubes=["model", "residual"], source=path.parent / "cube.fits")
    with fits.open(path) as found:
        yield found


def generic(name: str, result: ndfit.FitResult, letter: str) -> str:
    """The name of an array, with `letter` for the parameter in it, and the next one for a quantity."""
    letters = dict.fromkeys(result.param_names, letter) | dict.fromkeys(result.derived, chr(ord(letter) + 1))
    for known, own in letters.items():
        if name.lower() == known or name.lower().startswith(f"{known}_"):
            return own + name[len(known) :]
    return name


def test_extensions(hdus: fits.HDUList, result: ndfit.FitResult) -> None:
    told = [
        (names_in(name)[0], (names_in(kind) or [""])[0], numbers)
        for name, kind, numbers, _ in rows_of(PAGE, "extension | `NDFLAYER`")
    ]
    found = []
    for hdu in hdus:
        numbers = "table" if isinstance(hdu, fits.BinTableHDU) else "none" if hdu.data is None else hdu.data.dtype.name
        found.append((generic(hdu.name, result, "P"), hdu.header.get("NDFLAYER", ""), numbers))
    assert told == list(dict.fromkeys(found))


def test_columns(hdus: fits.HDUList) -> None:
    for extension, _, numbers, about in rows_of(PAGE, "extension | `NDFLAYER`"):
        if numbers == "table":
            columns = [name for name in Table.read(hdus[names_in(extension)[0]]).colnames if name != "INDEX1"]
            assert [name for name in names_in(about) if name in columns] == columns


def test_cards(hdus: fits.HDUList) -> None:
    told = {name for cards, *_ in rows_of(PAGE, "cards") for name in names_in(cards)} | {"COVPAR"}
    of_tables = re.compile(r"T(?:FIELDS|TYPE\d+|FORM\d+|NULL\d+|DISP\d+)|THEAP")
    for hdu in hdus:
        assert {card for card in hdu.header if not (STRUCTURE.fullmatch(card) or of_tables.fullmatch(card))} <= {
            *told,
            *(f"COVPAR{number}" for number in range(1, 9)),
        }
    assert told - {"COVPAR", "EXTVER"} <= {card for hdu in hdus for card in hdu.header}


def test_codes_and_bits() -> None:
    codes = {int(code): names_in(name)[0] for code, name, _ in rows_of(PAGE, "code")}
    assert codes == {code: row.status.name for code, row in ndfit.STATUS.items()}
    bits = {int(bit): (names_in(name)[0], no) for bit, name, no in rows_of(PAGE, "bit")}
    assert bits == {bit: (row.flag.name, "yes" if row.disqualifies else "no") for bit, row in ndfit.FLAGS.items()}


def test_arrays_of_the_store(result: ndfit.FitResult, tmp_path: Path) -> None:
    import zarr

    result.to_zarr(tmp_path / "fit.zarr", cubes=["model", "residual"])
    group = zarr.open_group(tmp_path / "fit.zarr", mode="r")
    told = {name: kind for names, kind, _ in rows_of(PAGE, "array") for name in names_in(names)}
    told["axis_1"] = told["axis_2"] = told.pop("axis_0")
    assert {generic(name, result, "p"): array.dtype.name for name, array in group.arrays()} == told
    attributes = {name for cell, *_ in rows_of(PAGE, "attribute") for name in names_in(cell)}
    found = set(group.attrs).union(*(set(array.attrs) for _, array in group.arrays()))
    assert {name for name in found if not name.startswith("_")} == attributes


def test_the_record(result: ndfit.FitResult) -> None:
    told = {name for cell, *_ in rows_of(PAGE, "key") for name in names_in(cell)}
    assert set(result.record) == told
