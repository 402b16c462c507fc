"""Ties between parameters, as arithmetic.

Flows in: text such as `mean_0 * 1.0034` or `mean_0 + 20km/s`. Flows out: a
callable that astropy takes for `tied`; nothing of the text is ever executed.

Numbers, names of parameters, `+ - * / **` and parentheses, with Python's precedence. A number may have a unit, which is
converted to that of the tied parameter; a number without one is in the units of the fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

from astropy import units as u

from ndfit.cli.bad_input import BadInput, PointedError
from ndfit.cli.quantities import Amount, parse_unit
from ndfit.cli.scanner import Scanner
from ndfit.io.tie_text import ExpressionTie

__all__ = ["Node", "inlined", "parse_arithmetic", "tie_of"]

_OPERATORS = "+, -, *, /, **"
_LEVELS: tuple[tuple[str, ...], ...] = (("+", "-"), ("*", "/"))

_MOST_OPERANDS = 100  # of one tie as it is typed
_MOST_NODES = 400  # of a tie in which others are put in

# What joins the parts of a unit such as km/s.
_JOINTS = ("/", ".")


@dataclass(frozen=True)
class Constant:
    amount: Amount


@dataclass(frozen=True)
class Reference:
    name: str


@dataclass(frozen=True)
class Operation:
    symbol: str
    left: Node
    right: Node


Node = Constant | Reference | Operation


def tie_of(node: Node, unit: u.UnitBase | None, name: str) -> ExpressionTie:
    """The callable for `tied`.

    Parameters
    ----------
    unit : of the tied parameter, None where it has none
    name : of the tied parameter, for messages
    """
    try:
        return ExpressionTie(_written(node, unit, f"A number in the tie of '{name}'"))
    except ValueError as error:
        raise BadInput(f"The tie of '{name}' cannot be used: {error}.") from error


def parse_arithmetic(text: str, names: Callable[[str, str, int], str], known: tuple[str, ...]) -> Node:
    """Read an expression.

    Parameters
    ----------
    names : (name, text, position) -> the model's name for a parameter, or an error
    known : names of parameters, none of which is taken for a part of a unit

    Raises
    ------
    PointedError
        With a caret under the character where it stops making sense.
    """
    return _Parser(text, names, known).parse()


def inlined(nodes: Mapping[str, Node], texts: Mapping[str, str]) -> dict[str, Node]:
    """Expressions in which no tied parameter occurs, by putting in what it is tied to.

    Raises
    ------
    PointedError
        Parameters are tied in a circle.
    """

    counts: Counter[str] = Counter()

    def expand(node: Node, path: tuple[str, ...]) -> Node:
        counts[path[0]] += 1
        if counts[path[0]] > _MOST_NODES:
            raise PointedError(f"The tie of '{path[0]}' is too long, with what it depends on.", texts[path[0]], 0)
        match node:
            case Operation(symbol, left, right):
                return Operation(symbol, expand(left, path), expand(right, path))
            case Reference(name) if name in path:
                raise PointedError(f"'{path[0]}' is tied to itself.", texts[path[0]], 0)
            case Reference(name) if name in nodes:
                return expand(nodes[name], (*path, name))
        return node

    return {name: expand(node, (name,)) for name, node in nodes.items()}


class _Parser:
    def __init__(self, text: str, names: Callable[[str, str, int], str], known: tuple[str, ...]) -> None:
        self._scanner = Scanner(text)
        self._names = names
        self._known = known

    def parse(self) -> Node:
        node = self._sum()
        if not self._scanner.at_end():
            self._scanner.fail(f"Expected one of {_OPERATORS} or the end, found {self._scanner.found()}.")
        return node

    def _sum(self) -> Node:
        return self._scanner.joined(_LEVELS, self._sign, lambda symbol, left, right, _: Operation(symbol, left, right))

    def _sign(self) -> Node:
        """A sign binds less than a power: -a ** 2 is -(a ** 2)."""
        if self._scanner.take("-"):
            with self._scanner.nested():
                return Operation("*", Constant(Amount(-1.0)), self._sign())
        return self._power()

    def _power(self) -> Node:
        base = self._operand()
        if not self._scanner.take("**"):
            return base
        with self._scanner.nested():
            return Operation("**", base, self._sign())

    def _operand(self) -> Node:
        scanner = self._scanner
        if scanner.take("("):
            with scanner.nested():
                node = self._sum()
            scanner.close()
            return node
        scanner.count(1, "numbers and parameters", _MOST_OPERANDS)
        number = scanner.number()
        if number is not None and not isfinite(float(number)):
            scanner.fail("This number is too large.", scanner.position - len(number))
        if number is not None:
            return Constant(Amount(float(number), self._unit()))
        scanner.skip_blanks()
        position = scanner.position
        name = scanner.name()
        if name is None:
            scanner.fail(f"Expected a parameter or a number, found {scanner.found()}.")
        return Reference(self._names(name, scanner.text, position))

    def _unit(self) -> u.UnitBase | None:
        """The unit after a number: names joined by / or a point, up to one that is a parameter's."""
        scanner = self._scanner
        scanner.skip_blanks()
        start = scanner.position
        name = scanner.name()
        if name is None:
            return None
        if name in self._known:
            scanner.fail(f"Expected one of {_OPERATORS} before '{name}'.", start)
        end = scanner.position
        while scanner.next_of(("**",)) is None and (joint := scanner.next_of(_JOINTS)) is not None:
            scanner.take(joint)
            name = scanner.name()
            if name is None or name in self._known:
                break
            end = scanner.position
        scanner.position = end
        return parse_unit(scanner.text[start:end], scanner.text, start)


def _written(node: Node, unit: u.UnitBase | None, what: str) -> str:
    """The expression with numbers in the unit of the tied parameter."""
    match node:
        case Constant(amount):
            return f"{amount.to(unit, what)!r}" if amount.value >= 0 else f"({amount.to(unit, what)!r})"
        case Reference(name):
            return name
        case Operation(symbol, left, right):
            sides = (
                f"({_written(side, unit, what)})" if isinstance(side, Operation) else _written(side, unit, what)
                for side in (left, right)
            )
            return f" {symbol} ".join(sides)
