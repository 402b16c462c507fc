"""Results as tables for people.

Flows in: results of a run. Flows out: markdown. Of a number measured several times, median and
range.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Any

from benchmarks.goals import GOALS
from benchmarks.results import best_astropy, ratios, seconds_of

__all__ = ["full_report", "readme_table", "with_spread"]

Results = dict[str, Any]

_DIGITS = 3
NOT_MEASURED = "not measured"
# Peers of the README's table: (title, name); None is astropy's best scheduler.
_README_PEERS = (
    ("astropy `parallel_fit_dask`", None),
    ("loop of `curve_fit`", "curve_fit"),
    ("optimistix on JAX", "optimistix"),
)
# And its probes, of calls that take seconds.
_README_PROBES = ("guess", "million")


def with_spread(numbers: Sequence[float], unit: str = "") -> str:
    """Median and range."""
    if not numbers:
        return NOT_MEASURED
    middle = f"{_rounded(median(numbers))} {unit}".rstrip()
    if len(numbers) == 1:
        return middle
    return f"{middle} ({_rounded(min(numbers))} to {_rounded(max(numbers))})"


def full_report(results: Results) -> str:
    """Everything: goals, workloads by peers, probes, and what it was measured on."""
    parts = [
        _conditions(results),
        "## Goals\n\n" + _goals(results),
        *(f"## {record['title']}\n\n{_workload(results, name)}" for name, record in results["workloads"].items()),
        *(f"## {record['title'][0].upper()}{record['title'][1:]}\n\n{_probe(record)}" for record in _probes(results)),
    ]
    return "\n\n".join(parts) + "\n"


def readme_table(results: Results, link: str = "docs/benchmarks.md") -> str:
    """The short version: how many times longer others take for the whole call, and what ndfit's own calls take."""
    parts = [_beside_others(results)]
    if calls := list(_own_calls(results)):
        parts.append(_table(("whole call of ndfit", "seconds"), calls))
    parts.append(
        f"Measured on {results['machine']}: times longer than ndfit, the median of "
        f"{results['repeats']} repeats and the range. How, and what else: [{link}]({link})."
    )
    return "\n\n".join(parts)


def _beside_others(results: Results) -> str:
    header = ("whole call", "ndfit", *(title for title, _ in _README_PEERS))
    rows = (
        (
            record["title"],
            with_spread(seconds_of(results, name, "ndfit"), "s").split(" (")[0],
            *(_times_longer(results, name, peer) for _, peer in _README_PEERS),
        )
        for name, record in results["workloads"].items()
        if seconds_of(results, name, "ndfit")
    )
    return _table(header, rows)


def _own_calls(results: Results) -> Iterator[tuple[str, str]]:
    for name in _README_PROBES:
        record = results["probes"].get(name, {})
        for call, seconds in record.get("values", {}).items():
            yield f"{record['title'].removesuffix(', seconds')}: {call}", with_spread(seconds)


def _conditions(results: Results) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in results["versions"].items())
    smoke = "A smoke run: the numbers mean nothing. " if results["smoke"] else ""
    return (
        f"{smoke}{results['machine']}; {versions}. {results['repeats']} repeats, in which all peers take turns: "
        "the median, and the range in brackets."
    )


def _goals(results: Results) -> str:
    rows = []
    for goal in GOALS:
        numbers = goal.measure(results)
        verdict = ("holds" if goal.holds(numbers) else "falls short") if numbers else NOT_MEASURED
        target = f"{goal.comparison} {goal.target:g} {goal.unit}".rstrip()
        rows.append((goal.what, target, with_spread(numbers, goal.unit), verdict))
    return _table(("what", "goal", "measured", ""), rows)


def _workload(results: Results, name: str) -> str:
    record = results["workloads"][name]
    if "skipped" in record:
        return f"Skipped: {record['skipped']}."
    header = ("", "seconds", "fits/s", "times ndfit", "evaluations", "at the lowest cost", "fits measured")
    rows = (_peer_row(results, name, peer) for peer in results["peers"] if peer in record["peers"])
    size = f"{record['n_fits']} fits of {record['n_samples']} samples, {record['n_params']} parameters."
    return f"{size}\n\n{_table(header, rows)}"


def _peer_row(results: Results, name: str, peer: str) -> tuple[str, ...]:
    workload = results["workloads"][name]
    record, title = workload["peers"][peer], results["peers"][peer]
    if "skipped" in record:
        return (title, f"skipped: {record['skipped']}", *[""] * 5)
    evaluations = "" if record["evaluations"] is None else f"{record['evaluations']:.1f}"
    answers = (evaluations, f"{100 * record['success']:.2f} %", str(record["n_fits"]))
    if not record["valid"]:
        return (title, "not counted: too few right answers", "", "", *answers)
    rate = [workload["n_fits"] / seconds for seconds in record["seconds"]]
    return (
        title,
        with_spread(record["seconds"]),
        _rounded(median(rate)),
        with_spread(ratios(results, name, peer)) if peer != "ndfit" else "",
        *answers,
    )


def _probes(results: Results) -> Iterator[dict[str, Any]]:
    yield from results["probes"].values()


def _probe(record: dict[str, Any]) -> str:
    if "skipped" in record:
        return f"Skipped: {record['skipped']}."
    return _table(("", "measured"), ((name, with_spread(numbers)) for name, numbers in record["values"].items()))


def _times_longer(results: Results, workload: str, peer: str | None) -> str:
    numbers = ratios(results, workload, peer or best_astropy(results, workload))
    return with_spread(numbers, "x") if numbers else "-"


def _rounded(number: float) -> str:
    """Three significant digits, without exponents."""
    if number == 0:
        return "0"
    text = f"{number:.{_DIGITS}g}"
    return f"{float(text):,.0f}" if abs(number) >= 10 ** (_DIGITS - 1) else text


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
