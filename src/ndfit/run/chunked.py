"""An array on disk, stored in chunks -> a dask array.

Flows in: anything with shape, dtype and slices, and the chunks that it is stored in. Flows out: a lazy array of the
same chunks.
"""

from __future__ import annotations

from typing import Any

import dask.array

__all__ = ["lazily"]


def lazily(array: Any, chunks: tuple[int, ...] | None) -> Any:
    """The array as a dask array; in chunks of dask's choice where it has none of its own."""
    return dask.array.from_array(array, chunks="auto" if chunks is None else chunks, name=False)
