"""A text read from left to right.

Flows in: what a person typed. Flows out: its parts, each with the position where it stands; or an error that points at
the character.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from ndfit.cli.bad_input import PointedError

__all__ = ["NUMBER", "Scanner"]

NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(NUMBER)
_BLANKS = re.compile(r"\s*")
_VALUE_END = re.compile(r"[,()]")
_MAX_DEPTH = 50
_LONGEST = 10_000


class Scanner:
    """The text and how far it is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._depth = 0
        self._counts: Counter[str] = Counter()
        if len(text) > _LONGEST:
            self.fail(f"A text of {len(text)} characters is not read; {_LONGEST} are the most.", _LONGEST)

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        """Raise an error that points at `position`, or at where reading has got to."""
        raise PointedError(message, self.text, self.position if position is None else position)

    def skip_blanks(self) -> None:
        self.position += len(self._match(_BLANKS) or "")

    def at_end(self) -> bool:
        self.skip_blanks()
        return self.position >= len(self.text)

    def next_of(self, symbols: tuple[str, ...]) -> str | None:
        """The first of the symbols that comes next, without reading it."""
        self.skip_blanks()
        return next((symbol for symbol in symbols if self.text.startswith(symbol, self.position)), None)

    def take(self, symbol: str) -> bool:
        """Read the symbol, if it comes next."""
        found = self.next_of((symbol,)) is not None
        self.position += len(symbol) if found else 0
        return found

    def name(self) -> str | None:
        return self._read(_NAME)

    def number(self) -> str | None:
        return self._read(_NUMBER)

    def value_text(self) -> str:
        """The text up to the comma or parenthesis that ends a value; units may have parentheses of their own."""
        start, depth = self.position, 0
        for match in _VALUE_END.finditer(self.text, start):
            depth += {"(": 1, ")": -1}.get(match.group(), 0)
            if depth < 0 or (depth == 0 and match.group() == ","):
                self.position = match.start()
                break
        else:
            self.fail("Expected ')', found the end.", len(self.text))
        return self.text[start : self.position]

    def found(self) -> str:
        """What comes next, for messages."""
        return "the end" if self.at_end() else f"'{self.text[self.position]}'"

    def joined(
        self, levels: Sequence[tuple[str, ...]], operand: Callable[[], T], join: Callable[[str, T, T, int], T]
    ) -> T:
        """Operands joined by operators, those of the first level the loosest, each level from left to right.

        Parameters
        ----------
        join : (symbol, left, right, position of the symbol) -> what they are together
        """
        if not levels:
            return operand()
        node = self.joined(levels[1:], operand, join)
        while (symbol := self.next_of(levels[0])) is not None:
            position = self.position
            self.take(symbol)
            node = join(symbol, node, self.joined(levels[1:], operand, join), position)
        return node

    @contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper; a text nested without end is no expression of a person's."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self.fail(f"The expression is nested more than {_MAX_DEPTH} deep.")
        yield
        self._depth -= 1

    def count(self, number: int, what: str, most: int, position: int | None = None) -> None:
        """Count what is read, which takes time later on, up to a number that no person types."""
        self._counts[what] += number
        if self._counts[what] > most:
            self.fail(f"The expression has more than {most} {what}.", position)

    def close(self) -> None:
        """Read the closing parenthesis."""
        if not self.take(")"):
            self.fail(f"Expected ')', found {self.found()}.")

    def _read(self, pattern: re.Pattern[str]) -> str | None:
        self.skip_blanks()
        text = self._match(pattern)
        self.position += len(text or "")
        return text

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.position)
        return match.group() if match else None
