"""Anything that says how to fit -> JSON that changes when it does.

Flows in: options, models, fitters, functions. Flows out: JSON values: plain values as they are, arrays and code as
digests. Nothing is pickled, and nothing of it can be run.

Functions are identified by bytecode, constants, defaults, attributes, what they close over and the globals they read;
objects by their class with all its attributes, and by their own, in `__dict__`, in slots, or as C code tells them. What
belongs to a package is identified by its name and version, or by a digest of its file (`ndfit.run.origin`).
"""

from __future__ import annotations

import dis
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from hashlib import sha256
from random import Random
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import Model, Parameter

from ndfit._compat.astropy_models import OF_EVERY_CLASS, OF_EVERY_MODEL
from ndfit.compound import leaves
from ndfit.io.json_values import exact
from ndfit.io.model_record import describe
from ndfit.run.origin import is_read_as_it_is, origin_of

__all__ = ["fingerprint"]

# What fits leave on a fitter.
_TRACES = ("fit_info", "fitparams")
# Attributes of every class that Python or astropy fill in.
_OF_EVERY_CLASS = OF_EVERY_CLASS | frozenset(
    (
        "__abstractmethods__",
        "__annotate_func__",
        "__annotations__",
        "__annotations_cache__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__module__",
        "__qualname__",
        "__slotnames__",
        "__static_attributes__",
        "__weakref__",
    )
)
# Whether two of these that are equal are one object is Python's affair, and may differ between processes.
_SHARED = (tuple, list, frozenset, CodeType, u.UnitBase, np.ufunc, BuiltinFunctionType)
_SMALL = 16


def fingerprint(value: Any) -> Any:
    """JSON of a value; the same for values that do the same, in this process and in any other."""
    return _Reader().read(value)


class _Reader:
    """Reads one value. What was met before is identified by its number: functions call each other, and themselves."""

    def __init__(self) -> None:
        self.met: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.path: list[Any] = []

    def read(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, (int, float, np.generic)):
            return _plain(value)
        if isinstance(value, (bytes, bytearray)):
            return f"bytes sha256 {sha256(value).hexdigest()}"
        if id(value) in self.numbers:
            return f"see {self.numbers[id(value)]}"
        if any(value is other for other in self.path):
            return "see above"
        if not isinstance(value, _SHARED):
            self.numbers[id(value)] = len(self.met)
            self.met.append(value)
        self.path.append(value)
        try:
            return self._read_object(value)
        finally:
            self.path.pop()

    def _array(self, value: np.ndarray) -> Any:
        if isinstance(value, np.ma.MaskedArray):
            return {"data": self.read(value.filled()), "mask": self.read(np.ma.getmaskarray(value))}
        if value.dtype.hasobject:
            return {"shape": list(value.shape), "items": [self.read(item) for item in value.ravel().tolist()]}
        if value.size <= _SMALL:
            return _plain(value)
        data = np.ascontiguousarray(value)
        unit = f" {value.unit}" if isinstance(value, u.Quantity) else ""
        return f"{data.dtype.str} {list(data.shape)}{unit} sha256 {sha256(data.tobytes()).hexdigest()}"

    def _read_object(self, value: Any) -> Any:
        for kind, read in _KINDS:
            if isinstance(value, kind):
                return read(self, value)
        if is_dataclass(value) and not isinstance(value, type):
            kept = {field.name: getattr(value, field.name) for field in fields(value) if field.compare}
            return {"type": type(value).__qualname__, **self._mapping(kept)}
        if isinstance(getattr(value, "py_func", None), FunctionType):  # compiled by numba
            return {"compiled": self.read(value.py_func)}
        if hasattr(value, "__wrapped__"):  # such as by functools.lru_cache
            return {"type": type(value).__qualname__, "wraps": self.read(value.__wrapped__)}
        return self._instance(value)

    def _instance(self, value: Any) -> Any:
        """Class and state. What belongs to others tells its state itself: a logger's attributes lead to all loggers."""
        cls, state = type(value), _attributes(value)
        if state is None or not is_read_as_it_is(cls):
            copied = _as_copied(value)
            if copied is not None or state is None:
                return {"type": self.read(cls), "state": self.read(copied)}
        kept = {name: item for name, item in state.items() if name not in _TRACES}
        return {"type": self.read(cls), "state": self._mapping(kept)}

    def _mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        named = sorted(((_key(key), item) for key, item in value.items()), key=lambda pair: pair[0])
        return {key: self.read(item) for key, item in named}

    def _sequence(self, value: Any) -> list[Any]:
        return [self.read(item) for item in value]

    def _set(self, value: Any) -> list[Any]:
        """The order of a set is another one in each process."""
        return sorted((fingerprint(item) for item in value), key=json.dumps)

    def _model(self, model: Model) -> Any:
        parts = [self._leaf(leaf) for leaf, _ in leaves(model)]
        return {"tree": describe(model), "leaves": parts}

    def _leaf(self, model: Model) -> Any:
        """Class and attributes; values and constraints of parameters are in the identity."""
        left_out = {*OF_EVERY_MODEL, *model.param_names}
        own = {name: item for name, item in (_attributes(model) or {}).items() if name not in left_out}
        return {"type": self.read(type(model)), "state": self._mapping(own)}

    def _parameter(self, parameter: Parameter) -> Any:
        return {"default": self.read(parameter.default), "unit": str(parameter.unit)}

    def _class(self, cls: type) -> Any:
        origin = origin_of(cls)
        if origin is not None:
            return origin
        read = [origin_of(base) or self._members(base) for base in cls.__mro__]
        return {"class": cls.__qualname__, "members": _digest(read)}

    def _members(self, cls: type) -> Any:
        own = {name: member for name, member in sorted(vars(cls).items()) if name not in _OF_EVERY_CLASS}
        return {name: self.read(_function_of(member)) for name, member in own.items()}

    def _partial(self, value: partial[Any]) -> Any:
        return {"partial": self.read(value.func), "args": self.read(value.args), "keywords": self.read(value.keywords)}

    def _method(self, value: MethodType) -> Any:
        return {"method": self.read(value.__func__), "of": self.read(value.__self__)}

    def _module(self, value: ModuleType) -> str:
        return value.__name__

    def _builtin(self, value: BuiltinFunctionType) -> Any:
        """A function of C code; a method of an object, such as the `get` of a table, is that object's too."""
        of = value.__self__
        owner = None if of is None or isinstance(of, ModuleType) else self.read(of)
        return {"builtin": f"{value.__module__ or ''}.{value.__qualname__}", "of": owner}

    def _random(self, value: Any) -> str:
        """Without its state, which each use changes."""
        return type(value).__name__

    def _ufunc(self, value: np.ufunc) -> str:
        return value.__name__

    def _unit(self, value: u.UnitBase) -> str:
        return str(value)

    def _function(self, function: FunctionType) -> Any:
        origin = origin_of(function)
        if origin is not None:
            return origin
        code, cells = function.__code__, function.__closure__ or ()
        names = sorted(set(_globals_read(code)) & function.__globals__.keys())
        return _digest(
            {
                "code": self._code(code),
                "defaults": self.read(function.__defaults__),
                "keywords": self.read(function.__kwdefaults__),
                "attributes": self._mapping(vars(function)),
                "closure": [self._cell(cell) for cell in cells],
                "globals": {name: self._global(function.__globals__[name], code) for name in names},
            }
        )

    def _cell(self, cell: Any) -> Any:
        try:
            return self.read(cell.cell_contents)
        except ValueError:  # a name that has no value yet
            return "empty"

    def _global(self, value: Any, code: CodeType) -> Any:
        """A global that a function reads; of a module of one's own, the attributes whose names the function has."""
        if not isinstance(value, ModuleType) or origin_of(value) is not None:
            return self.read(value)
        return {name: self.read(vars(value)[name]) for name in sorted(set(_names(code)) & vars(value).keys())}

    def _code(self, code: CodeType) -> Any:
        return {
            "bytes": code.co_code.hex(),
            "names": [code.co_names, code.co_varnames, code.co_freevars, code.co_argcount, code.co_flags],
            "consts": self.read(code.co_consts),
        }


