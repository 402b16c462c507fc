"""`import ndfit.xarray` gives labelled arrays an attribute `ndfit`, with the calls that take them.

Flows in: an array, when its attribute is asked for. Flows out: what `ndfit.fit` and `ndfit.curvefit` return. `import
ndfit` alone imports no xarray, and so cannot register anything there.
"""

from __future__ import annotations

from typing import Any

import xarray

from ndfit.api import fit
from ndfit.fit_result import FitResult
from ndfit.xarray_call import curvefit

__all__ = ["ArrayFits", "DatasetFits"]


@xarray.register_dataset_accessor("ndfit")
class DatasetFits:
    """The attribute `ndfit` of a Dataset."""

    def __init__(self, obj: Any) -> None:
        self._obj = obj

    def curvefit(self, coords: Any, func: Any, *arguments: Any, **keywords: Any) -> Any:
        """As `ndfit.curvefit`, whose first argument is the Dataset."""
        return curvefit(self._obj, coords, func, *arguments, **keywords)


@xarray.register_dataarray_accessor("ndfit")
class ArrayFits(DatasetFits):
    """The attribute `ndfit` of a DataArray."""

    def fit(self, model: Any, fitting_axes: Any, **keywords: Any) -> FitResult:
        """As `ndfit.fit`, whose data are the array."""
        return fit(model, self._obj, fitting_axes=fitting_axes, **keywords)
