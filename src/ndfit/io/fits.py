"""Results as FITS.

Flows in: Contents, and lazy cubes. Flows out: a file that is whole or not there; and from such a file Contents again,
bit for bit. docs/files.md describes the layout.

Layers are found by their cards NDFLAYER and NDFPARAM, not by EXTNAME, which is in capitals and need not be unique.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ndfit.atomic import refuse_existing, replacing
from ndfit.errors import UnreadableFile
from ndfit.io.check import check_contents, check_layer, record_of_text
from ndfit.io.fits_wcs import wcs_cards, wcs_of_header
from ndfit.io.headers import check_file, check_headers
from ndfit.io.layers import KINDS, Contents, Key, Layer
from ndfit.io.units_text import bunit
from ndfit.problem.types import FitProblem
from ndfit.result.code_tables import flag_table, status_table

__all__ = ["is_fits", "read_fits", "write_fits"]

_KIND, _PARAMETER = "NDFLAYER", "NDFPARAM"
_RECORD, _MESSAGES = "RECORD", "MESSAGES"
_BLOCK = 2880


def write_fits(path: Path, contents: Contents, cubes: Mapping[str, Any], problem: FitProblem, overwrite: bool) -> None:
    """Write maps and tables, then the cubes chunk by chunk.

    Parameters
    ----------
    cubes : name -> dask array on the data's axes
    problem : with the WCS and the unit of the cubes

    Raises
    ------
    FileExistsError
        There is something at `path`, and `overwrite` is False or it is no file.
    ValueError
        Cubes are to go into a compressed file, which cannot be written chunk by chunk.
    """
    refuse_existing(path, overwrite)
    if cubes and path.suffix == ".gz":
        raise ValueError(f"cubes cannot be written to a compressed file: leave .gz off {path.name}, or leave them out")
    hdus = fits.HDUList([_primary(contents), *_images(contents), *_tables(contents)])
    names = [hdu.name for hdu in hdus]
    with replacing(path, overwrite) as partial:
        hdus.writeto(partial, checksum=True, output_verify="exception")
        for name, cube in cubes.items():
            header = _cube_header(name.upper(), cube.shape, problem)
            header["EXTVER"] = names.count(name.upper()) + 1
            _append_cube(partial, header, cube)


def _primary(contents: Contents) -> fits.PrimaryHDU:
    record = contents.record
    hdu = fits.PrimaryHDU()
    cards = {
        "CREATOR": (f"ndfit {record['versions'].get('ndfit', '')}", "fit and file"),
        "NDFITLAY": (record["layout"], "layout of this file"),
        "DATE": (record["date"].removesuffix("+00:00"), "UTC of the fit"),
        "MODEL": (record["model"]["expression"], ""),
        "ENGINE": (record["engine"]["name"], "what made the fits"),
        "REASON": (record["engine"]["reason"], ""),
        "DATAFILE": ((record["source"] or {}).get("name", ""), ""),
    }
    for keyword, (value, comment) in cards.items():
        if value != "":
            hdu.header[keyword] = (_ascii(value) if isinstance(value, str) else value, comment)
    hdu.header["HISTORY"] = "The whole record of the fit is JSON in the rows of the extension RECORD."
    return hdu


def _images(contents: Contents) -> list[fits.ImageHDU]:
    shape = tuple(contents.record["axes"]["maps"])
    names: dict[str, int] = {}
    hdus = []
    for layer in contents.layers.values():
        hdu = fits.ImageHDU(np.atleast_1d(layer.values), _wcs_header(contents, shape, layer.values.ndim))
        name = layer.name.upper()
        hdu.name = name
        names[name] = hdu.ver = names.get(name, 0) + 1
        hdu.header[_KIND] = layer.kind
        hdu.header["COMMENT"] = KINDS[layer.kind].meaning
        if layer.parameter:
            hdu.header[_PARAMETER] = layer.parameter
        if layer.kind == "covariance":
            _name_rows(hdu.header, contents.record)
        else:
            hdu.header["BUNIT"] = bunit(layer.unit)
        hdus.append(hdu)
    return hdus


def _wcs_header(contents: Contents, shape: tuple[int, ...], ndim: int) -> fits.Header:
    """Cards of the WCS of the maps; a layer with more axes has them after those of the maps, in the order of FITS."""
    if contents.map_wcs is None:
        header, note = fits.Header(), contents.record["map_wcs"]
    else:
        header, note = wcs_cards(contents.map_wcs, shape, ndim - len(shape))
    if note:
        header["HISTORY"] = f"No WCS: {note}."
    return header


def _name_rows(header: fits.Header, record: Mapping[str, Any]) -> None:
    """The last two axes of the covariance: the free parameters, in units of which its elements are products."""
    free = [row["name"] for row in record["parameters"] if not (row["fixed"] or row["tied"])]
    for number, name in enumerate(free, start=1):
        header[f"COVPAR{number}"] = (name, "row and column")


def _tables(contents: Contents) -> list[fits.BinTableHDU]:
    status = contents.layers["status", ""].values
    flags = contents.layers["flags", ""].values
    tables = {"STATUS_TABLE": status_table(status), "FLAG_TABLE": flag_table(flags)}
    if contents.messages:
        tables[_MESSAGES] = _message_table(contents.messages)
    lines = json.dumps(contents.record, indent=1, allow_nan=False).splitlines()
    tables[_RECORD] = Table({"JSON": np.array(lines, dtype="S")})
    return [fits.BinTableHDU(table, name=name) for name, table in tables.items()]


def _message_table(messages: Mapping[tuple[int, ...], str]) -> Table:
    """One row a message: the position's index along each axis, and the message as a JSON string, in ASCII."""
    positions = np.array(list(messages), dtype=np.int64).reshape(len(messages), -1)
    columns = {f"INDEX{axis}": positions[:, axis] for axis in range(positions.shape[1])}
    return Table(columns | {"MESSAGE": np.array([json.dumps(text) for text in messages.values()], dtype="S")})


