"""A Python function -> what is known of it, from its signature.

Flows in: a function, how many of its arguments are coordinates, and which are inputs by name. Flows out: Described.

The first arguments are the coordinates, one a fitting axis; the others are parameters, whose defaults are where fits
start. A default that is no number (text, a flag, None) is an option of the function, and keeps its value; so do the
keywords of a `functools.partial`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ndfit.errors import WrongArgument
from ndfit.functions.described import Described
from ndfit.problem.arguments import suggestion

__all__ = ["describe_function", "name_of"]

_WRITE_OUT = "write the arguments out, such as lambda x, a, b: ..."


def describe_function(func: Callable[..., Any], n_axes: int, known: Collection[str] = ()) -> Described:
    """Read a signature.

    Parameters
    ----------
    n_axes : how many coordinates there are
    known : names of arguments that are inputs beside these

    Raises
    ------
    ValueError
        The signature cannot be read, takes any number of arguments, or has none for a parameter or for an input.
    """
    name, arguments = name_of(func), tuple(_arguments(func))
    names = tuple(each.name for each in arguments)
    for one in known:
        if one not in names:
            raise ValueError(f"inputs name '{one}', which is no argument of {name}{suggestion(one, names)}")
    others = [each for each in names if each not in known]
    inputs = tuple(each for each in names if each in known or each in others[:n_axes])
    parameters = tuple(each for each in arguments if each.name not in inputs)
    if len(inputs) != n_axes + len(known) or not parameters:
        raise ValueError(
            f"{name}({', '.join(names)}) should have {n_axes} argument(s) for coordinates, one for each fitting axis, "
            "and after these one for each parameter"
        )
    starts = {each.name: float(each.default) for each in parameters if _is_number(each.default)}
    by_keyword = frozenset(each.name for each in arguments if each.kind is each.KEYWORD_ONLY)
    order = inputs + tuple(each.name for each in parameters)
    return Described(
        name,
        str(getattr(_written(func), "__module__", None) or "builtins"),
        func if order == names and not by_keyword else _Reordered(func, order, names, by_keyword),
        inputs,
        order[len(inputs) :],
        starts,
    )


@dataclass(frozen=True)
class _Reordered:
    """A function that is called with its arguments in another order, some of them by keyword."""

    func: Callable[..., Any]
    order: tuple[str, ...]
    names: tuple[str, ...]
    by_keyword: frozenset[str]

    def __call__(self, *values: Any) -> Any:
        given = dict(zip(self.order, values, strict=True))
        positional = (given[name] for name in self.names if name not in self.by_keyword)
        return self.func(*positional, **{name: given[name] for name in self.by_keyword})


def _arguments(func: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    """Coordinates and parameters; options are left out."""
    if isinstance(func, (np.ufunc, type)):
        raise _unreadable(func, "it is a class" if isinstance(func, type) else "numpy's functions name no parameters")
    try:
        arguments = inspect.signature(func).parameters.values()
    except (ValueError, TypeError) as error:
        raise _unreadable(func, str(error)) from None
    bound = func.keywords if isinstance(func, functools.partial) else {}
    options_seen = False
    for each in arguments:
        if each.kind is each.VAR_POSITIONAL:
            raise _unreadable(func, f"*{each.name} is any number of arguments")
        if getattr(each.default, "unit", None) is not None:
            raise WrongArgument(
                f"the default of '{each.name}'",
                "a plain number",
                each.default,
                "a function knows no units: give the number",
            )
        is_option = each.default is not each.empty and not _is_number(each.default)
        if each.kind is each.VAR_KEYWORD or each.name in bound or is_option:
            options_seen = options_seen or each.kind is not each.KEYWORD_ONLY
            continue
        if options_seen and each.kind is not each.KEYWORD_ONLY:
            # What stands behind an option can only be reached by its name.
            each = each.replace(kind=each.KEYWORD_ONLY)
        yield each


def _unreadable(func: Any, why: str) -> WrongArgument:
    return WrongArgument("model", "a function whose arguments can be read", func, f"{why}; {_WRITE_OUT}")


def name_of(func: Any) -> str:
    """What a function is called; 'function' for a lambda and for objects that are called."""
    name = getattr(_written(func), "__name__", "function")
    return name if name.isidentifier() else "function"


def _written(func: Any) -> Any:
    """The function behind partial objects."""
    while isinstance(func, functools.partial):
        func = func.func
    return func


def _is_number(value: Any) -> bool:
    return isinstance(value, (Real, np.number)) and not isinstance(value, (bool, np.bool_)) and not _is_nothing(value)


def _is_nothing(value: Any) -> bool:
    return value is inspect.Parameter.empty
