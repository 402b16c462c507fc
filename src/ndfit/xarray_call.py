"""The call of xarray's own `curvefit`, with its signature and its Dataset.

Flows in: a DataArray or Dataset, coordinates, a function. Flows out: a Dataset of coefficients and covariances by the
names that xarray gives them, with errors, status and flags beside.

The dimensions that are fitted along become one axis, as they do for `scipy.optimize.curve_fit`: the first coordinate is
that axis, and others are known inputs of the model.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from astropy.modeling.fitting import DogBoxLSQFitter, LMLSQFitter, TRFLSQFitter

from ndfit.errors import WrongArgument, WrongArgumentType
from ndfit.fit_result import FitResult
from ndfit.fitting import Description, fit_described
from ndfit.functions.as_model import with_constraints
from ndfit.functions.described import Described
from ndfit.functions.function_model import FunctionModel, model_of
from ndfit.functions.signatures import describe_function, name_of
from ndfit.options import Data, Errors, Execution, Objective, Starts, options_of
from ndfit.problem.arguments import check_choice, check_mapping, suggestion
from ndfit.problem.labelled import Measured, is_labelled, numbers_of, placed_maps
from ndfit.status import STATUS, Status

__all__ = ["curvefit"]

_LIMITS = ("maxfev", "max_nfev")
_TOLERANCES = ("ftol", "xtol", "gtol")
_METHODS = {"trf": TRFLSQFitter, "dogbox": DogBoxLSQFitter, "lm": LMLSQFitter}
_WITHOUT_EFFECT = frozenset({"jac", "check_finite", "x_scale", "diff_step", "tr_solver", "verbose"})
"""Keywords of scipy that change how a minimum is found and not what it is."""
_GROUPS = (Objective, Starts, Errors, Execution)
_OF_FIT = frozenset(each.name for group in _GROUPS for each, _ in options_of(group))


def curvefit(
    obj: Any,  # Any: xarray is not imported for its types
    coords: Any,  # Any: names, and arrays of xarray
    func: Callable[..., Any],
    reduce_dims: Hashable | Iterable[Hashable] | None = None,
    skipna: bool = True,
    p0: Mapping[str, Any] | None = None,
    bounds: Mapping[str, tuple[Any, Any]] | None = None,
    param_names: Sequence[str] | None = None,
    errors: Literal["raise", "ignore"] = "raise",
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Fit a function along dimensions of labelled arrays, as `xarray.DataArray.curvefit` does.

    All fits are made when it is called, those of arrays of dask chunk by chunk.

    Parameters
    ----------
    obj : xarray.DataArray or xarray.Dataset
        The data; of a Dataset, every variable.
    coords : str, xarray.DataArray, or sequence of these
        Coordinates that the function is of. Of several, the function gets one sequence of them, ``f((x, y), *params)``.
    func : callable
        Function of a coordinate and of parameters, written for numpy arrays.
    reduce_dims : str, or iterable of str, optional
        Dimensions to fit along beside those that `coords` are.
    skipna : bool
        Leave out samples that are NaN; otherwise they are an error.
    p0 : mapping, optional
        Name of a parameter -> number or DataArray, where fits start. Others start at the function's default, or at 1,
        or where that is out of bounds within them.
    bounds : mapping, optional
        Name of a parameter -> (lower, upper), numbers or DataArrays.
    param_names : sequence of str, optional
        Names of the parameters, where the signature does not have them.
    errors : 'raise' or 'ignore'
        What becomes of fits that fail: an exception, or NaN.
    kwargs : mapping, optional
        Keywords of `scipy.optimize.curve_fit` (`maxfev`, `ftol`, `xtol`, `gtol`, `method`, `absolute_sigma`, `sigma`)
        and options of `ndfit.fit`.

    Returns
    -------
    xarray.Dataset
        ``curvefit_coefficients`` and ``curvefit_covariance``, with the dimensions ``param``, and ``cov_i`` and
        ``cov_j``; beside them ``curvefit_errors``, ``curvefit_status`` and ``curvefit_flags``. Of a Dataset, the name
        of the variable comes first. The covariance is scaled by chi-square unless `absolute_sigma` is True, as in
        scipy.

    Raises
    ------
    TypeError, ValueError
        A name that is not there, or something that cannot be used; samples that are NaN with ``skipna=False``.
    RuntimeError
        A fit failed, with ``errors='raise'``.

    See Also
    --------
    fit : has more options, and keeps more of each fit.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import ndfit
    >>> time = np.arange(0.0, 5.0, 0.5)
    >>> data = xr.DataArray(np.exp(-time / [[2.0], [3.0]]), coords={"x": [0, 1], "time": time})
    >>> fitted = ndfit.curvefit(data, "time", lambda t, n0, tau=1.0: n0 * np.exp(-t / tau))
    >>> fitted.curvefit_coefficients.sel(param="tau").values.round(6)
    array([2., 3.])
    """
    import xarray

    check_choice(errors, "errors", ("raise", "ignore"))
    if not isinstance(obj, xarray.DataArray | xarray.Dataset):
        raise WrongArgumentType("obj", "an xarray.DataArray or an xarray.Dataset", obj)
    along = _Along.of(obj, coords, reduce_dims)
    what = "a dict, by the name of the parameter"
    starts, limits = check_mapping(p0, "p0", what), check_mapping(bounds, "bounds", what)
    _check_dims(starts, limits, along.kept)
    described = _described(func, len(along.coords), param_names)
    options = _options(check_mapping(kwargs, "kwargs", "a dict of keywords"))
    one = isinstance(obj, xarray.DataArray)
    variables = {"": obj} if one else {f"{name}_": obj[name] for name in obj.data_vars}
    fitted: dict[Any, Any] = {}
    for prefix, array in variables.items():
        result = _fit(array, along, described, starts, limits, options)
        _check(result, array, along, errors, skipna, options)
        fitted |= {f"{prefix}curvefit_{name}": each for name, each in _variables(result, array, along).items()}
    names = [_own_name(name, described) for name in described.parameters]
    own = {name: each for name, each in obj.coords.items() if set(each.dims) <= set(along.kept)}
    return xarray.Dataset(
        fitted, own | {dim: (dim, names) for dim in ("param", "cov_i", "cov_j")}, {} if one else dict(obj.attrs)
    )


