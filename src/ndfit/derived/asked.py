"""Quantities that are asked for by name, by an expression or by a function.

Flows in: a result's problem, maps and covariance, and names and expressions. Flows out: DerivedMaps, in the order in
which they were asked for.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ndfit.arrays import FloatArray
from ndfit.derived.component_quantities import CONVENTIONS, Component, Setting, components_in, components_of, integral
from ndfit.derived.propagation import Measure, Values, propagated
from ndfit.errors import WrongArgumentType
from ndfit.io.tie_text import ExpressionTie
from ndfit.problem.arguments import check_choice
from ndfit.problem.types import FitProblem
from ndfit.result.derived_maps import DerivedMap
from ndfit.result.maps import Maps
from ndfit.untrusted import printable, shortened

__all__ = ["check_names", "derived_maps"]

Asked = str | Callable[[Any], Any]

_NUMBERED = re.compile(r"_\d+$")


def derived_maps(
    problem: FitProblem,
    maps: Maps,
    covariance: FloatArray | None,
    asked: Mapping[str, Asked],
    setting: Setting,
) -> dict[str, DerivedMap]:
    """Make the quantities.

    Parameters
    ----------
    covariance : of the free parameters, shape (*B, F, F), or None
    asked : name -> an expression or a function; a name that stands for itself is one of the table, and left out where
        it is a parameter, as the `fwhm` of a Lorentz profile

    Raises
    ------
    ValueError, TypeError, astropy.units.UnitsError
        A name that is not known, or a quantity that cannot be formed: what is missing.
    """
    check_choice(setting.convention, "convention", (None, *CONVENTIONS))
    components = components_of(problem)
    _check_rest(setting.rest, components)
    wanted = _all_wanted(asked, _measures(components, setting), problem.params.names)
    return propagated(problem, maps, covariance, wanted)


def check_names(model: Any, asked: Mapping[str, Asked]) -> None:
    """See that all that is asked for is known, before a model is fitted.

    Raises
    ------
    ValueError, TypeError
        A name that is not known, or that is taken.
    """
    names = tuple(model.param_names)
    _all_wanted(asked, _measures(components_in(model, names, None), Setting()), names)


def _all_wanted(
    asked: Mapping[str, Asked], known: Mapping[str, Measure], parameters: tuple[str, ...]
) -> dict[str, Measure]:
    for name in asked:
        if not name.isidentifier():
            raise ValueError(f"the name of a quantity should be a name of Python's, such as flux_ratio, got '{name}'")
        if name in parameters and name != asked[name]:
            raise ValueError(f"'{name}' is a parameter of the model: give the quantity another name")
    spread = {name: what for name, what in _spread_out(asked, known).items() if name not in parameters}
    return {name: _wanted(name, what, known, parameters) for name, what in spread.items()}


def _measures(components: tuple[Component, ...], setting: Setting) -> dict[str, Measure]:
    """All that there is, by name; names of components are further names, where they stand for one component alone."""
    own = [dict(component.measures(setting)) for component in components]
    known = {
        name + component.ending: measure
        for component, ones in zip(components, own, strict=True)
        for name, measure in ones.items()
    }
    labels = [(label, ones) for component, ones in zip(components, own, strict=True) for label in component.labels]
    shared = Counter(label for label, _ in labels)
    more = {name + label: measure for label, ones in labels if shared[label] == 1 for name, measure in ones.items()}
    known = more | known
    if any(component.is_line for component in components):
        known["integral"] = Measure(partial(integral, components), "integral of the model over the samples")
    return known


def _check_rest(rest: Any, components: tuple[Component, ...]) -> None:
    if not isinstance(rest, Mapping):
        return
    keys = [key for component in components if component.is_line for key in component.rest_keys if key is not None]
    for key in rest:
        if key not in keys:
            raise ValueError(f"rest has {key!r}, and the lines of the model are {', '.join(map(repr, keys))}")


def _spread_out(asked: Mapping[str, Asked], known: Mapping[str, Measure]) -> dict[str, Asked]:
    """With `flux` for each component that has one, where it is asked for of none in particular."""
    spread: dict[str, Asked] = {}
    for name, what in asked.items():
        parts = [each for each in known if name == what and name not in known and _NUMBERED.sub("", each) == name]
        spread.update({each: each for each in parts} if parts else {name: what})
    return spread


def _wanted(name: str, what: Asked, known: Mapping[str, Measure], parameters: tuple[str, ...]) -> Measure:
    if callable(what):
        return Measure(what, getattr(what, "__name__", "a function"))
    if not isinstance(what, str):
        raise WrongArgumentType(name, "an expression such as 'flux_1 / flux_0', or a function of the parameters", what)
    if what in known:
        return known[what]
    try:
        expression = ExpressionTie(what)
    except ValueError:
        raise ValueError(
            f"'{name}' should be an expression of numbers, parameters, quantities and + - * / **, got "
            f"'{shortened(printable(what))}'"
        ) from None
    names = {*parameters, *(each for each, measure in known.items() if not measure.over_error)}
    for each in sorted(expression.names - names):
        if each in known:
            raise ValueError(f"'{each}' has its own error in it, and cannot be part of an expression: '{what}'")
        close = difflib.get_close_matches(each, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there is {', '.join(sorted(names))}"
        raise ValueError(f"'{each}' is no parameter of the model and no quantity of its components: {hint}")
    return Measure(partial(_valued, expression, known), what)


def _valued(expression: ExpressionTie, known: Mapping[str, Measure], values: Values) -> Any:
    names = tuple(values)
    return expression.of(lambda name: values[name] if name in names else known[name].of(values), _joined)


def _joined(operation: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    """A plain number that is added to a Quantity is in its unit, as in ties."""
    if operation in (operator.add, operator.sub):
        if isinstance(one, float) and hasattr(other, "unit"):
            one = one * other.unit
        elif isinstance(other, float) and hasattr(one, "unit"):
            other = other * one.unit
    return operation(one, other)
