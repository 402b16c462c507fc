"""Rows of numbers as nodes of a graph hold them: lookup tables.

Flows in: arrays. Flows out: tuples that are hashed once, and whose text is short. Graphs are looked up by what they are
made of many times in a call, and hundreds of templates are millions of numbers.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.once import cached_property

__all__ = ["Numbers"]


class Numbers(tuple[float, ...]):
    """Numbers of float64."""

    @classmethod
    def of(cls, values: Any) -> Numbers:
        """The numbers of a 1-D array, or what is some already."""
        return values if isinstance(values, cls) else cls(np.asarray(values, dtype=float).ravel().tolist())

    @cached_property
    def array(self) -> NDArray[np.float64]:
        """The same as an array, which cannot be written to."""
        array = np.array(tuple(self), dtype=float)
        array.setflags(write=False)
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.array, dtype=dtype, copy=copy)

    @cached_property
    def digest(self) -> str:
        return sha256(self.array.tobytes()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Numbers):
            return self is other or self.digest == other.digest
        return tuple.__eq__(self, other) if isinstance(other, tuple) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        return f"Numbers({self.digest})"

    def __reduce__(self) -> Any:
        return Numbers.of, (self.array,)
