"""`ndfit report`: the page of a file of results.

Flows in: a file that `ndfit fit` wrote and, for the spectra in the page, the options of that run. Flows out: an HTML
file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ndfit.cli.configuration import check_output
from ndfit.cli.results import open_result
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
    given: Mapping[str, Any] = {} if config is None else _inputs(config)
    open_result(results, **given).report(out, overwrite=overwrite)
    say(f"Written: {out}")


def _inputs(config: Path) -> Mapping[str, Any]:
    """What the run that a file configures was given."""
    from ndfit.cli.fit import fit  # with all that a fit takes, which other pages don't need
    from ndfit.cli.job import prepare_job
    from ndfit.cli.settings import Settings

    with fit.make_context("fit", ["--config", str(config)]) as context:
        return prepare_job(Settings.of(context.params)).inputs
