"""What reaches the terminal.

Flows in: lines of which any part may come from a file. Flows out: the same on standard output or error, without
characters that would do something else there than being shown.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ndfit.cli.bad_input import INTERRUPTED, BadInput, FitFailed
from ndfit.untrusted import printable, shortened

__all__ = ["say", "speaking"]

_LONGEST_LINE = 2000


def say(text: str, err: bool = False) -> None:
    """Print lines."""
    click.echo(_shown(text), err=err)


@contextmanager
def speaking() -> Iterator[None]:
    """Within the context, errors that end a command are such as may be shown, those of the system too.

    An interrupt that nothing else tells of ends it with the exit code of one, where click would say that it failed.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a terminal may lack characters
            reconfigure(errors="backslashreplace")
    try:
        yield
    except click.ClickException as error:
        error.message = _shown(error.message)  # type: ignore[misc]  # click means it for good, and shows it
        raise
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        say("Interrupted.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    except OSError as error:
        where = "" if error.filename is None else f": {shortened(str(error.filename))}"
        raise BadInput(_shown(f"{error.strerror or error}{where}.")) from error
    except MemoryError as error:
        raise FitFailed(_shown(f"There is not enough memory. {error}".strip())) from error


def _shown(text: str) -> str:
    return "\n".join(printable(_fitting(line)) for line in text.split("\n"))


def _fitting(line: str) -> str:
    """The line, or its beginning and its end: what is wrong stands there, and the name of a file before it."""
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE // 2]}...{line[-_LONGEST_LINE // 2 :]}"
