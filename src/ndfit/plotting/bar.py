"""The colour bar above a map, with text that has room there.

Flows in: a map that is drawn, what it shows, and its Scale. Flows out: its colour bar. A power of ten stands with the
unit, where matplotlib would put it over the label; a label that is wider than its map has the unit in a line of its
own, and smaller letters if that is still too wide; there are as many numbers as there is room for, two at least where
smaller letters allow that.
"""

from __future__ import annotations

from math import floor, log10
from typing import Any

from ndfit.plotting.labels import label
from ndfit.plotting.scale import Scale

__all__ = ["draw_bar"]

PLAIN_POWERS = range(-2, 4)  # numbers of these orders of magnitude are written in full
THICKNESS = 0.04  # of a bar, in widths of the map
LEAST_FRACTION, MOST_FRACTION = 0.15, 0.6  # of the map's height
STEPS = (1, 2, 2.5, 5, 10)  # between numbers
INTERVALS = (3, 2, 4, 5, 6)  # that numbers may divide a bar into, the best first
DIGIT = 0.6  # mean width of a digit or point, in heights of the letters
BETWEEN = 0.5  # digits of room between two numbers, at least
SMALLER = (1.0, 0.8, 0.6)  # letters that are tried, in sizes of matplotlib's
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
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

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
    size = bar.ax.xaxis.get_ticklabels()[0].get_size()
    intervals, size = _fitting(scale, power, 72.0 * width / axes.figure.dpi, size)
    bar.ax.tick_params(labelsize=size)
    bar.locator = MaxNLocator(intervals, steps=STEPS, min_n_ticks=1)
    bar.update_ticks()
    _write(bar, label(name, unit, power), width)
    return bar


def _power(scale: Scale) -> int:
    """The power of ten that numbers are divided by."""
    largest = max(abs(scale.low), abs(scale.high))
    power = floor(log10(largest)) if largest > 0.0 else 0
    return 0 if power in PLAIN_POWERS else power


def _fitting(scale: Scale, power: int, width: float, size: float) -> tuple[int, float]:
    """Into how many intervals numbers divide a bar of some width, in points, and the size of their letters."""
    from matplotlib.ticker import MaxNLocator

    for smaller in SMALLER:
        for intervals in INTERVALS:
            ticks = MaxNLocator(intervals, steps=STEPS, min_n_ticks=1).tick_values(scale.low, scale.high)
            numbers = ticks[(ticks >= scale.low) & (ticks <= scale.high)] / 10.0**power
            apart = (ticks[1] - ticks[0]) / (scale.high - scale.low) * width
            digits = max(len(f"{number:.9g}") for number in ticks / 10.0**power)
            if len(numbers) > 1 and apart > (digits + BETWEEN) * DIGIT * smaller * size:
                return intervals, smaller * size
    return 1, size


def _write(bar: Any, text: str, width: float) -> None:
    bar.set_label(text, loc="left")
    written = bar.ax.xaxis.label
    if written.get_window_extent().width > width:
        bar.set_label(text.replace(" [", "\n[", 1), loc="left")
        size = written.get_size() * width / written.get_window_extent().width
        written.set_size(min(written.get_size(), max(size, SMALLEST)))
