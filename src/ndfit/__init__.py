"""Fit one model at every position of an N-dimensional data set.

The public names are imported on first use, so that `import ndfit` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ndfit.once import LOADING

if TYPE_CHECKING:
    from ndfit.api import fit, parallel_fit_dask, select
    from ndfit.errors import AllFitsFailed, ChangedInputError, CheckpointError, FitWarning, LoadError, UnreadableFile
    from ndfit.output.flags import decode_flags, disqualified
    from ndfit.output.result import FitResult
    from ndfit.output.selection import Selection
    from ndfit.problem.types import FLAGS, STATUS, Flag
    from ndfit.reading.read import read
    from ndfit.template_models import templates

__all__ = [
    "FLAGS",
    "STATUS",
    "AllFitsFailed",
    "ChangedInputError",
    "CheckpointError",
    "FitResult",
    "FitWarning",
    "Flag",
    "LoadError",
    "Selection",
    "UnreadableFile",
    "__version__",
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
    "FLAGS": "ndfit.problem.types",
    "STATUS": "ndfit.problem.types",
    "FitResult": "ndfit.output.result",
    "FitWarning": "ndfit.errors",
    "Flag": "ndfit.problem.types",
    "LoadError": "ndfit.errors",
    "Selection": "ndfit.output.selection",
    "UnreadableFile": "ndfit.errors",
    "decode_flags": "ndfit.output.flags",
    "disqualified": "ndfit.output.flags",
    "fit": "ndfit.api",
    "parallel_fit_dask": "ndfit.api",
    "read": "ndfit.reading.read",
    "select": "ndfit.api",
    "templates": "ndfit.template_models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with LOADING:
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
