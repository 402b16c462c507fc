"""Models to be fitted: one class, or two or three of them combined as people do.

Flows in: a random generator and coordinates. Flows out: Assembly, which makes the model from its parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add, sub
from typing import Any

import numpy as np
from astropy.modeling import models
from numpy.typing import NDArray
from tests.fuzz.axes import KINDS, Axis, draw_axis
from tests.fuzz.recipes import RECIPES, Part, draw_part

__all__ = ["FLAT", "Assembly", "draw_assembly"]

FloatArray = NDArray[np.float64]
Rng = np.random.Generator

WITHOUT_PARAMETERS = ("Identity", "Mapping", "Tabular1D")
FLAT = ("Box1D", "Box2D", "Disk2D", "Ellipse2D", "Ring2D")
"""Flat between jumps: fitted by a search without derivatives, fits of which take long."""
SINGLE = {
    inputs: tuple(
        name
        for name, recipe in RECIPES.items()
        if recipe.inputs == inputs and name not in WITHOUT_PARAMETERS and name not in FLAT
    )
    for inputs in (1, 2)
}
POSITIVE = {
    inputs: tuple(name for name in SINGLE[inputs] if RECIPES[name].positive and "A" in RECIPES[name].roles)
    for inputs in (1, 2)
}
PROFILES = {
    1: ("Gaussian1D", "Lorentz1D", "Moffat1D", "Voigt1D", "RickerWavelet1D", "logistic", "Trapezoid1D"),
    2: ("Gaussian2D", "Moffat2D", "Sersic2D", "Lorentz2D", "AiryDisk2D", "RickerWavelet2D", "TrapezoidDisk2D"),
}
BACKGROUNDS = {
    1: ("Const1D", "Linear1D", "Polynomial1D", "Chebyshev1D", "Legendre1D", "Exponential1D", "PowerLaw1D", "Sine1D"),
    2: ("Const2D", "Planar2D", "Polynomial2D", "Chebyshev2D"),
}
CURVES = ("Linear1D", "Polynomial1D", "Exponential1D", "Gaussian1D", "logistic", "PowerLaw1D", "Sine1D")


@dataclass(frozen=True)
class Assembly:
    """Parts, and how they make one model.

    Attributes
    ----------
    title : for people, such as "Gaussian1D + Const1D"
    combine : one model a part -> the model
    pinned : (part, parameter) that are fixed because the others leave them undetermined
    """

    title: str
    parts: tuple[Part, ...]
    combine: Callable[[Sequence[Any]], Any]
    pinned: tuple[tuple[int, int], ...] = ()

    def build(self, values: Sequence[Any]) -> Any:
        models_made, first = [], 0
        for part in self.parts:
            models_made.append(part.make(*values[first : first + len(part.truth)]))
            first += len(part.truth)
        return self.combine(models_made)

    def joined(self, name: str) -> FloatArray:
        """`truth`, `unit` or `default` of all parts in the order of the model's parameters."""
        return np.concatenate([getattr(part, name) for part in self.parts])

    @property
    def roles(self) -> str:
        return "".join(part.roles for part in self.parts)

    def scaled(self, factor: float) -> Assembly:
        return replace(self, parts=tuple(part.scaled(factor) for part in self.parts))

    def pinned_indices(self, rng: Rng) -> list[int]:
        """Those that the combination pins, and in most problems those that a class does not determine."""
        first = np.concatenate([[0], np.cumsum([len(part.truth) for part in self.parts])])
        indices = [int(first[part]) + index for part, index in self.pinned]
        for start, part in zip(first, self.parts, strict=False):
            names = part.make(*part.truth).param_names
            indices += [int(start) + names.index(name) for name in part.pinned if rng.random() < 0.85]
        return sorted(set(indices))


def draw_assembly(rng: Rng, inputs: int, sizes: tuple[int, ...], positive: bool) -> tuple[Assembly, tuple[Axis, ...]]:
    """A model with true values, its size about 1, and the coordinates that it is drawn for."""
    patterns = _PATTERNS[inputs]
    weights = np.array([weight for _, weight, counts in patterns if counts or not positive])
    drawers = [drawer for drawer, _, counts in patterns if counts or not positive]
    drawer = drawers[rng.choice(len(drawers), p=weights / weights.sum())]
    return drawer(rng, inputs, sizes, positive)


