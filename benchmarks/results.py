"""Results on disk, and the ratios that are read off them.

Flows in: what a run measured. Flows out: JSON; ratios, one a repeat.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["ASTROPY", "best_astropy", "ratios", "read_json", "seconds_of", "write_json"]

ASTROPY = ("astropy-processes", "astropy-synchronous")
"""astropy's schedulers that give right answers; the faster one counts."""


def write_json(results: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def seconds_of(results: dict[str, Any], workload: str, peer: str) -> list[float]:
    """Seconds for all fits of a workload, one a repeat; empty where there is no right answer to time."""
    record = results["workloads"].get(workload, {}).get("peers", {}).get(peer, {})
    return list(record["seconds"]) if record.get("valid") else []


def best_astropy(results: dict[str, Any], workload: str) -> str | None:
    """The faster of astropy's schedulers."""
    times = {peer: seconds_of(results, workload, peer) for peer in ASTROPY}
    measured = {peer: median(seconds) for peer, seconds in times.items() if seconds}
    return min(measured, key=lambda peer: measured[peer]) if measured else None


def ratios(results: dict[str, Any], workload: str, peer: str | None) -> list[float]:
    """How many times longer than ndfit a peer takes, one a repeat."""
    if peer is None:
        return []
    own = seconds_of(results, workload, "ndfit")
    others = seconds_of(results, workload, peer)
    return [other / mine for other, mine in zip(others, own, strict=False)]
