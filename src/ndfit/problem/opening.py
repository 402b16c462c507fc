"""The objects that a call brings -> plain arrays on the data's axes.

Flows in: ndarray, memmap, masked array, Quantity, dask array or NDData, with weights and masks of every shape that can
be meant. Flows out: Opened, whose arrays have the data's number of axes, are not copied, and stay lazy where they came
lazy; what has to be converted is converted when it is needed (`ndfit.problem.deferred`).
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.nddata import NDData, NDUncertainty, StdDevUncertainty, UnknownUncertainty
from astropy.utils.exceptions import AstropyUserWarning

from ndfit._compat.dask_arrays import is_masked
from ndfit.errors import WrongArgumentType
from ndfit.options import Data
from ndfit.problem.axes import Axes, parse_axes
from ndfit.problem.containers import open_beside, open_data
from ndfit.problem.deferred import LazyElementwise, is_lazy
from ndfit.problem.field_objects import open_object
from ndfit.problem.labelled import PIXELS, Labels, is_labelled, open_labelled
from ndfit.problem.placing import broadcast_to_data_axes
from ndfit.problem.samples import Samples

__all__ = ["Opened", "open_samples"]


@dataclass(frozen=True)
class Opened:
    """What a call brings.

    Attributes
    ----------
    samples : without coordinates
    unit : of the data, None where there is none
    world : where the samples are, as the caller or the container says it
    labels : names and coordinates of the axes, where the data have such
    """

    samples: Samples
    unit: u.UnitBase | None
    world: Any
    labels: Labels | None = None


@dataclass(frozen=True)
class _Contents:
    """The call's data with its container opened: what NDData, masked array or Quantity carried, or the keywords."""

    data: Any
    unit: u.UnitBase | None
    weights: Any
    masks: tuple[Any, ...]
    world: Any


def open_samples(given: Data, n_inputs: int) -> Opened:
    """Open the container the data came in. Keywords that were given win over what the container holds.

    Parameters
    ----------
    n_inputs : of the model

    Raises
    ------
    TypeError
        The data are not real numbers, or come in a container that says what would be lost; a mask that is not boolean,
        weights that are not real numbers, an uncertainty of unknown kind.
    ValueError
        The data are a dask array with unknown chunk sizes, or have nothing along the fitting axes; `data_unit` is not a
        unit; a shape that cannot be matched to the data's.
    astropy.units.UnitConversionError
        The data carry a unit that cannot be converted to `data_unit`.
    """
    labels = None
    if isinstance(given.world, str) and given.world != PIXELS:
        raise WrongArgumentType("world", f"None, a WCS object or a tuple of arrays, or '{PIXELS}'", given.world)
    given = open_object(given)
    if is_labelled(given.data):
        given, labels = open_labelled(given)
    contents = _contents(given)
    axes = parse_axes(given.fitting_axes, tuple(contents.data.shape), n_inputs)
    if not axes.n_samples:
        raise ValueError(f"there is nothing to fit: data of shape {axes.shape} have no sample along {axes.fitting}")
    return Opened(_placed(contents, axes), contents.unit, contents.world, labels)


def _contents(given: Data) -> _Contents:
    data, data_unit, mask, world = given.data, given.data_unit, given.mask, given.world
    weights = _weights_of(given.uncertainty, given.weights)
    if isinstance(data, NDData):
        data, data_unit, weights, mask, world = _open_nddata(data, data_unit, weights, mask, world)
    else:
        weights, mask = open_beside(weights, "weights"), open_beside(mask, "mask")
        data, data_unit = open_data(data, data_unit, world)
    world = None if isinstance(world, str) else world  # pixels are asked for
    data, own_mask = _split_mask(data)
    masks = tuple(part for part in (own_mask, mask) if part is not None)
    unit = _parse_unit(data_unit)
    if isinstance(data, u.Quantity):
        if unit is None:
            unit, data = data.unit, data.value
        else:
            data = _convert(data, unit, "data", "data_unit")
    return _Contents(_check_array(data), unit, weights, masks, world)


