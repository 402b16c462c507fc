"""Every input of the call -> FitProblem.

Flows in: the arguments as the caller gave them. Flows out: one frozen FitProblem; nothing downstream checks again, and
nothing of the caller's is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.modeling import Model
from astropy.wcs import WCS

from ndfit._compat.astropy_models import has_units as has_units_of
from ndfit.errors import WrongArgumentType
from ndfit.options import Data
from ndfit.problem.arguments import check_mapping
from ndfit.problem.arrange import sample_coordinates
from ndfit.problem.axes import Axes
from ndfit.problem.basis import set_linear_basis
from ndfit.problem.chain import Chain
from ndfit.problem.constraints import own_copy, parameter_table, parse_bounds, scalar_model, unitless_model
from ndfit.problem.coords import coordinates, with_known
from ndfit.problem.deferred import is_lazy
from ndfit.problem.instrument import Instrument
from ndfit.problem.instrument_checks import check_instrument
from ndfit.problem.map_wcs import low_level, wcs_of_maps
from ndfit.problem.opening import open_samples
from ndfit.problem.placement import Placement
from ndfit.problem.real_values import check_real
from ndfit.problem.samples import Known, Samples
from ndfit.problem.types import FitProblem
from ndfit.problem.units import convert_coordinates, plan_units

__all__ = ["normalize"]

_N_TRIED = 16  # samples


def normalize(
    model: Model,
    data: Data,
    *,
    equivalencies: Any = None,
    bounds: Mapping[str, tuple[Any, Any]] | None = None,
    linear: bool = False,
    filter_non_finite: bool = False,
    preserve_native_chunks: bool = False,
) -> FitProblem:
    """Check and normalise a call; the arguments are those of `ndfit.parallel_fit_dask` and `ndfit.fit`.

    Parameters
    ----------
    linear : the fit is linear least squares, for which polynomials get their domain from the coordinates.
    filter_non_finite : leave non-finite samples out.

    Raises
    ------
    TypeError, ValueError, astropy.units.UnitsError
        Each says what was expected, what arrived and what to do.
    """
    _check_model(model)
    equivalencies = _check_equivalencies(equivalencies, model)
    known = check_mapping(data.inputs, "inputs", "a dict of arrays, by the name of the model's input")
    _check_known(known, model)
    opened = open_samples(data, model.n_inputs - len(known))
    samples, axes = opened.samples, opened.samples.axes
    if preserve_native_chunks:
        _check_native_chunks(samples)
    has_units = has_units_of(model) or opened.unit is not None
    scalar = scalar_model(model)
    inputs = with_known(coordinates(opened.world, axes), known, model.inputs, axes)
    inputs = convert_coordinates(inputs, scalar, equivalencies, has_units)
    plan = plan_units(scalar, inputs, opened.unit, has_units)
    limits = parse_bounds(scalar, check_mapping(bounds, "bounds", "a dict of pairs, name -> (lower, upper)"), plan)
    unitless = unitless_model(scalar, plan, limits)
    coords = tuple(each for each, name in zip(inputs, model.inputs, strict=True) if name not in known)
    values = tuple(coordinate.values for coordinate in coords)
    transform = set_linear_basis(unitless, values) if linear and not known else None
    _check_tried(unitless if not known else None, values, axes)
    params = parameter_table(model, unitless, plan, limits, axes)
    wcs = low_level(opened.world)
    if isinstance(wcs, WCS):  # which a caller may change later
        wcs = wcs.deepcopy()
    map_wcs, map_wcs_note = wcs_of_maps(wcs, axes)
    samples = replace(
        samples,
        coords=values,
        known=tuple(Known(model.inputs.index(name), inputs[model.inputs.index(name)].values) for name in known),
        instrument=_placed(data.instrument, Placement(axes, tuple(each.unit for each in coords), has_units)),
    )
    check_instrument(samples)
    return FitProblem(
        original=own_copy(model),
        model=unitless,
        units=tuple(plan.parameters[name] for name in params.names),
        params=params,
        samples=samples,
        filter_non_finite=filter_non_finite,
        absolute_sigma=samples.weights is not None,
        transform=transform,
        data_unit=opened.unit,
        wcs=wcs,
        map_wcs=map_wcs,
        map_wcs_note=map_wcs_note,
        labels=opened.labels,
        coord_units=tuple(each.unit for each in coords),
    )


def _placed(instrument: Any, placement: Placement) -> Chain | None:
    if instrument is None:
        return None
    if not isinstance(instrument, Instrument):
        remedy = "call it with parentheses, such as Instrument.bins()" if callable(instrument) else ""
        raise WrongArgumentType("instrument", "an ndfit.Instrument", instrument, remedy)
    return instrument.placed(placement) if instrument.stages or instrument.noise else None


def _check_known(known: Mapping[str, Any], model: Any) -> None:
    for name in known:
        if name not in model.inputs:
            raise ValueError(f"inputs name '{name}', and the inputs of the model are {', '.join(model.inputs)}")
    if len(known) == model.n_inputs:
        raise ValueError("every input of the model is given as known: one at least is the coordinate of the samples")


def _check_native_chunks(samples: Samples) -> None:
    """Check that chunks of the caller's dask arrays can be used as they are."""
    data, weights, axes = samples.data, samples.weights, samples.axes
    if not is_lazy(data):
        raise TypeError("Can only set preserve_native_chunks=True if input data is a dask array")
    if weights is not None and not is_lazy(weights):
        raise TypeError("Can only set preserve_native_chunks=True if input weights is a dask array (if specified)")
    if any(data.chunksize[axis] != data.shape[axis] for axis in axes.fitting):
        raise ValueError(
            "When using preserve_native_chunks=True, the chunk size should match the data size along the fitting axes: "
            f"got chunks of {data.chunksize} for data of shape {data.shape}, fitted along {axes.fitting}"
        )
    if weights is not None and data.chunksize != weights.chunksize:
        raise ValueError(
            "When using preserve_native_chunks=True, the weights should have the same chunk size as the data: "
            f"got {weights.chunksize} and {data.chunksize}"
        )