_KINDS: tuple[tuple[Any, Any], ...] = (
    (Mapping, _Reader._mapping),
    ((tuple, list), _Reader._sequence),
    ((set, frozenset), _Reader._set),
    (u.UnitBase, _Reader._unit),
    (Model, _Reader._model),
    (Parameter, _Reader._parameter),
    (partial, _Reader._partial),
    (MethodType, _Reader._method),
    (FunctionType, _Reader._function),
    (CodeType, _Reader._code),
    (np.ufunc, _Reader._ufunc),
    ((Random, np.random.RandomState, np.random.Generator, np.random.BitGenerator), _Reader._random),
    (type, _Reader._class),
    (BuiltinFunctionType, _Reader._builtin),
    (ModuleType, _Reader._module),
)


def _plain(value: Any) -> Any:
    try:
        return exact(value if np.ndim(value) else np.asarray(value).item())
    except TypeError:  # complex numbers and the like
        return repr(value)


def _digest(value: Any) -> str:
    return f"sha256 {sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()}"


def _attributes(value: Any) -> dict[str, Any] | None:
    """What an object keeps, in `__dict__` and in slots; None where it is C code's, which has neither."""
    found = dict(getattr(value, "__dict__", {}))
    has_any = hasattr(value, "__dict__")
    for cls in type(value).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            has_any = True
            hidden = f"_{cls.__name__.lstrip('_')}{name}" if name[:2] == "__" and name[-2:] != "__" else name
            if name not in ("__dict__", "__weakref__") and hasattr(value, hidden):
                found[hidden] = getattr(value, hidden)
    return found if has_any else None


def _as_copied(value: Any) -> Any:
    """What an object would be made from again, if it were copied; None where it cannot be."""
    try:
        parts = value.__reduce_ex__(4)
    except Exception:  # locks and files have none; others' code may raise anything
        return None
    if isinstance(parts, str):
        return parts
    called, arguments, state, *items = (*parts, None, None, None, None)[:5]
    return [called, arguments, state, *(None if item is None else list(item) for item in items)]


def _key(key: Any) -> str:
    """Text of a key, which stays the same in other processes: that of an object may hold its address."""
    return str(key) if isinstance(key, (bool, int, float, str)) else json.dumps(fingerprint(key), sort_keys=True)


def _function_of(member: Any) -> Any:
    """The function behind a method of a class, or a property."""
    return getattr(member, "__func__", getattr(member, "fget", member))


def _globals_read(code: CodeType) -> Iterator[str]:
    """Names of the globals that a function and the functions within it read."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _globals_read(const)


def _names(code: CodeType) -> Iterator[str]:
    """Names that a function and the functions within it have for globals and attributes."""
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _names(const)
