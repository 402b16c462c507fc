"""The picture of the demonstration.

Flows in: a Cube and its two fits, without and with bounds. Flows out: one PNG with maps of the parameters, the
distributions of the fitted means, and example spectra with their fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.modeling import Model
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patheffects import withStroke

from ndfit.arrays import FloatArray
from ndfit.atomic import replacing
from ndfit.demo.cube import Cube
from ndfit.demo.examples import Example, evaluate, pick_examples
from ndfit.demo.start import Start
from ndfit.plotting.labels import label
from ndfit.plotting.map_pictures import draw_map, label_sky
from ndfit.plotting.scale import scale_of

__all__ = ["draw"]

STYLE = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "axes.linewidth": 0.8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
}
SPECTRAL_AXES = {u.km / u.s: "velocity", u.nm: "wavelength", u.GHz: "frequency", u.keV: "energy"}
BINS = 90
MARGIN = 0.6  # of the distance between the bounds, to either side of them in the histogram
FINE = 8  # points of a drawn model for each channel
OUTLINE = [withStroke(linewidth=1.6, foreground="black")]


class Look(NamedTuple):
    """How one of the two fits is drawn: where they agree, the second lies within the first."""

    label: str
    colour: str
    width: float


FREE = Look("without bounds", "#f0a583", 3.2)
BOUNDED = Look("with bounds", "#1d4e89", 1.3)
TITLES = {"amplitude": "peak", "mean": "centroid", "stddev": "line width (std. dev.)"}


def draw(path: Path, cube: Cube, start: Start, free: Model, bounded: Model) -> None:
    """Draw the bounded fit's maps, both fits' means and example spectra."""
    examples = pick_examples(cube, bounded)
    with rc_context(STYLE):
        figure = Figure(figsize=(13.0, 6.8), dpi=150, layout="constrained")
        upper, lower = figure.subfigures(2, 1, height_ratios=(1.2, 1.0))
        _draw_maps(upper, cube, start, bounded, examples)
        _draw_means(upper.add_subplot(1, 4, 4), cube, start, free, bounded)
        for number, example in enumerate(examples, start=1):
            axes = lower.add_subplot(1, len(examples), number)
            axes.set_title(f"{number}: {example.reason}")
            _draw_spectrum(axes, cube, example, free, bounded)
        if examples:
            lower.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        with replacing(path) as partial:
            figure.savefig(partial, format="png")


def _draw_maps(figure: SubFigure, cube: Cube, start: Start, fitted: Model, examples: list[Example]) -> None:
    projection = {} if cube.sky is None else {"projection": cube.sky}
    for column, (name, title) in enumerate(TITLES.items()):
        parameter = getattr(fitted, start.parameter(name))
        values, unit = _shown(parameter.value, parameter.unit)
        axes = figure.add_subplot(1, 4, column + 1, **projection)
        draw_map(axes, values, title, unit, scale_of(name, values))
        _label_sky(axes, cube, is_first=column == 0)
        for number, example in enumerate(examples, start=1):
            _mark(axes, number, example, values.shape[1])


def _label_sky(axes: Any, cube: Cube, is_first: bool) -> None:
    """Name the axes of the sky; the maps stand side by side, so that the first alone labels the vertical axis."""
    if cube.sky is None:
        axes.set(xlabel="pixel", ylabel="pixel" if is_first else "")
    else:
        label_sky(axes, cube.sky, is_first)


def _mark(axes: Axes, number: int, example: Example, width: int) -> None:
    row, column = example.position
    is_left = column < width / 2
    axes.plot(column, row, "o", markersize=5, markerfacecolor="none", markeredgecolor="white", path_effects=OUTLINE)
    axes.annotate(
        str(number),
        (column, row),
        xytext=(4 if is_left else -4, 4),
        horizontalalignment="left" if is_left else "right",
        textcoords="offset points",
        color="white",
        weight="bold",
        path_effects=OUTLINE,
    )


def _draw_means(axes: Axes, cube: Cube, start: Start, free: Model, bounded: Model) -> None:
    """Histogram of both fits' means; what lies beyond the plot is counted in its outermost bins."""
    name = start.parameter("mean")
    limits, _ = _shown(start.bounds, cube.spectral_unit)
    low, high = sorted(limits)
    margin = MARGIN * (high - low)
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    for fitted, look in ((free, FREE), (bounded, BOUNDED)):
        parameter = getattr(fitted, name)
        means, _ = _shown(parameter.value, parameter.unit)
        means = means[np.isfinite(means)]
        n_outside = np.count_nonzero((means < low) | (means > high))
        axes.hist(
            np.clip(means, edges[0], edges[-1]),
            edges,
            histtype="step",
            linewidth=1.2 * look.width**0.5,
            color=look.colour,
            label=f"{look.label}: {n_outside} beyond them",
        )
    for limit in (low, high):
        axes.axvline(limit, color="0.5", linewidth=0.8, linestyle=":")
    axes.set(yscale="log", xlim=(edges[0], edges[-1]), ylabel="positions")
    axes.set_xlabel(f"centroid {_spectral_label(cube)}")
    axes.set_ylim(top=axes.get_ylim()[1] * 12)  # room for the legend
    axes.legend(loc="upper center", handlelength=1.2, title="dotted: bounds; end bins: all beyond", title_fontsize=8)


def _draw_spectrum(axes: Axes, cube: Cube, example: Example, free: Model, bounded: Model) -> None:
    channels = cube.spectral_values
    fine = np.interp(np.linspace(0, channels.size - 1, FINE * channels.size), np.arange(channels.size), channels)
    shown_channels, _ = _shown(channels, cube.spectral_unit)
    shown_fine, _ = _shown(fine, cube.spectral_unit)
    row, column = example.position
    axes.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    axes.step(shown_channels, cube.spectra[:, row, column], where="mid", color="0.5", linewidth=0.9, label="data")
    for fitted, look in ((free, FREE), (bounded, BOUNDED)):
        values = evaluate(fitted, fine, example.position)
        axes.plot(shown_fine, values, color=look.colour, linewidth=look.width, label=f"fit {look.label}")
    axes.set(xlim=(shown_channels.min(), shown_channels.max()), xlabel=_spectral_label(cube))
    axes.set_ylabel(label("intensity", cube.unit))


def _shown(values: FloatArray | Sequence[float], unit: u.UnitBase) -> tuple[FloatArray, u.UnitBase]:
    """Values in the unit that is customary for their kind."""
    target = next((customary for customary in SPECTRAL_AXES if unit.is_equivalent(customary)), unit)
    return np.asarray(unit.to(target, np.asarray(values, dtype=float))), target


def _spectral_label(cube: Cube) -> str:
    _, unit = _shown([], cube.spectral_unit)
    return label(SPECTRAL_AXES.get(unit, "spectral axis"), unit)
