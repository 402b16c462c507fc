"""The colour bar above a map, with text that has room there.

Flows in: a map that is drawn, what it shows, and its Scale. Flows out: its colour bar. A power of ten stands with the
unit, where matplotlib would put it over the label; a label that is wider than its map has the unit in a line of its
own, and smaller letters if that is still too wide; there are as many ticks as there is room for.
"""

from __future__ import annotations

from math import ceil, floor, log10
from typing import Any

from ndfit.output.pictures.labels import label
from ndfit.output.pictures.scale import Scale

__all__ = ["draw_bar"]

PLAIN_POWERS = range(-2, 4)  # numbers of these orders of magnitude are written in full
THICKNESS = 0.04  # of a bar, in widths of the map
LEAST_FRACTION, MOST_FRACTION = 0.15, 0.6  # of the map's height
MOST_INTERVALS = 3
DIGIT = 0.65  # width of a digit, in heights of the letters
BETWEEN = 2.0  # digits of free room between two numbers
SMALLEST = 6.0  # points


def draw_bar(axes: Any, image: Any, name: str, unit: Any, scale: Scale) -> Any:
    """Draw the colour bar of an image.

    Parameters
    ----------
    axes : of the map
    name, unit : of what is shown; None for no unit

    Returns
    -------
    The colour bar.
    """
    from matplotlib.ticker import ScalarFormatter

    axes.apply_aspect()  # the layout comes later, and changes the width of a map by little
    width, height = axes.get_window_extent().size
    fraction = min(max(THICKNESS * width / height, LEAST_FRACTION), MOST_FRACTION)
    power = _power(scale)
    formatter = ScalarFormatter(useOffset=False)
    formatter.set_powerlimits((power, power))
    formatter.set_scientific(power != 0)
    bar = axes.figure.colorbar(
        image,
        ax=axes,
        location="top",
        # A bar is as long as these two allow: the map's height by the fraction, times the aspect.
        aspect=max(1.0 / THICKNESS, width / (fraction * height)),
        fraction=fraction,
        pad=0.02,
        extend=scale.extend,
        format=formatter,
    )
    bar.ax.xaxis.get_offset_text().set_visible(False)
    intervals = _intervals(bar, scale, power, width)
    bar.ax.locator_params(axis="x", nbins=intervals, min_n_ticks=min(intervals, 2))
    _write(bar, label(name, unit, power), width)
    return bar


def _power(scale: Scale) -> int:
    """The power of ten that numbers are divided by."""
    largest = max(abs(scale.low), abs(scale.high))
    power = floor(log10(largest)) if largest > 0.0 else 0
    return 0 if power in PLAIN_POWERS else power


def _intervals(bar: Any, scale: Scale, power: int, width: float) -> int:
    """Into how many intervals the numbers beside a bar may divide it."""
    step = (scale.high - scale.low) / MOST_INTERVALS / 10.0**power
    decimals = max(0, ceil(-log10(step)))
    digits = max(len(f"{value / 10.0**power:.{decimals}f}") for value in (scale.low, scale.high))
    size = DIGIT * bar.ax.xaxis.label.get_size() * bar.ax.figure.dpi / 72.0
    return min(max(1, int(width / (size * (digits + BETWEEN)))), MOST_INTERVALS)


def _write(bar: Any, text: str, width: float) -> None:
    bar.set_label(text, loc="left")
    written = bar.ax.xaxis.label
    if written.get_window_extent().width > width:
        bar.set_label(text.replace(" [", "\n[", 1), loc="left")
        size = written.get_size() * width / written.get_window_extent().width
        written.set_size(min(written.get_size(), max(size, SMALLEST)))
