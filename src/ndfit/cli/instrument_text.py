"""What was typed of the instrument.

Flows in: text such as `bins @ gaussian(resolving_power=sres)`. Flows out: InstrumentText: steps with their arguments,
still as typed; nothing of the text is ever executed.

Steps are those of `ndfit.Instrument`, joined by `@`, the right one first. Their arguments are numbers, with units or
without, `true` and `false`, and names of arrays that `--input` gives; or several of these in
parentheses, one for each fitting axis.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ndfit.cli.bad_input import suggestion
from ndfit.cli.quantities import Amount, parse_amount
from ndfit.cli.scanner import Scanner
from ndfit.problem.instrument import Instrument
from ndfit.untrusted import shortened

__all__ = ["STEPS", "InstrumentText", "Named", "Step", "parse_instrument"]

STEPS = ("gaussian", "bins", "kernel", "matrix", "prompt", "correlated_noise")
"""Methods of `ndfit.Instrument` that make one."""

_WORDS = {"true": True, "false": False}
_MOST_STEPS = 20


@dataclass(frozen=True)
class Named:
    """An array that `--input` gives, and where in the text its name stands."""

    name: str
    position: int


@dataclass(frozen=True)
class Step:
    """A method of `ndfit.Instrument` and its arguments: Amount, bool, Named, or a tuple of these."""

    method: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class InstrumentText:
    """Steps in the order in which they are typed."""

    text: str
    steps: tuple[Step, ...]

    @property
    def arrays(self) -> Iterator[Named]:
        """Names that arrays have to be given for."""
        for step in self.steps:
            for value in step.arguments.values():
                yield from (each for each in (value if isinstance(value, tuple) else (value,)) if type(each) is Named)


def parse_instrument(text: str) -> InstrumentText:
    """Read `--instrument`.

    Raises
    ------
    PointedError
        With a caret under the character where it stops making sense.
    """
    scanner = Scanner(text)
    steps = [_step(scanner)]
    while scanner.take("@"):
        scanner.count(1, "steps", _MOST_STEPS)
        steps.append(_step(scanner))
    if not scanner.at_end():
        scanner.fail(f"Expected '@' or the end, found {scanner.found()}.")
    return InstrumentText(text, tuple(steps))


def _step(scanner: Scanner) -> Step:
    scanner.skip_blanks()
    position = scanner.position
    method = scanner.name()
    if method is None:
        scanner.fail(f"Expected one of {', '.join(STEPS)}, found {scanner.found()}.")
    if method not in STEPS:
        scanner.fail(f"An instrument has no '{shortened(method)}'. {suggestion(method, STEPS)}", position)
    order = tuple(inspect.signature(getattr(Instrument, method)).parameters)
    arguments: dict[str, Any] = {}
    for keyword, value, at in _arguments(scanner, order) if scanner.take("(") else ():
        name = order[len(arguments)] if keyword is None and len(arguments) < len(order) else keyword
        if name not in order:
            scanner.fail(f"{method} has no '{shortened(str(name))}'. {suggestion(str(name), order)}", at)
        if name in arguments:
            scanner.fail(f"{method} is given '{name}' twice.", at)
        arguments[name] = value
    return Step(method, arguments)


def _arguments(scanner: Scanner, order: tuple[str, ...]) -> Iterator[tuple[str | None, Any, int]]:
    """Keyword (None for a value by position), value and place of each argument, up to the closing parenthesis."""
    while not scanner.take(")"):
        scanner.skip_blanks()
        position = scanner.position
        keyword = scanner.name()
        if keyword is not None and not scanner.take("="):
            keyword, scanner.position = None, position
        yield keyword, _value(scanner), position
        if not scanner.take(",") and scanner.next_of((")",)) is None:
            scanner.fail(f"Expected ',' or ')', found {scanner.found()}.")


def _value(scanner: Scanner) -> Any:
    if scanner.take("("):
        values = [_single(scanner)]
        while scanner.take(","):
            values.append(_single(scanner))
        scanner.close()
        return tuple(values)
    return _single(scanner)


def _single(scanner: Scanner) -> Amount | bool | Named:
    scanner.skip_blanks()
    position = scanner.position
    word = scanner.name()
    if word is not None:
        return _WORDS[word] if word in _WORDS else Named(word, position)
    text = scanner.value_text()
    return parse_amount(text, scanner.text, position)
