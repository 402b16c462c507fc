"""Problems drawn at random, one integer each: a model, twenty positions to fit it at, and all that a caller may say.

Flows in: an integer. Flows out: Setup, whose `keywords` are those of `ndfit.fit`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.fuzz.axes import Axis
from tests.fuzz.compounds import FLAT, Assembly, draw_assembly
from tests.fuzz.recipes import flat
from tests.fuzz.samples import Samples, draw_samples
from tests.fuzz.starts import draw_start

__all__ = ["N_POSITIONS", "Setup", "Tie", "draw"]

FloatArray = NDArray[np.float64]
Rng = np.random.Generator

N_POSITIONS = 20
_STREAM = 20261128


@dataclass(frozen=True)
class Tie:
    """A parameter that is `factor` times another one plus `offset`."""

    source: str
    factor: float
    offset: float

    def __call__(self, model: Any) -> Any:
        return self.factor * getattr(model, self.source) + self.offset


@dataclass(frozen=True)
class Setup:
    """One model at twenty positions.

    Attributes
    ----------
    seed : the integer that everything is drawn from
    kinds : what was drawn, in words: scale, weights, bounds, start, loss and so on
    assembly : makes the model from its parameters
    names : of the P parameters
    start : P values, numbers or one a position
    truth : shape (N, P)
    unit : shape (P,), sizes of changes that matter
    axes : of the model's inputs, in their order
    samples : data and what is known of them
    fixed, ties, bounds : by name
    """

    seed: int
    kinds: Mapping[str, str]
    assembly: Assembly
    names: tuple[str, ...]
    start: tuple[Any, ...]
    truth: FloatArray
    unit: FloatArray
    axes: tuple[Axis, ...]
    samples: Samples
    fixed: tuple[str, ...]
    ties: Mapping[str, Tie]
    bounds: Mapping[str, tuple[float | None, float | None]]

    @property
    def free(self) -> list[int]:
        return [i for i, name in enumerate(self.names) if name not in self.fixed and name not in self.ties]

    @property
    def roles(self) -> NDArray[Any]:
        """A letter of `tests.fuzz.recipes.ROLES` for each free parameter."""
        return np.array(list(self.assembly.roles))[self.free]

    @property
    def coords(self) -> tuple[FloatArray, ...]:
        """Coordinates of every sample of a position, shape (M,) each."""
        return flat(self.axes)

    def model(self) -> Any:
        """The caller's model, at its starting values."""
        model = self.assembly.build(self.start)
        for name in self.fixed:
            getattr(model, name).fixed = True
        for name, pair in self.bounds.items():
            getattr(model, name).bounds = pair
        for name, tie in self.ties.items():
            getattr(model, name).tied = tie
        return model

    def limits(self) -> tuple[FloatArray, FloatArray]:
        """Bounds of all parameters, those of the classes among them, shape (P,) each."""
        model = self.model()
        pairs = [getattr(model, name).bounds for name in self.names]
        return tuple(
            np.array([default if pair[side] is None else pair[side] for pair in pairs], float)
            for side, default in ((0, -np.inf), (1, np.inf))
        )

    def keywords(self) -> dict[str, Any]:
        """What `ndfit.fit` is called with, beside the engine."""
        return {
            "model": self.model(),
            "world": tuple(axis.values for axis in self.axes),
            "fitting_axes": tuple(range(len(self.axes), 0, -1)),
            **self.samples.keywords(),
        }


def draw(seed: int) -> Setup:
    """The set-up of an integer: the same whenever it is drawn."""
    rng = np.random.default_rng((_STREAM, seed))
    inputs = 1 if rng.random() < 0.75 else 2
    size, sizes = _sizes(rng, inputs)
    counts = rng.random() < 0.1
    assembly, axes = draw_assembly(rng, inputs, sizes, positive=counts)
    scale, factor = _scale(rng, counts)
    assembly = assembly.scaled(factor)
    build, unit = assembly.build, assembly.joined("unit")
    truth = _truths(rng, assembly, counts)
    names = tuple(build(truth[0]).param_names)
    pinned = assembly.pinned_indices(rng)
    fixed, ties = _constraints(rng, assembly, names, pinned)
    for index in fixed:
        truth[:, index] = truth[0, index]
    for target, (source, by, offset) in ties.items():
        truth[:, target] = by * truth[:, source] + offset
    samples, weights = draw_samples(rng, assembly.build, flat(axes), tuple(len(a.values) for a in axes), truth, counts)
    if any(part.name in FLAT for part in assembly.parts):
        # What is flat between jumps is fitted by least squares alone.
        samples, weights = replace(samples, loss="linear", f_scale=1.0), weights | {"loss": "linear"}
    model = build(truth[0])
    lower, upper, bounds = _bounds(rng, assembly, model, truth, unit, [*fixed, *ties])
    begin, start = draw_start(rng, assembly, truth, unit, counts)
    start = [np.abs(value) if lower[index] >= 0.0 else value for index, value in enumerate(start)]
    start = [
        value if index in ties else truth[0, index] if index in fixed else np.clip(value, lower[index], upper[index])
        for index, value in enumerate(start)
    ]
    kinds = {
        "model": assembly.title,
        "inputs": f"{inputs}-D",
        "coordinates": axes[0].kind,
        "samples": size,
        "scale": scale,
        "start": begin,
        "bounds": bounds,
        "constraints": "ties" if ties else "fixed" if fixed else "none",
        **weights,
    }
    moved = _moved_bounds(names, model, lower, upper, [*fixed, *ties])
    return Setup(
        seed,
        kinds,
        assembly,
        names,
        tuple(start),
        truth,
        unit,
        axes,
        samples,
        tuple(names[index] for index in fixed),
        {names[target]: Tie(names[source], by, offset) for target, (source, by, offset) in ties.items()},
        moved,
    )


