"""The compiled engine against the caller's own fitter: what optimum each of them reaches, from the same start.

Costs are computed from the returned parameters by the model itself, and the fitter's optimum is polished first, so that
neither engine is measured by its own word or by where its tolerances stopped it.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from astropy.modeling.fitting import TRFLSQFitter
from numpy.typing import NDArray
from tests.parity.engines.oracle import costs, polish
from tests.parity.engines.problems import COMBINATIONS, Case, draw

from ndfit import parallel_fit_dask
from ndfit.errors import FitWarning

FloatArray = NDArray[np.float64]

SAME_COST = 1e-9
STANDARD_ERRORS_APART = 1e-5
STANDARD_ERRORS_OF_ANOTHER = 0.1
MOST_WORSE = 1e-3

WITH_ALL_VARIANTS = ("gaussian and line", "gaussian 2-D and constant")
IN_THE_SUITE = [(name, variant) for name, variant in COMBINATIONS if variant == "plain" or name in WITH_ALL_VARIANTS]


class Comparison(NamedTuple):
    """By fit: whether the compiled engine's cost is worse; how many standard errors apart the same minima are."""

    worse: NDArray[np.bool_]
    apart: FloatArray


def fitted(case: Case, engine: str) -> FloatArray:
    """Parameters (N, P), in the units of the model at its start."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # some of the fitter's fits fail
        model = parallel_fit_dask(**case.keywords, fitter=TRFLSQFitter(), engine=engine, scheduler="synchronous")
    start = case.keywords["model"]
    parameters = [
        parameter.quantity.to_value(getattr(start, name).unit) if parameter.unit else parameter.value
        for name, parameter in ((name, getattr(model, name)) for name in model.param_names)
    ]
    return np.stack([np.ravel(values) for values in parameters], axis=1)


def compare(name: str, variant: str, n_fits: int, seed: int = 0) -> Comparison:
    case = draw(name, variant, n_fits, seed)
    compiled, reference = fitted(case, "compiled"), polish(case, fitted(case, "reference"))
    assert np.isfinite(compiled).all()
    ours, theirs = costs(case, compiled), costs(case, reference.parameters)
    errors = np.where(reference.errors > 0.0, reference.errors, np.inf)
    distance = (abs(compiled - reference.parameters) / errors).max(axis=1)
    # Where costs are that equal, minima this far apart are different ones, such as an angle and its opposite.
    # Chi-square d errors from a minimum is higher by d^2, and SAME_COST of it is less than that of d = 0.001.
    same = (abs(ours - theirs) <= SAME_COST * theirs) & (distance < STANDARD_ERRORS_OF_ANOTHER)
    return Comparison(ours > theirs * (1 + SAME_COST), distance[same])


@pytest.mark.parametrize(("name", "variant"), IN_THE_SUITE)
def test_optimum_is_the_references_or_lower(name: str, variant: str) -> None:
    found = compare(name, variant, 60)
    assert not found.worse.any()
    assert found.apart.size > 50
    assert found.apart.max() <= STANDARD_ERRORS_APART


@pytest.mark.long
def test_every_problem_with_every_variant() -> None:
    found = [compare(name, variant, 120, seed=1) for name, variant in COMBINATIONS]
    worse = np.concatenate([comparison.worse for comparison in found])
    apart = np.concatenate([comparison.apart for comparison in found])
    assert worse.size >= 10_000
    assert worse.mean() <= MOST_WORSE
    assert apart.size >= 0.98 * worse.size
    assert apart.max() <= STANDARD_ERRORS_APART
