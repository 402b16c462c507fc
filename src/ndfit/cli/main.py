"""`ndfit`: the group of commands.

Flows in: the command line. Flows out: what the command does, and its exit code: 0, or those of `ndfit.cli.bad_input`.
Commands are imported when they are called for, so that `ndfit --help` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import click

from ndfit import __version__
from ndfit.cli.terminal import speaking

__all__ = ["main"]


class _Row(NamedTuple):
    """Where a command is, and what it does, in a line."""

    module: str
    attribute: str
    summary: str


_COMMANDS = {
    "fit": _Row("ndfit.cli.fit", "fit", "Fit a model at every position of a cube."),
    "resume": _Row("ndfit.cli.resume", "resume", "Go on with a run that was interrupted."),
    "info": _Row("ndfit.cli.info", "info", "Say what is in a file of results."),
    "report": _Row("ndfit.cli.report_command", "report", "Make the page of a file of results."),
    "summary": _Row("ndfit.cli.summary_command", "summary", "Put many files of results into one table."),
    "models": _Row("ndfit.cli.models", "models", "List the models, and which of them compile."),
    "demo": _Row("ndfit.cli.demo_command", "demo", "Fit a synthetic cube, and draw it."),
}

_EPILOG = """\
Exit codes: 0 all went well, 1 the fit failed, 2 the input cannot be used, 130 interrupted.
"""


class _LazyGroup(click.Group):
    """A group that imports a command when it is called for."""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        with speaking():
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with speaking():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        row = _COMMANDS.get(cmd_name)
        if row is None:
            return None
        command: Any = getattr(import_module(row.module), row.attribute)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.summary) for name, row in _COMMANDS.items()])


@click.group(cls=_LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ndfit")
def main() -> None:
    """Fit one model at every position of an N-dimensional data set."""
