"""Ways to break a Python file so that a test should notice.

Flows in: the text of a module. Flows out: mutants, each the same text with one small change:

==========  ======================================================================================================
compare     `<` becomes `<=` and `>`, `==` becomes `!=`, `is` becomes `is not`, `in` becomes `not in`
arithmetic  `+` and `-`, `*` and `/`, `&` and `|` change places; a minus, a `not` and a `~` are dropped; `and` and `or`
            change places
constant    a number is doubled or goes up by one, True and False change places
name        `min` and `max`, `any` and `all`, lower and upper bounds, fixed and tied ... change places
status      another row of the STATUS table, another flag
branch      a condition is turned round, `raise` is left out, `break` and `continue` change places
operator    in the graph, the name of an operator becomes that of another one
rule        a row of an operator table: its value or one of its derivatives is off by 0.1 %
==========  ======================================================================================================

Text for people (docstrings, messages, annotations) is left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Mutant", "mutants_of", "rule_mutants"]


class Mutant(NamedTuple):
    """One change; `place` is the function that it is in, `text` the whole module with it."""

    kind: str
    place: str
    line: int
    change: str
    text: str


_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_PAIRS = (
    ("min", "max"),
    ("minimum", "maximum"),
    ("any", "all"),
    ("argmin", "argmax"),
    ("lower", "upper"),
    ("least", "most"),
    ("below", "above"),
    ("fixed", "tied"),
    ("ones", "zeros"),
    ("add", "sub"),
    ("mul", "div"),
    ("left", "right"),
    ("AT_BOUND", "SINGULAR"),
)
_NAMES = {**dict(_PAIRS), **{other: one for one, other in _PAIRS}, "zeros_like": "ones_like"}
# Operators of one argument, which can stand for each other.
_OPERATORS = (
    "sin",
    "cos",
    "exp",
    "log",
    "sqrt",
    "erf",
    "erfc",
    "floor",
    "ceil",
    "absolute",
    "gammaln",
    "digamma",
    "j0",
)
_OPERATORS_OF_TWO = (
    "add",
    "subtract",
    "multiply",
    "divide",
    "logical_and",
    "logical_or",
    "less",
    "less_equal",
    "equal",
)


def mutants_of(text: str, operators: bool = False) -> Iterator[Mutant]:
    """Every mutant of a module; `operators` is for modules whose strings are names of operators."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    raw = text.encode()
    for place, node in _code(ast.parse(text), ""):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        before = raw[start:end].decode()
        for kind, after in _changes(node, operators):
            mutated = (raw[:start] + after.encode() + raw[end:]).decode()
            yield Mutant(kind, place, node.lineno, f"{' '.join(before.split())} -> {after}", mutated)


def _code(tree: ast.AST, place: str) -> Iterator[tuple[str, ast.expr | ast.stmt]]:
    """Statements and expressions and where they are, without text for people and without annotations."""
    if isinstance(tree, ast.FunctionDef | ast.ClassDef):
        place = f"{place}.{tree.name}".lstrip(".")
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "exc", "cause"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr) or _is_idle(child):
                continue
            if isinstance(child, ast.expr | ast.stmt):
                yield place, child
            yield from _code(child, place)


