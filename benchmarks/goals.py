"""The numbers the project is held to: the table of goals.

Flows in: results. Flows out: for each goal its numbers, one a repeat; none where they were not measured.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from benchmarks.results import best_astropy, ratios

__all__ = ["GOALS", "Goal"]

Results = dict[str, Any]
Numbers = list[float]


class Goal(NamedTuple):
    """A row of the table: `measure` gives the numbers, whose median is compared with `target`."""

    what: str
    comparison: str
    target: float
    unit: str
    measure: Callable[[Results], Numbers]

    def holds(self, numbers: Numbers) -> bool:
        return bool(_COMPARISONS[self.comparison](median(numbers), self.target))


_COMPARISONS = {">=": operator.ge, "<=": operator.le}


def _against_astropy(workload: str) -> Callable[[Results], Numbers]:
    return lambda results: ratios(results, workload, best_astropy(results, workload))


def _probe(name: str, combine: Callable[[dict[str, Numbers]], Numbers]) -> Callable[[Results], Numbers]:
    def measure(results: Results) -> Numbers:
        record = results["probes"].get(name)
        return combine(record["values"]) if record else []

    return measure


def _quotient(above: str, below: str) -> Callable[[dict[str, Numbers]], Numbers]:
    return lambda values: [a / b for a, b in zip(values[above], values[below], strict=True)]


def _of_ndfit(workload: str, entry: str) -> Callable[[Results], Numbers]:
    def measure(results: Results) -> Numbers:
        record = results["workloads"].get(workload, {}).get("peers", {}).get("ndfit", {})
        return [record[entry]] if entry in record else []

    return measure


def _cost_beyond_astropy(workload: str) -> Callable[[Results], Numbers]:
    """By how many percent the summed cost exceeds that of astropy's TRF on the same fits."""

    def measure(results: Results) -> Numbers:
        peers = results["workloads"].get(workload, {}).get("peers", {})
        own, other = peers.get("ndfit", {}), peers.get("astropy-processes", {})
        comparable = "cost" in own and "cost" in other and own["n_fits"] == other["n_fits"]
        return [100 * (own["cost"] / other["cost"] - 1)] if comparable else []

    return measure


GOALS = (
    Goal(
        "100,000 spectra of 53 channels, whole call, against astropy's best scheduler",
        ">=",
        1000,
        "x",
        _against_astropy("spectra"),
    ),
    Goal("cube of 53 x 105 x 105 with WCS and units, whole call, warm", ">=", 300, "x", _against_astropy("cube")),
    Goal(
        "three Gaussians and a line (11 parameters), against astropy", ">=", 500, "x", _against_astropy("three-lines")
    ),
    Goal(
        "a data point and evaluation, Gaussian, against one `np.exp` of one value",
        "<=",
        4,
        "x",
        _probe("evaluation", _quotient("engine", "exp")),
    ),
    Goal("2 cores against 1, whole call", ">=", 1.85, "x", _probe("cores", _quotient("1", "2"))),
    Goal(
        "first fit in a new process over importing astropy.modeling, cold cache",
        "<=",
        5,
        "s",
        _probe("first-fit", lambda values: values["cold"]),
    ),
    Goal("the same, warm cache", "<=", 1, "s", _probe("first-fit", lambda values: values["warm"])),
    Goal(
        "memory over the output, cube on disk of 4 million spectra",
        "<=",
        512,
        "MB",
        _probe("memory", lambda values: values["MB"]),
    ),
    Goal(
        "evaluations a fit, 2,500 spectra of L1448",
        "<=",
        10,
        "",
        _of_ndfit("l1448-part", "evaluations"),
    ),
    Goal("summed cost there beyond TRF's", "<=", 0, "%", _cost_beyond_astropy("l1448-part")),
    Goal("the same, mean in 3000 to 6000 m/s", "<=", 0, "%", _cost_beyond_astropy("l1448-part-bounded")),
    Goal("summed cost of the whole L1448 cube beyond TRF's", "<=", 0, "%", _cost_beyond_astropy("l1448")),
    Goal("the same, mean in 3000 to 6000 m/s", "<=", 0, "%", _cost_beyond_astropy("l1448-bounded")),
)
