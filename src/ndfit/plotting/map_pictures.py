"""Maps of parameters and of their standard errors.

Flows in: FitResult. Flows out: matplotlib axes. Positions without an answer are hatched grey.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.plotting.bar import draw_bar
from ndfit.plotting.figure import given_axes, new_figure
from ndfit.plotting.labels import in_picture, label, sky_name
from ndfit.plotting.scale import CLIPPED_PERCENT, MISSING, Scale, plain, scale_of, scale_of_errors

if TYPE_CHECKING:
    from ndfit.fit_result import FitResult

__all__ = ["chosen_parameters", "draw_map", "label_sky", "plot_parameters"]

COLUMNS = 4  # parameters side by side
MAP_WIDTH = 3.4  # inches, with its labels
LINE_SIZE = (5.0, 2.2)


def plot_parameters(
    result: FitResult,
    parameters: str | Iterable[str] | None,
    errors: bool,
    axes: Any,
    plane: int | tuple[int, ...],
    where: Any,
) -> Any:
    """Draw what `FitResult.plot` describes; its documentation has the arguments."""
    names = chosen_parameters(result, parameters)
    drawn = _checked_where(where, result.shape)
    has_errors = errors and result.has_errors
    n_axes = len(result.shape)
    plane = _checked_plane(plane, result.shape)
    if n_axes < 2:
        targets = _targets(result, names, 1, axes, LINE_SIZE, None)
        for name, (target,) in zip(names, targets, strict=True):
            _draw_line(target, result, name, has_errors, drawn)
        return targets
    targets = _targets(result, names, 1 + has_errors, axes, _map_size(result.shape), _plane_wcs(result.wcs, plane))
    for name, row in zip(names, targets, strict=True):
        values = result._values_of(name)
        known = np.where(drawn, plain(result._errors_of(name)), np.nan)[plane] if result.has_errors else None
        unit, numbers = getattr(values, "unit", None), np.where(drawn, plain(values), np.nan)[plane]
        title = f"{name}, plane {', '.join(map(str, plane))}" if plane else name
        draw_map(row[0], numbers, title, unit, scale_of(name, numbers, known))
        if has_errors:
            draw_map(row[1], known, f"error of {title}", unit, scale_of_errors(known))
    return targets


def chosen_parameters(result: FitResult, parameters: str | Iterable[str] | None) -> tuple[str, ...]:
    """Names of parameters to show; by default those that are not fixed.

    Raises
    ------
    ValueError
        The model has no such parameter.
    """
    if parameters is None:
        return result.shown_names
    names = (parameters,) if isinstance(parameters, str) else tuple(parameters)
    known = (*result.param_names, *result.derived)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ValueError(f"parameters should be among {', '.join(known)}; got {unknown or names}")
    return names


def draw_map(axes: Any, values: Any, name: str, unit: Any, scale: Scale) -> Any:
    """Draw one map with its colour bar.

    Parameters
    ----------
    values : shape (rows, columns); NaN where there is no answer
    name, unit : for the colour bar
    scale : limits and colours

    Returns
    -------
    The colour bar.
    """
    from matplotlib import colormaps

    axes.patch.set(facecolor=MISSING, edgecolor="0.65", hatch="////")
    image = axes.imshow(
        np.ma.masked_invalid(values),
        origin="lower",
        cmap=colormaps[scale.colours].with_extremes(bad=(0, 0, 0, 0)),
        vmin=scale.low,
        vmax=scale.high,
        interpolation="nearest",
    )
    return draw_bar(axes, image, name, unit, scale)


def _checked_where(where: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which positions are drawn."""
    if where is None:
        return np.ones(shape, dtype=bool)
    chosen = np.asarray(where)
    if chosen.dtype != bool or chosen.shape != shape:
        raise ValueError(
            f"where should be an array of True and False of shape {shape}, such as result.good; got {chosen.dtype} of "
            f"shape {chosen.shape}"
        )
    return chosen


