"""Directives `statuses`, `flags` and `options`: tables of the package, made when the page is built.

Flows in: the tables of the package. Flows out: a table in the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from ndfit import FLAGS, STATUS
from ndfit.options import GROUPS, options_of


def table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def statuses() -> str:
    """A row a status, those of fits that converged first."""
    rows = sorted(STATUS.items(), key=lambda item: (not item[1].converged, not item[1].usable, -item[0]))
    return table(
        ("code", "name", "answer", "what it means", "what to do about it"),
        ((code, f"`{row.status.name}`", "yes" if row.usable else "NaN", row.meaning, row.remedy) for code, row in rows),
    )


def flags() -> str:
    """A row a flag."""
    return table(
        ("bit", "name", "disqualifies", "what it means", "what to do about it"),
        (
            (bit, f"`{row.flag.name}`", "yes" if row.disqualifies else "no", row.meaning, row.remedy)
            for bit, row in FLAGS.items()
        ),
    )


def options() -> str:
    """A row an option of `fit`, group by group."""
    told = ((each, option) for group in GROUPS for each, option in options_of(group))
    return table(
        ("name", "default", "what it is", "command line"),
        (
            (f"`{each.name}`", f"`{each.default!r}`", option.about, "yes" if option.on_command_line else "")
            for each, option in told
        ),
    )


class _Statuses(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(statuses())


class _Flags(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(flags())


class _Options(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(options())


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("statuses", _Statuses)
    app.add_directive("flags", _Flags)
    app.add_directive("options", _Options)
    return {"parallel_read_safe": True}
