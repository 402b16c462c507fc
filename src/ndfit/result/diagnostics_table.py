"""The diagnostics table.

Flows in: a FitResult. Flows out: an astropy table with a row a position, for sorting and filtering.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from ndfit.result.flag_names import decode_flags
from ndfit.result.positions import world_axes
from ndfit.status import STATUS

if TYPE_CHECKING:
    from ndfit.fit_result import FitResult

__all__ = ["diagnostics_table"]


def diagnostics_table(result: FitResult) -> QTable:
    """Everything known of each position.

    Columns: `axis_0` and so on, the position along the iterating axes of the data; world coordinates, where the WCS of
    the positions is known; `status`, its name and meaning; names of the flags; chi-square, reduced chi-square, the
    estimated distance to the minimum, samples and evaluations; the last line of what went wrong; each parameter and, as
    `NAME_err`, its standard error.
    """
    columns: dict[str, Any] = {
        f"axis_{axis}": index.ravel()
        for axis, index in zip(result._problem.axes.iterating, np.indices(result.shape), strict=True)
    }
    for axis in world_axes(result.wcs, result.shape):
        values = np.broadcast_to(axis.values, result.shape).ravel()
        columns[axis.name] = values if axis.unit is None else u.Quantity(values, axis.unit)
    status, flags = result.status.ravel(), result.flags.ravel()
    columns |= {
        "status": status,
        "status_name": _looked_up(status, {code: row.status.name for code, row in STATUS.items()}),
        "converged": result.success.ravel(),
        "meaning": _looked_up(status, {code: row.meaning for code, row in STATUS.items()}),
        "flags": _looked_up(flags, {int(bits): " ".join(decode_flags(bits)) for bits in np.unique(flags)}),
        "chi_square": result.chi_square.ravel(),
        "reduced_chi_square": result.reduced_chi_square.ravel(),
        "edm": result.edm.ravel(),
        "n_samples": result.n_samples.ravel(),
        "nfev": result.nfev.ravel(),
    }
    errors = result.errors if result.has_errors else {}
    columns["message"] = _messages(result)
    for name, values in result.parameters.items():
        columns[_free(name, columns)] = values.ravel()
        if errors:
            columns[_free(f"{name}_err", columns)] = errors[name].ravel()
    for name, values in result.derived.items():
        columns[_free(name, columns)] = values.ravel()
        if name in result.derived_errors:
            columns[_free(f"{name}_err", columns)] = result.derived_errors[name].ravel()
    return QTable(columns)


def _free(name: str, columns: dict[str, Any]) -> str:
    """The name of a parameter's column, distinct from another column of that name."""
    return name if name not in columns else f"parameter.{name}"


def _looked_up(codes: NDArray[Any], names: dict[int, str]) -> NDArray[np.str_]:
    """The text of each code; text columns are as wide as the longest that occurs."""
    found, places = np.unique(codes, return_inverse=True)
    return np.array([names[int(code)] for code in found], dtype=str)[places]


def _messages(result: FitResult) -> NDArray[np.str_]:
    last_lines = {
        position: text.strip().rpartition("\n")[2].strip() for position, text in result._maps.messages.items()
    }
    column = np.zeros(result.shape, dtype=f"U{max(map(len, last_lines.values()), default=1)}")
    for position, line in last_lines.items():
        column[position] = line
    return column.ravel()
