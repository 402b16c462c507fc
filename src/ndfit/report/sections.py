"""The parts of a report that are text and tables.

Flows in: FitResult and the record of its run. Flows out: HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ndfit.io.units_text import unit_words
from ndfit.plotting.labels import quality_name, unit_text
from ndfit.plotting.scale import plain
from ndfit.report.histogram import histogram
from ndfit.report.html import definitions, number, table
from ndfit.result.code_tables import flag_table, status_table
from ndfit.status import NOTHING_TO_DO

if TYPE_CHECKING:
    from ndfit.fit_result import FitResult

__all__ = ["correlations_section", "distributions_section", "fitted_section", "outcome_section"]


_WORTH_TELLING = 0.1


def fitted_section(result: FitResult, record: Mapping[str, Any]) -> str:
    """What was fitted, to what, how."""
    return definitions(_facts(result, record)) + _parameter_table(result, record)


def _facts(result: FitResult, record: Mapping[str, Any]) -> list[tuple[str, str]]:
    data, source, fitting = record["data"], record["source"], record["axes"]["fitting_axes"]
    with_them = ", ".join(name for name in data["with"] if name != "data")
    options = ", ".join(f"{name}={value}" for name, value in record["options"].items() if value not in (None, ""))
    versions = ", ".join(f"{name} {text}" for name, text in record["versions"].items())
    facts = [
        ("Model", record["model"]["expression"]),
        (
            "Data",
            f"{_shape(data['shape'])} samples{_in_unit(data['unit'])}{f', with {with_them}' if with_them else ''}",
        ),
        ("From", "" if source is None else f"{source['name']}, {source['bytes']} bytes, SHA-256 {source['sha256']}"),
        ("Fitted along", f"{'axis' if len(fitting) == 1 else 'axes'} {', '.join(map(str, fitting))} of the data"),
        ("Positions", f"{_shape(result.shape)}" if result.shape else "one fit"),
        ("Engine", f"{result.engine}: {result.reason}"),
        ("Standard errors", _errors_text(result, record)),
        ("Options", options or "none but the defaults"),
        ("Versions", versions),
        ("Date", record["date"]),
    ]
    return [(what, text) for what, text in facts if text]


def _errors_text(result: FitResult, record: Mapping[str, Any]) -> str:
    if not result.has_errors:
        return "not computed"
    if record["absolute_sigma"]:
        return "from the weights as they are"
    return "scaled by the reduced chi-square of each fit"


def _parameter_table(result: FitResult, record: Mapping[str, Any]) -> str:
    rows = []
    for parameter in record["parameters"]:
        start, lower, upper = (_text(parameter[key]) for key in ("start", "lower", "upper"))
        unit = unit_words(parameter["start_unit"])
        rows.append(
            (
                parameter["name"],
                f"{start} {unit}".strip(),
                lower,
                upper,
                unit_words(parameter["unit"]),
                _constraint(parameter),
            )
        )
    headers = ("parameter", "start", "lower bound", "upper bound", "unit of the fit", "constraint")
    return table("Parameters and their constraints", headers, rows, numeric=(1, 2, 3))


def _constraint(parameter: Mapping[str, Any]) -> str:
    if parameter["fixed"]:
        return "fixed"
    tied = parameter["tied"]
    return "free" if tied is None else f"tied: {tied.get('expression') or tied['python']}"


def _text(value: Any) -> str:
    """A number of the record, which writes infinities as text."""
    try:
        return number(float(value)).replace("inf", "\N{INFINITY}")
    except (TypeError, ValueError):
        return "" if value is None else str(value)


def outcome_section(result: FitResult) -> str:
    """How many fits ended how, and what to do about it."""
    total = max(1, result.status.size)
    found = sorted(
        (row for row in status_table(result.status) if row["positions"]), key=lambda row: -int(row["positions"])
    )
    rows = [_counted(row, total) for row in found]
    html = table("Status of every position", ("how it ended", "positions", "share", "what to do"), rows, (1, 2))
    flagged = [_counted(row, total) for row in flag_table(result.flags) if row["positions"]]
    if flagged:
        html += table(
            "Flags of fits that have an answer", ("flag", "positions", "share", "what to do"), flagged, (1, 2)
        )
    return html


def _counted(row: Any, total: int) -> tuple[str, str, str, str]:
    remedy = str(row["remedy"])
    return (
        str(row["meaning"]),
        f"{int(row['positions'])}",
        f"{100 * int(row['positions']) / total:.2f} %",
        "" if remedy == NOTHING_TO_DO else remedy,
    )


def distributions_section(result: FitResult) -> str:
    """Distributions of the parameters that vary, and of the reduced chi-square."""
    if not result.shape:
        return "<p>There is one fit only.</p>"
    figures = [
        histogram(name, _unit(result._values_of(name)), plain(result._values_of(name))) for name in result.shown_names
    ]
    name, unit = quality_name(result)
    figures.append(histogram(name, unit_text(unit), np.asarray(result.reduced_chi_square)))
    return f'<div class="histograms">\n{"".join(figures)}\n</div>'


def correlations_section(result: FitResult) -> str:
    """Medians of the correlations between parameters."""
    if not result.has_errors:
        return "<p>The fit was made with covariance=False.</p>"
    covariance = result.covariance
    with np.errstate(all="ignore"):
        sigma = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
        correlation = covariance / (sigma[..., :, np.newaxis] * sigma[..., np.newaxis, :])
    correlation = correlation.reshape(-1, *covariance.shape[-2:])
    known = [own[np.isfinite(own)] for own in (correlation[:, i, j] for i, j in zip(*_pairs(result), strict=True))]
    rows = [
        (f"{result.free_names[i]}, {result.free_names[j]}", number(float(np.median(own)), 3))
        for own, i, j in zip(known, *_pairs(result), strict=True)
        if own.size and abs(np.median(own)) > _WORTH_TELLING
    ]
    if not rows:
        return "<p>No two parameters are correlated by more than 0.1.</p>"
    return table("Median correlation, of those above 0.1", ("parameters", "correlation"), rows, numeric=(1,))


def _pairs(result: FitResult) -> Any:
    return np.triu_indices(len(result.free_names), 1)


def _unit(values: Any) -> str:
    return unit_text(getattr(values, "unit", None))


def _shape(shape: Any) -> str:
    return " \N{MULTIPLICATION SIGN} ".join(str(size) for size in shape)


def _in_unit(recorded: Any) -> str:
    unit = unit_words(recorded)
    return f" in {unit}" if unit else ""
