"""Expressions of sympy -> what is known of them as functions.

Flows in: a `sympy.Lambda`, whose signature says the order of its symbols; or an expression, and which of its symbols
are coordinates. Flows out: Described. sympy writes the function with numpy's and scipy's; the expression is an object
that the caller has built, and never text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ndfit.errors import WrongArgument
from ndfit.functions.described import Described
from ndfit.problem.arguments import suggestion

__all__ = ["describe_sympy", "is_sympy"]


def is_sympy(model: Any) -> bool:
    """Whether it is an expression or a Lambda of sympy, by the names of its classes."""
    return any(
        base.__name__ in ("Expr", "Lambda") and base.__module__.partition(".")[0] == "sympy"
        for base in type(model).__mro__
    )


def describe_sympy(model: Any, inputs: Any) -> Described:
    """Read an expression.

    Parameters
    ----------
    inputs : of an expression, its symbols that are coordinates, or their names; of a Lambda, how many of its first
        symbols are

    Raises
    ------
    ValueError
        Nothing says which symbols are coordinates, a symbol is not in the expression, or nothing is left to fit.
    """
    from sympy import Lambda, lambdify

    if isinstance(model, Lambda):
        symbols, expression = list(model.signature), model.expr
        count = inputs if isinstance(inputs, int) else len(list(inputs))
        coordinates, parameters = symbols[:count], symbols[count:]
    else:
        expression = model
        coordinates = _symbols(inputs, model)
        parameters = sorted(model.free_symbols - set(coordinates), key=str)
    if not parameters or not coordinates:
        raise ValueError(f"{model} has no symbol left to fit: some should be coordinates, and the others parameters")
    return Described(
        "expression",
        "sympy",
        lambdify([*coordinates, *parameters], expression, modules=["scipy", "numpy"], dummify=True),
        tuple(map(str, coordinates)),
        tuple(map(str, parameters)),
    )


def _symbols(inputs: Any, model: Any) -> list[Any]:
    """The symbols that are coordinates."""
    by_name = {str(symbol): symbol for symbol in sorted(model.free_symbols, key=str)}
    if isinstance(inputs, (str, bytes)) or not isinstance(inputs, Iterable):
        first = next(iter(by_name), "x")
        raise WrongArgument(
            "model",
            "a sympy.Lambda, which says the order of its symbols",
            model,
            f"write sympy.Lambda(({first}, ...), expression) with the coordinates first, or say which they are: "
            "ndfit.as_model(expression, inputs=[...])",
        )
    names = [str(each) for each in inputs]
    for name in names:
        if name not in by_name:
            raise ValueError(f"inputs name '{name}', which is no symbol of {model}{suggestion(name, by_name)}")
    return [by_name[name] for name in names]
