"""Which models compile: every fittable class that astropy ships in, a row a class out, and the page made from them.

    python -m ndfit.model.catalogue > docs/which-models-compile.md

A class counts as compiled when an example of it is traced and passes verification.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import astropy
import numpy as np
from astropy import units as u
from astropy.modeling import FittableModel, models
from numpy.typing import NDArray

from ndfit.model.derive import linear_parameters
from ndfit.model.reasons import NotCompilable
from ndfit.model.trace.tracing import trace
from ndfit.model.verify import verify

__all__ = ["CatalogueRow", "catalogue", "example", "fittable_classes", "page", "row_of"]

_LINE = np.linspace(0.4, 9.4, 61)
_PLANE = tuple(array.ravel() for array in np.mgrid[-4.0:4.0:9j, -5.0:5.0:11j])


@dataclass(frozen=True)
class CatalogueRow:
    """One class: whether it compiles, which parameters are linear, and the reason where it does not."""

    name: str
    inputs: int
    compiled: bool
    linear: tuple[str, ...]
    reason: str


def _without_units(model: Any, x: u.Unit, y: u.Unit) -> Any:
    return model.without_units_for_data(x=1.0 * x, y=1.0 * y)


_EXAMPLES: dict[str, Callable[[], Any]] = {
    "ArcCosine1D": lambda: models.ArcCosine1D(amplitude=12.0, frequency=0.2, phase=0.1),
    "ArcSine1D": lambda: models.ArcSine1D(amplitude=12.0, frequency=0.2, phase=0.1),
    "BlackBody": lambda: _without_units(
        models.BlackBody(temperature=5e-10 * u.K), u.Hz, u.erg / (u.cm**2 * u.s * u.Hz * u.sr)
    ),
    "Chebyshev1D": lambda: models.Chebyshev1D(3, c0=1.0, c1=0.5, c2=-0.2, c3=0.1),
    "Chebyshev2D": lambda: models.Chebyshev2D(2, 2, c0_0=1.0, c1_1=0.5, c2_2=0.1),
    "Hermite1D": lambda: models.Hermite1D(3, c0=1.0, c1=0.5, c2=-0.2, c3=0.1),
    "Hermite2D": lambda: models.Hermite2D(2, 2, c0_0=1.0, c1_1=0.5, c2_2=0.1),
    "Identity": lambda: models.Identity(1),
    "Legendre1D": lambda: models.Legendre1D(3, c0=1.0, c1=0.5, c2=-0.2, c3=0.1),
    "Legendre2D": lambda: models.Legendre2D(2, 2, c0_0=1.0, c1_1=0.5, c2_2=0.1),
    "Mapping": lambda: models.Mapping((0,)),
    "NFW": lambda: _without_units(models.NFW(mass=1e12 * u.M_sun), u.kpc, u.M_sun / u.kpc**3),
    "Polynomial1D": lambda: models.Polynomial1D(3, c0=1.0, c1=0.5, c2=-0.2, c3=0.1),
    "Polynomial2D": lambda: models.Polynomial2D(3, c0_0=1.0, c1_1=0.5, c0_2=0.1),
    "Tabular1D": lambda: models.Tabular1D(np.arange(12.0), np.sqrt(np.arange(12.0))),
}
"""Classes that need arguments, or an example with values where their default gives none."""


def example(cls: type) -> tuple[Any, tuple[NDArray[np.float64], ...]]:
    """A model of the class without units, and coordinates to evaluate it at."""
    model = _EXAMPLES.get(cls.__name__, cls)()
    return model, (_LINE,) if model.n_inputs == 1 else _PLANE


def fittable_classes() -> tuple[type, ...]:
    """Every fittable class in `astropy.modeling.models`, and tabulated templates, in alphabetical order."""
    fittable = {cls for cls in vars(models).values() if inspect.isclass(cls) and issubclass(cls, FittableModel)}
    concrete = {cls for cls in fittable if not inspect.isabstract(cls)} - {models.OrthoPolynomialBase}
    return tuple(sorted(concrete | {models.Tabular1D}, key=lambda cls: cls.__name__))


def catalogue() -> tuple[CatalogueRow, ...]:
    """A row for each of `fittable_classes`."""
    return tuple(row_of(cls) for cls in fittable_classes())


def row_of(cls: type) -> CatalogueRow:
    """Trace and verify an example of a class."""
    model, coords = example(cls)
    free = tuple(range(len(model.param_names)))
    try:
        graph = trace(model)
        verify(graph, model, coords, model.parameters, free)
    except NotCompilable as reason:
        return CatalogueRow(cls.__name__, model.n_inputs, False, (), str(reason))
    linear = tuple(model.param_names[index] for index in linear_parameters(graph, free))
    return CatalogueRow(cls.__name__, model.n_inputs, True, linear, "")


_HEAD = """\
# Which models compile

<!-- Generated: python -m ndfit.model.catalogue > docs/which-models-compile.md -->

Every fittable class of astropy {version}, with an example of it traced, derived and checked against astropy's own
evaluation. {compiled} of {total} compile. Any compound of those that do compiles too: `+ - * / ** | &`, `fix_inputs`,
`Mapping` and `Identity` inside it, with fixed and tied parameters and bounds. So do functions made into models by
`custom_model`, as long as they compute point by point with numpy's and `scipy.special`'s functions.

A model stays with the reference engine, and the reason is part of the result, where its code

- branches on a value in Python (`if amplitude > 0`): write `np.where(amplitude > 0, ..., ...)`;
- combines points (`x.mean()`, `x[0]`, `np.convolve`), or meets an array with more than one element;
- writes into arrays (`y[mask] = 0`), or converts with `float()`, `math.exp()` or `np.asarray(x, dtype=float)`;
- gives numbers that differ from those of its trace by more than rounding: then the trace is not used. They are compared
  around the start and, when a run ends, at some of the solutions.

Linear parameters are those in which, taken together, the model is affine: they are solved for and need no starting
value.

| class | inputs | compiled | linear parameters |
|---|---|---|---|
"""


def page() -> str:
    """The documentation page, in Markdown."""
    rows = catalogue()
    head = _HEAD.format(version=astropy.__version__, compiled=sum(row.compiled for row in rows), total=len(rows))
    lines = (
        f"| {row.name} | {row.inputs} | {'yes' if row.compiled else 'no: ' + row.reason} "
        f"| {', '.join(row.linear) or '-'} |"
        for row in rows
    )
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
