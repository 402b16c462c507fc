"""Sums of templates that are given as arrays.

Flows in: shapes and where their samples are. Flows out: an astropy model with one coefficient a template.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from keyword import iskeyword
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import Fittable1DModel, Parameter
from numpy.typing import ArrayLike

from ndfit.arrays import FloatArray

__all__ = ["Shapes", "TemplateModel", "templates"]


def templates(
    shapes: ArrayLike,
    x: ArrayLike,
    names: Sequence[str] | None = None,
    bounds: tuple[float | None, float | None] | None = (0.0, None),
) -> TemplateModel:
    """A model that is a sum of templates, each times a coefficient.

    Between the samples of a template the model is linear. Outside of them it is NaN, because nothing is known there:
    mask what the data have beyond, or give templates that reach further.

    Parameters
    ----------
    shapes : array, shape (K, n)
        The K templates.
    x : array or astropy.units.Quantity, shape (n,)
        Where their samples are, increasing or decreasing. With a unit, coordinates are converted to it.
    names : sequence of str, optional
        One name a coefficient; 'c0', 'c1' and so on by default.
    bounds : pair, optional
        The least and greatest value of every coefficient, None for no bound; by default none is negative. None for no
        bounds at all.

    Returns
    -------
    astropy.modeling.Fittable1DModel
        Coefficients start at 1, or at the bound next to it. Those of data with a unit have it when they are fitted.
        The model can be part of a compound: ``templates(...) + Const1D()``, or ``Shift(0.1) | templates(...)``.

    Raises
    ------
    ValueError, TypeError
        Each says what was expected and what arrived.

    See Also
    --------
    fit : fits it at every position; all coefficients are solved for at once, within their bounds.

    Examples
    --------
    >>> import numpy as np
    >>> import ndfit
    >>> x = np.linspace(0, 10, 50)
    >>> shapes = np.stack([np.exp(-x), np.exp(-0.5 * (x - 4) ** 2), np.ones(50)])
    >>> model = ndfit.templates(shapes, x, names=["decay", "line", "constant"])
    >>> data = np.array([[2.0, 0.0, 1.0], [0.5, 3.0, 0.0]]) @ shapes
    >>> result = ndfit.fit(model, data, fitting_axes=1, world=(x,))
    >>> result.parameters["line"].round(6) + 0.0
    array([0., 3.])
    """
    kept = Shapes.of(shapes, x)
    chosen = _checked_names(names, len(kept.values))
    lower, upper = _checked_bounds(bounds)
    start = min(max(1.0, -np.inf if lower is None else lower), np.inf if upper is None else upper)
    model: TemplateModel = _class_of(chosen)(kept, dict.fromkeys(chosen, start), dict.fromkeys(chosen, (lower, upper)))
    return model


class Shapes:
    """Templates, (K, n), and where their samples are, (n,) ascending, in `unit`; nothing of it changes."""

    def __init__(self, points: FloatArray, values: FloatArray, unit: u.UnitBase | None) -> None:
        self.points, self.values, self.unit = points, values, unit
        for array in (points, values):
            array.setflags(write=False)

    def __copy__(self) -> Shapes:
        return self

    def __deepcopy__(self, memo: Any) -> Shapes:
        return self

    @classmethod
    def of(cls, shapes: ArrayLike, x: ArrayLike) -> Shapes:
        """What was given, checked."""
        if getattr(shapes, "unit", None) not in (None, u.dimensionless_unscaled):
            raise ValueError("shapes should have no unit: coefficients have that of the data; give shapes.value")
        unit = getattr(x, "unit", None)
        points = np.array(x.value if unit is not None else x, dtype=float)  # type: ignore[union-attr]
        values = np.array(shapes, dtype=float)
        if values.ndim != 2 or not len(values) or points.shape != values.shape[1:]:
            raise ValueError(
                "shapes should be an array of shape (templates, samples), and x of shape (samples,); "
                f"got {values.shape} and {points.shape}"
            )
        steps = np.diff(points)
        if len(points) < 2 or not ((steps > 0.0).all() or (steps < 0.0).all()):
            raise ValueError("x should have two samples or more, and increase or decrease from each to the next")
        if not (np.isfinite(values).all() and np.isfinite(points).all()):
            raise ValueError("shapes and x should be finite; cut what is unknown, or fill it")
        if steps[0] < 0.0:
            points, values = points[::-1].copy(), values[:, ::-1].copy()
        return cls(points, values, unit)

    def at(self, x: FloatArray) -> FloatArray:
        """Every template at some places, shape (K, ...); NaN outside."""
        flat = x.ravel()
        place = np.clip(np.searchsorted(self.points, flat, side="right") - 1, 0, len(self.points) - 2)
        part = (flat - self.points[place]) / (self.points[place + 1] - self.points[place])
        low, high = self.values[:, place], self.values[:, place + 1]
        inside = (flat >= self.points[0]) & (flat <= self.points[-1])
        return np.where(inside, low + (high - low) * part, np.nan).reshape(-1, *x.shape)


class _ClassesOfTemplates(type(Fittable1DModel)):  # type: ignore[misc]
    """Classes that differ in the names of their coefficients, and are made again from these when unpickled."""


class TemplateModel(Fittable1DModel, metaclass=_ClassesOfTemplates):  # type: ignore[misc]
    """A sum of templates, each times a coefficient; `templates` makes one.

    Attributes
    ----------
    templates : Shapes
    """

    _input_units_strict = True
    _input_units_allow_dimensionless = True
    _return_units = None  # annotations of `evaluate` are units where this is not said

    templates: Shapes

    @property
    def input_units(self) -> dict[str, Any] | None:
        unit = self.templates.unit
        return None if unit is None else {self.inputs[0]: unit}

    def evaluate(self, x: Any, *coefficients: Any) -> Any:
        shapes = self.templates.at(self._places(x))
        if all(np.size(each) == 1 and not isinstance(each, u.Quantity) for each in coefficients):
            return np.tensordot(np.ravel(coefficients), shapes, 1)
        return sum(own * shape for own, shape in zip(coefficients, shapes, strict=True))

    def fit_deriv(self, x: Any, *coefficients: Any) -> list[FloatArray]:
        """Derivatives by the coefficients."""
        return list(self.templates.at(self._places(x)))

    def _places(self, x: Any) -> FloatArray:
        return np.asarray(x.to_value(self.templates.unit) if isinstance(x, u.Quantity) else x, dtype=float)

    def _parameter_units_for_data_units(self, inputs_unit: Any, outputs_unit: Any) -> dict[str, Any]:
        return dict.fromkeys(self.param_names, outputs_unit[self.outputs[0]])


def _begin(
    self: Any, shapes: Shapes, start: dict[str, float] | None = None, bounds: Any = None, **keywords: Any
) -> None:
    self.templates = shapes
    super(TemplateModel, self).__init__(**(start or {}), bounds=bounds or {}, **keywords)


@lru_cache(256)
def _class_of(names: tuple[str, ...]) -> Callable[..., Any]:
    members: dict[str, Any] = {name: Parameter(default=1.0) for name in names}
    members |= {"__init__": _begin, "__module__": __name__, "__doc__": TemplateModel.__doc__}
    return _ClassesOfTemplates("Templates", (TemplateModel,), members)


def _reduced(cls: Any) -> Any:
    return cls.__qualname__ if cls is TemplateModel else (_class_of, (tuple(cls.param_names),))


copyreg.pickle(_ClassesOfTemplates, _reduced)


def _checked_names(names: Iterable[str] | None, count: int) -> tuple[str, ...]:
    chosen = tuple(f"c{k}" for k in range(count)) if names is None else tuple(names)
    if len(chosen) != count or len(set(chosen)) != count:
        raise ValueError(f"names should be {count} different names, one a template; got {len(set(chosen))} in {chosen}")
    for name in chosen:
        usable = isinstance(name, str) and name.isidentifier() and not iskeyword(name)
        if not usable or name.startswith("_") or hasattr(TemplateModel, name) or name == "x":
            raise ValueError(f"{name!r} cannot be the name of a coefficient; choose an identifier, such as 'c_{name}'")
    return chosen


def _checked_bounds(bounds: Any) -> tuple[float | None, float | None]:
    if bounds is None:
        return None, None
    try:
        lower, upper = (None if limit is None else float(limit) for limit in bounds)
    except (TypeError, ValueError):
        raise TypeError(
            f"bounds should be a pair (least, greatest) for every coefficient, None for no bound; got {bounds!r}"
        ) from None
    if (lower is not None and upper is not None and not lower <= upper) or np.nan in (lower, upper):
        raise ValueError(f"bounds should be in order; got {bounds!r}")
    return lower, upper
