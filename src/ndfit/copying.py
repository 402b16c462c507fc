"""Copies of astropy models, as `copy.deepcopy` makes them, in a third of its time.

Flows in: a model. Flows out: one that shares nothing with it that can change. A call makes several, and a model of 76
parameters consists of 30,000 objects, nearly all of them numbers, text, slices and parameters that bring no rules of
their own for copying. What does bring some is left to `copy.deepcopy`.
"""

from __future__ import annotations

import copy
from collections import UserDict, defaultdict
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
from astropy.modeling import Model, Parameter

__all__ = ["copied"]

_SHARED = frozenset(
    {type(None), bool, int, float, complex, str, bytes, type, FunctionType, BuiltinFunctionType, type(Ellipsis)}
)
"""Types of what cannot change, or is the same thing in a copy."""

_PLAIN = frozenset({Model, Parameter, UserDict})
"""Classes whose instances are what is in their `__dict__`, unless a subclass says otherwise."""

_OWN_RULES = ("__deepcopy__", "__setstate__", "__getnewargs__", "__getnewargs_ex__")

Memo = dict[Any, Any]
"""As of `copy.deepcopy`: copies by the number of what they are of; and which classes are plain."""


def copied(model: Any) -> Any:
    """A deep copy of a model; made by the model's class where it says how."""
    if type(model).copy is not Model.copy or type(model).deepcopy is not Model.deepcopy:
        return model.copy()
    return _copied(model, {})


def _copied(value: Any, memo: Memo) -> Any:
    kind = type(value)
    if kind in _SHARED:
        return value
    if id(value) in memo:
        return memo[id(value)]
    if kind in _RULES:
        return _RULES[kind](value, memo)
    if kind not in memo:
        memo[kind] = not _PLAIN.isdisjoint(kind.__mro__) and _is_plain(kind)
    if memo[kind]:
        return _copied_instance(value, memo)
    return copy.deepcopy(value, memo)


def _copied_instance(value: Any, memo: Memo) -> Any:
    kind: Any = type(value)
    new = memo[id(value)] = kind.__new__(kind)
    _fill(vars(new), vars(value), memo)
    return new


def _is_plain(kind: Any) -> bool:
    """Whether `copy.deepcopy` would copy the `__dict__` and nothing else."""
    return (
        kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and getattr(kind, "__getstate__", None) is getattr(object, "__getstate__", None)
        and not any(hasattr(kind, name) for name in _OWN_RULES)
        and not any(vars(base).get("__slots__") for base in kind.__mro__)
    )


def _copied_dict(value: dict[Any, Any], memo: Memo) -> dict[Any, Any]:
    new: dict[Any, Any] = {}
    memo[id(value)] = new
    _fill(new, value, memo)
    return new


def _copied_defaultdict(value: defaultdict[Any, Any], memo: Memo) -> dict[Any, Any]:
    new: dict[Any, Any] = defaultdict(_copied(value.default_factory, memo))
    memo[id(value)] = new
    _fill(new, value, memo)
    return new


def _fill(new: dict[Any, Any], value: dict[Any, Any], memo: Memo) -> None:
    for key, item in value.items():
        new[key if type(key) is str else _copied(key, memo)] = item if type(item) in _SHARED else _copied(item, memo)


def _copied_list(value: list[Any], memo: Memo) -> list[Any]:
    new: list[Any] = []
    memo[id(value)] = new
    new.extend(_copied(item, memo) for item in value)
    return new


def _copied_tuple(value: tuple[Any, ...], memo: Memo) -> tuple[Any, ...]:
    if _SHARED.issuperset(map(type, value)):
        return value
    new = tuple(_copied(item, memo) for item in value)
    if all(one is other for one, other in zip(new, value, strict=True)):
        return value
    # What the tuple holds may hold the tuple, and has made it by now.
    return memo.setdefault(id(value), new)


def _copied_slice(value: slice, memo: Memo) -> slice:
    return slice(*(_copied(item, memo) for item in (value.start, value.stop, value.step)))


def _copied_array(value: Any, memo: Memo) -> Any:
    return memo.setdefault(id(value), copy.deepcopy(value, memo))


_RULES: dict[type, Any] = {
    dict: _copied_dict,
    defaultdict: _copied_defaultdict,
    list: _copied_list,
    tuple: _copied_tuple,
    slice: _copied_slice,
    np.ndarray: _copied_array,
}