@dataclass(frozen=True)
class _Along:
    """What is fitted along.

    Attributes
    ----------
    coords : arrays with labels
    dims : that are fitted along
    kept : the others
    """

    coords: tuple[Any, ...]
    dims: tuple[Any, ...]
    kept: tuple[Any, ...]

    @classmethod
    def of(cls, obj: Any, coords: Any, reduce_dims: Any) -> _Along:
        given = [coords] if isinstance(coords, str) or is_labelled(coords) or not np.iterable(coords) else list(coords)
        found = tuple(each if is_labelled(each) else _coordinate(each, obj) for each in given)
        if not found:
            raise ValueError("coords should name at least one coordinate")
        more = [reduce_dims] if isinstance(reduce_dims, str) or not np.iterable(reduce_dims) else list(reduce_dims)
        asked = {dim for dim in more if dim is not None}
        for dim in asked:
            if dim not in obj.dims:
                raise ValueError(f"reduce_dims names '{dim}', which is no dimension{suggestion(str(dim), obj.dims)}")
        dims = tuple(dim for dim in obj.dims if dim in asked or any(each.equals(obj[dim]) for each in found))
        if not dims:
            raise ValueError(
                "none of the coords is a dimension of the data, so that each fit would have one sample: name the "
                f"dimension(s) to fit along as reduce_dims, of {', '.join(map(str, obj.dims))}"
            )
        return cls(found, dims, tuple(dim for dim in obj.dims if dim not in dims))


def _coordinate(name: Any, obj: Any) -> Any:
    if name not in obj.coords and name not in obj.dims:
        raise ValueError(f"coords names '{name}', which is not there{suggestion(str(name), (*obj.coords, *obj.dims))}")
    return obj[name]


def _check_dims(starts: Mapping[str, Any], limits: Mapping[str, Any], kept: tuple[Any, ...]) -> None:
    given = [(f"Initial guess for '{name}'", value) for name, value in starts.items()]
    for name, pair in limits.items():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise WrongArgument(f"bounds['{name}']", "a pair (lower, upper)", pair)
        given += zip((f"Lower bound for '{name}'", f"Upper bound for '{name}'"), pair, strict=True)
    for what, value in given:
        unexpected = tuple(dim for dim in value.dims if dim not in kept) if is_labelled(value) else ()
        if unexpected:
            raise ValueError(
                f"{what} has unexpected dimensions {unexpected}: it should only have dimensions that are in data "
                f"dimensions {kept}, those that are not fitted along"
            )