def _check_equivalencies(equivalencies: Any, model: Any) -> dict[str, Any] | None:
    what = "a dict of lists of astropy's equivalencies, by the name of the model's input"
    given = check_mapping(equivalencies, "equivalencies", what)
    for name, rows in given.items():
        if name not in model.inputs:
            raise ValueError(f"equivalencies name the input '{name}', and the model has {', '.join(model.inputs)}")
        if not isinstance(rows, (list, tuple)) or not all(isinstance(row, tuple) for row in rows):
            raise TypeError(f"equivalencies should be {what}, got {rows!r} for '{name}'")
    return given or None


def _check_tried(model: Model | None, values: tuple[Any, ...], axes: Axes) -> None:
    """See that there are coordinates, and that the model is real at some of them."""
    tried = sample_coordinates(values, axes, _N_TRIED)
    if not tried[0].size:
        _check_coordinates(values)
    elif model is not None:
        check_real(model, tried)


def _check_coordinates(coords: tuple[Any, ...]) -> None:
    """Some position has to have a coordinate; which have none is a status of each position."""
    for number, values in enumerate(coords):
        if not np.isfinite(values).any():
            raise ValueError(f"every coordinate of world[{number}] is NaN or infinite: the samples are nowhere")


def _check_model(model: Any) -> None:
    if not isinstance(model, Model):
        raise TypeError(f"model should be an instance of an astropy model, got {model!r}")
    if len(model) != 1:
        raise ValueError(
            f"model should be one model, got a set of {len(model)}: "
            "give starting values as arrays of the iterating shape"
        )
    if model.n_outputs != 1:
        raise ValueError(f"model should have one output, got {model.n_outputs}")
    fixed, tied = model.fixed, model.tied
    if all(fixed[name] or tied[name] for name in model.param_names):
        raise ValueError("nothing to fit: every parameter of the model is fixed or tied; free at least one parameter")