def _sizes(rng: Rng, inputs: int) -> tuple[str, tuple[int, ...]]:
    kind = ("few", "tens", "hundreds")[rng.choice(3, p=(0.12, 0.6, 0.28))]
    low, high = {"few": (5, 13), "tens": (25, 90), "hundreds": (100, 300)}[kind]
    if inputs == 2:
        low, high = {"few": (3, 5), "tens": (7, 13), "hundreds": (14, 21)}[kind]
    return kind, tuple(int(rng.integers(low, high + 1)) for _ in range(inputs))


def _scale(rng: Rng, counts: bool) -> tuple[str, float]:
    if counts:
        peak = float(10.0 ** rng.uniform(-1.0, 3.5))
        return "counts below 3" if peak < 3.0 else "counts above 3", peak
    kinds = {"1": (0.0, 0.0), "1e-3 to 1e6": (-3.0, 6.0), "below 1e-3": (-30.0, -3.0), "above 1e6": (6.0, 30.0)}
    kind = list(kinds)[rng.choice(4, p=(0.35, 0.25, 0.2, 0.2))]
    return kind, float(10.0 ** rng.uniform(*kinds[kind]))


def _truths(rng: Rng, assembly: Assembly, counts: bool) -> FloatArray:
    """Parameters that vary from one position to the next, shape (N, P); the first row is what they vary about."""
    centre, unit = assembly.joined("truth"), assembly.joined("unit")
    by = np.exp(0.3 * rng.standard_normal((N_POSITIONS, len(centre))))
    moved = centre + 0.3 * unit * rng.standard_normal(by.shape)
    stretched = np.array([role in "AVWKR" for role in assembly.roles], bool)
    # The coefficients of one polynomial change together, so that what cancels still does.
    first = 0
    for part in assembly.parts:
        rows = slice(first, first + len(part.truth))
        amplitudes = np.flatnonzero([role == "A" for role in part.roles]) + first
        by[:, amplitudes] = by[:, amplitudes[:1]]
        first = rows.stop
    truth = np.where(stretched, centre * by, moved)
    truth[0] = centre
    if counts:
        truth = np.where([role == "A" for role in assembly.roles], np.abs(truth), truth)
    return truth


def _constraints(
    rng: Rng, assembly: Assembly, names: Sequence[str], pinned: list[int]
) -> tuple[list[int], dict[int, tuple[int, float, float]]]:
    """Parameters that are fixed, and (target -> source, factor, offset) of those that are tied."""
    free = [index for index in range(len(names)) if index not in pinned]
    fixed, ties = list(pinned), {}
    kind = rng.random()
    if kind < 0.15 and len(free) > 1:
        fixed.append(free[rng.integers(len(free))])
    elif kind < 0.3:
        roles = assembly.roles
        pairs = [(i, j) for i in free for j in free if i < j and roles[i] == roles[j] and roles[i] in "APW"]
        if pairs:
            source, target = pairs[rng.integers(len(pairs))]
            truth, unit = assembly.joined("truth"), assembly.joined("unit")
            if roles[source] == "P":
                ties[target] = (source, 1.0, float(truth[target] - truth[source] + 0.2 * unit[source]))
            else:
                ties[target] = (source, float(truth[target] / truth[source]), 0.0)
    return sorted(fixed), ties


def _bounds(
    rng: Rng, assembly: Assembly, model: Any, truth: FloatArray, unit: FloatArray, held: list[int]
) -> tuple[FloatArray, FloatArray, str]:
    """Lower and upper bounds, those of the classes kept, and their kind."""
    pairs = [getattr(model, name).bounds for name in model.param_names]
    lower = np.array([-np.inf if low is None else low for low, _ in pairs], float)
    upper = np.array([np.inf if high is None else high for _, high in pairs], float)
    own_lower, own_upper = lower.copy(), upper.copy()
    kind = ("none", "wide", "not negative", "active", "boxes")[rng.choice(5, p=(0.4, 0.25, 0.15, 0.1, 0.1))]
    least, most = truth.min(axis=0), truth.max(axis=0)
    for index, role in enumerate(assembly.roles):
        if index in held:
            continue
        wide = rng.uniform(5.0, 50.0) * unit[index]
        middle, chosen = float(np.median(truth[:, index])), rng.random()
        if kind == "wide" and chosen < 0.7:
            lower[index] = 0.0 if role in "WM" else least[index] - wide
            upper[index] = most[index] + wide
        elif kind == "not negative" and role in "AW" and (middle > 0.0 or chosen < 0.2):
            lower[index] = 0.0
        elif kind == "active" and chosen < 0.3:
            side = lower if rng.random() < 0.5 else upper
            side[index] = middle
        elif kind == "boxes":
            lower[index], upper[index] = least[index] - unit[index], most[index] + unit[index]
            if role in "WM":
                lower[index] = max(lower[index], 0.1 * least[index])
    # A class that allows nothing else keeps its own bounds.
    return np.maximum(lower, own_lower), np.minimum(upper, own_upper), kind


def _moved_bounds(
    names: Sequence[str], model: Any, lower: FloatArray, upper: FloatArray, held: list[int]
) -> dict[str, tuple[float | None, float | None]]:
    """Bounds as astropy's models hold them, of the parameters that are fitted."""
    return {
        name: (
            None if np.isinf(lower[index]) else float(lower[index]),
            None if np.isinf(upper[index]) else float(upper[index]),
        )
        for index, name in enumerate(names)
        if index not in held
    }
