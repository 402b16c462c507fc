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


def _against_astropy(workload: str, vectors: str = "") -> Callable[[Results], Numbers]:
    """Against its best scheduler; only where the processor has these vectors, where some are named."""

    def measure(results: Results) -> Numbers:
        return ratios(results, workload, best_astropy(results, workload)) if vectors in results["machine"] else []

    return measure


def _probe(name: str, combine: Callable[[dict[str, Numbers]], Numbers]) -> Callable[[Results], Numbers]:
    def measure(results: Results) -> Numbers:
        record = results["probes"].get(name, {})
        return combine(record["values"]) if "values" in record else []

    return measure


def _alone(entry: str) -> Callable[[dict[str, Numbers]], Numbers]:
    return lambda values: values[entry]


def _quotient(above: str, below: str) -> Callable[[dict[str, Numbers]], Numbers]:
    return lambda values: [a / b for a, b in zip(values[above], values[below], strict=True)]


def _beyond(more: str, less: str) -> Callable[[dict[str, Numbers]], Numbers]:
    return lambda values: [a - b for a, b in zip(values[more], values[less], strict=True)]


def _on_top(more: str, less: str) -> Callable[[dict[str, Numbers]], Numbers]:
    """By how many times the lesser the greater exceeds it."""
    return lambda values: [a / b - 1 for a, b in zip(values[more], values[less], strict=True)]


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
        2500,
        "x",
        _against_astropy("spectra"),
    ),
    Goal("cube of 53 x 105 x 105 with WCS and units, whole call, warm", ">=", 300, "x", _against_astropy("cube")),
    *(
        Goal(
            f"three Gaussians and a line (11 parameters), against astropy, with {vectors}",
            ">=",
            target,
            "x",
            _against_astropy("three-lines", vectors),
        )
        for vectors, target in (("AVX-512", 700), ("AVX2", 500))
    ),
    Goal(
        "one core, Gaussian and a constant, against Cpufit in single precision",
        ">=",
        10,
        "x",
        _probe("cpufit", _quotient("ndfit", "Cpufit")),
    ),
    Goal(
        "a sample and evaluation, Gaussian, against the engine's own `exp` in a bare loop",
        "<=",
        2.2,
        "x",
        _probe("exp", _quotient("engine", "exp")),
    ),
    Goal("2 cores against 1, whole call", ">=", 1.85, "x", _probe("cores", _quotient("1", "2"))),
    Goal(
        "first fit in a new process over importing astropy, cold cache",
        "<=",
        1.2,
        "s",
        _probe("first-fit", _alone("cold")),
    ),
    Goal("the same, warm cache", "<=", 0.3, "s", _probe("first-fit", _alone("warm"))),
    Goal("a new model in a warm process", "<=", 0.1, "s", _probe("new-model", _alone("new model"))),
    *(
        Goal(
            f"`{command}`, a cube of 200 spectra, warm, over importing astropy",
            "<=",
            0.8,
            "s",
            _probe("command-line", _beyond(command, "import astropy")),
        )
        for command in ("ndfit fit", "ndfit report")
    ),
    Goal(
        "one spectrum, a known model, whole call, against astropy's TRF fitter",
        "<=",
        0.8,
        "x",
        _probe("few-spectra", _quotient("1 spectrum, ndfit", "1 spectrum, astropy")),
    ),
    Goal(
        "fixed cost of a call, 25 Gaussians and a constant (76 parameters)",
        "<=",
        0.1,
        "CPU s",
        _probe("many-parameters", _alone("76 parameters")),
    ),
    Goal(
        "25 templates >= 0, against a loop of scipy's `nnls`, one core each",
        ">=",
        20,
        "x",
        _probe("templates", _quotient("loop of `nnls`", "ndfit")),
    ),
    Goal(
        "T2* of 2 million voxels x 8 echoes from a DataArray, whole call, against a loop of `curve_fit`",
        ">=",
        1500,
        "x",
        _probe("relaxometry", _quotient("loop of `curve_fit`", "ndfit")),
    ),
    Goal(
        "a line through 11 diagonals, against the same fit without, one core each",
        "<=",
        2.5,
        "x",
        _probe("instrument", _quotient("11 diagonals", "without")),
    ),
    *(
        Goal(
            f"the same, against a loop of scipy's `{loop}` with the same matrix",
            ">=",
            1000,
            "x",
            _probe("instrument", _quotient(f"loop of `{loop}`", "11 diagonals")),
        )
        for loop in ("least_squares", "curve_fit")
    ),
    *(
        Goal(
            f"Gaussian and a constant, `{call}`, against the drop-in call",
            "<=",
            target,
            "x",
            _probe("guess", _quotient(call, "parallel_fit_dask")),
        )
        for call, target in (('fit, guess="auto"', 1.5), ('fit, guess="also"', 2.5))
    ),
    Goal(
        "what the guess there adds to the fit of the same positions",
        "<=",
        0.5,
        "x",
        _probe("guess", _on_top('fit, guess="auto"', "fit, guess=None")),
    ),
    Goal(
        "memory over the output, cube on disk of 4 million spectra",
        "<=",
        512,
        "MB",
        _probe("memory", _alone("MB")),
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