def _weights_of(uncertainty: Any, weights: Any) -> Any:
    """What to use as weights: those given, or what `uncertainty` says.

    Raises
    ------
    ValueError
        Both are given.
    """
    if uncertainty is None:
        return weights
    if weights is not None:
        raise ValueError("give either uncertainty or weights (1/sigma), not both")
    if isinstance(uncertainty, NDUncertainty):
        return uncertainty
    values, own_mask = _split_mask(open_beside(uncertainty, "uncertainty"))  # an NDUncertainty forgets its array's mask
    return StdDevUncertainty(values if own_mask is None else np.where(own_mask, np.inf, values), copy=False)


def _placed(contents: _Contents, axes: Axes) -> Samples:
    """Weights and mask on the data's axes."""
    weights, unit = contents.weights, contents.unit
    name = "uncertainty" if isinstance(weights, NDUncertainty) else "weights"
    weights = None if weights is None else broadcast_to_data_axes(_parse_weights(weights, unit, name), axes, name)
    masks = [broadcast_to_data_axes(_parse_mask(mask), axes, "mask") for mask in contents.masks]
    return Samples(axes, contents.data, weights, _join(masks) if masks else None)


def _open_nddata(nddata: NDData, data_unit: Any, weights: Any, mask: Any, world: Any) -> tuple[Any, ...]:
    """Each keyword, or what the NDData holds for it."""
    pairs = {
        "unit": (data_unit, nddata.unit),
        "uncertainty": (weights, nddata.uncertainty),
        "mask": (mask, nddata.mask),
        "wcs": (world, nddata.wcs),
    }
    chosen = []
    for name, (given, carried) in pairs.items():
        if given is not None and carried is not None and not (name == "wcs" and isinstance(given, str)):
            warnings.warn(
                f"the NDData has a {name}, but it was also given as a keyword: the keyword is used",
                AstropyUserWarning,
                stacklevel=2,
            )
        chosen.append(carried if given is None else given)
    return nddata.data, *chosen


def _split_mask(data: Any) -> tuple[Any, Any]:
    if is_lazy(data) and is_masked(data):
        return data.map_blocks(np.ma.getdata, dtype=data.dtype), data.map_blocks(np.ma.getmaskarray, dtype=bool)
    if isinstance(data, np.ma.MaskedArray):
        return data.data, None if data.mask is np.ma.nomask else data.mask
    if hasattr(data, "unmasked") and hasattr(data, "mask"):  # astropy.utils.masked.Masked
        return data.unmasked, data.mask
    return data, None


def _parse_unit(unit: Any) -> u.UnitBase | None:
    if unit is None:
        return None
    try:
        if isinstance(unit, (bool, int, float)):
            raise TypeError("it is a number")
        return u.Unit(unit)
    except (ValueError, TypeError) as error:
        raise ValueError(f"data_unit should be a unit that astropy.units can read, got {unit!r}: {error}") from None


def _convert(quantity: Any, unit: u.UnitBase, name: str, target: str) -> Any:
    try:
        return quantity.to_value(unit)
    except u.UnitConversionError:
        raise u.UnitConversionError(
            f"{name} has unit '{quantity.unit}', which cannot be converted to {target} '{unit}'"
        ) from None


def _check_array(data: Any) -> Any:
    if not is_lazy(data):
        data = np.asanyarray(data)
    if data.dtype.kind not in "biuf":
        remedy = ": fit the real and the imaginary part, data.real and data.imag" if data.dtype.kind == "c" else ""
        raise TypeError(f"data should be real numbers, got dtype {data.dtype}{remedy}")
    if any(math.isnan(size) for size in data.shape):
        raise ValueError(
            f"data is a dask array of unknown chunk sizes (shape {data.shape}): call data.compute_chunk_sizes() first"
        )
    return data


