"""What engines have in common whose models are plain data, from which their code is made.

Flows in: such a model. Flows out: what the engine can do, and what decides its answers.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, ClassVar, Protocol

from ndfit.arrays import FloatArray

__all__ = ["PlainDataEngine"]


class _Model(Protocol):
    @property
    def set_tied(self) -> Callable[[FloatArray], None]: ...


class _HasModel(Protocol):
    @property
    def model(self) -> _Model: ...


class PlainDataEngine:
    """Of a model that is plain data, all of it in its representation. It is the `model` of the engine."""

    chunk_size: ClassVar[int] = 50_000
    releases_gil: ClassVar[bool] = True
    pointwise: ClassVar[bool] = True
    calls_fitter: ClassVar[bool] = False
    seconds_per_fit: ClassVar[float] = 3e-6
    packages: ClassVar[tuple[str, ...]] = ("ndfit", "llvmlite", "numpy")

    @property
    def set_tied(self: _HasModel) -> Callable[[FloatArray], None]:
        return self.model.set_tied

    def fingerprint(self: _HasModel) -> dict[str, Any]:
        return {"computes": sha256(repr(self.model).encode()).hexdigest()}
