"""A run of workloads and probes.

Flows in: names. Flows out: results, a plain dict for JSON, with the machine and the versions that they hold for.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from benchmarks.measure import measure_workload
from benchmarks.peers import PEERS
from benchmarks.probes import PROBES, Probe
from benchmarks.workloads import WORKLOADS, Absent

__all__ = ["machine", "run"]

PACKAGES = ("ndfit", "astropy", "numpy", "scipy", "llvmlite", "dask", "lmfit", "jax", "optimistix")
# Widest first: what the processor has is named by the first that it knows.
VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON", "sse2": "SSE2"}


def run(*, smoke: bool, only: Iterable[str], peers: Iterable[str], repeats: int) -> Iterator[dict[str, Any]]:
    """Measure; the results so far, after each workload and probe.

    Raises
    ------
    click.UsageError
        A name is not known; says which are.
    """
    wanted = _known(only, (*WORKLOADS, *PROBES)) or (*WORKLOADS, *PROBES)
    asked = _known(peers, PEERS) or tuple(PEERS)
    # The others are compared with it.
    asked = tuple(name for name in PEERS if name in asked or name == "ndfit")
    results: dict[str, Any] = {
        "smoke": smoke,
        "repeats": repeats,
        "machine": machine(),
        "versions": _versions(),
        "peers": {name: PEERS[name].title for name in asked},
        "workloads": {},
        "probes": {},
    }
    for name in wanted:
        click.echo(f"{name} ...", err=True)
        if name in WORKLOADS:
            results["workloads"][name] = measure_workload(WORKLOADS[name], asked, repeats, smoke)
        else:
            results["probes"][name] = _measure_probe(PROBES[name], repeats, smoke)
        yield results


def _measure_probe(probe: Probe, repeats: int, smoke: bool) -> dict[str, Any]:
    """Its numbers; only why not, where something that it needs is absent."""
    try:
        return {"title": probe.title, "values": probe.run(repeats, smoke)}
    except Absent as absent:
        return {"title": probe.title, "skipped": str(absent)}


def machine() -> str:
    """The processor in general words."""
    flags = _processor_flags()
    vectors = next((name for flag, name in VECTORS.items() if flag in flags), platform.machine())
    return f"{os.cpu_count()} cores, {vectors}"


def _processor_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    lines = [line for line in text.splitlines() if line.lower().startswith(("flags", "features"))]
    return frozenset(lines[0].split()) if lines else frozenset()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _known(names: Iterable[str], known: Iterable[str] | Mapping[str, Any]) -> tuple[str, ...]:
    names, known = tuple(names), tuple(known)
    for name in names:
        if name not in known:
            raise click.UsageError(f"'{name}' is not known; there are {', '.join(known)}")
    return names
