"""What stands for a number while a model's own code runs: operations on symbols in, nodes of a graph out.

A Symbol is one value at one point, so that its shape is (). It answers Python's operators, numpy's and scipy's
universal functions (`__array_ufunc__`) and the functions of numpy that act point by point (`__array_function__`), and
refuses everything that a graph cannot say: a Python condition, a conversion to a number, an index, a reduction over
points. Complex values are pairs of symbols (`complex_symbol.py`).

`a += b` makes a new symbol; the old one is retired, and using it afterwards (through a second name for what numpy
would have changed in place) is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from ndfit.model.reasons import Untraceable
from ndfit.model.trace.builder import GraphBuilder
from ndfit.model.trace.node_functions import UFUNCS

__all__ = ["Symbol", "Tape", "call_ufunc"]


@dataclass
class Tape:
    """What symbols of one trace share: the graph they build and the names to speak of."""

    input_names: tuple[str, ...]
    param_names: tuple[str, ...]
    builder: GraphBuilder = field(default_factory=GraphBuilder)

    def input(self, index: int) -> Symbol:
        return Symbol(self, self.builder.input(index))

    def param(self, index: int) -> Symbol:
        return Symbol(self, self.builder.param(index))

    def lift(self, value: Any) -> Symbol:
        """A symbol as it is; a real number, or an array that holds one, as a constant."""
        if isinstance(value, Symbol):
            return value
        if getattr(value, "unit", None) is not None:
            raise Untraceable(f"the model computes with a quantity in '{value.unit}'")
        array = np.asarray(value)
        if array.size != 1:
            raise Untraceable(
                f"the model combines a coordinate or parameter with an array of shape {array.shape}; "
                "it must compute point by point"
            )
        item = array.item()
        if isinstance(item, Symbol):
            return item
        if not isinstance(item, bool | int | float):
            raise Untraceable(f"the model computes with a value of type {type(item).__name__}")
        return Symbol(self, self.builder.constant(item))

    def call_complex_ufunc(self, name: str, inputs: tuple[Any, ...]) -> Any:
        """A universal function where an argument is complex; see `ndfit.model.trace.tape`."""
        raise NotImplementedError

    def call_array_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One of numpy's other functions; see `ndfit.model.trace.tape`."""
        raise NotImplementedError

    def describe(self, node: int) -> str:
        """The names of the coordinates and parameters that a node depends on."""
        names: set[str] = set()
        waiting, seen = [node], {node}
        while waiting:
            op, args, value = self.builder.nodes[waiting.pop()]
            if op in ("input", "param"):
                names.add((self.input_names if op == "input" else self.param_names)[value])  # type: ignore[call-overload]
            waiting.extend(arg for arg in args if arg not in seen)
            seen.update(args)
        return ", ".join(sorted(names)) or "constants"


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any], tape: Tape) -> Any:
    """A universal function of symbols and numbers."""
    name = ufunc.__name__
    if method != "__call__":
        raise Untraceable(f"np.{name}.{method} combines several points")
    if kwargs:
        raise Untraceable(f"np.{name} is called with {', '.join(sorted(kwargs))}=")
    if name in _WITH_COMPLEX_RESULT or any(_is_complex(value) for value in inputs):
        return tape.call_complex_ufunc(name, inputs)
    if name not in UFUNCS:
        raise Untraceable(f"the function {name} has no derivative rule in ndfit")
    nodes = [tape.lift(value).node for value in inputs]
    return Symbol(tape, UFUNCS[name](tape.builder, *nodes))


_WITH_COMPLEX_RESULT = frozenset({"wofz"})


def _is_complex(value: Any) -> bool:
    return getattr(value, "is_complex_symbol", False) or isinstance(value, complex | np.complexfloating)


def _refuse(what: str) -> Callable[..., NoReturn]:
    def refuse(self: Symbol, *args: Any, **kwargs: Any) -> NoReturn:
        raise Untraceable(f"{what} a value computed from {self.tape.describe(self.node)}")

    return refuse


def _binary(ufunc: Any) -> Callable[..., Any]:
    return lambda self, other: _operate(ufunc, self, other)


def _reflected(ufunc: Any) -> Callable[..., Any]:
    return lambda self, other: _operate(ufunc, other, self)


def _in_place(ufunc: Any) -> Callable[..., Any]:
    def update(self: Symbol, other: Any) -> Any:
        result = _operate(ufunc, self, other)
        self.retire()
        return result

    return update


