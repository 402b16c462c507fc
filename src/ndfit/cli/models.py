"""`ndfit models`: which models there are, and which of them compile.

Flows in: names of models, or nothing for all. Flows out: a table on standard output.
"""

from __future__ import annotations

import click

from ndfit.cli.bad_input import BadInput, suggestion
from ndfit.cli.terminal import say
from ndfit.model.catalogue import CatalogueRow, fittable_classes, row_of

__all__ = ["models"]


@click.command()
@click.argument("names", nargs=-1)
def models(names: tuple[str, ...]) -> None:
    """List NAMES, or all models of astropy that can be fitted: inputs, whether they compile, linear parameters."""
    classes = {cls.__name__: cls for cls in fittable_classes()}
    for name in names:
        if name not in classes:
            raise BadInput(f"There is no model '{name}'. {suggestion(name, classes)}")
    shown = [row_of(classes[name]) for name in names or classes]
    width = max(len(row.name) for row in shown)
    say(f"{'model':<{width}}  inputs  compiles  linear parameters")
    for row in shown:
        say(_line(row, width))


def _line(row: CatalogueRow, width: int) -> str:
    last = ", ".join(row.linear) if row.compiled else row.reason
    return f"{row.name:<{width}}  {row.inputs:<6}  {'yes' if row.compiled else 'no':<8}  {last}".rstrip()
