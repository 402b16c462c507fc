"""The page, put together and written.

Flows in: FitResult. Flows out: one HTML file that is whole or not there, and asks nothing of
any network: its own policy forbids that.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from ndfit.atomic import refuse_existing, replacing
from ndfit.report.choice import choose_examples, grid_of
from ndfit.report.content import page_content
from ndfit.report.embedded import MOST_BYTES, MOST_POSITIONS
from ndfit.report.html import escape
from ndfit.report.page_arrays import Arrays, json_element
from ndfit.report.sections import correlations_section, distributions_section, fitted_section, outcome_section

if TYPE_CHECKING:
    from ndfit.fit_result import FitResult

__all__ = ["write_report"]

HINT = (
    "Click a position of a map, or focus a map and use the arrow keys. Hatched positions have no answer. "
    "Positions are indices of the maps, counted from 0; the first row of a map lies at the bottom."
)
SCRIPTS = ("decode.js", "numbers.js", "maps.js", "drawing.js", "page.js")


def write_report(result: FitResult, path: Path, overwrite: bool) -> None:
    """Write the page that `FitResult.report` describes.

    Raises
    ------
    FileExistsError
        There is something at `path`, and `overwrite` is False or it is no file.
    """
    refuse_existing(path, overwrite)
    page = _page(result)
    with replacing(path, overwrite) as partial:
        partial.write_text(page, encoding="utf-8", newline="\n")


def _page(result: FitResult) -> str:
    record = result.record
    arrays = Arrays()
    content = page_content(result, grid_of(result.shape), choose_examples(result), arrays)
    script = "(() => {\n'use strict';\n" + "\n".join(_text(name) for name in SCRIPTS) + "\n})();"
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    expression = str(record["model"]["expression"])
    return Template(_text("page.html")).substitute(
        title=escape(expression),
        digest=digest,
        style=_text("page.css"),
        summary=escape(_summary(result)),
        fitted=fitted_section(result, record),
        outcome=outcome_section(result),
        distributions=distributions_section(result),
        correlations=correlations_section(result),
        hint=HINT if result.shape else "",
        holds=escape(_what_it_holds(result, content, arrays)),
        content=json_element("content", content),
        arrays=arrays.html,
        script=script,
    )


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _summary(result: FitResult) -> str:
    n_converged, total = int(result.success.sum()), result.status.size
    return f"{n_converged} of {total} fits converged, {result.engine} engine."


def _what_it_holds(result: FitResult, content: Mapping[str, Any], arrays: Arrays) -> str:
    """Which samples and numbers are in the page, and why not all."""
    samples, step = content["samples"], content["grid"]["step"]
    total, n_samples = result.status.size, result._problem.axes.n_samples
    parts = []
    if samples is None:
        parts.append(_why_no_samples(result))
    elif samples["everywhere"]:
        of_what = f"each of {total} positions" if result.shape else "the fit"
        parts.append(f"The page holds the {n_samples} samples of {of_what} ({_size(arrays.n_bytes)}).")
    else:
        count = len(samples["positions"])
        parts.append(
            f"Of {total} positions with {n_samples} samples each, the page holds the samples of {count} examples."
        )
    if step > 1:
        parts.append(f"The maps show one position in {step} along each axis.")
    if step > 1 or (samples is not None and not samples["everywhere"]):
        parts.append(f"Pages hold at most {MOST_POSITIONS:,} positions and {MOST_BYTES // 10**6} MB of samples.")
    return " ".join(parts)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e6 else f"{n_bytes / 1e3:.0f} kB"


def _why_no_samples(result: FitResult) -> str:
    if result._problem.samples.data is None:
        return "The result was read from a file without its data, so that no samples can be shown."
    if len(result._problem.samples.coords) > 2:
        return "The fits run along more than two axes, so that their samples are not drawn."
    return "No fit was made, so that there are no examples to show."
