"""Arrays that are converted element by element when they are needed, and no more of them than is needed.

Flows in: a function of arrays, and the arrays, of whatever size. Flows out: LazyElementwise, which is cut as an array
is, and becomes one when `numpy.asarray` is called on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ndfit.problem.mapped import read_if_mapped

__all__ = ["LazyElementwise", "is_lazy"]


def is_lazy(array: Any) -> bool:
    """Whether an array is computed when it is asked for, as dask's are; dask is not imported."""
    return hasattr(array, "__dask_graph__")


class LazyElementwise:
    """What a function makes of arrays, element by element.

    Parameters
    ----------
    function : of as many arrays as there are; picklable
    dtype : of what it makes
    *arrays : in memory or mapped from a file, that broadcast to one shape
    """

    def __init__(self, function: Callable[..., Any], dtype: DTypeLike, *arrays: NDArray[Any]) -> None:
        self._function = function
        self._arrays = np.broadcast_arrays(*arrays)
        self.dtype = np.dtype(dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._arrays[0].shape

    @property
    def size(self) -> int:
        return self._arrays[0].size

    @property
    def nbytes(self) -> int:
        """Of the array that it would become."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self._arrays[0])

    def __getitem__(self, index: Any) -> LazyElementwise:
        return LazyElementwise(self._function, self.dtype, *(array[index] for array in self._arrays))

    def transpose(self, order: tuple[int, ...]) -> LazyElementwise:
        return LazyElementwise(self._function, self.dtype, *(array.transpose(order) for array in self._arrays))

    def __reduce__(self) -> tuple[Any, ...]:
        return LazyElementwise, (self._function, self.dtype, *map(read_if_mapped, self._arrays))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a deferred array is made when it is asked for, and cannot be had without a copy")
        values = self._function(*map(read_if_mapped, self._arrays))
        return np.asarray(values, dtype=self.dtype if dtype is None else dtype)
