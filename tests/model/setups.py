"""Random set-ups of models that trace rightly, and graphs that are wrong in one place.

Drawn are the classes of the catalogue and models as people write them, with parameters, coordinates and data on scales
of 1e-20 to 1e20. Which power of the coordinates' and of the data's scale a parameter goes with is told by astropy's
rules for units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.modeling import custom_model, models

from ndfit.model.catalogue import example, fittable_classes
from ndfit.model.ir import ModelGraph, Node
from ndfit.model.ops import OPS
from ndfit.model.trace.builder import LEAVES

OFFSETS, WEIGHTS = (-2.0, -1.3, -0.6, 0.0, 0.8, 1.7), (0.1, 0.2, 0.25, 0.2, 0.15, 0.1)


def _pattern(x, center, width):
    return sum(
        weight * np.exp(-0.5 * ((x - center - offset) / width) ** 2)
        for offset, weight in zip(OFFSETS, WEIGHTS, strict=True)
    )


@custom_model
def thick(x, tau=5.0, center=0.0, width=0.3):
    return 1 - np.exp(-tau * np.exp(-0.5 * ((x - center) / width) ** 2))


@custom_model
def hyperfine(x, amplitude=3.0, tau=5.0, center=0.0, width=0.3):
    return amplitude * (1 - np.exp(-tau * _pattern(x, center, width)))


@custom_model
def hyperfine_thin(x, amplitude=5.0, center=0.0, width=0.3):
    return amplitude * _pattern(x, center, width)


@custom_model
def absorption(x, amplitude=1.0, tau=1.0, center=0.0, width=0.3):
    return amplitude * np.exp(-tau * np.exp(-0.5 * ((x - center) / width) ** 2))


@custom_model
def covering(x, fraction=0.7, tau=1.0, center=0.0, width=0.3):
    return 1 - fraction * (1 - np.exp(-tau * np.exp(-0.5 * ((x - center) / width) ** 2)))


@custom_model
def saturating(x, amplitude=1.0, rate=0.5, center=0.0):
    return amplitude * (1 - np.exp(-rate * (x - center)))


@custom_model
def logistic(x, amplitude=1.0, rate=0.5, center=0.0):
    return amplitude / (1 + np.exp(-rate * (x - center)))


OWN = (thick, hyperfine, hyperfine_thin, absorption, covering, saturating, logistic)
WITHOUT_TRACE = ("Spline1D",)


class SetUp(NamedTuple):
    """A model and coordinates."""

    name: str
    model: Any
    coords: tuple[np.ndarray, ...]

    @property
    def free(self) -> tuple[int, ...]:
        return tuple(range(len(self.model.param_names)))


def set_ups(seed: int) -> Iterator[SetUp]:
    """One of each model."""
    rng = np.random.default_rng(seed)
    for make in OWN:
        yield SetUp(make.__name__, *_own(make, rng))
    for cls in fittable_classes():
        if cls.__name__ not in WITHOUT_TRACE:
            yield SetUp(cls.__name__, *_of_catalogue(cls, rng))
    yield SetUp("compound", *_compound(rng))


def _own(make: Any, rng: np.random.Generator) -> tuple[Any, tuple[np.ndarray, ...]]:
    model = make()
    scale = 10.0 ** rng.uniform(-20, 20) if rng.random() < 0.5 else 1.0
    draw: dict[str, Callable[[], float]] = {
        "center": lambda: rng.choice([0.0, rng.uniform(-1, 1) * 1e-12, rng.uniform(-1, 1)]) * scale,
        "width": lambda: 0.3 * scale * 10 ** rng.uniform(-1, 1),
        "rate": lambda: 0.5 / scale * 10 ** rng.uniform(-1, 1),
        "tau": lambda: 10 ** rng.uniform(-4, 2),
        "amplitude": lambda: 10 ** rng.uniform(-20, 20),
        "fraction": lambda: rng.uniform(0.2, 1.0),
    }
    for name in model.param_names:
        setattr(model, name, draw[name]())
    return model, (np.linspace(-1.5, 1.5, int(rng.choice([50, 300]))) * scale * rng.uniform(0.5, 4.0),)


def _of_catalogue(cls: type, rng: np.random.Generator) -> tuple[Any, tuple[np.ndarray, ...]]:
    model, coords = example(cls)
    of_inputs, of_output = 10.0 ** rng.uniform(-20, 20, 2)
    powers = _powers(model)
    for name in model.param_names:
        by_inputs, by_output = (0.0, float(cls.__name__.startswith("Poly"))) if powers is None else powers[name]
        value = getattr(model, name).value * rng.choice([1.0, rng.uniform(0.3, 3.0)])
        setattr(model, name, value * of_inputs**by_inputs * of_output**by_output)
    return model, coords if powers is None else tuple(axis * of_inputs for axis in coords)


def _powers(model: Any) -> dict[str, tuple[float, float]] | None:
    """Of the unit of the inputs and of the output, that each parameter goes with; None where the class says nothing."""
    rule = getattr(model, "_parameter_units_for_data_units", None)
    if rule is None or type(model).__name__ in ("BlackBody", "NFW"):  # whose units are fixed
        return None
    units = rule(dict.fromkeys(model.inputs, u.m), dict.fromkeys(model.outputs, u.kg))
    powers = {}
    for name in model.param_names:
        unit = u.Unit(units.get(name) or "").decompose()
        of = dict(zip(unit.bases, unit.powers, strict=True))
        powers[name] = float(of.get(u.m, 0)), float(of.get(u.kg, 0))
    return powers


def _compound(rng: np.random.Generator) -> tuple[Any, tuple[np.ndarray, ...]]:
    """Lines on a background, some of them absorbed, on one scale of coordinates and one of data."""
    scale, height, origin = 10.0 ** rng.uniform(-20, 20), 10.0 ** rng.uniform(-20, 20), rng.choice([0.0, 1.0, 1e4])
    x = (origin + np.linspace(0.0, 10.0, 80)) * scale
    model: Any = models.Linear1D(rng.normal() * height / scale, rng.choice([0.0, height]))
    for line in rng.choice([models.Gaussian1D, models.Lorentz1D, models.Moffat1D], int(rng.integers(1, 5))):
        model = model + line(
            rng.choice([-1.0, 1.0]) * height * 10 ** rng.uniform(-3, 1),
            (origin + rng.uniform(0, 10)) * scale,
            10 ** rng.uniform(-1, 0.5) * scale,
        )
    if rng.random() < 0.3:
        model = model * absorption(1.0, rng.uniform(0.1, 3.0), (origin + 5.0) * scale, scale)
    return model, (x,)


_SWAPPED = {
    "add": ("subtract", "multiply"),
    "subtract": ("add",),
    "multiply": ("add", "divide"),
    "divide": ("multiply",),
    "exp": ("expm1", "cos"),
    "sin": ("cos",),
    "cos": ("sin",),
    "sqrt": ("cbrt",),
    "reciprocal": ("negative",),
    "negative": ("absolute",),
    "log": ("log2",),
}


def wrong_in_one_place(graph: ModelGraph, rng: np.random.Generator) -> ModelGraph | None:
    """A graph with another constant, operator, order of arguments or argument; None where none was found."""
    changeable = [i for i, node in enumerate(graph.nodes) if node.op not in LEAVES or isinstance(node.value, float)]
    if not changeable:
        return None
    i = int(rng.choice(changeable))
    changed = _changed(graph, i, rng)
    return None if changed is None else _with_node(graph, i, changed)


def _with_node(graph: ModelGraph, i: int, node: Node) -> ModelGraph:
    nodes = (*graph.nodes[:i], node, *graph.nodes[i + 1 :])
    return ModelGraph(graph.n_inputs, graph.param_names, nodes, graph.outputs, graph.ties)


def _changed(graph: ModelGraph, i: int, rng: np.random.Generator) -> Node | None:
    op, args, value = graph.nodes[i]
    if op == "const":
        return Node(op, (), float(value or 1.0) * (1.0 + rng.choice([1e-3, -1e-2, 1.0])))  # type: ignore[arg-type]
    kind = rng.integers(3)
    if kind == 0 and op in _SWAPPED:
        return Node(str(rng.choice(_SWAPPED[op])), args, value)
    if kind == 1 and op in ("subtract", "divide", "power", "arctan2"):
        return Node(op, args[::-1], value)
    numbers = [j for j in range(i) if _is_number(graph.nodes[j])]
    place = int(rng.integers(len(args)))
    if not _is_number(graph.nodes[args[place]]):
        return None
    return Node(op, (*args[:place], int(rng.choice(numbers)), *args[place + 1 :]), value)


def _is_number(node: Node) -> bool:
    return not isinstance(node.value, bool) if node.op in LEAVES else not OPS[node.op].condition
