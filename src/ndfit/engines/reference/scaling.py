"""Data and parameters of the order of one, for optimisers that compare with absolute numbers.

Flows in: the model, data and start of one fit. Flows out: a power of two for the residuals, one for each parameter,
and a model whose parameters are counted in those, from the start.

scipy's trust-region optimisers take a gradient of 1e-8 for zero, measure a step by the length of the vector of all
parameters, begin with a region as large as that vector, and drop singular values of the Jacobian that are 1e-16 of the
largest. Data in units of 1e-18 beside wavelengths of some thousand meet all four, and a date of 60000 days makes a
step of minutes look like none.

The length of a parameter is how far it has to go to change the residuals by their own size, or as far as the model is
linear in it where that is less: an amplitude of 1 beside data of 1e16 goes far, the centre of the same line does not.
It is sought from the parameter's own size in steps of 16: with d the change of the model over a length h and d' over
h / 16, the curvature makes 16 d' differ from d by c h, and the model is taken for linear up to c h = 1/2. A parameter
is counted as 1 + (p - start) / length, which begins at one, so that differences relative to it have a size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.modeling import CompoundModel

from ndfit.arrays import FloatArray

__all__ = [
    "Counting",
    "Lengths",
    "counted_model",
    "is_extreme",
    "is_ordinary",
    "lengths_at",
    "root_mean_square",
    "root_mean_squares",
    "scale_of",
    "set_bounds",
]

# Squares between this and its inverse neither overflow nor lose digits.
_SAFE = 1e-280
# Outside of these an optimiser's absolute numbers mislead it.
_SMALL, _LARGE = 2.0**-10, 2.0**20
# The same of lengths, of lengths in the parameter's own size, and of that in lengths.
_SHORT, _LONG, _FAR, _OFFSET = 2.0**-16, 2.0**16, 2.0**8, 2.0**16
# Residuals less than this part of the data are rounding.
_ROUNDING = 2.0**-36

_RATIO = 16.0
_MOST_DOWN, _MOST_UP = 16, 4
_NONLINEAR = 0.5
# A model that departs by less than this from a straight line over the parameter's own size is linear in it.
_STRAIGHT = 2.0**-46
# A change of the model of this part of itself is rounding.
_NOTHING = 64.0 * float(np.finfo(float).eps)
# In the parameter's own sizes: a column that is zero to rounding does not ask for more.
_FURTHEST = 2.0**80
_EPS = float(np.finfo(float).eps)


def root_mean_square(values: FloatArray) -> float:
    """Root of the mean square of values (M,), without overflow; 0 for none, and infinite or NaN where a value is."""
    with np.errstate(over="ignore"):
        power = float(values @ values)
    if _SAFE < power < 1.0 / _SAFE:
        return float(np.sqrt(power / values.size))
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0.0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(np.mean(np.square(values / largest))))


def root_mean_squares(columns: FloatArray) -> FloatArray:
    """The same of each column of a matrix (M, F)."""
    with np.errstate(over="ignore"):
        power = np.einsum("mf,mf->f", columns, columns)
    if ((power > _SAFE) & (power < 1.0 / _SAFE)).all():
        return np.sqrt(power / len(columns))
    largest = np.max(np.abs(columns), axis=0, initial=0.0)
    scaled = columns / np.where((largest > 0.0) & np.isfinite(largest), largest, 1.0)
    sizes: FloatArray = largest * np.sqrt(np.einsum("mf,mf->f", scaled, scaled) / max(len(columns), 1))
    return sizes


def scale_of(whole: float, rest: float) -> float:
    """Power of two near the root mean square of weighted data or of the residuals at the start, whichever is less."""
    size = max(min(whole, rest), _ROUNDING * whole) or rest
    return float(_power_of_two(size)) if np.isfinite(size) and size > 0.0 else 1.0


def is_ordinary(start: FloatArray, lengths: FloatArray, scale: float) -> bool:
    """Whether an optimiser may count residuals and the free parameters, each (F,), as they are."""
    own = np.where(start == 0.0, 1.0, np.abs(start))
    odd = (lengths < _SHORT) | (lengths > _LONG) | (lengths > _FAR * own) | (own > _OFFSET * lengths)
    return _SMALL <= scale <= _LARGE and not odd.any()


def is_extreme(size: float) -> bool:
    """Whether weighted data of a root mean square are so small or large that absolute numbers mislead an optimiser."""
    return size > 0.0 and not _SMALL <= size <= _LARGE


@dataclass(frozen=True)
class Lengths:
    """What a model does where a fit starts.

    Attributes
    ----------
    values : shape (M,), of the model
    slopes : shape (M, F), its derivatives by the free parameters, to some digits
    linear : shape (F,), how far each parameter can go with the model linear in it
    own : shape (F,), the size of each parameter, one where it is zero
    sizes : shape (F,), root mean squares of the slopes
    """

    values: FloatArray
    slopes: FloatArray
    linear: FloatArray
    own: FloatArray
    sizes: FloatArray

    def factors(self, weights: FloatArray | None, scale: float) -> FloatArray:
        """Powers of two near the length of each free parameter, shape (F,), for residuals counted in `scale`."""
        sizes = self.sizes if weights is None else root_mean_squares(self.slopes * weights.ravel()[:, np.newaxis])
        with np.errstate(divide="ignore", over="ignore"):
            wanted = np.where(sizes > 0.0, scale / sizes, self.own)
        return _power_of_two(np.minimum(np.minimum(wanted, self.linear), _FURTHEST * self.own))


def lengths_at(value: Callable[[FloatArray], FloatArray], start: FloatArray) -> Lengths:
    """Find the lengths of the free parameters.

    Parameters
    ----------
    value : of the model, shape (M,), given the free parameters
    start : shape (F,)
    """
    here, own = value(start), np.where(start == 0.0, 1.0, np.abs(start))
    found = [_length(_change(value, start, place, here), own[place], _size(here)) for place in range(start.size)]
    slopes, linear = zip(*found, strict=True)
    matrix = np.stack(slopes, axis=1)
    return Lengths(here, matrix, np.array(linear), own, root_mean_squares(matrix))


Change = Callable[[float], FloatArray]


def _change(value: Callable[[FloatArray], FloatArray], start: FloatArray, place: int, here: FloatArray) -> Change:
    """Change of the model, shape (M,), where one parameter moves by so much; infinite where there is no model."""

    def change(length: float) -> FloatArray:
        moved = start.copy()
        moved[place] += length
        try:
            difference = value(moved) - here
        except Exception:  # the caller's own code, asked for what lies outside of its domain
            return np.full_like(here, np.inf)
        return np.where(np.isfinite(difference), difference, np.inf)

    return change


def _length(change: Change, own: float, values: float) -> tuple[FloatArray, float]:
    """The slope by one parameter, and how far it holds; `values` is the size of the model."""
    length, wide = own, change(own)
    for _ in range(_MOST_DOWN):
        near = change(length / _RATIO)
        size, apart = _size(near), _size(wide - _RATIO * near)
        if max(size, _size(wide)) <= _NOTHING * values:
            break
        if apart <= _NONLINEAR * _RATIO * size:
            return near * (_RATIO / length), _reach(change, length, apart / (_RATIO * size), values / size)
        length, wide = length / _RATIO, near
    return np.zeros_like(wide), own


def _reach(change: Change, length: float, curvature: float, values: float) -> float:
    """How far the model is linear. It is up to `length`; where rounding hides the curvature, it is sought further away.

    `values`: size of the model over that of its change by a sixteenth of `length`.
    """
    for _ in range(_MOST_UP):
        rounding = _EPS * max(values, 1.0)
        if curvature > 4.0 * rounding:
            break
        if rounding < _STRAIGHT:
            return np.inf
        near, wide = change(length), change(length * _RATIO**2)
        if _size(near) == 0.0 or not np.isfinite(_size(wide)):
            break
        curvature, values = _size(wide / _RATIO**2 - near) / _size(near), values / _RATIO**2
        length *= _RATIO**2
    return length * _NONLINEAR / max(curvature, _EPS * max(values, 1.0))


def _size(values: FloatArray) -> float:
    return float(np.max(np.abs(values), initial=0.0))


def _power_of_two(values: Any) -> Any:
    return 2.0 ** np.clip(np.round(np.log2(values)), -1000, 1000)


class Counting:
    """How parameters are counted: p = origin + factor (q - 1) where free, p = q elsewhere.

    Parameters
    ----------
    free : indices of F of the `n_params` parameters

    Attributes
    ----------
    instead : what the counted model gives where it is not finite; None for what it is
    plain : parameters are counted as they are
    """

    def __init__(self, free: tuple[int, ...], n_params: int) -> None:
        self.free = np.array(free, dtype=int)
        self.origin, self.factors, self.first = np.zeros(n_params), np.ones(n_params), np.zeros(n_params)
        self.instead: float | None = None
        self.plain = True

    def begin(self, start: FloatArray, factors: FloatArray) -> None:
        """Count from `start` (P,) in `factors` (F,)."""
        self.origin[self.free], self.factors[self.free], self.first[self.free] = start[self.free], factors, 1.0
        self.plain = False

    def as_they_are(self) -> None:
        """Count in the caller's numbers."""
        self.origin[:], self.factors[:], self.first[:] = 0.0, 1.0, 0.0
        self.plain = True

    def there(self, values: FloatArray) -> FloatArray:
        """From the caller's numbers, shape (P,)."""
        return (values - self.origin) / self.factors + self.first

    def back(self, counts: Any) -> Any:
        """To the caller's numbers; shape (P,), or (P, 1) as models hand them on."""
        if self.plain:
            return counts
        counts = np.asarray(counts, dtype=float)
        origin, factors, first = (
            each.reshape(-1, *(1,) * (counts.ndim - 1)) for each in (self.origin, self.factors, self.first)
        )
        return origin + factors * (counts - first)