def _cube_header(name: str, shape: tuple[int, ...], problem: FitProblem) -> fits.Header:
    header = fits.Header([("XTENSION", "IMAGE"), ("BITPIX", -64), ("NAXIS", len(shape))])
    for number, size in enumerate(reversed(shape), start=1):
        header[f"NAXIS{number}"] = size
    header["PCOUNT"], header["GCOUNT"] = 0, 1
    header["EXTNAME"], header["BUNIT"] = name, bunit(problem.data_unit)
    if problem.wcs is not None:
        cards, note = wcs_cards(problem.wcs, shape)
        header.extend(cards)
        if note:
            header["HISTORY"] = f"No WCS: {note}."
    return header


def _append_cube(path: Path, header: fits.Header, cube: Any) -> None:
    """Add an image to a file; the samples are computed and written chunk by chunk."""
    with path.open("ab") as file:
        file.write(header.tostring().encode("ascii"))
        start = file.tell()
        file.truncate(start + -(-8 * cube.size // _BLOCK) * _BLOCK)
    cube.store(_ImageInFile(path, start, cube.shape))


class _ImageInFile(NamedTuple):
    """An image of a file, for writing regions of it.

    The file is mapped to memory for one region at a time: pages that stay mapped count as memory of the process.
    """

    path: Path
    start: int
    shape: tuple[int, ...]

    def __setitem__(self, region: tuple[slice, ...], values: Any) -> None:
        np.memmap(self.path, dtype=">f8", mode="r+", offset=self.start, shape=self.shape)[region] = values


def is_fits(path: Path) -> bool:
    """Whether a file begins as FITS does, compressed with gzip or not."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(9).startswith((b"SIMPLE  =", b"\x1f\x8b"))


def read_fits(path: Path) -> Contents:
    """Contents of a file of results.

    Raises
    ------
    UnreadableFile
        A FITS file that is none of ndfit's.

    Warns
    -----
    astropy.utils.exceptions.AstropyUserWarning
        The checksum of an image or table is not the one that was written.
    """
    check_file(path)
    with fits.open(path, memmap=False, checksum=True) as hdus:
        check_headers(hdus)
        if "NDFITLAY" not in hdus[0].header or _RECORD not in hdus:
            raise UnreadableFile(f"{path} is a FITS file, but not one of ndfit's results: it has no record of a fit")
        record = record_of_text("".join(hdus[_RECORD].data["JSON"]))
        contents = Contents(record, _read_layers(hdus, record), _read_messages(hdus))
        check_contents(contents)
        return replace(contents, map_wcs=_read_wcs(hdus, record))


def _read_layers(hdus: fits.HDUList, record: Mapping[str, Any]) -> dict[Key, Layer]:
    scalar = not record["axes"]["maps"]
    layers = {}
    for hdu in hdus:
        if _KIND in hdu.header:
            values = np.asarray(hdu.data, dtype=hdu.data.dtype.newbyteorder("="))
            parameter = hdu.header.get(_PARAMETER, "")
            layer = Layer(hdu.header[_KIND], parameter, values[..., 0] if scalar and values.ndim == 1 else values)
            check_layer(layer.key, layer.values.shape, layer.values.dtype, record)
            layers[layer.key] = layer
    return layers


def _read_messages(hdus: fits.HDUList) -> dict[tuple[int, ...], str]:
    if _MESSAGES not in hdus:
        return {}
    table = hdus[_MESSAGES].data
    axes = [table[name].tolist() for name in table.names if name != "MESSAGE"]
    positions = zip(*axes, strict=True) if axes else [()] * len(table)
    return {tuple(position): json.loads(text) for position, text in zip(positions, table["MESSAGE"], strict=True)}


def _read_wcs(hdus: fits.HDUList, record: Mapping[str, Any]) -> Any:
    header = next(hdu.header for hdu in hdus if hdu.header.get(_KIND) == "status")
    return wcs_of_header(header, tuple(record["axes"]["maps"]))


def _ascii(text: str) -> str:
    """Text as headers can hold it: printable ASCII on one line."""
    return " ".join(text.encode("ascii", "backslashreplace").decode("ascii").split())
