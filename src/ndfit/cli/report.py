"""`ndfit report`: the page of a file of results.

Flows in: a file that `ndfit fit` wrote and, for the spectra in the page, the options of that run. Flows out: an HTML
file.
"""

from __future__ import annotations

from pathlib import Path

import click

from ndfit.cli.configuration import check_output
from ndfit.cli.fit import fit
from ndfit.cli.job import prepare_job
from ndfit.cli.results import open_result
from ndfit.cli.settings import Settings
from ndfit.cli.terminal import say

__all__ = ["report"]


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="HTML file to write.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file that `ndfit fit --save-config` wrote: with it, the page shows the data.",
)
@click.option("--overwrite", is_flag=True, help="Replace the page if it exists.")
def report(results: Path, out: Path, config: Path | None, overwrite: bool) -> None:
    """Make the page of RESULTS, a file that `ndfit fit --out` wrote."""
    check_output(out, overwrite)
    given = {} if config is None else prepare_job(_settings(config)).inputs
    open_result(results, **given).report(out, overwrite=overwrite)
    say(f"Written: {out}")


def _settings(config: Path) -> Settings:
    """Settings of the run that a file configures."""
    with fit.make_context("fit", ["--config", str(config)]) as context:
        return Settings.of(context.params)
