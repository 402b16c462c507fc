"""`ndfit resume`: an interrupted run goes on.

Flows in: the folder of `ndfit fit --checkpoint`, which holds the options of the run too. Flows out: what that run would
have written.
"""

from __future__ import annotations

from pathlib import Path

import click

from ndfit.cli.bad_input import BadInput
from ndfit.cli.configuration import options_beside
from ndfit.cli.fit import fit

__all__ = ["resume"]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--quiet", is_flag=True, help="Say nothing but what goes wrong.")
@click.pass_context
def resume(context: click.Context, folder: Path, overwrite: bool, quiet: bool) -> None:
    """Go on with the run of `ndfit fit --checkpoint FOLDER`, from the directory where it was started."""
    options = options_beside(folder)
    if not options.exists():
        raise BadInput(f"{folder} is not the folder of an `ndfit fit --checkpoint`: it holds no {options.name}.")
    flags = [flag for flag, given in (("--overwrite", overwrite), ("--quiet", quiet)) if given]
    arguments = ["--config", str(options), "--checkpoint", str(folder), *flags]
    with fit.make_context("fit", arguments, parent=context) as own:
        fit.invoke(own)
