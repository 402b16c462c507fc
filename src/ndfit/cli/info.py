"""`ndfit info`: what is in a file of results.

Flows in: a file that `ndfit fit` wrote. Flows out: the model, its constraints, the engine with its reason, and the
summary, on standard output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from ndfit.cli.messages import with_option_names
from ndfit.cli.results import open_result
from ndfit.cli.terminal import say
from ndfit.io.units_text import unit_words
from ndfit.untrusted import printable

__all__ = ["info"]


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
def info(results: Path) -> None:
    """Say what is in RESULTS, a file that `ndfit fit --out` wrote."""
    result = open_result(results)
    record = result.record
    say("\n".join(map(printable, (*_facts(record), *_parameter_lines(record["parameters"])))))
    say(with_option_names(result.summary()))


def _facts(record: Mapping[str, Any]) -> Iterable[str]:
    source, data = record["source"], record["data"]
    yield f"Model     {record['model']['expression']}"
    if source is not None:
        yield f"Data      {source['name']}, SHA-256 {source['sha256'][:16]}..."
    yield f"Shape     {tuple(data['shape'])} {unit_words(data['unit'])}".rstrip()
    yield f"Fitted    along axes {record['axes']['fitting_axes']}"
    yield f"Made      {record['date']} by ndfit {record['versions'].get('ndfit', '')}".rstrip()
    yield f"Engine    {record['engine']['name']}: {record['engine']['reason']}"
    if record["map_wcs"]:
        yield f"WCS       none: {record['map_wcs']}"


def _parameter_lines(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for row in rows:
        if row["fixed"]:
            constraint = "fixed"
        elif row["tied"]:
            constraint = f"tied: {next(iter(row['tied'].values()))}"
        else:
            constraint = f"from {_limit(row['lower'])} to {_limit(row['upper'])}"
        yield f"  {row['name']:<16} {unit_words(row['unit']):<16} {constraint}".rstrip()


def _limit(recorded: float | str) -> str:
    """A bound of the record: a number, which may stand there as text, or the word for a map."""
    return recorded if recorded == "map" else f"{float(recorded):g}"
