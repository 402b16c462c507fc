"""Arrays by their names in files.

Flows in: the path of a file, and a name within it. Flows out: Layer: numbers with the unit and the header that stand
there. Nothing is loaded that can be read later.

| kind of file | what a name is |
|---|---|
| FITS | EXTNAME or number of an image HDU, or of a table and one of its columns: `FLUX`, `1`, `SPECTRUM/flux` |
| HDF5 | path of a dataset: `level1/win06` |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from ndfit.cli.bad_input import BadInput, suggestion
from ndfit.errors import UnreadableFile
from ndfit.io.hdf5 import Dataset, datasets_of, find_dataset, is_hdf5
from ndfit.io.headers import readable_cards
from ndfit.io.images import REAL, ImageError, check_image, image_hdus, open_fits, unit_called, wcs_of
from ndfit.untrusted import reading

__all__ = ["Layer", "open_layer", "split_reference"]

_REFERENCE = re.compile(
    r"(?P<path>.+\.(?:(?:fits|fit|fts)(?:\.gz)?|h5|hdf5|hdf|he5|nc))(?:\[(?P<name>[^\]]+)\])?$", re.IGNORECASE
)
_MOST_LISTED = 12
_DIGITS = 9  # of the number of an HDU
_TABLES = (fits.BinTableHDU, fits.TableHDU)


@dataclass(frozen=True)
class Layer:
    """An array of a file.

    Attributes
    ----------
    path, name : where it stands
    values : real numbers, a map of the file or a dask array where these are possible
    unit_text : unit as it is stated, empty where none is
    cards, wcs : of the header of an image HDU; else None
    others : images that might have been meant, where none was named
    """

    path: Path
    name: str
    values: Any
    unit_text: str
    cards: Mapping[str, Any] | None = None
    wcs: WCS | None = None
    others: tuple[str, ...] = ()

    @property
    def unit(self) -> u.UnitBase | None:
        """None where none is stated, or it is not understood."""
        return unit_called(self.unit_text) if self.unit_text else None


def split_reference(reference: str, path: Path) -> tuple[Path, str | None]:
    """File and name of what `file.fits[NAME]` or `NAME` means beside the data in the file `path`."""
    elsewhere = _REFERENCE.match(reference)
    return (Path(elsewhere["path"]), elsewhere["name"]) if elsewhere else (path, reference)


def open_layer(path: Path, name: str | None, n_axes: int) -> Layer:
    """Find an array.

    Parameters
    ----------
    name : None for the first image of a FITS file with `n_axes` or more axes, or the only such dataset of an HDF5 file

    Raises
    ------
    BadInput
        There is no such file or array, or it does not hold real numbers.
    """
    try:
        layer = (_from_hdf5 if is_hdf5(path) else _from_fits)(path, name, n_axes)
    except UnreadableFile as error:
        raise BadInput(str(error) if str(error).endswith((".", "?")) else f"{error}.") from error
    if layer.values.dtype.kind not in REAL:
        raise BadInput(f"{path}[{layer.name}] holds {layer.values.dtype}, and real numbers are needed.")
    return layer


def _from_fits(path: Path, name: str | None, n_axes: int) -> Layer:
    with open_fits(path) as hdus:
        hdu = _first_image(hdus, path, n_axes) if name is None else _hdu(hdus, name)
        if hdu is None:
            return _from_table(hdus, path, str(name))
        if hdu in image_hdus(hdus):
            layer = _image(hdu, hdus, path)
            return layer if name is not None else replace(layer, others=_others(hdu, hdus))
        if isinstance(hdu, _TABLES):
            example = f"{name}/{hdu.columns.names[0]}"
            raise ImageError(f"HDU {name} of {path} is not an image but a table: name a column of it, as {example}.")
        raise ImageError(f"HDU {name} of {path} is not an image, and only images and columns of tables can be used.")


def _from_table(hdus: fits.HDUList, path: Path, name: str) -> Layer:
    """The column `TABLE/COLUMN`."""
    table, _, column = name.rpartition("/")
    hdu = _hdu(hdus, table or name)
    if hdu is None:
        raise ImageError(f"{path} has no HDU '{table or name}'. {_those_there(table or name, hdus)}")
    if not isinstance(hdu, _TABLES):
        raise ImageError(f"HDU {table} of {path} is not a table, and has no columns.")
    return _column(hdu, path, table, column)


def _hdu(hdus: fits.HDUList, name: str) -> Any:
    """The HDU of a name or number; None where there is none."""
    if name.isdecimal():
        return hdus[int(name)] if len(name) <= _DIGITS and int(name) < len(hdus) else None
    return hdus[name] if name.upper() in [hdu.name.upper() for hdu in hdus] else None


def _those_there(name: str, hdus: fits.HDUList) -> str:
    if name.isdecimal():
        return f"It has {len(hdus)}, counted from 0."
    return suggestion(name, [hdu.name for hdu in hdus if hdu.name])


def _image(hdu: Any, hdus: fits.HDUList, path: Path) -> Layer:
    check_image(hdu, path)
    cards = readable_cards(hdu.header)
    unit = str(cards.get("BUNIT", "")).strip()
    return Layer(path, hdu.name or str(hdus.index(hdu)), hdu.data, unit, cards, wcs_of(hdu, hdus))


def _column(hdu: Any, path: Path, table: str, name: str) -> Layer:
    known = {column.name.lower(): column for column in hdu.columns if column.name}
    if name.lower() not in known:
        raise ImageError(f"The table {table} of {path} has no column '{name}'. {suggestion(name, known)}")
    column = known[name.lower()]
    return Layer(path, f"{table}/{column.name}", hdu.data[column.name], str(column.unit or "").strip())


def _first_image(hdus: fits.HDUList, path: Path, n_axes: int) -> Any:
    images = image_hdus(hdus)
    for hdu in images:
        if len(hdu.shape) >= n_axes:
            return hdu
    columns = [f"{hdus.index(hdu)}/{hdu.columns.names[0]}" for hdu in hdus if isinstance(hdu, _TABLES)]
    found = ", ".join(f"{hdu.name or 'image'} {hdu.shape}" for hdu in images) or "no image at all"
    tables = f"; a column of a table has to be named, as {columns[0]}" if columns else ""
    raise ImageError(
        f"{path} has no image of {n_axes} or more axes that the model could be fitted to; it has {found}{tables}."
    )


def _others(chosen: Any, hdus: fits.HDUList) -> tuple[str, ...]:
    """Images of other names with as many axes as the one that is fitted, and without units of an uncertainty."""
    alike = (hdu for hdu in image_hdus(hdus) if hdu is not chosen and len(hdu.shape) == len(chosen.shape))
    return tuple(hdu.name or str(hdus.index(hdu)) for hdu in alike)


def _from_hdf5(path: Path, name: str | None, n_axes: int) -> Layer:
    if name is None:
        suitable = {there: shape for there, shape in (datasets_of(path) or {}).items() if len(shape) >= n_axes}
        if len(suitable) != 1:
            count = "several datasets" if suitable else "no dataset"
            advice = f": name one as {path.name}[DATASET], or the data's with --hdu. {_listed(suitable)}"
            raise ImageError(f"{path} has {count} of {n_axes} or more axes{advice if suitable else '.'}")
        (name,) = suitable
    dataset = find_dataset(path, name)
    if dataset is None:
        raise ImageError(_no_dataset(path, name))
    if 0 in dataset.shape:
        raise ImageError(f"{path}[{name}] is empty: its shape is {dataset.shape}.")
    with reading(path, "an HDF5 file"):
        return Layer(path, name, _values_of(dataset), dataset.unit)


def _values_of(dataset: Dataset) -> Any:
    """Mapped where the numbers lie in the file as they are, else lazy."""
    if dataset.offset is not None and dataset.dtype.kind in REAL:
        return dataset.mapped()
    from ndfit.run.chunked import lazily  # with dask.array, which takes half a second, and no other file needs

    return lazily(dataset, dataset.chunks)


def _no_dataset(path: Path, name: str) -> str:
    known, inside = datasets_of(path) or {}, datasets_of(path, name)
    if inside is not None:
        return f"{name} of {path} is a group, and a dataset is needed. {_listed(inside)}"
    close = suggestion(name, known)
    return f"{path} has no dataset '{name}'. {close if close.startswith('Did') else _listed(known)}"


def _listed(datasets: Mapping[str, tuple[int, ...]]) -> str:
    listed = [f"{name} {shape}" for name, shape in datasets.items()][:_MOST_LISTED]
    more = len(datasets) - len(listed)
    return f"It has {', '.join(listed) or 'no numbers'}{f' and {more} more' if more else ''}."