def _parse_weights(weights: Any, unit: u.UnitBase | None, name: str) -> Any:
    """1/sigma in the data's unit. Masked weights weigh nothing."""
    convert: Callable[[Any], Any] | None = None
    if isinstance(weights, NDUncertainty):
        convert, weights = _from_uncertainty(weights, unit), weights.array
    elif isinstance(weights, u.Quantity):
        convert, weights = _from_quantity(weights, unit), weights.value
    weights, own_mask = _split_mask(weights)
    if not is_lazy(weights):
        weights = np.asarray(weights)
    if weights.dtype.kind not in "biuf" or (weights.dtype.kind == "b" and (convert is not None or weights.ndim == 0)):
        raise TypeError(f"{name} should be real numbers, got dtype {weights.dtype}")
    if own_mask is not None:
        return _elementwise(functools.partial(_weigh_nothing, convert), float, weights, own_mask)
    return weights if convert is None else _elementwise(convert, float, weights)


def _elementwise(function: Callable[..., Any], dtype: Any, *arrays: Any) -> Any:
    """What the function makes of the arrays, when it is needed."""
    first, *others = arrays
    return (
        first.map_blocks(function, *others, dtype=dtype)
        if is_lazy(first)
        else LazyElementwise(function, dtype, *arrays)
    )


def _weigh_nothing(convert: Callable[[Any], Any] | None, weights: Any, mask: Any) -> Any:
    return np.where(mask, 0.0, weights if convert is None else convert(weights))


def _from_uncertainty(uncertainty: NDUncertainty, unit: u.UnitBase | None) -> Callable[[Any], Any]:
    """Of the array of an uncertainty, what makes 1/sigma in the data's unit of it."""
    if isinstance(uncertainty, UnknownUncertainty):
        raise TypeError(
            "the uncertainty is of unknown kind: use StdDevUncertainty, VarianceUncertainty or InverseVariance"
        )
    kind = type(uncertainty)
    of_deviation = kind(np.ones(1), unit=uncertainty.unit).represent_as(StdDevUncertainty).unit
    scale = 1.0
    if of_deviation is not None and unit is not None:
        scale = _scale(of_deviation, unit, "the uncertainty", "the data's unit")
    return functools.partial(_inverse_deviation, kind, scale)


def _inverse_deviation(kind: type[NDUncertainty], scale: float, array: Any) -> Any:
    """1/sigma: infinite where sigma is zero, negative where the uncertainty is. Neither is an uncertainty, and
    `ndfit.run.load` leaves these samples out.
    """
    values = np.asarray(array, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if not issubclass(kind, StdDevUncertainty):  # whose own conversion takes the square of it first
            values = np.copysign(kind(np.abs(values), copy=False).represent_as(StdDevUncertainty).array, values)
        return 1.0 / (values * scale)


def _from_quantity(weights: u.Quantity, unit: u.UnitBase | None) -> Callable[[Any], Any] | None:
    """Of the values of weights, what makes 1 over the data's unit of them."""
    if weights.unit == u.dimensionless_unscaled:
        return None
    data_unit = u.dimensionless_unscaled if unit is None else unit
    return functools.partial(np.multiply, _scale(weights.unit, 1 / data_unit, "weights", "1 over the data's unit,"))


def _scale(unit: u.UnitBase, target: u.UnitBase, name: str, target_name: str) -> float:
    return float(_convert(1.0 * unit, target, name, target_name))


def _parse_mask(mask: Any) -> Any:
    if isinstance(mask, u.Quantity):  # a comparison of Quantities wrapped by NDData
        mask = mask.value
    if not is_lazy(mask):
        mask = np.asarray(mask)
    if mask.dtype.kind not in "biu":
        raise TypeError(f"mask should be boolean (True = ignore this sample), got dtype {mask.dtype}")
    return mask


def _join(masks: list[Any]) -> Any:
    """True where any mask is not zero."""
    if len(masks) == 1 and masks[0].dtype.kind == "b":
        return masks[0]
    return _any_of(*masks) if any(is_lazy(mask) for mask in masks) else LazyElementwise(_any_of, bool, *masks)


def _any_of(*masks: Any) -> Any:
    return functools.reduce(np.logical_or, masks, False)
