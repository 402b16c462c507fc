"""Fit one model at every position of an N-dimensional data set.

The public names are imported on first use, so that `import ndfit` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ndfit.once import LOADING

if TYPE_CHECKING:
    from ndfit.api import fit, select
    from ndfit.drop_in import parallel_fit_dask
    from ndfit.errors import AllFitsFailed, ChangedInputError, CheckpointError, FitWarning, LoadError, UnreadableFile
    from ndfit.fit_result import FitResult
    from ndfit.functions.as_model import as_model
    from ndfit.lines.line_set import LineSet
    from ndfit.model.template_models import templates
    from ndfit.problem.instrument import Instrument
    from ndfit.reading.read import read
    from ndfit.result.flag_names import decode_flags, disqualified
    from ndfit.selection import Selection
    from ndfit.status import FLAGS, STATUS, Flag
    from ndfit.xarray_call import curvefit

__all__ = [
    "FLAGS",
    "STATUS",
    "AllFitsFailed",
    "ChangedInputError",
    "CheckpointError",
    "FitResult",
    "FitWarning",
    "Flag",
    "Instrument",
    "LineSet",
    "LoadError",
    "Selection",
    "UnreadableFile",
    "__version__",
    "as_model",
    "curvefit",
    "decode_flags",
    "disqualified",
    "fit",
    "parallel_fit_dask",
    "read",
    "select",
    "templates",
]

__version__ = "0.1.0"

_HOME = {
    "AllFitsFailed": "ndfit.errors",
    "ChangedInputError": "ndfit.errors",
    "CheckpointError": "ndfit.errors",
    "FLAGS": "ndfit.status",
    "STATUS": "ndfit.status",
    "FitResult": "ndfit.fit_result",
    "FitWarning": "ndfit.errors",
    "Flag": "ndfit.status",
    "Instrument": "ndfit.problem.instrument",
    "LineSet": "ndfit.lines.line_set",
    "LoadError": "ndfit.errors",
    "Selection": "ndfit.selection",
    "UnreadableFile": "ndfit.errors",
    "as_model": "ndfit.functions.as_model",
    "curvefit": "ndfit.xarray_call",
    "decode_flags": "ndfit.result.flag_names",
    "disqualified": "ndfit.result.flag_names",
    "fit": "ndfit.api",
    "parallel_fit_dask": "ndfit.drop_in",
    "read": "ndfit.reading.read",
    "select": "ndfit.api",
    "templates": "ndfit.model.template_models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with LOADING:
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