def _axes_for(rng: Rng, names: Sequence[str], sizes: tuple[int, ...]) -> tuple[Axis, ...]:
    common = tuple(kind for kind in KINDS if all(kind in RECIPES[name].where for name in names))
    # Both axes of a plane are in the same unit.
    longest = draw_axis(rng, common, max(sizes))
    return tuple(Axis(longest.kind, longest.values[:size]) for size in sizes)


def _pick(rng: Rng, names: Sequence[str]) -> str:
    return names[rng.integers(len(names))]


def _names(rng: Rng, inputs: int, number: int, positive: bool) -> list[str]:
    """Classes whose coordinates agree."""
    while True:
        if positive:
            names = [_pick(rng, POSITIVE[inputs]) for _ in range(number)]
        else:
            tables = (PROFILES, BACKGROUNDS, SINGLE)
            names = [
                _pick(rng, PROFILES[inputs]),
                *(_pick(rng, tables[rng.integers(3)][inputs]) for _ in range(number - 1)),
            ]
        smooth = [name for name in names if name in BACKGROUNDS[inputs]]
        shared = [kind for kind in KINDS if all(kind in RECIPES[name].where for name in names)]
        scalable = all("A" in RECIPES[name].roles for name in names)
        # Two backgrounds do for each other in most problems.
        if shared and scalable and (positive or len(smooth) < 2 or rng.random() < 0.1):
            return names


def _single(rng: Rng, inputs: int, sizes: tuple[int, ...], positive: bool) -> tuple[Assembly, tuple[Axis, ...]]:
    name = _pick(rng, POSITIVE[inputs] if positive else SINGLE[inputs])
    flat = [name for name in FLAT if RECIPES[name].inputs == inputs]
    if not positive and rng.random() < 0.01 * len(flat):
        name = _pick(rng, flat)
    axes = _axes_for(rng, [name], sizes)
    return Assembly(name, (draw_part(rng, name, axes),), lambda made: made[0]), axes


def _sum(rng: Rng, inputs: int, sizes: tuple[int, ...], positive: bool) -> tuple[Assembly, tuple[Axis, ...]]:
    names = _names(rng, inputs, int(rng.integers(2, 4)), positive)
    axes = _axes_for(rng, names, sizes)
    parts = tuple(draw_part(rng, name, axes).scaled(rng.uniform(0.3, 1.0)) for name in names)
    return Assembly(" + ".join(names), parts, lambda made: reduce(add, made)), axes


def _difference(rng: Rng, inputs: int, sizes: tuple[int, ...], positive: bool) -> tuple[Assembly, tuple[Axis, ...]]:
    names = [("Const1D", "Const2D")[inputs - 1], _pick(rng, PROFILES[inputs])]
    axes = _axes_for(rng, names, sizes)
    parts = tuple(draw_part(rng, name, axes) for name in names)
    return Assembly(" - ".join(names), parts, lambda made: reduce(sub, made)), axes


def _large_constant(rng: Rng, inputs: int, sizes: tuple[int, ...], positive: bool) -> tuple[Assembly, tuple[Axis, ...]]:
    names = [_pick(rng, PROFILES[inputs]), ("Const1D", "Const2D")[inputs - 1]]
    axes = _axes_for(rng, names, sizes)
    line, constant = (draw_part(rng, name, axes) for name in names)
    level = replace(constant.scaled(10.0 ** rng.uniform(2.0, 8.0)), unit=np.ones(1))
    return Assembly(f"{names[0]} + large {names[1]}", (line, level), lambda made: made[0] + made[1]), axes


def _product(rng: Rng, inputs: int, sizes: tuple[int, ...], positive: bool) -> tuple[Assembly, tuple[Axis, ...]]:
    names = [_pick(rng, PROFILES[1][:4]), _pick(rng, CURVES)]
    axes = _axes_for(rng, names, sizes)
    line, curve = (draw_part(rng, name, axes) for name in names)
    # The size of the product is the curve's alone.
    pinned = ((0, line.roles.index("A")),)
    fixed_line = replace(line, roles=line.roles.replace("A", "-"))
    return Assembly(" * ".join(names), (fixed_line, curve), lambda made: made[0] * made[1], pinned), axes