def _operate(ufunc: Any, left: Any, right: Any) -> Any:
    symbol = left if isinstance(left, Symbol) else right
    return call_ufunc(ufunc, "__call__", (left, right), {}, symbol.tape)


class Symbol:
    """A value at one point, known only as a node of a graph."""

    __slots__ = ("_node", "tape")
    __hash__ = None  # type: ignore[assignment]

    shape: tuple[int, ...] = ()
    ndim = 0
    size = 1
    dtype = np.dtype(float)

    def __init__(self, tape: Tape, node: int) -> None:
        self.tape = tape
        self._node: int | None = node

    @property
    def node(self) -> int:
        if self._node is None:
            raise Untraceable("the model changes an array in place and uses it under another name")
        return self._node

    def retire(self) -> None:
        """Refuse any further use: numpy would have changed this value in place."""
        self._node = None

    def __repr__(self) -> str:
        return f"<Symbol of {self.tape.describe(self.node)}>"

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, kwargs, self.tape)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.tape.call_array_function(func, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """A symbol in an array of objects, whose operations are those of its elements."""
        if dtype is not None and np.dtype(dtype) != object:
            raise Untraceable(f"the model converts a coordinate or parameter to an array of {np.dtype(dtype)}")
        array = np.empty((), dtype=object)
        array[()] = self
        return array

    def __getattr__(self, name: str) -> Any:
        # numpy's loops over arrays of objects call the method that is the function's namesake.
        ufunc = getattr(np, name, None) if name in UFUNCS else None
        if ufunc is None:
            raise AttributeError(f"a coordinate or parameter is asked for .{name}")
        return lambda: ufunc(self)

    @property
    def real(self) -> Symbol:
        return self

    @property
    def imag(self) -> Symbol:
        return self.tape.lift(0.0)

    @property
    def T(self) -> Symbol:
        return self

    def copy(self) -> Symbol:
        return Symbol(self.tape, self.node)

    def astype(self, dtype: Any, **kwargs: Any) -> Symbol:
        """A conversion to float64 or longer is none; a condition becomes 1 or 0."""
        to, b = np.dtype(dtype), self.tape.builder
        if to in (np.float64, np.longdouble) or (b.is_condition(self.node) and to.kind in "iuf"):
            return Symbol(self.tape, b.real(self.node))
        raise Untraceable(f"the model converts a value to {to}")

    def clip(self, min: Any = None, max: Any = None) -> Any:
        return np.clip(self, min, max)

    __add__, __radd__, __iadd__ = _binary(np.add), _reflected(np.add), _in_place(np.add)
    __sub__, __rsub__, __isub__ = _binary(np.subtract), _reflected(np.subtract), _in_place(np.subtract)
    __mul__, __rmul__, __imul__ = _binary(np.multiply), _reflected(np.multiply), _in_place(np.multiply)
    __truediv__, __rtruediv__, __itruediv__ = _binary(np.divide), _reflected(np.divide), _in_place(np.divide)
    __floordiv__, __rfloordiv__ = _binary(np.floor_divide), _reflected(np.floor_divide)
    __mod__, __rmod__ = _binary(np.remainder), _reflected(np.remainder)
    __pow__, __rpow__, __ipow__ = _binary(np.power), _reflected(np.power), _in_place(np.power)
    __and__, __rand__ = _binary(np.bitwise_and), _reflected(np.bitwise_and)
    __or__, __ror__ = _binary(np.bitwise_or), _reflected(np.bitwise_or)
    __xor__, __rxor__ = _binary(np.bitwise_xor), _reflected(np.bitwise_xor)
    __lt__, __le__, __gt__, __ge__ = map(_binary, (np.less, np.less_equal, np.greater, np.greater_equal))
    __eq__ = _binary(np.equal)
    __ne__ = _binary(np.not_equal)

    def __neg__(self) -> Any:
        return np.negative(self)

    def __pos__(self) -> Any:
        return Symbol(self.tape, self.node)

    def __abs__(self) -> Any:
        return np.absolute(self)

    def __invert__(self) -> Any:
        return np.invert(self)

    __bool__ = _refuse("Python branches on")
    any = all = _refuse("Python branches on")
    __float__ = __int__ = __index__ = __complex__ = item = _refuse("the model needs the number behind")
    __getitem__ = _refuse("the model takes an element of")
    __setitem__ = _refuse("the model writes into")
    fill = _refuse("the model writes into")
    __len__ = __iter__ = _refuse("the model steps through")
    sum = mean = min = max = std = var = prod = cumsum = argmax = argmin = _refuse("the model combines all points of")
