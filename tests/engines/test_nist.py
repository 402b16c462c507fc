"""NIST's reference problems for nonlinear regression (StRD), from both starting points, and what scipy makes of them.

With their own tolerances, the compiled engine reaches 53 of the 54 runs to 6 digits, scipy's LM 34 and its TRF 35. At
tolerances of 1e-15 scipy's LM reaches 53 and its TRF all, since neither eliminates the linear parameters.
"""

from __future__ import annotations

import json
import warnings
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from astropy.modeling import custom_model
from astropy.modeling.fitting import TRFLSQFitter
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from tests.shared import shared_path

from ndfit import parallel_fit_dask
from ndfit.errors import FitWarning
from ndfit.model.derive import differentiate
from ndfit.model.interpret import evaluate
from ndfit.model.trace.tracing import trace

FloatArray = NDArray[np.float64]

STARTS = ("start1", "start2")
DIGITS, DIGITS_OF_ERRORS = 6, 4

# The certified standard errors of these data, which are exact to 14 digits, are those of rounding.
EXACT = {"Lanczos1"}

# Parameters that may all change sign together without a change of the model.
MIRRORED = {"Eckerle4": np.array([-1.0, -1.0, 1.0])}

# Sums of this many exponentials, which may come in any order.
COMPONENTS = {"Lanczos1": 3, "Lanczos2": 3, "Lanczos3": 3}


class Problem(NamedTuple):
    """`coords` are K arrays (M,); `certified` and `errors` (P,)."""

    model: Any
    coords: tuple[FloatArray, ...]
    data: FloatArray
    starts: dict[str, FloatArray]
    certified: FloatArray
    errors: FloatArray


class Fit(NamedTuple):
    """Digits of the certified values that are reached."""

    parameters: float
    errors: float


@cache
def problems() -> dict[str, Problem]:
    entries = json.loads(shared_path("data", "nist_strd.json").read_text())["problems"]
    return {name: _problem(entry) for name, entry in entries.items()}


def _problem(entry: dict[str, Any]) -> Problem:
    inputs = [name for name in ("x", "x1", "x2") if name in entry]
    arguments = ", ".join([*inputs, *(f"{name}=1.0" for name in entry["params"])])
    namespace = {name: getattr(np, name) for name in ("arctan", "cos", "exp", "log", "pi", "sin")}
    exec(f"def formula({arguments}):\n    return {entry['formula']}", namespace)
    data = np.array(entry["y"])
    return Problem(
        custom_model(namespace["formula"]),
        tuple(np.array(entry[name]) for name in inputs),
        np.log(data) if entry["response"] == "log(y)" else data,
        {start: np.array(entry[start]) for start in STARTS},
        np.array(entry["certified"]),
        np.array(entry["certified_std"]),
    )


def digits(found: ArrayLike, certified: FloatArray) -> float:
    """Digits that agree in the worst of the parameters."""
    with np.errstate(all="ignore"):
        error = np.max(abs(np.asarray(found) - certified) / abs(certified))
        return float(-np.log10(np.fmax(error, 1e-16))) if np.isfinite(error) else -np.inf


def digits_of_parameters(name: str, found: FloatArray) -> float:
    certified, found = problems()[name].certified, np.asarray(found)[certified_order(name, found)]
    return max(digits(found, certified), digits(found, certified * MIRRORED.get(name, 1.0)))


def certified_order(name: str, found: FloatArray) -> NDArray[np.intp]:
    """Where the parameters are, component by component in the order of the certified ones: rates ascend there."""
    pairs = np.arange(np.size(found)).reshape(-1, np.size(found) // COMPONENTS.get(name, 1))
    return pairs[np.argsort(np.asarray(found)[pairs[:, -1]])].ravel()


@cache
def compiled(name: str, start: str, acc: float | None = 1e-15) -> Fit:
    """The public call; None for its own tolerance. Two predictors are two fitting axes, one of them of length one."""
    problem, fitter = problems()[name], TRFLSQFitter(calc_uncertainties=True)
    two = len(problem.coords) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        fitted = parallel_fit_dask(
            model=problem.model(*problem.starts[start]),
            fitter=fitter,
            data=problem.data[:, np.newaxis] if two else problem.data,
            world=tuple(axis[:, np.newaxis] for axis in problem.coords) if two else problem.coords,
            fitting_axes=(0, 1) if two else 0,
            fitter_kwargs={"maxiter": 10_000} | ({} if acc is None else {"acc": acc}),
            engine="compiled",
        )
    errors = [getattr(fitted, parameter).std for parameter in fitted.param_names]
    order = certified_order(name, fitted.parameters)
    return Fit(digits_of_parameters(name, fitted.parameters), digits(np.array(errors)[order], problem.errors))


def with_scipy(name: str, start: str, method: str, **tolerances: Any) -> float:
    """Digits that `scipy.optimize.least_squares` reaches with exact derivatives."""
    problem = problems()[name]
    graph = trace(problem.model())
    slopes = differentiate(graph, tuple(range(problem.certified.size)))

    def residual(values: FloatArray) -> FloatArray:
        return evaluate(graph, values, problem.coords)[0] - problem.data

    def jacobian(values: FloatArray) -> FloatArray:
        rows = evaluate(slopes, values, problem.coords)[-values.size :]
        return np.stack([np.broadcast_to(row, problem.data.shape) for row in rows], axis=1)

    try:
        with np.errstate(all="ignore"):
            found = least_squares(residual, problem.starts[start], jac=jacobian, method=method, **tolerances).x
    except ValueError:  # a model that is not finite on the way
        return -np.inf
    return digits_of_parameters(name, found)


def runs() -> list[tuple[str, str]]:
    return [(name, start) for name in problems() for start in STARTS]


def test_certified_parameters() -> None:
    assert {run for run in runs() if compiled(*run).parameters < DIGITS} == set()


def test_certified_standard_errors() -> None:
    reached = [run for run in runs() if compiled(*run).parameters >= DIGITS and run[0] not in EXACT]
    assert {run for run in reached if compiled(*run).errors < DIGITS_OF_ERRORS} == set()


@pytest.mark.parametrize("method", ["lm", "trf"])
def test_more_runs_are_reached_than_by_scipy(method: str) -> None:
    ours = sum(compiled(*run, acc=None).parameters >= DIGITS for run in runs())
    assert ours > sum(with_scipy(*run, method) >= DIGITS for run in runs())