def _checked_plane(plane: int | tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Index of the axes before the last two."""
    given = (plane,) if isinstance(plane, int) else tuple(plane)
    leading = shape[:-2]
    if len(given) != len(leading):
        raise ValueError(
            f"maps of shape {shape} are drawn one plane of the last two axes at a time: pass plane= with "
            f"{len(leading)} indices; got {given}"
        )
    if not all(-size <= index < size for index, size in zip(given, leading, strict=True)):
        raise ValueError(f"plane {given} is outside the maps, whose axes before the last two are {leading}")
    return tuple(index % size for index, size in zip(given, leading, strict=True))


def _map_size(shape: tuple[int, ...]) -> tuple[float, float]:
    """Inches for one map with its labels and colour bar."""
    aspect = shape[-2] / max(shape[-1], 1)
    height = 2.4 * min(max(aspect, 0.2), 3.0)
    return min(MAP_WIDTH, height / max(aspect, 0.2) + 1.2), height + 1.0


def _targets(
    result: FitResult, names: tuple[str, ...], n_each: int, axes: Any, size: tuple[float, float], wcs: Any
) -> Any:
    """Axes of shape (parameters, n_each): the caller's, or of a new figure with errors below their parameters."""
    if axes is not None:
        return given_axes(axes, (len(names), n_each), f"{n_each} for each of {len(names)} parameters")
    columns = min(COLUMNS, len(names)) if len(result.shape) >= 2 else 1
    bands = ceil(len(names) / columns)
    figure = new_figure(size[0] * columns, size[1] * bands * n_each)
    targets = np.empty((len(names), n_each), dtype=object)
    for number, which in np.ndindex(targets.shape):
        band, column = divmod(number, columns)
        place = (bands * n_each, columns, (band * n_each + which) * columns + column + 1)
        targets[number, which] = _add_axes(figure, place, wcs, is_first=column == 0)
    return targets


def _add_axes(figure: Any, place: tuple[int, int, int], wcs: Any, is_first: bool) -> Any:
    """One map's axes; where maps stand side by side, the first alone labels the vertical axis."""
    if wcs is None:
        return figure.add_subplot(*place)
    from astropy.visualization.wcsaxes import WCSAxes

    axes = figure.add_subplot(*place, axes_class=WCSAxes, wcs=wcs)
    label_sky(axes, wcs, is_first)
    return axes


def label_sky(axes: Any, wcs: Any, is_first: bool) -> None:
    """Name the axes of the sky, briefly."""
    for coordinate, kind, name in zip(axes.coords, wcs.world_axis_physical_types, wcs.world_axis_names, strict=True):
        coordinate.set_axislabel(in_picture(sky_name(kind, name)))
        coordinate.set_ticklabel(exclude_overlapping=True)
    if not is_first:
        axes.coords[1].set_auto_axislabel(False)
        axes.coords[1].set_axislabel("")
        axes.coords[1].set_ticklabel_visible(False)


def _plane_wcs(wcs: Any, plane: tuple[int, ...]) -> Any:
    """WCS of one plane of the maps; None where there is none of two world axes."""
    if wcs is not None and plane:
        from astropy.wcs.wcsapi import SlicedLowLevelWCS

        wcs = SlicedLowLevelWCS(wcs, (*plane, Ellipsis))
    return wcs if wcs is not None and wcs.world_n_dim == 2 else None


def _draw_line(axes: Any, result: FitResult, name: str, has_errors: bool, drawn: NDArray[np.bool_]) -> None:
    """Parameter against position, for maps of one axis or none."""
    values = result._values_of(name)
    numbers = np.atleast_1d(np.where(drawn, plain(values), np.nan))
    errors = np.atleast_1d(plain(result._errors_of(name))) if has_errors else None
    where, text = _positions(result)
    axes.errorbar(where, numbers, errors, fmt="o", markersize=3, linewidth=0.8, color="C0")
    axes.set_ylim(*_line_limits(numbers, errors))
    for position in where[~np.isfinite(numbers)]:
        axes.axvline(position, color=MISSING, linewidth=2, zorder=0)
    axes.set(xlabel=text, ylabel=label(name, getattr(values, "unit", None)))


def _line_limits(numbers: FloatArray, errors: FloatArray | None) -> tuple[float, float]:
    """Limits for values and typical error bars; one parameter that is hardly determined does not flatten the others."""
    known = numbers[np.isfinite(numbers)]
    if not known.size:
        return 0.0, 1.0
    low, high = (
        np.percentile(known, (CLIPPED_PERCENT, 100.0 - CLIPPED_PERCENT))
        if known.size > 100
        else (
            known.min(),
            known.max(),
        )
    )
    bars = np.zeros(1) if errors is None else errors[np.isfinite(errors)]
    margin = 0.1 * (high - low) + (1.5 * float(np.median(bars)) if bars.size else 0.0)
    margin = margin or 0.5 * abs(low) or 0.5
    return float(low - margin), float(high + margin)


def _positions(result: FitResult) -> tuple[Any, str]:
    index = np.arange(max(result.status.size, 1))
    wcs = result.wcs
    if wcs is None or wcs.world_n_dim != 1 or len(result.shape) != 1:
        return index, "position"
    name = sky_name(wcs.world_axis_physical_types[0], wcs.world_axis_names[0])
    unit = wcs.world_axis_units[0]
    return np.asarray(wcs.pixel_to_world_values(index)), f"{name} [{unit}]" if unit else name