def _described(func: Any, n_coords: int, param_names: Sequence[str] | None) -> Described:
    """The function with as many inputs as there are coordinates."""
    if not callable(func):
        raise WrongArgumentType("func", "a function of a coordinate and of parameters", func)
    if param_names:
        names: tuple[str, ...] = tuple(map(str, param_names))
        name, module, call, starts = name_of(func), "ndfit", func, _defaults(func, names)
    else:
        own = describe_function(func, 1)
        name, module, call, names, starts = own.name, own.module, own.call, own.parameters, dict(own.starts)
    safe = {each: f"{each}_" if hasattr(FunctionModel, each) else each for each in names}
    return Described(
        name,
        module,
        _Stacked(call, n_coords),
        tuple(f"coordinate {number}" for number in range(n_coords)),
        tuple(safe.values()),
        {safe[each]: value for each, value in starts.items() if each in safe},
    )


def _own_name(name: str, described: Described) -> str:
    """The name of a parameter as it is in the function."""
    return name[:-1] if name.endswith("_") and hasattr(FunctionModel, name[:-1]) else name


def _defaults(func: Any, names: Sequence[str]) -> dict[str, float]:
    """Numbers that a signature has for these, where it can be read."""
    try:
        arguments = inspect.signature(func).parameters
    except (ValueError, TypeError):
        return {}
    found = {name: arguments[name].default for name in names if name in arguments}
    return {name: float(value) for name, value in found.items() if isinstance(value, (int, float, np.number))}


@dataclass(frozen=True)
class _Stacked:
    """A function that gets its coordinates as one argument."""

    func: Callable[..., Any]
    count: int

    def __call__(self, *arguments: Any) -> Any:
        coordinates, parameters = arguments[: self.count], arguments[self.count :]
        if self.count == 1:
            return self.func(coordinates[0], *parameters)
        if all(isinstance(each, np.ndarray) for each in coordinates):
            return self.func(np.stack(np.broadcast_arrays(*coordinates)), *parameters)
        return self.func(coordinates, *parameters)  # symbols, when it is traced