class _CountedCompound(CompoundModel):  # type: ignore[misc]
    """A compound whose derivative can be replaced."""

    fit_deriv = None


def counted_model(model: Any, counting: Counting) -> Any:
    """Copy of a unitless model whose parameters are counted: evaluation, derivatives and ties follow `counting`.

    Its bounds are set by `set_bounds`.
    """
    counted, plain, n_inputs = model.copy(), model.copy(), model.n_inputs
    if isinstance(model, CompoundModel):
        counted.__class__ = _CountedCompound

    def evaluate(*args: Any) -> Any:
        values = plain.evaluate(*args[:n_inputs], *counting.back(args[n_inputs:]))
        if counting.instead is None or np.isfinite(values).all():
            return values
        return np.full(np.shape(values), counting.instead)

    counted.evaluate = evaluate
    if getattr(plain, "fit_deriv", None) is not None:  # compounds with a table have none at all
        counted.fit_deriv = _counted_derivative(plain, counting)
    for name in model.param_names:
        parameter = getattr(counted, name)
        if parameter.tied:
            parameter.tied = _counted_tie(parameter.tied, plain, counting)
    return counted


def set_bounds(counted: Any, counting: Counting, lower: FloatArray, upper: FloatArray) -> None:
    """Give the counted model the bounds (F,) of the free parameters."""
    if not counted.has_bounds and np.isinf(lower).all() and np.isinf(upper).all():
        return
    for place, index in enumerate(counting.free):
        low, high = (
            (limit[place] - counting.origin[index]) / counting.factors[index] + counting.first[index]
            for limit in (lower, upper)
        )
        parameter = getattr(counted, counted.param_names[index])
        parameter.bounds = (None if np.isinf(low) else low, None if np.isinf(high) else high)


