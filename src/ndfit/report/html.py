"""Small pieces of HTML.

Flows in: text and numbers. Flows out: HTML in which all text is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

from ndfit.untrusted import printable

__all__ = ["definitions", "escape", "number", "table"]


def escape(text: str) -> str:
    """Text as HTML, in which no character does anything but being shown."""
    return html.escape(printable(text, keep="\n"))


def number(value: float, digits: int = 6) -> str:
    """A number in so many significant digits, with a minus sign that is one."""
    return f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def table(caption: str, headers: Sequence[str], rows: Iterable[Sequence[Any]], numeric: Iterable[int] = ()) -> str:
    """A table; `numeric` are the columns whose numbers are aligned. The first column heads its row."""
    right = set(numeric)

    def cell(tag: str, index: int, value: Any, scope: str = "") -> str:
        kind = ' class="number"' if index in right else ""
        return f"<{tag}{scope}{kind}>{escape(str(value))}</{tag}>"

    head = "".join(cell("th", index, value, ' scope="col"') for index, value in enumerate(headers))
    body = "\n".join(
        "<tr>"
        + cell("th", 0, row[0], ' scope="row"')
        + "".join(cell("td", index, value) for index, value in enumerate(row[1:], start=1))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scrolls" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>"
    )


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of what and its value."""
    return "<dl>\n" + "\n".join(f"<dt>{escape(what)}</dt><dd>{escape(value)}</dd>" for what, value in pairs) + "\n</dl>"
