"""Results as xarray and zarr.

Flows in: Contents, and lazy cubes. Flows out: an xarray Dataset; a zarr store that is whole or not there; and from such
a store Contents again, bit for bit. docs/files.md describes the layout.

A layer is a variable; its attributes `ndfit_layer` and `ndfit_parameter` say what it is. The record is JSON text among
the attributes of the dataset, as are the messages and the WCS of the maps, as the text of a FITS header.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from ndfit.atomic import bring_back, refuse_existing, replacing_folder, standing
from ndfit.errors import UnreadableFile
from ndfit.io.check import check_contents, check_layer, record_of_text
from ndfit.io.fits_wcs import wcs_cards, wcs_of_header
from ndfit.io.layers import KINDS, Contents, Key, Layer
from ndfit.io.stored_names import free_name
from ndfit.kinds import no_file
from ndfit.problem.types import FitProblem
from ndfit.result.positions import world_axes

__all__ = ["is_zarr", "read_zarr", "to_dataset", "write_zarr"]

_KIND, _PARAMETER = "ndfit_layer", "ndfit_parameter"
_RECORD, _MESSAGES, _WCS = "ndfit_record", "ndfit_messages", "ndfit_map_wcs"
_PARAMETER_AXES = ("row", "column")
# Their names are anyone's choice, and may be those of other maps.
_NAMED_LAST = ("derived", "derived_error")
_CHUNK = 2**20  # samples of a map in one chunk
_TRIES = 100


def to_dataset(contents: Contents, cubes: Mapping[str, Any], problem: FitProblem) -> Any:
    """The dataset: dimensions are those of labelled data, or called after the axes of the data, `axis_0` and so on.

    Parameters
    ----------
    cubes : name -> dask array on the data's axes

    Raises
    ------
    ModuleNotFoundError
        xarray is not installed.
    """
    xarray = _import("xarray")
    names = _Names.of(problem)
    coords = _coords(contents, problem, names, dims=names.dims if cubes else names.maps)
    variables: dict[str, Any] = {
        name: (names.dims, _even(cube), {"units": _text(problem.data_unit)}) for name, cube in cubes.items()
    }
    for layer in sorted(contents.layers.values(), key=lambda layer: layer.kind in _NAMED_LAST):
        name = layer.name_beside(map(str, (*coords, *names.dims, *variables)))
        dims = (names.parameters if layer.kind == "covariance" else ()) + names.maps
        variables[name] = (dims, layer.values, _attributes(layer))
    return xarray.Dataset(variables, coords, _dataset_attributes(contents, problem.axes.iterating_shape))


@dataclass(frozen=True)
class _Names:
    """Names of dimensions: of the data, of the maps, and of the rows and columns of the covariance."""

    dims: tuple[Any, ...]
    maps: tuple[Any, ...]
    parameters: tuple[str, str]

    @classmethod
    def of(cls, problem: FitProblem) -> _Names:
        axes, labels = problem.axes, problem.labels
        dims = tuple(f"axis_{axis}" for axis in range(len(axes.shape))) if labels is None else labels.dims
        taken = set(map(str, (*dims, *(() if labels is None else labels.coords))))
        row, column = (free_name(name, "covariance", taken) for name in _PARAMETER_AXES)
        return cls(dims, tuple(dims[axis] for axis in axes.iterating), (row, column))


def _even(cube: Any) -> Any:
    """The cube in chunks of one size, as zarr needs them."""
    return cube.rechunk(tuple(max(sizes) for sizes in cube.chunks))


def _attributes(layer: Layer) -> dict[str, str]:
    attributes = {_KIND: layer.kind, _PARAMETER: layer.parameter, "long_name": KINDS[layer.kind].meaning}
    return attributes | ({} if layer.unit is None else {"units": _text(layer.unit)})


def _coords(contents: Contents, problem: FitProblem, names: _Names, dims: tuple[Any, ...]) -> dict[Any, Any]:
    """Coordinates of labelled data, or pixels of the iterating axes; world coordinates of the positions, names of the
    covariance's rows.
    """
    axes = problem.axes
    if problem.labels is None:
        coords: dict[Any, Any] = {
            dim: (dim, np.arange(size), {"long_name": f"pixel along axis {axis} of the data"})
            for dim, axis, size in zip(names.maps, axes.iterating, axes.iterating_shape, strict=True)
        }
    else:
        coords = {name: values for name, (_, values, _) in problem.labels.along(dims).items()}
    for axis in world_axes(contents.map_wcs, axes.iterating_shape):
        kept = [dim for dim, size in zip(names.maps, axis.values.shape, strict=True) if size != 1]
        attributes = {"long_name": axis.physical_type or axis.name, "units": _text(axis.unit)}
        coords[free_name(axis.name, "world", map(str, (*coords, *names.dims, *names.parameters)))] = (
            kept,
            axis.values.reshape([size for size in axis.values.shape if size != 1]),
            attributes,
        )
    if ("covariance", "") in contents.layers:
        free = [row["name"] for row in contents.record["parameters"] if not (row["fixed"] or row["tied"])]
        coords |= {axis: (axis, free) for axis in names.parameters}
    return coords


def _dataset_attributes(contents: Contents, shape: tuple[int, ...]) -> dict[str, str]:
    header, _ = wcs_cards(contents.map_wcs, shape)
    messages = [[list(position), text] for position, text in contents.messages.items()]
    return {
        "title": contents.record["model"]["expression"],
        _RECORD: json.dumps(contents.record, indent=1, allow_nan=False),
        _MESSAGES: json.dumps(messages),
        _WCS: header.tostring(sep="\n"),
    }


def write_zarr(path: Path, contents: Contents, cubes: Mapping[str, Any], problem: FitProblem, overwrite: bool) -> None:
    """Write the dataset as a zarr store; cubes are computed chunk by chunk.

    Raises
    ------
    FileExistsError
        There is something at `path`, and `overwrite` is False or it is no store of ndfit's.
    ModuleNotFoundError
        zarr or xarray is not installed.
    """
    _import("zarr")
    bring_back(path)
    refuse_existing(path, overwrite, folder=True)
    if os.path.lexists(path) and not is_zarr(path):
        raise FileExistsError(f"{path} is no zarr store, and is left alone: choose another name, or remove it yourself")
    # Names of parameters stand in the record; zarr has no settled type for text yet.
    dataset = to_dataset(contents, cubes, problem)
    of_levels = [name for name, index in dataset.indexes.items() if index.nlevels > 1 and name in dataset.dims]
    dataset = dataset.reset_index(of_levels)
    dataset = dataset.drop_vars([name for name, coord in dataset.coords.items() if coord.dtype.kind not in "biufmM"])
    encoding = {name: {"chunks": _chunks(variable.shape)} for name, variable in dataset.items() if name not in cubes}
    with replacing_folder(path, overwrite) as partial:
        dataset.to_zarr(partial, mode="w", encoding=encoding, consolidated=False, zarr_format=3)


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Whole trailing axes as long as they fit."""
    chosen, room = [], _CHUNK
    for size in reversed(shape):
        chosen.append(max(1, min(size, room)))
        room //= chosen[-1]
    return tuple(reversed(chosen))


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr store."""
    return (standing(path) / "zarr.json").is_file()


def read_zarr(path: Path) -> Contents:
    """Contents of a zarr store of results; of one alone, if the store is replaced meanwhile.

    Raises
    ------
    UnreadableFile
        A store that is none of ndfit's.
    ModuleNotFoundError
        zarr is not installed.
    """
    _import("zarr")
    for _ in range(_TRIES):
        before = _identity(path)
        try:
            contents = _read_store(path)
        except Exception:  # half of it may be gone
            if before is not None and _identity(path) == before:
                raise
        else:
            if before is not None and _identity(path) == before:
                return contents
    raise OSError(f"{path} is replaced again and again while it is read")


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Which folder stands at a path now; None where it is replaced at this moment."""
    try:
        status = standing(path).stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino, status.st_ctime_ns