def _counted_derivative(plain: Any, counting: Counting) -> Callable[..., Any]:
    """Where it is not finite, it is zero: what the fitter makes of it is judged by the residuals."""
    n_inputs, by_column = plain.n_inputs, plain.col_fit_deriv

    def fit_deriv(*args: Any) -> Any:
        derivative = np.asarray(plain.fit_deriv(*args[:n_inputs], *counting.back(args[n_inputs:])))
        if by_column and derivative.size == counting.factors.size * np.size(args[0]):
            # astropy multiplies by weights of the coordinates' shape, but flattens what compounds give.
            derivative = derivative.reshape(-1, *np.shape(args[0]))
        if not counting.plain:
            factors = counting.factors
            derivative = derivative * (factors.reshape(-1, *(1,) * (derivative.ndim - 1)) if by_column else factors)
        if np.isfinite(derivative).all():
            return derivative
        return np.nan_to_num(derivative, posinf=0.0, neginf=0.0)

    return fit_deriv


def _counted_tie(tie: Callable[[Any], Any], plain: Any, counting: Counting) -> Callable[[Any], Any]:
    """The tie sees the parameters as the caller counts them; tied ones are counted as they are."""

    def counted(model: Any) -> Any:
        plain.parameters = counting.back(model.parameters)
        value = tie(plain)
        return value.value if hasattr(value, "value") else value

    return counted
