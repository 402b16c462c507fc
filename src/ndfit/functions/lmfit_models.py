"""Models of lmfit -> what is known of the function behind them.

Flows in: an `lmfit.Model`, or a composite of them, with the hints for its parameters. Flows out: Described. lmfit is
not imported: an object of its classes has been made by somebody who has.

Functions of lmfit write `max(tiny, sigma)`, Python's own maximum, which decides between two numbers. Where a symbol is
given, `np.maximum` says the same; what is compiled is compared with the model itself before it is used. Parameters that
are no arguments of a function, such as the `fwhm` of a line, follow from the others, and are not fitted.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from ndfit.functions.described import Described
from ndfit.io.tie_text import ExpressionTie

__all__ = ["describe_lmfit", "is_lmfit"]

_POINTWISE = {"max": np.maximum, "min": np.minimum, "float": lambda value: value}


def _copysign(size: Any, sign: Any) -> Any:
    return np.where(sign < 0.0, -abs(size), abs(size))


def is_lmfit(model: Any) -> bool:
    """Whether it is a model of lmfit, by the names of its classes."""
    return any(
        base.__name__ == "Model" and base.__module__.partition(".")[0] == "lmfit" for base in type(model).__mro__
    )


def describe_lmfit(model: Any, n_axes: int, known: Collection[str] = ()) -> Described:
    """Read a model of lmfit.

    Parameters
    ----------
    n_axes, known : as in `ndfit.functions.signatures.describe_function`

    Raises
    ------
    ValueError
        It has another number of independent variables, or a parameter an expression of more than arithmetic.
    """
    inputs = tuple(name for name in model.independent_vars if name not in model.opts)
    if len(inputs) != n_axes + len(known) or not set(known) <= set(inputs):
        raise ValueError(
            f"{model.name} has the independent variable(s) {', '.join(inputs)}, and there are {n_axes} fitting axes"
            f"{' and the inputs ' + ', '.join(known) if known else ''}: name those in independent_vars"
        )
    hints = model.make_params()  # which adds to the names of the parameters
    names = tuple(dict.fromkeys(_names(model)))
    parameters = {name: hints[name] for name in names}
    ties = {name: _tie(name, each.expr, names) for name, each in parameters.items() if each.expr}
    return Described(
        model.name.replace(" ", "") if model.name.replace(" ", "").isidentifier() else "lmfit_model",
        type(model).__module__,
        _Evaluated(_tree(model), inputs + names),
        inputs,
        names,
        {name: float(each.value) for name, each in parameters.items() if np.isfinite(each.value)},
        {name: (_finite(each.min), _finite(each.max)) for name, each in parameters.items()},
        frozenset(name for name, each in parameters.items() if not (each.vary or each.expr)),
        ties,
    )


def _names(model: Any) -> Iterator[str]:
    """Parameters that are arguments of a function."""
    if hasattr(model, "left") and hasattr(model, "right"):
        yield from (*_names(model.left), *_names(model.right))
    else:
        arguments = inspect.signature(model.func).parameters
        has_any = any(each.kind is each.VAR_KEYWORD for each in arguments.values())
        yield from (name for name in model.param_names if has_any or name.removeprefix(model.prefix) in arguments)


def _finite(limit: float) -> float | None:
    return float(limit) if np.isfinite(limit) else None


def _tie(name: str, text: str, names: Collection[str]) -> ExpressionTie:
    """An expression of lmfit as a tie; it is read as arithmetic, and nothing of it is executed."""
    remedy = f"give the tie as a function: tied={{'{name}': lambda model: ...}}"
    try:
        tie = ExpressionTie(text)
    except ValueError as error:
        raise ValueError(f"the expression of '{name}' in the lmfit model cannot be read: {error}; {remedy}") from None
    others = tie.names - set(names)
    if others:
        raise ValueError(f"the expression of '{name}' names {', '.join(sorted(others))}, no parameter: {remedy}")
    return tie


@dataclass(frozen=True)
class _Composite:
    """Two models and what joins their values."""

    op: Callable[[Any, Any], Any]
    left: Any
    right: Any

    def __call__(self, given: Mapping[str, Any], convert: Callable[[Any], Any]) -> Any:
        return self.op(self.left(given, convert), self.right(given, convert))


@dataclass(frozen=True)
class _Leaf:
    """One function: names of its arguments, and of the inputs and parameters that these are."""

    func: Callable[..., Any]
    arguments: tuple[tuple[str, str], ...]
    options: Mapping[str, Any]

    def __call__(self, given: Mapping[str, Any], convert: Callable[[Any], Any]) -> Any:
        return convert(self.func)(**{name: given[known] for name, known in self.arguments}, **self.options)


def _tree(model: Any) -> Any:
    if hasattr(model, "left") and hasattr(model, "right"):
        return _Composite(model.op, _tree(model.left), _tree(model.right))
    inputs = ((name, name) for name in model.independent_vars if name not in model.opts)
    own = ((name.removeprefix(model.prefix), name) for name in _names(model))
    return _Leaf(model.func, (*inputs, *own), dict(model.opts))


@dataclass(frozen=True)
class _Evaluated:
    """A model of lmfit as a function of inputs and parameters by position."""

    tree: Any
    names: tuple[str, ...]

    def __call__(self, *values: Any) -> Any:
        symbolic = any(not isinstance(value, (np.ndarray, np.generic, float, int)) for value in values)
        given = dict(zip(self.names, values, strict=True))
        return self.tree(given, _pointwise if symbolic else lambda func: func)


def _pointwise(func: Any) -> Any:
    """The function with numpy's maximum and minimum in the place of Python's, unless it has names of its own for these.

    Functions that it calls are those of its module, and get the same.
    """
    if not isinstance(func, FunctionType):
        return func
    names = _POINTWISE | dict(func.__globals__)
    names |= {name: _copysign for name, value in names.items() if getattr(value, "__name__", "") == "copysign"}
    changed = FunctionType(func.__code__, names, func.__name__, func.__defaults__, func.__closure__)
    for name in func.__code__.co_names:
        called = func.__globals__.get(name)
        if isinstance(called, FunctionType) and called is not func and called.__module__ == func.__module__:
            names[name] = _pointwise(called)
    return changed
