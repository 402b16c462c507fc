"""Whatever can be fitted -> an astropy model, and bounds that it cannot hold.

Flows in: a model, a Python function, an lmfit model or a sympy expression; starting values, bounds, fixed and tied
parameters by plain names. Flows out: a model of its own, and the bounds that are given beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import CompoundModel, Model

from ndfit._compat.astropy_models import set_values
from ndfit.copying import copied
from ndfit.errors import WrongArgument, WrongArgumentType
from ndfit.functions.described import Described
from ndfit.functions.function_model import FunctionModel, model_of
from ndfit.functions.lmfit_models import describe_lmfit, is_lmfit
from ndfit.functions.signatures import describe_function
from ndfit.functions.sympy_expressions import describe_sympy, is_sympy
from ndfit.problem.arguments import check_mapping, suggestion

__all__ = ["as_model", "model_of_call", "opened_model", "with_constraints"]

Pairs = dict[str, tuple[Any, Any]]
Place = Callable[[Any, str], Any]


def as_model(
    func: Any,  # Any: lmfit and sympy are not imported for their types
    *,
    inputs: int | Iterable[Any] = 1,
    p0: Any = None,  # Any: a sequence, or a mapping by name, of numbers and of maps
    bounds: Any = None,  # Any: a mapping by name, or scipy's pair
    fixed: Iterable[str] | Mapping[str, bool] | None = None,
    tied: Mapping[str, Callable[[Any], Any]] | None = None,
) -> Any:
    """Make an astropy model of a plain function, an lmfit model or a sympy expression.

    `ndfit.fit` does this by itself. The model is needed to add functions to models of astropy, to choose between
    functions with `ndfit.select`, and to read a file of results back.

    Parameters
    ----------
    func : callable, lmfit.Model, sympy.Lambda, sympy.Expr or astropy.modeling.Model
        A function of coordinates, and after these of parameters, written for numpy arrays. Defaults that are numbers
        are starting values; other defaults are options, which stay as they are.
    inputs : int, or iterable of str or sympy.Symbol
        How many of the first arguments are coordinates; of a sympy expression, the symbols that are.
    p0 : sequence, mapping or number, optional
        Starting values, in the order of the parameters or by name; those that are not given are the function's own, or
        1, or where that is out of bounds a number within them, as in `scipy.optimize.curve_fit`.
    bounds : mapping, pair or scipy.optimize.Bounds, optional
        Name of a parameter -> (lower, upper); or scipy's pair of all lower and all upper bounds, each one number or one
        for each parameter.
    fixed : iterable of str, or mapping, optional
        Names of parameters that keep their starting values.
    tied : mapping, optional
        Name of a parameter -> function of the model that returns its value.

    Returns
    -------
    astropy.modeling.Model
        With the names of the function's arguments, of plain numbers without units.

    Raises
    ------
    TypeError, ValueError
        The arguments of the function cannot be read, or a name is of no parameter: the message says which there are.

    See Also
    --------
    fit : takes functions as they are.

    Examples
    --------
    >>> import numpy as np
    >>> import ndfit
    >>> def decay(t, s0=1.0, t2=30.0):
    ...     return s0 * np.exp(-t / t2)
    >>> model = ndfit.as_model(decay, p0={"s0": 5.0}, bounds={"t2": (1, 500)})
    >>> model.param_names, model.parameters, model.t2.bounds
    (('s0', 't2'), array([ 5., 30.]), (1.0, 500.0))
    """
    model, pairs = with_constraints(opened_model(func, inputs), p0, bounds, fixed, tied)
    for name, pair in pairs.items():
        if any(np.ndim(limit) for limit in pair):
            raise WrongArgument(f"bounds['{name}']", "two numbers", pair, "give maps of bounds to ndfit.fit")
        getattr(model, name).bounds = tuple(None if limit is None else float(limit) for limit in pair)
    return model


def model_of_call(
    model: Any, fitting_axes: Any, known: Any, p0: Any, bounds: Any, fixed: Any, tied: Any, place: Place
) -> tuple[Any, Pairs | None]:
    """The model of a call of `ndfit.fit`, and the bounds beside it.

    Parameters
    ----------
    fitting_axes : as it is given, which says how many coordinates there are
    known : inputs by name beside these
    place : puts maps, with the name for messages, on the iterating axes of the data
    """
    if isinstance(p0, Mapping):
        p0 = {name: place(value, f"p0['{name}']") for name, value in p0.items()}
    if isinstance(bounds, Mapping):
        bounds = {name: _placed_pair(pair, name, place) for name, pair in bounds.items()}
    if not isinstance(model, Model) and can_be_opened(model):
        text = isinstance(fitting_axes, str) or not isinstance(fitting_axes, Iterable)
        model = opened_model(model, 1 if text else len(tuple(fitting_axes)), tuple(known or ()))
    if p0 is None and fixed is None and tied is None and not isinstance(model, FunctionModel):
        pairs = bounds if bounds is None or not isinstance(model, Model) else named_bounds(bounds, model.param_names)
        return model, pairs
    return with_constraints(model, p0, bounds, fixed, tied)


def _placed_pair(pair: Any, name: Any, place: Place) -> Any:
    return tuple(place(limit, f"a bound of '{name}'") for limit in pair) if isinstance(pair, (tuple, list)) else pair


def can_be_opened(model: Any) -> bool:
    """Whether it is something that a model can be made of."""
    return callable(model) or is_sympy(model) or is_lmfit(model)


def opened_model(model: Any, inputs: Any, known: Collection[str] = ()) -> Any:
    """The model, with the starting values and the constraints that it brings.

    Parameters
    ----------
    inputs : number of coordinates, or symbols
    """
    if isinstance(model, Model):
        return model
    if not can_be_opened(model) or (isinstance(model, type) and issubclass(model, Model)):
        remedy = "make an instance of it" if isinstance(model, type) else ""
        raise WrongArgumentType("model", "an astropy model, or a function", model, remedy)
    if is_sympy(model):
        described = describe_sympy(model, inputs)
    else:
        if not isinstance(inputs, int) or isinstance(inputs, bool) or inputs < 1:
            raise WrongArgument("inputs", "the number of arguments that are coordinates", inputs)
        read = describe_lmfit if is_lmfit(model) else describe_function
        described = read(model, inputs, known)
    return _constrained(model_of(described), described)


def _constrained(model: FunctionModel, described: Described) -> FunctionModel:
    for name, (low, high) in described.bounds.items():
        getattr(model, name).bounds = (low, high)
    for name in described.fixed:
        getattr(model, name).fixed = True
    for name, tie in described.tied.items():
        getattr(model, name).tied = tie
    return model


def with_constraints(model: Any, p0: Any, bounds: Any, fixed: Any, tied: Any) -> tuple[Any, Pairs]:
    """A copy of the model with starting values and constraints, and the bounds by name.

    Raises
    ------
    TypeError, ValueError
        A name that is of no parameter, another number of values than of parameters, or something else than numbers.
    """
    if not isinstance(model, Model):
        raise WrongArgumentType("model", "an astropy model, or a function", model)
    names = tuple(model.param_names)
    starts = named_starts(p0, names)
    pairs = named_bounds(bounds, names)
    model = copied(model)
    if isinstance(model, FunctionModel):
        starts = _within_bounds(model, starts, pairs) | starts
    if starts:
        set_values(model, {name: _with_unit(getattr(model, name), name, value) for name, value in starts.items()})
    for name, value in _named_flags(fixed, names).items():
        getattr(model, name).fixed = value
    for name, tie in check_mapping(tied, "tied", "a dict of functions, name -> function of the model").items():
        _check_name(name, names, "tied")
        if not (callable(tie) or tie is False):
            raise WrongArgumentType(f"tied['{name}']", "a function of the model that returns its value", tie)
        getattr(model, name).tied = tie
    if isinstance(model, CompoundModel):
        model.sync_constraints = True
    return model, pairs


def _within_bounds(model: FunctionModel, given: Mapping[str, Any], pairs: Mapping[str, Any]) -> dict[str, Any]:
    """Starting values of those parameters for which none is given, where the function's own, or 1, is out of bounds."""
    moved = {}
    for name in model.param_names:
        low, high = pairs.get(name, getattr(model, name).bounds)
        if name in given or getattr(model, name).tied or isinstance(low, u.Quantity) or isinstance(high, u.Quantity):
            continue
        lower, upper = _number(low, -np.inf), _number(high, np.inf)
        value = np.asarray(getattr(model, name).value)
        outside = (value < lower) | (value > upper)
        if outside.any():
            moved[name] = np.where(outside, _inside(lower, upper), value)
    return moved


