"""Traces `tied` callables: a model in, for each tied parameter the symbol that its callable returns.

A callable receives a stand-in for the model. It answers with symbols where the model answers with parameters: by name
(`m.mean_0`, `m.mean_0.value`), as `m.parameters`, in a submodel (`m[0].mean`, `m["H alpha"].mean`, `m.left`), and
through properties that the model's class computes from them (`m.fwhm`). Callables are run in the order of the
parameters, as astropy's fitters do, and see those run before them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from astropy.modeling import Model

from ndfit.compound import leaves
from ndfit.model.reasons import NotCompilable, Untraceable
from ndfit.model.trace.symbol import Symbol, Tape

__all__ = ["trace_ties"]


def trace_ties(model: Model, tape: Tape) -> dict[int, Symbol]:
    """The expression of each tied parameter, by parameter index.

    Raises
    ------
    Untraceable : naming the tied parameter.
    """
    ties = {name: tie for name, tie in model.tied.items() if tie}
    symbols: dict[str, ParameterSymbol | None] = {
        name: None if name in ties else ParameterSymbol(tape, tape.builder.param(index))
        for index, name in enumerate(model.param_names)
    }
    tied: dict[int, Symbol] = {}
    for index, name in enumerate(model.param_names):
        if name in ties:
            symbol = _call(model, name, ties[name], symbols, tape)
            symbols[name] = ParameterSymbol(tape, symbol.node)
            tied[index] = symbol
    return tied


def _call(
    model: Model, name: str, tie: Callable[[Any], Any], symbols: dict[str, ParameterSymbol | None], tape: Tape
) -> Symbol:
    stand_in = _ModelStandIn(model, tuple(model.param_names), symbols)
    try:
        symbol = tape.lift(tie(stand_in))
    except NotCompilable as reason:
        raise Untraceable(f"the tie of {name}: {reason}") from reason
    except Exception as error:  # whatever a person's own callable raises when it is given a stand-in
        raise Untraceable(f"the tie of {name}: {type(error).__name__}: {error}") from error
    return Symbol(tape, tape.builder.real(symbol.node))


class ParameterSymbol(Symbol):
    """A symbol that also answers to `.value`, as a parameter does."""

    __slots__ = ()

    @property
    def value(self) -> Symbol:
        return Symbol(self.tape, self.node)


class _ModelStandIn:
    """A model, or a submodel of one, whose parameters are symbols.

    `names` are those of the whole model's parameters that belong to `model`, in its order.
    """

    def __init__(self, model: Any, names: tuple[str, ...], symbols: dict[str, ParameterSymbol | None]) -> None:
        self._model = model
        self._names = names
        self._symbols = symbols

    @property
    def param_names(self) -> tuple[str, ...]:
        return tuple(self._model.param_names)

    @property
    def parameters(self) -> Any:
        """An array of symbols; None stands for a parameter that is tied and not computed yet."""
        return np.array([self._symbols[name] for name in self._names], dtype=object)

    @property
    def left(self) -> _ModelStandIn:
        return self._submodel(self._model.left, 0)

    @property
    def right(self) -> _ModelStandIn:
        return self._submodel(self._model.right, len(self._model.left.param_names))

    def __getitem__(self, key: int | str) -> _ModelStandIn:
        parts = list(leaves(self._model))
        position = key if isinstance(key, int) else [leaf.name for leaf, _ in parts].index(key)
        return self._submodel(*parts[position])

    def __getattr__(self, name: str) -> Any:
        own_names = self._model.param_names
        if name in own_names:
            return self._symbol(self._names[own_names.index(name)])
        declared = inspect.getattr_static(type(self._model), name, None)
        if isinstance(declared, property) and declared.fget is not None:
            return declared.fget(self)
        raise Untraceable(f"it reads {type(self._model).__name__}.{name}")

    def _symbol(self, name: str) -> ParameterSymbol:
        symbol = self._symbols[name]
        if symbol is None:
            raise Untraceable(f"it reads {name}, which is tied itself and not computed before it")
        return symbol

    def _submodel(self, model: Any, start: int) -> _ModelStandIn:
        return _ModelStandIn(model, self._names[start : start + len(model.param_names)], self._symbols)
