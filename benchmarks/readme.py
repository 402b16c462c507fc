"""`python -m benchmarks.readme [--take results.json]`: the tables of README and first page, and docs/benchmarks.md.

Flows in: benchmarks/summary.json, results of a run that were taken over. Flows out: README.md, docs/index.md and
docs/benchmarks.md.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from benchmarks.report import full_report, readme_table
from benchmarks.results import read_json

__all__ = ["BEGIN", "END", "SUMMARY", "between_markers", "main", "page"]

ROOT = Path(__file__).resolve().parents[1]
SUMMARY = ROOT / "benchmarks" / "summary.json"
BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"

INTRODUCTION = """# Benchmarks

`make bench` measures ndfit beside what people use today and writes `benchmarks/results/`; `make bench-smoke` only
checks that it runs. This page and the table of the README come from such a run by `python -m benchmarks.readme`.

How it is done: every peer solves the same fits from the same start, in one process tree, taking turns. Whatever
compiles has compiled before. A peer that is too slow for all fits of a workload gets some of them, evenly spread, and
its time is scaled by the number of fits, all but what a call with a handful of fits takes. From the parameters that
each peer returns, the cost of each fit is computed by one function; a fit counts as right where the cost is within
1e-6 of the lowest that any peer found, and a peer with too few right ones is not timed. ndfit, astropy's processes and
optimistix use all cores, the others one. Evaluations are as each peer counts them: without exact derivatives MINPACK
counts those for finite differences, scipy's trust-region method does not; optimistix counts steps.

What follows the workloads stands beside something else, or by itself: calls of `fit`, a million spectra, small calls,
new processes and commands, whose time is taken over that of a process that imports what fits of a cube need of astropy.
Here, too, calls take turns. Cpufit is built by hand from the sources of [Gpufit](https://github.com/gpufit/Gpufit),
directory Cpufit; the environment variable `NDFIT_CPUFIT` is the path of its shared library. It fits in single precision
with the defaults of its Python module, and ndfit, in double precision, on one core beside it.

Lines through a resolution matrix are measured by the CPU time of one core each. They were measured apart from the rest,
nine times, while the machine did other work. `curve_fit` has the product of a dense matrix there, and `least_squares`
exact derivatives and that of a sparse one; both fit 400 of the lines, and their time is scaled.

How often the solver ends in another minimum than scipy's TRF does from the same start, and in how many evaluations, is
measured by `python -m benchmarks.minima`, against bare `least_squares(method="trf")`, one call a fit; the table is in
[the architecture](architecture.md).

"""


def page(report: str) -> str:
    """Text of docs/benchmarks.md."""
    return INTRODUCTION + report


def between_markers(text: str, table: str) -> str:
    """The text with the table between the markers.

    Raises
    ------
    ValueError
        There are no markers.
    """
    if BEGIN not in text or END not in text:
        raise ValueError(f"expected the markers {BEGIN} and {END} in the text")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


@click.command()
@click.option("--take", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Results to take over.")
def main(take: Path | None) -> None:
    """Write the tables of README.md and docs/index.md, and docs/benchmarks.md."""
    if take is not None:
        shutil.copyfile(take, SUMMARY)
    results = read_json(SUMMARY)
    for path, link in ((ROOT / "README.md", "docs/benchmarks.md"), (ROOT / "docs" / "index.md", "benchmarks.md")):
        text = between_markers(path.read_text(encoding="utf-8"), readme_table(results, link))
        path.write_text(text, encoding="utf-8")
    (ROOT / "docs" / "benchmarks.md").write_text(page(full_report(results)), encoding="utf-8")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.readme")
