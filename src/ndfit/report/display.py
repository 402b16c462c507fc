"""What a notebook shows of a result.

Flows in: FitResult, OneFit or Selection. Flows out: HTML without scripts, in which all text is escaped: a table of how
the fits ended, one of the parameters, and small maps where matplotlib is installed.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ndfit.plotting.figure import hidden_figure
from ndfit.plotting.map_pictures import draw_map
from ndfit.plotting.scale import plain, scale_of
from ndfit.report.html import escape, number, table
from ndfit.status import FLAGS, STATUS, counts_of

if TYPE_CHECKING:
    from ndfit.fit_result import FitResult
    from ndfit.selection import Selection
    from ndfit.single_fit import OneFit

__all__ = ["html_of_fit", "html_of_result", "html_of_selection"]

_MOST_MAPS = 4
_INCHES = 2.2


def html_of_result(result: FitResult) -> str:
    """How the fits ended, where the parameters lie, and maps of the first free ones."""
    title = f"FitResult of shape {result.shape}, {result.engine} engine: {result.reason}"
    return _page(
        title,
        table("How the fits ended", ("positions", "share", "what it means"), _ends(result), numeric=(0, 1)),
        table(
            "Parameters, and their standard errors: medians",
            ("name", "median", "16 % to 84 %", "error", "unit"),
            [_row(result, name) for name in (*result.param_names, *result.derived)],
            numeric=(1, 3),
        ),
        _maps(result),
    )


def html_of_fit(one: OneFit) -> str:
    """How the fit ended, and its parameters with errors."""
    flags = [row.meaning for bit, row in FLAGS.items() if one.flags & bit]
    return _page(
        f"OneFit: {STATUS[one.status].meaning}",
        *(f"<p>{escape(flag)}</p>" for flag in flags),
        table("Parameters", ("name", "value", "error and unit"), one.parameter_rows(), numeric=(1,)),
    )


def html_of_selection(selection: Selection) -> str:
    """How often each candidate was chosen."""
    names = [result.record["model"]["expression"] for result in selection.results]
    counts = [int((selection.choice == index).sum()) for index in range(len(names))]
    rows = [*zip(counts, names, strict=True), (int((selection.choice < 0).sum()), "none has an answer")]
    rule = f"{selection.criterion.upper()} to within {selection.margin:g}"
    return _page(f"Selection by {rule}", table("Candidates", ("positions", "model"), rows, numeric=(0,)))


def _page(title: str, *parts: str) -> str:
    return f"<div><p><strong>{escape(title)}</strong></p>{''.join(parts)}</div>"


def _ends(result: FitResult) -> Iterable[tuple[Any, ...]]:
    """Counts of statuses and flags, the most frequent status first."""
    size = max(result.status.size, 1)
    for code, count in sorted(counts_of(result.status).items(), key=lambda pair: -pair[1]):
        yield count, f"{100 * count / size:.2f} %", STATUS[code].meaning
    for bit, row in FLAGS.items():
        count = int(np.count_nonzero(result.flags & bit))
        if count:
            yield count, f"{100 * count / size:.2f} %", f"flag: {row.meaning}"


def _row(result: FitResult, name: str) -> tuple[str, ...]:
    values, unit = _numbers(result._values_of(name)), getattr(result._values_of(name), "unit", None)
    errors = _numbers(result._errors_of(name)) if result.has_errors else np.zeros(0)
    if not values.size:
        return name, "", "", "", str(unit or "")
    low, middle, high = np.percentile(values, (16, 50, 84))
    spread = f"{number(low)} to {number(high)}"
    return name, number(middle), spread, number(float(np.median(errors)), 2) if errors.size else "", str(unit or "")


def _numbers(values: Any) -> Any:
    """Those that are numbers."""
    plain = np.asarray(getattr(values, "value", values), dtype=float).ravel()
    return plain[np.isfinite(plain)]


def _maps(result: FitResult) -> str:
    """Small maps of the first free parameters, where there are maps and something that draws them."""
    if len(result.shape) != 2 or 0 in result.shape:
        return ""
    try:
        return "".join(_map(result.parameters[name], name) for name in result.free_names[:_MOST_MAPS])
    except ImportError:
        return ""


def _map(values: Any, name: str) -> str:
    figure, picture = hidden_figure(_INCHES, _INCHES), io.BytesIO()
    numbers = plain(values)
    draw_map(figure.add_subplot(), numbers, name, getattr(values, "unit", None), scale_of(name, numbers))
    figure.savefig(picture, format="png", bbox_inches="tight")
    return f'<img alt="{escape(name)}" src="data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}">'
