"""What a converged fit is: scipy from where an engine stopped, to rounding.

Flows in: Case, the parameters that an engine returned. Flows out: costs by the model's own `evaluate`; parameters that
cannot be improved, and their standard errors.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from tests.parity.engines.problems import Case, evaluate

FloatArray = NDArray[np.float64]

# Methods of interior points stop this close to a bound that they should be on, relative to the parameter.
AT_A_BOUND = 1e-6


class Polished(NamedTuple):
    """Parameters and their standard errors, (N, P); errors are NaN for parameters that are not free or at a bound."""

    parameters: FloatArray
    errors: FloatArray


def costs(case: Case, parameters: FloatArray) -> FloatArray:
    """Half the sum of squared weighted residuals of each fit; NaN where there are no parameters."""
    residual = (evaluate(case.model, case.coords, parameters) - case.data) * case.weights
    return 0.5 * np.einsum("nm,nm->n", residual, residual)


def polish(case: Case, parameters: FloatArray) -> Polished:
    """Improve each fit until rounding stops it; NaN rows stay."""
    found = Polished(parameters.copy(), np.full(parameters.shape, np.nan))
    for row in np.flatnonzero(np.isfinite(parameters).all(axis=1)):
        found.parameters[row], found.errors[row] = _polish_one(case, row, parameters[row])
    return found


def _polish_one(case: Case, row: int, start: FloatArray) -> tuple[FloatArray, FloatArray]:
    model = case.model
    names = model.param_names
    free = [i for i, name in enumerate(names) if not (model.fixed[name] or model.tied[name])]
    lower, upper = _bounds(model, free)
    close = AT_A_BOUND * (1.0 + abs(start[free]))
    begin = np.where(start[free] < lower + close, lower, np.where(start[free] > upper - close, upper, start[free]))

    def complete(values: FloatArray) -> FloatArray:
        parameters = start.copy()
        parameters[free] = values
        named = dict(zip(names, parameters, strict=True))
        for name in names:
            if model.tied[name]:
                named[name] = model.tied[name](SimpleNamespace(**named))
        return np.array(list(named.values()))

    def residual(values: FloatArray) -> FloatArray:
        return (model.evaluate(*case.coords, *complete(values)) - case.data[row]) * case.weights[row]

    bounded = np.isfinite(lower).any() or np.isfinite(upper).any()
    best = least_squares(
        residual,
        begin,
        jac="3-point",
        bounds=(lower, upper),
        method="dogbox" if bounded else "trf",
        x_scale="jac",
        ftol=1e-15,
        xtol=1e-15,
        gtol=1e-15,
        max_nfev=200,
    )
    errors, inside = np.full(len(names), np.nan), (best.x > lower) & (best.x < upper)
    jacobian, variance = best.jac[:, inside], 2.0 * best.cost / (np.count_nonzero(case.weights[row]) - inside.sum())
    errors[np.array(free)[inside]] = np.sqrt(variance * np.diagonal(np.linalg.pinv(jacobian.T @ jacobian)))
    return complete(best.x), errors


def _bounds(model: Any, free: list[int]) -> tuple[FloatArray, FloatArray]:
    pairs = [model.bounds[model.param_names[i]] for i in free]
    lower = np.array([-np.inf if low is None else low for low, _ in pairs])
    upper = np.array([np.inf if high is None else high for _, high in pairs])
    return lower, upper
