"""Types of the arguments of the public calls, for type checkers.

Flows in: nothing of ndfit. Flows out: names for annotations. What an object has to have is said, not what it is:
models, fitters and containers of other packages are not imported, and most of these are not annotated themselves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, TypeAlias

from numpy.typing import ArrayLike

__all__ = [
    "Arrays",
    "Axes",
    "Bounds",
    "DiagnosticsKind",
    "Equivalencies",
    "FitterLike",
    "GuessKind",
    "ModelLike",
    "PathLike",
    "Refinement",
    "ResampleKind",
    "SchedulerLike",
    "Starting",
    "StatisticKind",
    "UnitLike",
    "World",
]


class _Model(Protocol):
    """What an `astropy.modeling.Model` has."""

    @property
    def param_names(self) -> Any: ...
    def evaluate(self, *arguments: Any, **keywords: Any) -> Any: ...


class _Symbolic(Protocol):
    """What expressions of sympy have."""

    @property
    def free_symbols(self) -> Any: ...


class _ArrayObject(Protocol):
    """What arrays, Quantities and dask arrays have."""

    @property
    def shape(self) -> Any: ...
    @property
    def dtype(self) -> Any: ...


class _Container(Protocol):
    """What an NDData has."""

    @property
    def data(self) -> Any: ...
    @property
    def uncertainty(self) -> Any: ...


class _Uncertainty(Protocol):
    """What an NDUncertainty has."""

    @property
    def uncertainty_type(self) -> str: ...
    @property
    def array(self) -> Any: ...


class _UnitObject(Protocol):
    """What a unit has."""

    def to(self, *arguments: Any, **keywords: Any) -> Any: ...


class _Coordinates(Protocol):
    """What a low-level or high-level WCS of APE 14 has."""

    @property
    def pixel_n_dim(self) -> int: ...


ModelLike: TypeAlias = _Model | Callable[..., Any] | _Symbolic
Arrays: TypeAlias = ArrayLike | _ArrayObject | _Container | _Uncertainty
World: TypeAlias = tuple[Any, ...] | list[Any] | _Coordinates | Literal["pixels"]
UnitLike: TypeAlias = str | _UnitObject
FitterLike: TypeAlias = Callable[..., Any]
SchedulerLike: TypeAlias = str | Callable[..., Any] | object
PathLike: TypeAlias = str | os.PathLike[str]
Axes: TypeAlias = int | str | Iterable[int | str]
Starting: TypeAlias = Mapping[str, Any] | ArrayLike | Iterable[Any]
Bounds: TypeAlias = Mapping[str, tuple[Any, Any]] | tuple[Any, Any] | list[Any]
Equivalencies: TypeAlias = Mapping[str, Any]
StatisticKind: TypeAlias = Literal["chi2", "cash"]
GuessKind: TypeAlias = Literal["also", "auto"]
ResampleKind: TypeAlias = Literal["parametric", "residual"]
Refinement: TypeAlias = Literal["neighbours"]
DiagnosticsKind: TypeAlias = Literal["error", "error+warn", "all"]