def _options(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Options of `ndfit.fit`, of keywords that are scipy's or its own."""
    options: dict[str, Any] = {"guess": None, "absolute_sigma": False}
    fitter_kwargs: dict[str, Any] = {}
    for name, value in kwargs.items():
        if name in _LIMITS:
            fitter_kwargs |= {} if value is None else {"maxiter": value}
        elif name in _TOLERANCES:
            fitter_kwargs["acc"] = min(value, fitter_kwargs.get("acc", value))
        elif name == "method":
            options["fitter"] = _METHODS[check_choice(value or "trf", "method", tuple(_METHODS))]()
        elif name == "sigma":
            options["uncertainty"] = value
        elif name in _OF_FIT:
            options[name] = value
        elif name not in _WITHOUT_EFFECT:
            known = (*_LIMITS, *_TOLERANCES, "method", "sigma", *sorted(_OF_FIT))
            raise TypeError(f"kwargs has '{name}', which is not known{suggestion(name, known)}")
    return options | {"fitter_kwargs": fitter_kwargs}


def _fit(
    array: Any, along: _Along, described: Described, starts: Any, limits: Any, options: Mapping[str, Any]
) -> FitResult:
    missing = [str(dim) for dim in along.dims if dim not in array.dims]
    if missing:
        raise ValueError(f"the variable '{array.name}' has no dimension {', '.join(missing)} to be fitted along")
    kept = tuple(dim for dim in array.dims if dim not in along.dims)
    place = placed_maps(array, tuple(array.dims.index(dim) for dim in along.dims))
    safe = {_own_name(name, described): name for name in described.parameters}
    model, pairs = with_constraints(
        model_of(described),
        {safe.get(name, name): place(value, f"p0['{name}']") for name, value in starts.items()},
        {safe.get(name, name): tuple(place(one, "a bound") for one in pair) for name, pair in limits.items()},
        None,
        None,
    )
    first, *others = (_on_one_axis(each, array, along, kept, number) for number, each in enumerate(along.coords))
    known = dict(zip(described.inputs[1:], others, strict=True))
    data, axis = _data_on_one_axis(array, along, kept)
    groups: list[Any] = [
        group(**{each.name: options[each.name] for each in fields(group) if each.name in options}) for group in _GROUPS
    ]
    objective, starting, spread, execution = groups
    fitter, keywords = options.get("fitter") or TRFLSQFitter(), options["fitter_kwargs"]
    given = Data(data, axis, (first,), None, options.get("uncertainty"), inputs=known)
    return fit_described(
        Description(model, given, objective, starting, spread, execution, pairs, None, fitter, keywords, tells=False)
    )


def _data_on_one_axis(array: Any, along: _Along, kept: tuple[Any, ...]) -> tuple[Any, int]:
    """Samples, and the axis to fit along; lazy arrays stay lazy."""
    if len(along.dims) == 1:
        return array.data, array.dims.index(along.dims[0])
    if array.chunks is not None:
        array = array.chunk(dict.fromkeys(along.dims, -1))
    data = array.transpose(*kept, *along.dims).data
    return data.reshape((*data.shape[: len(kept)], -1)), len(kept)


def _on_one_axis(coordinate: Any, array: Any, along: _Along, kept: tuple[Any, ...], number: int) -> Any:
    """Numbers of a coordinate, broadcastable to the data as these are fitted."""
    found = numbers_of(coordinate, array, coordinate.name or f"coords[{number}]", whole=True)
    values = np.asarray(found.values if isinstance(found, Measured) else found, dtype=float)
    if len(along.dims) == 1:
        return values
    order = [array.dims.index(dim) for dim in (*kept, *along.dims)]
    values = values.transpose(order)
    whole = (*values.shape[: len(kept)], *(array.sizes[dim] for dim in along.dims))
    return np.broadcast_to(values, whole).reshape((*whole[: len(kept)], -1))


def _check(result: FitResult, array: Any, along: _Along, errors: str, skipna: bool, options: Mapping[str, Any]) -> None:
    n_samples = int(np.prod([array.sizes[dim] for dim in along.dims]))
    if not skipna and (result.n_samples < n_samples).any():
        raise ValueError("some samples are NaN or infinite: leave them out with skipna=True")
    failed = _failed(result)
    if errors == "raise" and failed.any():
        position = tuple(int(index) for index in np.argwhere(failed)[0]) if failed.ndim else ()
        row = STATUS[int(result.status[position])]
        limit = options["fitter_kwargs"].get("maxiter")
        of_limit = f" (the number of calls to function has reached maxfev = {limit})" if limit else ""
        reason = of_limit if row.status == Status.EVALUATION_LIMIT else ""
        message = result._maps.messages.get(position, "")
        raise RuntimeError(
            f"{int(failed.sum())} fit(s) failed, the first of them at {position}: {row.meaning}{reason}. {row.remedy}; "
            f"or have NaN in their place, with errors='ignore' {message}".strip()
        )


def _failed(result: FitResult) -> Any:
    """Positions with data that have no answer."""
    unusable = [code for code, row in STATUS.items() if not row.usable or code == Status.EVALUATION_LIMIT]
    empty = [int(Status.NO_DATA), int(Status.ALL_MASKED)]
    return np.isin(result.status, unusable) & ~np.isin(result.status, empty)


def _variables(result: FitResult, array: Any, along: _Along) -> dict[str, tuple[tuple[Any, ...], Any]]:
    kept = tuple(dim for dim in array.dims if dim not in along.dims)
    nothing = _failed(result)

    def stacked(maps: Mapping[str, Any]) -> Any:
        values = np.stack(list(maps.values()), axis=-1)
        values[nothing] = np.nan
        return values

    covariance = np.array(result.covariance)
    covariance[nothing] = np.nan
    return {
        "coefficients": ((*kept, "param"), stacked(result.parameters)),
        "covariance": ((*kept, "cov_i", "cov_j"), covariance),
        "errors": ((*kept, "param"), stacked(result.errors)),
        "status": (kept, result.status),
        "flags": (kept, result.flags),
    }
