"""Axes to draw on: the caller's, or those of a new figure.

Flows in: what the caller gave as `axes`, and how many are needed. Flows out: that many matplotlib axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["given_axes", "hidden_figure", "new_figure"]


def new_figure(width: float, height: float) -> Any:
    """Figure of pyplot's, so that a notebook or `plt.show()` shows it; sizes in inches."""
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError('pictures need matplotlib: pip install "ndfit[plot]"') from error

    # Compressed: constrained, for axes of fixed aspect.
    return pyplot.figure(figsize=(width, height), layout="compressed")


def hidden_figure(width: float, height: float) -> Any:
    """Figure that nothing shows by itself; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="compressed")


def given_axes(axes: Any, shape: tuple[int, ...], what: str) -> Any:
    """The caller's axes in an array of `shape`.

    Raises
    ------
    ValueError
        They are not as many as are needed.
    """
    given = np.array(axes, dtype=object).ravel()
    needed = int(np.prod(shape))
    if given.size != needed:
        raise ValueError(f"expected {needed} matplotlib axes, {what}; got {given.size}: pass that many, or axes=None")
    return given.reshape(shape)