def _read_store(path: Path) -> Contents:
    path = standing(path)
    _refuse_pipes(path)
    try:
        group = _import("zarr").open_group(path, mode="r", zarr_format=3)  # format 2 may hold pickles
    except FileNotFoundError as error:
        raise UnreadableFile(f"{path} is damaged: its zarr.json is not that of a group") from error
    if _RECORD not in group.attrs:
        raise UnreadableFile(f"{path} is a zarr store, but not one of ndfit's results: it has no record of a fit")
    record = record_of_text(group.attrs[_RECORD])
    header = fits.Header.fromstring(group.attrs[_WCS], sep="\n")
    contents = Contents(
        record,
        _read_layers(group, record),
        {tuple(position): str(text) for position, text in json.loads(group.attrs[_MESSAGES])},
        wcs_of_header(header, tuple(record["axes"]["maps"])),
    )
    check_contents(contents)
    return contents


def _refuse_pipes(path: Path) -> None:
    for place, _, names in os.walk(path):
        for file in (Path(place, name) for name in names):
            if no_file(file):
                raise UnreadableFile(f"{path} is damaged: {file.relative_to(path)} in it is {no_file(file)}")


def _read_layers(group: Any, record: Mapping[str, Any]) -> dict[Key, Layer]:
    layers = {}
    for _, array in group.arrays():
        if _KIND in array.attrs:
            key = array.attrs[_KIND], array.attrs[_PARAMETER]
            check_layer(key, array.shape, array.dtype, record)
            layers[key] = Layer(*key, np.asarray(array[...]))
    return layers


def _text(unit: Any) -> str:
    return "" if unit is None else str(unit)


def _import(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f'this needs {name}, which is not installed: pip install "ndfit[io]"') from error
