"""`ndfit summary`: a row for each of many files of results.

Flows in: files that `ndfit fit` wrote. Flows out: a table as ECSV, in a file or on standard output.
"""

from __future__ import annotations

import io
from pathlib import Path

import click

from ndfit.atomic import replacing
from ndfit.cli.bad_input import BadInput, FitFailed
from ndfit.cli.configuration import check_output
from ndfit.cli.job import tell
from ndfit.cli.messages import reason
from ndfit.cli.results import open_result
from ndfit.cli.summary_table import Summary
from ndfit.cli.terminal import say
from ndfit.untrusted import printable

__all__ = ["summary"]


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="ECSV file to write; else it is printed.")
@click.option("--skip-broken", is_flag=True, help="Leave out files that cannot be read, with a note on each.")
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def summary(results: tuple[Path, ...], out: Path | None, skip_broken: bool, overwrite: bool) -> None:
    """Put RESULTS, files that `ndfit fit --out` wrote, into one table."""
    check_output(out, overwrite)
    rows, read = Summary(), 0
    for path in results:
        try:
            rows.add(str(path), open_result(path))
            read += 1
        except BadInput as error:
            said = error.message if str(path) in error.message else f"{path}: {error.message.splitlines()[0]}"
            if not skip_broken:
                raise BadInput(said) from error
            tell([printable(f"Left out: {said}")])
    tell(map(printable, rows.notes))
    if not read:
        raise BadInput("None of the files can be read: there is nothing to put into a table.")
    text = io.StringIO()
    rows.table().write(text, format="ascii.ecsv")
    if out is None:
        say(printable(text.getvalue(), keep="\n").rstrip("\n"))
        return
    try:
        with replacing(out, overwrite) as partial:
            partial.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise FitFailed(f"The table cannot be written: {reason(error).rstrip('.')}.") from error
    say(f"Written: {out}")