def _number(limit: Any, none: float) -> Any:
    return np.asarray(none if limit is None else limit, dtype=float)


def _inside(lower: Any, upper: Any) -> Any:
    """Where scipy's `curve_fit` starts: in the middle of two bounds, or 1 away from one."""
    with np.errstate(invalid="ignore"):
        middle = 0.5 * (lower + upper)
    inner = np.where(np.isfinite(lower), np.where(np.isfinite(upper), middle, lower + 1.0), upper - 1.0)
    return np.where(np.isfinite(inner), inner, 1.0)


def named_starts(p0: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Starting values by name.

    Raises
    ------
    TypeError, ValueError
    """
    if p0 is None:
        return {}
    if isinstance(p0, Mapping):
        starts = check_mapping(p0, "p0", "a dict of numbers or maps, by the name of the parameter, or a sequence")
        for name in starts:
            _check_name(name, names, "p0")
    else:
        if isinstance(p0, (str, bytes)) or not (isinstance(p0, Real) or hasattr(p0, "__len__")):
            raise WrongArgumentType("p0", "a sequence of starting values, or a dict by name", p0)
        values = [p0] if np.ndim(p0 if isinstance(p0, np.ndarray) else 0) == 0 and isinstance(p0, Real) else list(p0)
        if len(values) != len(names):
            raise ValueError(
                f"p0 has {len(values)} value(s), and the parameters are {', '.join(names)}: give one for each, or a "
                "dict of those that are to start elsewhere"
            )
        starts = dict(zip(names, values, strict=True))
    return {name: _checked_start(value, name) for name, value in starts.items()}


def _checked_start(value: Any, name: str) -> Any:
    if isinstance(value, u.Quantity):
        return value
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise WrongArgumentType(f"p0['{name}']", "a number or a map of numbers", value) from None


def _with_unit(parameter: Any, name: str, value: Any) -> Any:
    """The value in the unit that the parameter has; plain numbers are in that unit."""
    if isinstance(value, u.Quantity):
        if parameter.unit is None:
            raise u.UnitsError(
                f"p0['{name}'] is in '{value.unit}', and '{name}' is a plain number: give the number that belongs to "
                "the numbers of the coordinates and of the data"
            )
        return value.to(parameter.unit)
    return value if parameter.unit is None else u.Quantity(value, parameter.unit)


def named_bounds(bounds: Any, names: tuple[str, ...]) -> Pairs:
    """Bounds by name, of a mapping or of scipy's pair.

    Raises
    ------
    TypeError, ValueError
    """
    if bounds is None:
        return {}
    if isinstance(bounds, Mapping):
        pairs = check_mapping(bounds, "bounds", "a dict of pairs, name -> (lower, upper), or a pair")
        for name in pairs:
            _check_name(name, names, "bounds")
        return pairs
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):  # scipy.optimize.Bounds
        bounds = bounds.lb, bounds.ub
    what = "a dict of pairs, name -> (lower, upper), or scipy's pair (lower, upper) of all parameters"
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        raise WrongArgumentType("bounds", what, bounds)
    return dict(zip(names, zip(*(_one_each(side, names) for side in bounds), strict=True), strict=True))


def _one_each(side: Any, names: tuple[str, ...]) -> list[Any]:
    """One side of scipy's pair: a number for each parameter; infinite ones are none."""
    limits = list(side) if np.iterable(side) else [side] * len(names)
    if len(limits) != len(names):
        raise ValueError(
            f"bounds have {len(limits)} value(s) on one side, and the parameters are {', '.join(names)}: give one "
            "number, one for each, or a dict of pairs"
        )
    try:
        return [None if limit is None or np.isinf(float(limit)) else float(limit) for limit in limits]
    except (TypeError, ValueError):
        raise WrongArgumentType("bounds", "numbers, in scipy's pair; give maps in a dict by name", side) from None


def _named_flags(fixed: Any, names: tuple[str, ...]) -> dict[str, bool]:
    what = "names of parameters, or a dict, name -> True or False"
    if fixed is None:
        return {}
    if isinstance(fixed, str):
        fixed = (fixed,)
    if not isinstance(fixed, Iterable):
        raise WrongArgumentType("fixed", what, fixed)
    flags = dict(fixed) if isinstance(fixed, Mapping) else dict.fromkeys(fixed, True)
    for name, flag in flags.items():
        _check_name(name, names, "fixed")
        if not isinstance(flag, (bool, np.bool_)):
            raise WrongArgumentType(f"fixed['{name}']", "True or False", flag, "the value at which it is fixed is p0's")
    return {name: bool(flag) for name, flag in flags.items()}


def _check_name(name: Any, names: tuple[str, ...], argument: str) -> None:
    if name not in names:
        raise ValueError(f"{argument} names '{name}', which is no parameter of the model{suggestion(name, names)}")
