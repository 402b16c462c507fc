"""Traces a model: an astropy model without units in, its ModelGraph out, or Untraceable with a one-line reason.

Each leaf of the model's tree runs its own `evaluate` on symbols, unless its class has a rule (`rules.py`), which says
the same in a way that can be traced. Operators of compounds act on the leaves' results; tied parameters are replaced by
what their callables return for symbols (`ties.py`). The caller's model is copied first, so that nothing of it changes.

What a trace says is checked by numbers before it is used (`verify.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from astropy.modeling import CompoundModel, Model

from ndfit.compound import OPERATORS
from ndfit.copying import copied
from ndfit.model.ir import ModelGraph
from ndfit.model.reasons import NotCompilable, Untraceable
from ndfit.model.trace.complex_symbol import ComplexSymbol
from ndfit.model.trace.rules import RULES
from ndfit.model.trace.symbol import Symbol, Tape
from ndfit.model.trace.tape import ModelTape
from ndfit.model.trace.traced_ties import trace_ties

__all__ = ["Untraceable", "trace"]


def trace(model: Model) -> ModelGraph:
    """Trace a model with one output.

    Parameters
    ----------
    model : astropy model, simple or compound, with scalar parameters and without units. Fixed parameters are
        parameters of the graph like the free ones; tied ones are replaced by their expression.

    Returns
    -------
    ModelGraph

    Raises
    ------
    Untraceable : with a one-line reason.
    """
    _check(model)
    model = copied(model)
    tape = ModelTape(tuple(model.inputs), tuple(model.param_names))
    with np.errstate(all="ignore"):
        tied = trace_ties(model, tape)
        params = [tied[index] if index in tied else tape.param(index) for index in range(len(model.param_names))]
        outputs = _run(model, tuple(tape.input(index) for index in range(model.n_inputs)), params, tape)
    (output,) = (_real_symbol(tape, value) for value in outputs)
    ties = [(index, symbol.node) for index, symbol in sorted(tied.items())]
    return tape.builder.graph(model.n_inputs, model.param_names, [output.node], ties)


def _check(model: Model) -> None:
    if len(model) != 1:
        raise Untraceable("the model is a set of models")
    if model.n_outputs != 1:
        raise Untraceable(f"the model has {model.n_outputs} outputs")
    for name in model.param_names:
        parameter = getattr(model, name)
        if parameter.shape != ():
            raise Untraceable(f"the parameter {name} is an array of shape {parameter.shape}")
        if parameter.unit is not None:
            raise Untraceable(f"the parameter {name} has the unit '{parameter.unit}'")


def _run(model: Any, inputs: tuple[Any, ...], params: Sequence[Symbol], tape: Tape) -> tuple[Any, ...]:
    """The outputs of a tree of models for symbols."""
    if not isinstance(model, CompoundModel):
        return _run_leaf(model, inputs, params, tape)
    n_left = len(model.left.param_names)
    left_params, right_params = params[:n_left], params[n_left:]
    if model.op == "fix_inputs":  # of whatever class: fitters are given one of ndfit's own
        return _run(model.left, _with_fixed(model, inputs, tape), left_params, tape)
    if type(model) is not CompoundModel:
        raise Untraceable(f"{type(model).__name__} is not computed point by point")
    if model.op == "|":
        return _run(model.right, _run(model.left, inputs, left_params, tape), right_params, tape)
    if model.op == "&":
        n_inputs = model.left.n_inputs
        left = _run(model.left, inputs[:n_inputs], left_params, tape)
        return left + _run(model.right, inputs[n_inputs:], right_params, tape)
    if model.op not in OPERATORS:
        raise Untraceable(f"the operator '{model.op}' is not computed point by point")
    left, right = _run(model.left, inputs, left_params, tape), _run(model.right, inputs, right_params, tape)
    return tuple(OPERATORS[model.op](one, other) for one, other in zip(left, right, strict=True))


def _with_fixed(model: Any, inputs: tuple[Any, ...], tape: Tape) -> tuple[Any, ...]:
    """The inputs of `model.left`, those that `fix_inputs` sets included."""
    names = model.left.inputs
    fixed = {names.index(key) if isinstance(key, str) else int(key): value for key, value in model.right.items()}
    given = iter(inputs)
    return tuple(tape.lift(fixed[i]) if i in fixed else next(given) for i in range(len(names)))


def _run_leaf(model: Any, inputs: tuple[Any, ...], params: Sequence[Symbol], tape: Tape) -> tuple[Any, ...]:
    # A leaf may change its arguments in place: that retires these copies, and nobody else's.
    arguments = [tape.lift(value).copy() for value in (*inputs, *params)]
    n_inputs = len(inputs)
    rule = _rule_of(type(model)) or (lambda model, inputs, params: model.evaluate(*inputs, *params))
    try:
        result = rule(model, arguments[:n_inputs], arguments[n_inputs:])
    except NotCompilable as reason:
        raise Untraceable(f"{_name(model)}: {reason}") from reason
    except Exception as error:  # whatever a person's own code raises when it is given a symbol
        raise Untraceable(f"{_name(model)}: {type(error).__name__}: {_first_line(error)}") from error
    return tuple(result) if isinstance(result, tuple | list) else (result,)


def _rule_of(cls: type) -> Callable[..., Any] | None:
    """The rule for a class, or for the class it inherits `evaluate` from."""
    for base in cls.__mro__:
        if base in RULES:
            return RULES[base]
        if "evaluate" in vars(base):
            return None
    return None


def _real_symbol(tape: Tape, value: Any) -> Symbol:
    if isinstance(value, ComplexSymbol):
        raise Untraceable("the model's value is complex")
    symbol = tape.lift(value)
    return Symbol(tape, tape.builder.real(symbol.node))


def _name(model: Any) -> str:
    return type(model).__name__ if model.name is None else f"{type(model).__name__} '{model.name}'"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
