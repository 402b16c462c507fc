"""The benchmark models as plain functions, for peers that take functions and for the check of every peer's answer.

Flows in: an array module (numpy or jax.numpy), K coordinates of shape (M,), P parameters that broadcast with them.
Flows out: values, and for one fit the derivatives by each parameter, shape (M, P).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ELLIPSE", "GAUSSIAN", "THREE_LINES", "Formula"]

FloatArray = NDArray[np.float64]
Coords = tuple[FloatArray, ...]


@dataclass(frozen=True)
class Formula:
    """A model of K inputs and P parameters, in the order of the astropy model that it stands for."""

    value: Callable[[Any, Coords, Any], Any]
    jacobian: Callable[[Coords, Any], FloatArray]


def _gaussian(xp: Any, coords: Coords, parameters: Any) -> Any:
    amplitude, mean, stddev = parameters
    return amplitude * xp.exp(-0.5 * ((coords[0] - mean) / stddev) ** 2)


def _gaussian_jacobian(coords: Coords, parameters: Any) -> FloatArray:
    amplitude, mean, stddev = parameters
    distance = (coords[0] - mean) / stddev
    shape = np.exp(-0.5 * distance**2)
    slope = amplitude * shape * distance / stddev
    return np.stack([shape, slope, slope * distance], axis=-1)


N_LINES = 3


def _three_lines(xp: Any, coords: Coords, parameters: Any) -> Any:
    slope, intercept = parameters[-2:]
    lines = sum(_gaussian(xp, coords, parameters[3 * i : 3 * i + 3]) for i in range(N_LINES))
    return lines + slope * coords[0] + intercept


def _three_lines_jacobian(coords: Coords, parameters: Any) -> FloatArray:
    lines = [_gaussian_jacobian(coords, parameters[3 * i : 3 * i + 3]) for i in range(N_LINES)]
    line = np.stack([coords[0], np.ones_like(coords[0])], axis=-1)
    return np.concatenate([*lines, line], axis=-1)


def _rotated(xp: Any, coords: Coords, parameters: Any) -> tuple[Any, Any, Any]:
    """Distances along both principal axes, in standard deviations, and the Gaussian's shape."""
    _, x_mean, y_mean, x_stddev, y_stddev, theta = parameters
    dx, dy = coords[0] - x_mean, coords[1] - y_mean
    along = (dx * xp.cos(theta) + dy * xp.sin(theta)) / x_stddev
    across = (dy * xp.cos(theta) - dx * xp.sin(theta)) / y_stddev
    return along, across, xp.exp(-0.5 * (along**2 + across**2))


def _ellipse(xp: Any, coords: Coords, parameters: Any) -> Any:
    return parameters[0] * _rotated(xp, coords, parameters)[2]


def _ellipse_jacobian(coords: Coords, parameters: Any) -> FloatArray:
    amplitude, _, _, x_stddev, y_stddev, theta = parameters
    along, across, shape = _rotated(np, coords, parameters)
    cos, sin = np.cos(theta), np.sin(theta)
    ratio = y_stddev / x_stddev
    by_parameter = (
        along * cos / x_stddev - across * sin / y_stddev,
        along * sin / x_stddev + across * cos / y_stddev,
        along**2 / x_stddev,
        across**2 / y_stddev,
        along * across * (1 / ratio - ratio),
    )
    return np.stack([shape, *(amplitude * shape * factor for factor in by_parameter)], axis=-1)


GAUSSIAN = Formula(_gaussian, _gaussian_jacobian)
THREE_LINES = Formula(_three_lines, _three_lines_jacobian)
ELLIPSE = Formula(_ellipse, _ellipse_jacobian)