def _moved(rng: Rng, inputs: int, sizes: tuple[int, ...], positive: bool) -> tuple[Assembly, tuple[Axis, ...]]:
    """A profile behind a model that moves or stretches its coordinate."""
    names = [_pick(rng, ("Shift", "Scale", "RedshiftScaleFactor", "Identity", "Mapping")), _pick(rng, PROFILES[1][:5])]
    axes = _axes_for(rng, names, sizes)
    mover, line = draw_part(rng, names[0], axes), draw_part(rng, names[1], axes)
    place = line.roles.index("P")
    if len(mover.truth):
        off = 0.1 * axes[0].span * rng.uniform(-1.0, 1.0)
        relative = off / np.abs(axes[0].values).max()
        value = {"Shift": off, "Scale": 1.0 + relative, "RedshiftScaleFactor": relative}[names[0]]
        unit = 0.05 * axes[0].span / (1.0 if names[0] == "Shift" else np.abs(axes[0].values).max())
        mover = replace(mover, truth=np.array([value]), unit=np.array([unit]), roles="-")
    pinned = ((1, place),) if len(mover.truth) else ()
    return Assembly(" | ".join(names), (mover, line), lambda made: made[0] | made[1], pinned), axes


def _template(rng: Rng, inputs: int, sizes: tuple[int, ...], positive: bool) -> tuple[Assembly, tuple[Axis, ...]]:
    """A tabulated template of unknown place and size."""
    names = ["Shift", "Scale", "Tabular1D", "Const1D"]
    axes = _axes_for(rng, names, sizes)
    shift, scale, table, size = (draw_part(rng, name, axes) for name in names)
    shift = replace(shift, truth=-shift.truth, roles="-")
    scale = replace(scale, truth=np.array([300.0 / axes[0].span]), unit=np.array([10.0 / axes[0].span]), roles="-")

    def combine(made: Sequence[Any]) -> Any:
        return (made[0] | made[1] | made[2]) * made[3]

    return Assembly("(Shift | Scale | Tabular1D) * Const1D", (shift, scale, table, size), combine, ((1, 0),)), axes


def _turned(rng: Rng, inputs: int, sizes: tuple[int, ...], positive: bool) -> tuple[Assembly, tuple[Axis, ...]]:
    """A source whose coordinates are exchanged, or moved."""
    name = _pick(rng, PROFILES[2])
    axes = _axes_for(rng, [name], sizes)
    source = draw_part(rng, name, axes)
    if rng.random() < 0.5:
        turned = draw_part(rng, name, axes[::-1])
        return Assembly(f"Mapping | {name}", (turned,), lambda made: models.Mapping((1, 0)) | made[0]), axes
    shifts = [draw_part(rng, "Shift", (axis,)) for axis in axes]
    moved = tuple(
        replace(shift, truth=np.array([0.1 * axis.span * rng.uniform(-1.0, 1.0)]), roles="-")
        for shift, axis in zip(shifts, axes, strict=True)
    )
    pinned = tuple((2, source.roles.index(role)) for role in "PQ")
    return Assembly(
        f"Shift & Shift | {name}", (*moved, source), lambda made: (made[0] & made[1]) | made[2], pinned
    ), axes


_PATTERNS = {
    1: (
        (_single, 0.38, True),
        (_sum, 0.34, True),
        (_difference, 0.05, False),
        (_large_constant, 0.08, False),
        (_product, 0.06, False),
        (_moved, 0.06, False),
        (_template, 0.03, False),
    ),
    2: (
        (_single, 0.5, True),
        (_sum, 0.3, True),
        (_difference, 0.05, False),
        (_large_constant, 0.07, False),
        (_turned, 0.08, False),
    ),
}
"""Drawers, how often each is taken, and whether what it makes may be the expectation of counts."""
