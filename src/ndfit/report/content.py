"""What the page's script works with.

Flows in: FitResult, the grid and the examples. Flows out: one JSON value, whose arrays are in an Arrays.

Numbers are in rows: first the positions of the grid, then those examples that are not on it. They are embedded in
double precision, so that those shown are those of the result; samples in single precision, which suffices for drawings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ndfit.plotting.labels import coordinate_names, coordinate_units, quality_name, sky_name, unit_text
from ndfit.plotting.scale import Scale, plain, scale_of, scale_of_errors
from ndfit.report.choice import Grid
from ndfit.report.embedded import Embedded, fits_into_page, samples_everywhere, samples_of
from ndfit.report.page_arrays import Arrays
from ndfit.result.positions import world_axes
from ndfit.status import FLAGS, STATUS, StatusRow

if TYPE_CHECKING:
    from ndfit.fit_result import FitResult

__all__ = ["page_content"]

N_COLOURS = 256


def page_content(result: FitResult, grid: Grid, examples: Mapping[str, list[int]], arrays: Arrays) -> Mapping[str, Any]:
    """JSON value of the page."""
    extra = [number for numbers in examples.values() for number in numbers]
    rows = np.concatenate((grid.numbers, np.setdiff1d(extra, grid.numbers).astype(np.int64)))
    maps = _maps(result, rows, arrays)
    names = {scale["colours"] for entry in maps for scale in (entry["scale"], entry["errorScale"]) if scale}
    return {
        "shape": list(result.shape),
        "grid": {"step": grid.step, "shape": list(grid.shape)},
        "rows": arrays.add(rows.astype(np.float64)),
        "maps": maps,
        "status": arrays.add(result.status.ravel()[rows]),
        "flags": arrays.add(result.flags.ravel()[rows]),
        "parameterFlags": [
            {"name": name, "values": arrays.add(flags.ravel()[rows])}
            for name, flags in result.parameter_flags.items()
            if flags.any()
        ],
        "edm": arrays.add(result.edm.ravel()[rows]),
        "nfev": arrays.add(result.nfev.ravel()[rows]),
        "used": arrays.add(result.n_samples.ravel()[rows]),
        "statuses": {
            str(code): {"meaning": row.meaning, "remedy": row.remedy, "kind": _kind(row)}
            for code, row in STATUS.items()
        },
        "flagRows": {str(bit): row.meaning for bit, row in FLAGS.items()},
        "sky": _sky(result, rows, arrays),
        "colours": {name: _colours(name) for name in sorted(names)},
        "examples": [{"title": title, "positions": numbers} for title, numbers in examples.items()],
        "samples": _samples(result, rows, extra, arrays),
    }


def _kind(row: StatusRow) -> str:
    """What kind of colour a status has."""
    if row.converged:
        return "converged"
    return "expected" if row.counted else "other"


def _maps(result: FitResult, rows: NDArray[np.int64], arrays: Arrays) -> list[dict[str, Any]]:
    """The parameters, derived quantities, and the reduced chi-square."""
    entries = []
    for name in (*result.param_names, *result.derived):
        values = result._values_of(name)
        errors = plain(result._errors_of(name)) if result.has_errors else None
        entries.append(
            {
                "name": name,
                "unit": unit_text(getattr(values, "unit", None)),
                "varies": name in result.shown_names,
                "values": arrays.add(plain(values).ravel()[rows]),
                "errors": None if errors is None else arrays.add(errors.ravel()[rows]),
                "scale": _scale(scale_of(name, values, errors)),
                "errorScale": None if errors is None else _scale(scale_of_errors(errors)),
            }
        )
    quality, (name, unit) = result.reduced_chi_square, quality_name(result)
    entries.append(
        {
            "name": name,
            "unit": unit_text(unit),
            "varies": True,
            "values": arrays.add(quality.ravel()[rows]),
            "errors": None,
            "scale": _scale(scale_of("", quality)),
            "errorScale": None,
        }
    )
    return entries


def _scale(scale: Scale) -> dict[str, Any]:
    return {"low": scale.low, "high": scale.high, "colours": scale.colours, "clipped": list(scale.clipped)}


def _colours(name: str) -> str:
    """A colour map as hexadecimal digits, six a colour."""
    try:
        from matplotlib import colormaps
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError('reports need matplotlib: pip install "ndfit[plot]"') from error
    return bytes(colormaps[name](np.linspace(0, 1, N_COLOURS), bytes=True)[:, :3].tobytes()).hex()


def _sky(result: FitResult, rows: NDArray[np.int64], arrays: Arrays) -> list[dict[str, Any]]:
    """World coordinates of the positions."""
    return [
        {
            "name": sky_name(axis.physical_type, axis.name),
            "unit": unit_text(axis.unit),
            "values": arrays.add(np.broadcast_to(axis.values, result.shape).ravel()[rows]),
        }
        for axis in world_axes(result.wcs, result.shape)
    ]


def _samples(result: FitResult, rows: NDArray[np.int64], extra: list[int], arrays: Arrays) -> dict[str, Any] | None:
    """Samples of every position, or of the examples; None where the data are not at hand."""
    problem = result._problem
    if problem.samples.data is None or len(problem.samples.coords) > 2:
        return None
    everywhere = fits_into_page(problem) and result._samples_used is not None
    if everywhere:
        samples = samples_everywhere(result)
    elif extra:
        extra = sorted(set(extra))
        samples = samples_of(result, [tuple(map(int, np.unravel_index(number, result.shape))) for number in extra])
    else:
        return None
    return {
        "everywhere": everywhere,
        "positions": None if everywhere else extra,
        "shape": list(problem.axes.fitting_shape),
        "unit": unit_text(problem.data_unit),
        "axes": [
            {"name": name, "unit": unit_text(unit), "values": arrays.add(np.asarray(values, dtype=np.float64))}
            for name, unit, values in zip(
                coordinate_names(problem), coordinate_units(problem), samples.coords, strict=True
            )
        ],
        **_embed(samples, arrays),
    }


def _embed(samples: Embedded, arrays: Arrays) -> dict[str, Any]:
    return {
        "data": arrays.add(samples.data),
        "model": arrays.add(samples.model),
        "used": arrays.add(np.packbits(samples.used, axis=1, bitorder="little")),
        "sigma": arrays.add(samples.sigma),
    }