def _is_idle(node: ast.AST) -> bool:
    """Whether a change would change no result: declarations, and keywords such as `strict` that only check."""
    if isinstance(node, ast.keyword):
        return node.arg in ("strict", "stacklevel", "copy")
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(node: ast.AST, operators: bool) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Compare(left=left, ops=[first, *rest], comparators=comparators):
            for other in _COMPARE[type(first)]:
                yield "compare", _text(ast.Compare(left, [other(), *rest], comparators))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            yield "arithmetic", _text(ast.BinOp(left, _ARITHMETIC[type(op)](), right))
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in _ARITHMETIC:
            yield "arithmetic", ast.unparse(ast.AugAssign(target, _ARITHMETIC[type(op)](), value))
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield "arithmetic", _text(operand)
        case ast.BoolOp(op=op, values=values):
            yield "arithmetic", _text(ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values))
        case ast.Constant(value=bool() as value):
            yield "constant", str(not value)
        case ast.Constant(value=int() as value):
            yield "constant", str(value + 1)
        case ast.Constant(value=float() as value):
            yield "constant", repr(2.0 * value if value else 1.0)
        case ast.Constant(value=str() as value) if operators:
            for names in (_OPERATORS, _OPERATORS_OF_TWO):
                if value in names:
                    yield "operator", repr(names[(names.index(value) + 1) % len(names)])
        case ast.Attribute(value=ast.Name(id="Status"), attr=name):
            yield "status", "Status.INSENSITIVE" if name == "USER_ERROR" else "Status.USER_ERROR"
        case ast.Attribute(value=value, attr=name, ctx=ast.Load()) if name in _NAMES:
            yield "name", f"{ast.unparse(value)}.{_NAMES[name]}"
        case ast.Name(id=name, ctx=ast.Load()) if name in _NAMES:
            yield "name", _NAMES[name]
        case ast.If(test=ast.Name() | ast.Attribute() | ast.Call()) as branch:
            yield "branch", ast.unparse(ast.If(ast.UnaryOp(ast.Not(), branch.test), branch.body, branch.orelse))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield "branch", _text(ast.IfExp(test, orelse, body))
        case ast.Raise():
            yield "branch", "pass"
        case ast.Break():
            yield "branch", "continue"
        case ast.Continue():
            yield "branch", "break"


def _text(expression: ast.expr) -> str:
    return f"({ast.unparse(expression)})"


_BROKEN_OPS = """
from dataclasses import replace as _replace
_row_ = OPS[{name!r}]
def _value(*arrays):
    return np.logical_not(_row_.numpy(*arrays)) if _row_.condition else 1.001 * _row_.numpy(*arrays)
def _partials(b, args, out):
    return tuple(_off(b, node) if i == {index} else node for i, node in enumerate(_row_.partials(b, args, out)))
def _off(b, node):
    return b.constant(1.0) if node is None else b.mul(b.constant(1.001), node)
_broken = dict(numpy=_value, partials=_partials)
OPS[{name!r}] = _replace(_row_, {field}=_broken[{field!r}])
"""

_BROKEN_UFUNC = """
_whole_ = UFUNCS[{name!r}]
def _broken(b, *args):
    node = _whole_(b, *args)
    return b.apply("logical_not", node) if b.is_condition(node) else b.mul(b.constant(1.001), node)
UFUNCS[{name!r}] = _broken
"""

_BROKEN_FUNCTION = """
_key_ = next(key for key in FUNCTIONS if key.__name__ == {name!r})
_whole_ = FUNCTIONS[_key_]
def _broken(*args, **kwargs):
    found = _whole_(*args, **kwargs)
    if isinstance(found, tuple):
        return found[:-1] or (2,)
    return not found if isinstance(found, bool) else found + 1 if isinstance(found, int) else 1.001 * found + 0.001
FUNCTIONS[_key_] = _broken
"""


def rule_mutants(name: str, text: str) -> Iterator[Mutant]:
    """For the module `graph/<name>.py`: each row of its table broken in turn, none for a module without a table."""
    # The tables are read, not imported: the package that runs is that of the tests.
    if name == "ops":
        from ndfit.model.ops import OPS

        for row in OPS.values():
            parts = [("numpy", 0)]
            parts += [("partials", index) for index in range(row.arity)] if row.partials is not None else []
            for field, index in parts:
                what = f"{row.name}: {field}" + (f" {index}" if field == "partials" else "")
                yield Mutant("rule", "", 0, what, text + _BROKEN_OPS.format(name=row.name, field=field, index=index))
    if name == "functions":
        from ndfit.model.trace.node_functions import UFUNCS

        for key in UFUNCS:
            yield Mutant("rule", "", 0, key, text + _BROKEN_UFUNC.format(name=key))
    if name == "array_functions":
        from ndfit.model.trace.array_functions import FUNCTIONS

        for function in FUNCTIONS:
            yield Mutant("rule", "", 0, function.__name__, text + _BROKEN_FUNCTION.format(name=function.__name__))
