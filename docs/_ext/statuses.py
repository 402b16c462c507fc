"""Directives `statuses` and `flags`: the tables of `ndfit.STATUS` and `ndfit.FLAGS`, made when the page is built.

Flows in: the tables of the package. Flows out: a table in the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from ndfit import FLAGS, STATUS


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


class _Statuses(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(statuses())


class _Flags(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(flags())


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("statuses", _Statuses)
    app.add_directive("flags", _Flags)
    return {"parallel_read_safe": True}
