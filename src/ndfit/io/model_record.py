"""A model as data: classes of astropy by name, operators, and the arguments that are no parameters.

Flows in: an astropy model. Flows out: a tree of JSON values, an expression for people; and from a tree the model again.
No code is stored and none is run: names are looked up in `astropy.modeling.models`, and operators in a table. Models of
people's own are recorded by name, and whoever reads the file brings them along.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.modeling import CompoundModel, Model, fix_inputs, models

from ndfit.compound import OPERATORS
from ndfit.errors import UnreadableFile
from ndfit.io.json_values import exact, parse_exact

__all__ = ["CannotRebuild", "UnrestorableTie", "build", "describe", "describe_tie", "expression", "why_not_rebuilt"]

# `cov_matrix` is an argument of Gaussian2D, which it turns into parameters, and what a fitter leaves on any model.
_NOT_ARGUMENTS = frozenset(
    {"self", "name", "meta", "n_models", "model_set_axis", "bounds", "fixed", "tied", "cov_matrix"}
)
_SOURCE_LENGTH = 400
_GIVE_IT = "give the model that was fitted, ndfit.read(path, model=...)"

# Of what is made from a record: above these, astropy takes seconds, or the memory of a machine.
_MOST_MODELS = 500  # in a tree, compounds among them
_LARGEST_SIZE = 100  # a degree, a number of inputs


class CannotRebuild(UnreadableFile):
    """The file names a model that it cannot hold; the message says which and what to do."""


@dataclass(frozen=True)
class UnrestorableTie:
    """Stands where a tie was that is a Python function, which files do not hold."""

    parameter: str
    note: str

    def __call__(self, model: Any) -> Any:
        raise CannotRebuild(
            f"'{self.parameter}' was tied by a Python function ({self.note}), which a file cannot hold: "
            "give the model that was fitted, ndfit.read(path, model=...)"
        )


def describe(model: Model) -> dict[str, Any]:
    """Tree of a model; a leaf that astropy does not ship is marked as `custom`."""
    if isinstance(model, CompoundModel):
        node: dict[str, Any] = {"operator": model.op, "left": describe(model.left)}
        if model.op == "fix_inputs":
            node["inputs"] = [[exact(key), exact(value)] for key, value in model.right.items()]
        else:
            node["right"] = describe(model.right)
    else:
        node = _describe_leaf(model)
    return node | ({} if model.name is None else {"name": str(model.name)})


def _describe_leaf(model: Model) -> dict[str, Any]:
    cls = type(model)
    if vars(models).get(cls.__name__) is not cls:
        return {"custom": cls.__name__, "module": str(cls.__module__)}
    arguments = {}
    for name in _argument_names(cls):
        if name in model.param_names or not hasattr(model, name):
            continue
        try:
            arguments[name] = exact(getattr(model, name))
        except TypeError as reason:
            return {"custom": cls.__name__, "module": str(cls.__module__), "reason": f"{name}: {reason}"}
    return {"class": cls.__name__, "arguments": arguments}


def expression(tree: Mapping[str, Any]) -> str:
    """Class names and operators, for people."""
    if "operator" not in tree:
        return tree.get("custom") or f"{tree['class']}{_required(tree)}"
    left = _bracketed(tree["left"], tree["operator"])
    if tree["operator"] == "fix_inputs":
        fixed = ", ".join(f"{parse_exact(key)}: {_short(value)}" for key, value in tree["inputs"])
        return f"fix_inputs({expression(tree['left'])}, {{{fixed}}})"
    return f"{left} {tree['operator']} {_bracketed(tree['right'], tree['operator'], right=True)}"


def _required(tree: Mapping[str, Any]) -> str:
    """The arguments that the class has no default for, such as the degree of a polynomial."""
    known = inspect.signature(vars(models)[tree["class"]].__init__).parameters
    empty = inspect.Parameter.empty
    needed = {name: value for name, value in tree["arguments"].items() if known[name].default is empty}
    return f"({', '.join(f'{name}={_short(value)}' for name, value in needed.items())})" if needed else ""


def _bracketed(tree: Mapping[str, Any], outer: str, right: bool = False) -> str:
    """Brackets around every compound but a chain of the same operator on the left, or sums at the left of a sum."""
    text, inner = expression(tree), tree.get("operator")
    plain = inner in (None, "fix_inputs") or (not right and inner == outer and outer != "**")
    return text if plain else f"({text})"


def _short(value: Any) -> str:
    parsed = parse_exact(value)
    return f"array{parsed.shape}" if isinstance(parsed, np.ndarray) else str(parsed)


def build(tree: Mapping[str, Any]) -> Model:
    """Model of a tree, with default parameters.

    Raises
    ------
    CannotRebuild
        A class that is not astropy's, an operator that is not in the table, arguments the class does not take, more
        models or larger numbers than a model of a person's has.
    """
    if _count(tree) > _MOST_MODELS:
        raise CannotRebuild(f"a compound of more than {_MOST_MODELS} models is not made from a record: {_GIVE_IT}")
    try:
        return _build(tree)
    except CannotRebuild:
        raise
    except Exception as error:  # of a tree that was changed, or by a class of astropy's that objects to its arguments
        raise CannotRebuild(f"the model cannot be made from the record: {type(error).__name__}: {error}") from error


def _count(tree: Any) -> int:
    """How many models are in a tree."""
    count, waiting = 0, [tree]
    while waiting:
        node = waiting.pop()
        count += 1
        waiting += [node[side] for side in ("left", "right") if isinstance(node, Mapping) and side in node]
    return count


def _build(tree: Mapping[str, Any]) -> Model:
    if "operator" in tree:
        model = _build_compound(tree)
    else:
        cls = _class_of(tree)
        model = cls(**{name: _argument(cls, name, value) for name, value in tree["arguments"].items()})
    if "name" in tree:
        model.name = str(tree["name"])
    return model


def _argument(cls: type, name: str, value: Any) -> Any:
    """An argument of a class that is none of its parameters; its numbers may be sizes of what it makes."""
    if name not in _argument_names(cls):
        raise CannotRebuild(f"astropy's {cls.__name__} has no argument {name!r} that a record could hold")
    if isinstance(value, int) and abs(value) > _LARGEST_SIZE:
        raise CannotRebuild(
            f"{name}={value} of {cls.__name__} is beyond {_LARGEST_SIZE}, and not made from a record: {_GIVE_IT}"
        )
    return parse_exact(value)


def _argument_names(cls: type) -> tuple[str, ...]:
    """What a class takes beside its parameters, and beside what every model takes."""
    parameters = getattr(cls, "param_names", ())
    own = parameters if isinstance(parameters, tuple) else ()
    return tuple(
        name
        for name, argument in inspect.signature(cls.__init__).parameters.items()  # type: ignore[misc]
        if argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
        and name not in _NOT_ARGUMENTS
        and name not in own
    )


def _build_compound(tree: Mapping[str, Any]) -> Model:
    left = _build(tree["left"])
    if tree["operator"] == "fix_inputs":
        return fix_inputs(left, {parse_exact(key): parse_exact(value) for key, value in tree["inputs"]})
    if tree["operator"] not in OPERATORS:
        raise CannotRebuild(f"the record has an operator {tree['operator']!r} that is not one of astropy's")
    return OPERATORS[tree["operator"]](left, _build(tree["right"]))


def _class_of(tree: Mapping[str, Any]) -> type:
    if "custom" in tree:
        reason = f" ({tree['reason']})" if "reason" in tree else ""
        raise CannotRebuild(
            f"the model '{tree['custom']}' of {tree['module']} is not one that a file can hold{reason}: "
            "give the model that was fitted, ndfit.read(path, model=...)"
        )
    cls = vars(models).get(tree["class"])
    if not (inspect.isclass(cls) and issubclass(cls, Model)):
        raise CannotRebuild(f"there is no model '{tree['class']}' in this version of astropy.modeling.models")
    return cls


def why_not_rebuilt(model: Model, tree: Mapping[str, Any]) -> str:
    """Why the tree does not make the model again; empty where it does.

    The two are compared at a few numbers: arguments that the class keeps under another name would be lost unseen.
    """
    try:
        again = build(tree)
    except CannotRebuild as reason:
        return str(reason)
    same_names = again.param_names == model.param_names and again.n_inputs == model.n_inputs
    if not same_names or not np.array_equal(_sample(model, model), _sample(again, model), equal_nan=True):
        return f"the model made from the record differs: {_GIVE_IT}"
    return ""


def _sample(model: Model, values_of: Model) -> Any:
    """The model at a few numbers, without units; NaN where it cannot be evaluated there."""
    inputs = [np.linspace(0.4, 1.6, 5) + 0.1 * axis for axis in range(model.n_inputs)]
    parameters = [np.ravel(getattr(values_of, name).value)[0] for name in values_of.param_names]
    try:
        with np.errstate(all="ignore"):
            return np.asarray(model.evaluate(*inputs, *parameters), dtype=float)
    except Exception:  # a model may raise anything where it is not defined
        return np.nan


def describe_tie(tie: Any) -> dict[str, str] | None:
    """What is known of a tie: its expression where it has one, else its source or name, as a note."""
    if not tie:
        return None
    written = getattr(tie, "expression", None)
    if isinstance(written, str):
        return {"expression": written}
    if isinstance(tie, UnrestorableTie):
        return {"python": tie.note}
    try:
        note = textwrap.dedent(inspect.getsource(tie)).strip()
    except (OSError, TypeError):
        note = str(getattr(tie, "__qualname__", type(tie).__qualname__))
    return {"python": note[:_SOURCE_LENGTH]}
