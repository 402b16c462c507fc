"""`python -m benchmarks.scaling`: the figures of docs/scaling.md, measured on this machine.

Flows in: sizes, and a folder for temporary files. Flows out: each figure on the terminal as soon as it is known, and
all so far in a JSON file. Each is measured in a process of its own, which is ended when it takes too long.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from benchmarks.__main__ import RESULTS
from benchmarks.results import write_json

__all__ = ["main"]

FIGURES = ("cores", "overhead", "cluster", "file")
"""Functions of `benchmarks.scaling_figures`, in the order in which they are measured."""


@click.command()
@click.option(
    "--positions", default=1_000_000, show_default=True, type=click.IntRange(min=10_000), help="Fits of each."
)
@click.option("--gigabytes", default=8.0, show_default=True, type=click.FloatRange(min=0.05), help="Cube on disk.")
@click.option("--memory-limit", default="512 MB", show_default=True, help="Of the fits of that cube.")
@click.option("--repeats", default=7, show_default=True, type=click.IntRange(min=1), help="Of each, in turns.")
@click.option("--seconds", default=900, show_default=True, type=click.IntRange(min=1), help="Most for one figure.")
@click.option("--only", multiple=True, type=click.Choice(FIGURES), help="Figure; may be repeated. Default: all.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="For temporary files.")
@click.option("--out", default=RESULTS / "scaling.json", show_default=True, type=click.Path(path_type=Path))
def main(seconds: int, only: tuple[str, ...], folder: Path | None, out: Path, **settings: Any) -> None:
    """Measure how runs grow with workers and data."""
    out.parent.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {"settings": settings}
    for name in only or FIGURES:
        with TemporaryDirectory(dir=folder, prefix="ndfit-scaling-") as scratch:
            figures[name] = _measured(name, settings | {"folder": scratch}, seconds)
        click.echo(json.dumps({name: figures[name]}, indent=1))
        write_json(figures, out)
    click.echo(f"Figures are in {out}")


def _measured(name: str, settings: dict[str, Any], seconds: int) -> dict[str, Any]:
    """A figure, or why there is none; none of its processes is left."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.scaling_figures", name, json.dumps(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        try:
            told, _ = run.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return {"failed": f"not done in {seconds} s"}
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
    return dict(json.loads(told)) if run.returncode == 0 else {"failed": f"exit code {run.returncode}"}


if __name__ == "__main__":
    main()
