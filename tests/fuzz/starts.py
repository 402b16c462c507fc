"""Where fits start: near the truth, far from it, at a class's own values, at ones.

Flows in: true values and what each parameter is. Flows out: starting values, a number or one a position each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.fuzz.compounds import Assembly

__all__ = ["draw_start"]

FloatArray = NDArray[np.float64]
Rng = np.random.Generator

KINDS = {
    "near": 0.3,
    "far": 0.2,
    "class defaults": 0.12,
    "unit amplitudes": 0.12,
    "symmetric": 0.08,
    "ones": 0.05,
    "map": 0.08,
    "exact": 0.05,
}


def draw_start(
    rng: Rng, assembly: Assembly, truth: FloatArray, unit: FloatArray, counts: bool
) -> tuple[str, list[Any]]:
    """The kind, and P starting values; of counts, amplitudes are positive and of their order."""
    kind = list(KINDS)[rng.choice(len(KINDS), p=list(KINDS.values()))]
    roles, centre = assembly.roles, truth[0]
    near = _near(rng, roles, centre, unit)
    if kind == "far":
        start = _far(rng, roles, centre, unit)
    elif kind == "class defaults":
        start = assembly.joined("default")
    elif kind == "unit amplitudes":
        start = np.where([role == "A" for role in roles], np.sign(centre), near)
    elif kind == "symmetric":
        start = _symmetric(roles, near)
    elif kind == "ones":
        start = np.ones(len(centre))
    elif kind == "map":
        return kind, list(np.stack([_near(rng, roles, row, unit) for row in truth], axis=1))
    else:
        start = near if kind == "near" else centre
    if counts:
        start = np.where([role == "A" for role in roles], np.maximum(np.abs(start), 0.05 * np.abs(centre)), start)
    return kind, [float(value) for value in start]


def _near(rng: Rng, roles: str, centre: FloatArray, unit: FloatArray) -> FloatArray:
    moved = centre + 0.5 * unit * rng.standard_normal(len(centre))
    stretched = centre * np.exp(0.25 * rng.standard_normal(len(centre)))
    return np.where([role in "AVWKR" for role in roles], stretched, moved)


def _far(rng: Rng, roles: str, centre: FloatArray, unit: FloatArray) -> FloatArray:
    signs = rng.choice((-1.0, 1.0), len(centre))
    moved = centre + signs * rng.uniform(1.0, 4.0, len(centre)) * unit
    stretched = centre * np.exp(rng.uniform(-1.2, 1.2, len(centre)))
    larger = centre * 10.0 ** rng.uniform(-2.0, 2.0, len(centre)) * np.where(rng.random(len(centre)) < 0.1, -1.0, 1.0)
    found = np.where([role in "AV" for role in roles], larger, moved)
    return np.where([role in "WKR" for role in roles], stretched, found)


def _symmetric(roles: str, near: FloatArray) -> FloatArray:
    """Equal widths, no angle and no ellipticity: what people type for a source that they have not looked at."""
    widths = [index for index, role in enumerate(roles) if role == "W"]
    start = np.where([role in "TEG" for role in roles], 0.0, near)
    if widths:
        start[widths] = near[widths[0]]
    return start
