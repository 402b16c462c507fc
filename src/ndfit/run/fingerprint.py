"""Anything that says how to fit -> JSON that changes when it does.

Flows in: options, models, fitters, functions. Flows out: JSON values: plain values as they are, arrays and code as
digests. Nothing is pickled, and nothing of it can be run.
"""

from __future__ import annotations

import dis
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from hashlib import sha256
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import CompoundModel, Model

from ndfit.output.model_record import describe
from ndfit.output.values import exact

__all__ = ["fingerprint"]

# Told by their version.
_KNOWN = ("astropy", "builtins", "math", "ndfit", "numpy", "scipy")
# What fits leave on a fitter.
_TRACES = ("fit_info", "fitparams")
# Attributes of every model, which say nothing of what it computes.
_OF_EVERY_MODEL = ("meta", "name", "sync_constraints", "stds", "cov_matrix")
_SMALL = 16


def fingerprint(value: Any) -> Any:
    """JSON of a value; the same for values that do the same, in this process and in any other."""
    return _Reader().read(value)


class _Reader:
    """Reads one value; `met` are the objects on the way to where it is, because functions may call themselves."""

    def __init__(self) -> None:
        self.met: list[Any] = []

    def read(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, (int, float, np.generic)) or (isinstance(value, np.ndarray) and value.size <= _SMALL):
            return _plain(value)
        if isinstance(value, np.ndarray):
            data = np.ascontiguousarray(value)
            return f"{data.dtype.str} {list(data.shape)} sha256 {sha256(data.tobytes()).hexdigest()}"
        if any(value is other for other in self.met):
            return "see above"
        self.met.append(value)
        try:
            return self._read_object(value)
        finally:
            self.met.pop()

    def _read_object(self, value: Any) -> Any:
        for kind, read in _KINDS:
            if isinstance(value, kind):
                return read(self, value)
        if is_dataclass(value) and not isinstance(value, type):
            kept = {field.name: getattr(value, field.name) for field in fields(value) if field.compare}
            return {"type": type(value).__qualname__, **self._mapping(kept)}
        return self._instance(value)

    def _instance(self, value: Any) -> Any:
        state = {name: item for name, item in getattr(value, "__dict__", {}).items() if name not in _TRACES}
        return {"type": self._class(type(value)), "state": self._mapping(state)}

    def _mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        return {str(key): self.read(item) for key, item in sorted(value.items(), key=lambda pair: str(pair[0]))}

    def _sequence(self, value: Any) -> list[Any]:
        return [self.read(item) for item in value]

    def _set(self, value: Any) -> list[Any]:
        return sorted(self._sequence(value), key=json.dumps)

    def _model(self, model: Model) -> Any:
        leaves = [self._leaf(leaf) for leaf in _leaves(model)]
        return {"tree": describe(model), "leaves": leaves}

    def _leaf(self, model: Model) -> Any:
        """Code and attributes of people's own classes; astropy's are in the tree."""
        if _is_known(type(model)):
            return type(model).__qualname__
        left_out = (*_OF_EVERY_MODEL, *model.param_names)
        own = {name: item for name, item in vars(model).items() if name[:1] != "_" and name not in left_out}
        return {"type": self._class(type(model)), "state": self._mapping(own)}

    def _class(self, cls: type) -> Any:
        if _is_known(cls):
            return f"{cls.__module__}.{cls.__qualname__}"
        code = {}
        for base in reversed([base for base in cls.__mro__ if not _is_known(base)]):
            for name, member in vars(base).items():
                function = getattr(member, "__func__", getattr(member, "fget", member))
                if isinstance(function, FunctionType):
                    code[name] = self.read(function)
        return {"class": cls.__qualname__, "code": _digest(code)}

    def _partial(self, value: partial[Any]) -> Any:
        return {"partial": self.read(value.func), "args": self.read(value.args), "keywords": self.read(value.keywords)}

    def _method(self, value: MethodType) -> Any:
        return {"method": self.read(value.__func__), "of": self.read(value.__self__)}

    def _named(self, value: Any) -> str:
        return f"{getattr(value, '__module__', None) or ''}.{getattr(value, '__qualname__', value.__name__)}"

    def _ufunc(self, value: np.ufunc) -> str:
        return value.__name__

    def _unit(self, value: u.UnitBase) -> str:
        return str(value)

    def _function(self, function: FunctionType) -> Any:
        if _is_known(function):
            return self._named(function)
        cells = function.__closure__ or ()
        names = sorted(set(_globals_read(function.__code__)) & function.__globals__.keys())
        return _digest(
            {
                "code": self._code(function.__code__),
                "defaults": self.read(function.__defaults__),
                "keywords": self.read(function.__kwdefaults__),
                "closure": [self.read(cell.cell_contents) for cell in cells],
                "globals": {name: self.read(function.__globals__[name]) for name in names},
            }
        )

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
    (partial, _Reader._partial),
    (MethodType, _Reader._method),
    (FunctionType, _Reader._function),
    (CodeType, _Reader._code),
    (np.ufunc, _Reader._ufunc),
    (type, _Reader._class),
    ((BuiltinFunctionType, ModuleType), _Reader._named),
)


def _plain(value: Any) -> Any:
    try:
        return exact(value if np.ndim(value) else np.asarray(value).item())
    except TypeError:  # complex numbers and the like
        return repr(value)


def _digest(value: Any) -> str:
    return f"sha256 {sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()}"


def _is_known(value: Any) -> bool:
    """Whether a class or function is found where it says it is from; `custom_model` has its classes say astropy."""
    if str(value.__module__).partition(".")[0] not in _KNOWN:
        return False
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def _leaves(model: Any) -> Iterator[Model]:
    if isinstance(model, CompoundModel):
        yield from _leaves(model.left)
        yield from _leaves(model.right)
    elif isinstance(model, Model):  # not the values of fix_inputs
        yield model


def _globals_read(code: CodeType) -> Iterator[str]:
    """Names of the globals that a function and the functions within it read."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _globals_read(const)
