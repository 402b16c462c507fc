"""Names of array types.

Flows in: nothing of ndfit. Flows out: names for annotations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["FloatArray"]

FloatArray = NDArray[np.float64]
