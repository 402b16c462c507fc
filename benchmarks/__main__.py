"""`python -m benchmarks [--smoke] [--out DIR] [--only NAME] [--peers NAME]`: measure, and write results and tables.

Flows in: names of workloads, probes and peers. Flows out: results.json and results.md in a folder, the tables on the
terminal.

Worker processes of peers import this module again: nothing heavy is imported before the command runs.
"""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["main"]

RESULTS = Path(__file__).parent / "results"


@click.command()
@click.option("--smoke", is_flag=True, help="A few fits of everything, to see that it runs; the numbers mean nothing.")
@click.option("--out", default=RESULTS, show_default=True, type=click.Path(path_type=Path), help="Output folder.")
@click.option("--only", multiple=True, metavar="NAME", help="Workload or probe; may be repeated. Default: all.")
@click.option("--peers", multiple=True, metavar="NAME", help="Peer; may be repeated. Default: all.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Repeats.")
def main(smoke: bool, out: Path, only: tuple[str, ...], peers: tuple[str, ...], repeats: int) -> None:
    """Measure ndfit beside its peers."""
    from benchmarks.report import full_report
    from benchmarks.results import write_json
    from benchmarks.run import run

    out.mkdir(parents=True, exist_ok=True)
    report = ""
    for results in run(smoke=smoke, only=only, peers=peers, repeats=1 if smoke else repeats):
        report = full_report(results)
        write_json(results, out / "results.json")
        (out / "results.md").write_text(report, encoding="utf-8")
    click.echo(report)
    click.echo(f"Results are in {out}")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
