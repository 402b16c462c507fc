"""Datasets in HDF5 files.

Flows in: a path, and the name of a dataset. Flows out: Dataset, what is known of it without reading it, which reads
what is asked for; or an ImageError whose message says what is wrong. h5py is imported with the first such file.

A Dataset opens its file for each read and keeps nothing open, so that it may be sent to other processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.io.images import REAL, ImageError
from ndfit.untrusted import reading

__all__ = ["Dataset", "datasets_of", "find_dataset", "is_hdf5"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_BEGINNINGS = (0, 512, 1024, 2048)  # where a file may begin, behind a block of the user's
_PACKING = ("scale_factor", "add_offset")  # attributes of netCDF
_UNITS = ("units", "unit", "BUNIT")  # attributes in which a unit is stated


@dataclass(frozen=True)
class Dataset:
    """A dataset of numbers.

    Attributes
    ----------
    path, name : of the file that holds it, which a link may have led to, and within it
    shape, dtype : of its numbers
    chunks : shape of the pieces in which it is stored, None where it is stored whole
    offset : bytes before its numbers in the file, where these lie there as they do in memory; else None
    unit : as the dataset states it, empty where it states none
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    offset: int | None
    unit: str

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        with _open(self.path) as file:
            return np.asarray(file[self.name][key])

    def mapped(self) -> NDArray[Any]:
        """The numbers as a map of the file, which `offset` allows."""
        return np.memmap(self.path, self.dtype, mode="r", offset=self.offset or 0, shape=self.shape)


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5, seen in its content; h5py is not needed for that."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        content = file.read(_BEGINNINGS[-1] + len(_SIGNATURE))
    return any(content.startswith(_SIGNATURE, beginning) for beginning in _BEGINNINGS)


def datasets_of(path: Path, group: str = "/") -> dict[str, tuple[int, ...]] | None:
    """Name and shape of the datasets with numbers and axes, in the file or one of its groups; None for no group.

    Raises
    ------
    ImageError
        The file cannot be read.
    """
    found = {}

    def note(name: str, item: Any) -> None:
        shape = getattr(item, "shape", None)  # groups have none, and empty datasets neither
        if shape and item.dtype.kind in REAL:
            found[f"{group.strip('/')}/{name}".lstrip("/")] = shape

    with _open(path) as file:
        top = file.get(group)
        if not hasattr(top, "visititems"):
            return None
        top.visititems(note)
    return found


def find_dataset(path: Path, name: str) -> Dataset | None:
    """The dataset of a name; None where there is none, or a group.

    Raises
    ------
    ImageError
        The file cannot be read.
    """
    with _open(path) as file:
        item = file.get(name)
        if getattr(item, "shape", None) is None:
            return None
        packed = [attribute for attribute in _PACKING if attribute in item.attrs]
        if packed:
            raise ImageError(f"{path}[{name}] is packed ({packed[0]}), which is not undone: store its values unpacked.")
        return Dataset(
            Path(item.file.filename), item.name, item.shape, item.dtype, item.chunks, _offset(item), _unit(item)
        )


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise ImageError(f"{path} is an HDF5 file, and needs h5py to be read: pip install 'ndfit[io]'.") from error
    with reading(path, "an HDF5 file", ImageError), h5py.File(path, "r") as file:
        yield file


def _offset(item: Any) -> int | None:
    import h5py

    as_in_memory = item.id.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS and item.external is None
    # Nothing is stored of a dataset that was never written.
    if not as_in_memory or not item.nbytes or item.id.get_storage_size() != item.nbytes:
        return None
    return int(item.id.get_offset())


def _unit(item: Any) -> str:
    for name in _UNITS:
        if name in item.attrs:
            stated = item.attrs[name]
            return (stated.decode() if isinstance(stated, bytes) else str(stated)).strip()
    return ""
