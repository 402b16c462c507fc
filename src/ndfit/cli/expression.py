"""Model expressions.

Flows in: text such as `Gaussian1D(mean=5km/s) + Const1D`. Flows out: Expression, from which astropy models are built;
nothing of the text is ever executed.

Classes are those of `astropy.modeling.models` that can be fitted; operators are those of astropy's compound models,
with Python's precedence: `**`, then `*` and `/`, then `+` and `-`, then `|`. Inside a call stand numbers, with units or
without, by position or by keyword.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from typing import Any

from astropy.modeling import Model

from ndfit.cli.bad_input import PointedError, suggestion
from ndfit.cli.quantities import Amount, parse_amount
from ndfit.cli.scanner import Scanner
from ndfit.compound import OPERATORS
from ndfit.lines.build_model import CONTINUUM
from ndfit.model.catalogue import fittable_classes
from ndfit.untrusted import shortened

__all__ = ["Expression", "parse_expression", "sum_of"]

# By precedence, the loosest first; `**` before `*`, which it starts with.
_LEVELS: tuple[tuple[str, ...], ...] = (("|",), ("+", "-"), ("*", "/"))
_POWER = "**"
_SYMBOLS = (*(symbol for level in _LEVELS for symbol in level), _POWER)
# Whole numbers that polynomials are made with.
_STRUCTURAL = ("degree", "x_degree", "y_degree")

# More take astropy, and what looks at its models, longer than anybody waits before a fit.
_MOST_MODELS, _MOST_PARAMETERS = 100, 1000


@dataclass(frozen=True)
class _Leaf:
    """A class with its structural arguments, the values that were given for its parameters, and its name."""

    kind: Callable[..., Model]
    structure: Mapping[str, int]
    values: Mapping[str, Amount]
    name: str | None = None


@dataclass(frozen=True)
class _Binary:
    """Two operands, and where in the text the operator stands."""

    symbol: str
    left: _Leaf | _Binary
    right: _Leaf | _Binary
    position: int


@dataclass(frozen=True)
class Expression:
    """A model as it was typed.

    Attributes
    ----------
    text : as typed
    values : name of a parameter of the model -> value given in a call
    """

    text: str
    _root: _Leaf | _Binary

    @property
    def values(self) -> dict[str, Amount]:
        leaves = list(self._leaves(self._root))
        suffix = (lambda name, index: f"{name}_{index}") if len(leaves) > 1 else (lambda name, index: name)
        return {
            suffix(name, index): amount for index, leaf in enumerate(leaves) for name, amount in leaf.values.items()
        }

    @property
    def operators(self) -> frozenset[str]:
        """The operators that occur."""
        return frozenset(self._symbols(self._root))

    def build(self, values: Mapping[str, Any] | None = None) -> Model:
        """The astropy model.

        Parameters
        ----------
        values : name of a parameter of the model -> number or Quantity, in place of the class's default

        Raises
        ------
        PointedError
            The models cannot be combined in this way.
        """
        leaves = list(self._leaves(self._root))
        numbers = iter(range(len(leaves)))
        values = values or {}

        def make(node: _Leaf | _Binary) -> Model:
            if isinstance(node, _Binary):
                left, right = make(node.left), make(node.right)
                try:
                    return OPERATORS[node.symbol](left, right)
                except Exception as error:  # astropy raises errors of several kinds for shapes that do not fit
                    raise PointedError(f"The models cannot be combined: {error}", self.text, node.position) from None
            number = next(numbers)
            model = node.kind(**node.structure)
            ending = f"_{number}" if len(leaves) > 1 else ""
            own = {name: values[name + ending] for name in model.param_names if name + ending in values}
            return node.kind(**node.structure, **own, name=node.name) if own or node.name else model

        return make(self._root)

    def _leaves(self, node: _Leaf | _Binary) -> Iterator[_Leaf]:
        if isinstance(node, _Leaf):
            yield node
        else:
            yield from self._leaves(node.left)
            yield from self._leaves(node.right)

    def _symbols(self, node: _Leaf | _Binary) -> Iterator[str]:
        if isinstance(node, _Binary):
            yield node.symbol
            yield from self._symbols(node.left)
            yield from self._symbols(node.right)


def parse_expression(text: str) -> Expression:
    """Read a model expression.

    Raises
    ------
    PointedError
        With a caret under the character where it stops making sense.
    """
    scanner = Scanner(text)
    root = _sum(scanner)
    if not scanner.at_end():
        scanner.fail(f"Expected one of {', '.join(_SYMBOLS)} or the end, found {scanner.found()}.")
    expression = Expression(text, root)
    try:
        expression.build()
    except RecursionError:
        scanner.fail("The expression has too many models for astropy.", 0)
    return expression


def sum_of(terms: Sequence[tuple[str, str]], under: Expression | None) -> Expression:
    """Models by class and name, and an expression, as a sum.

    Parameters
    ----------
    under : what is added to them, such as a continuum
    """
    nodes: list[_Leaf | _Binary] = [_Leaf(_classes()[kind], {}, {}, name) for kind, name in terms]
    if under is not None:
        root = under._root
        nodes.append(replace(root, name=CONTINUUM) if isinstance(root, _Leaf) else root)
    text = " + ".join([*(kind for kind, _ in terms), *([] if under is None else [under.text])])
    return Expression(text, reduce(lambda left, right: _Binary("+", left, right, 0), nodes))


@cache
def _classes() -> Mapping[str, Callable[..., Model]]:
    """Those that numbers suffice to make: not splines, mappings and the like."""
    return {cls.__name__: cls for cls in fittable_classes() if _own_parameters(cls) or _coefficients(cls)}


def _coefficients(kind: Callable[..., Model]) -> tuple[str, ...]:
    structural = _structural(kind)
    return tuple(kind(**dict.fromkeys(structural, 1)).param_names) if structural else ()


def _structural(kind: Callable[..., Model]) -> tuple[str, ...]:
    return tuple(key for key in _STRUCTURAL if key in inspect.signature(kind).parameters)


def _own_parameters(kind: Callable[..., Model]) -> tuple[str, ...]:
    """Parameters that every model of the class has; polynomials have theirs by degree."""
    names = getattr(kind, "param_names", ())
    return names if isinstance(names, tuple) else ()


def _sum(scanner: Scanner) -> _Leaf | _Binary:
    """Operands joined by operators other than `**`."""
    return scanner.joined(_LEVELS, lambda: _power(scanner), _Binary)


def _power(scanner: Scanner) -> _Leaf | _Binary:
    """`a ** b ** c` is `a ** (b ** c)`, as in Python."""
    base = _operand(scanner)
    if scanner.next_of((_POWER,)) is None:
        return base
    position = scanner.position
    scanner.take(_POWER)
    with scanner.nested():
        exponent = _power(scanner)
    return _Binary(_POWER, base, exponent, position)


def _operand(scanner: Scanner) -> _Leaf | _Binary:
    if scanner.take("("):
        with scanner.nested():
            node = _sum(scanner)
        scanner.close()
        return node
    scanner.skip_blanks()
    position = scanner.position
    name = scanner.name()
    if name is None:
        number = " A number is a model too: Const1D(2)." if scanner.number() else ""
        scanner.position = position
        scanner.fail(f"Expected a model, found {scanner.found()}.{number}")
    if name not in _classes():
        scanner.fail(f"There is no model '{shortened(name)}'. {suggestion(name, _classes())}", position)
    return _call(scanner, name, position)


def _call(scanner: Scanner, name: str, position: int) -> _Leaf:
    """The arguments, if there are any."""
    kind = _classes()[name]
    arguments = list(_arguments(scanner)) if scanner.take("(") else []
    structural = _structural(kind)
    order = iter(structural + _own_parameters(kind))
    structure: dict[str, int] = {}
    values: dict[str, tuple[Amount, int]] = {}
    for keyword, amount, at in arguments:
        key = next(order, None) if keyword is None else keyword
        if key is None:
            scanner.fail(f"{name} takes no more values by position; give them as name=value.", at)
        if key in structure or key in values:
            scanner.fail(f"{name} is given '{key}' twice.", at)
        if key in structural:
            structure[key] = _whole(scanner, key, amount, at)
        else:
            values[key] = amount, at
    for key in structural:
        if key not in structure:
            scanner.fail(f"{name} needs its {key}: {name}({key}=2).", position)
    scanner.count(1, "models", _MOST_MODELS, position)
    names = kind(**structure).param_names
    scanner.count(len(names), "parameters", _MOST_PARAMETERS, position)
    for key, (_, at) in values.items():
        if key not in names:
            scanner.fail(f"{name} has no parameter '{key}'. {suggestion(key, names)}", at)
    return _Leaf(kind, structure, {key: amount for key, (amount, _) in values.items()})


def _whole(scanner: Scanner, key: str, amount: Amount, at: int) -> int:
    if amount.unit is not None or amount.value not in range(21):
        scanner.fail(f"{key} should be a whole number from 0 to 20, got {amount}.", at)
    return int(amount.value)


def _arguments(scanner: Scanner) -> Iterator[tuple[str | None, Amount, int]]:
    """Keyword (None for a value by position), value and place of each argument, up to the closing parenthesis."""
    while not scanner.take(")"):
        scanner.skip_blanks()
        position = scanner.position
        keyword = scanner.name()
        if keyword is not None and not scanner.take("="):
            scanner.fail(f"Expected name=value, found {scanner.found()} after '{keyword}'.")
        start = scanner.position
        text = scanner.value_text()
        yield keyword, parse_amount(text, scanner.text, start), position
        if not scanner.take(",") and scanner.next_of((")",)) is None:
            scanner.fail(f"Expected ',' or ')', found {scanner.found()}.")
