"""What dask's arrays do not tell by public names.

Flows in: a lazy array. Flows out: what its chunks will be.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["is_masked"]


def is_masked(array: Any) -> bool:
    """Whether the chunks of a lazy array are masked arrays: only the empty array that it keeps of them tells."""
    return isinstance(getattr(array, "_meta", None), np.ma.MaskedArray)
