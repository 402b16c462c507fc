"""Standard errors are what they say: pulls of simulated positions have mean zero and the width of their distribution.

Known errors give pulls of width one. Where the size of the errors is estimated from the residuals, the pulls follow
Student's t with the degrees of freedom nu, of standard deviation sqrt(nu / (nu - 2)).
"""

from __future__ import annotations

import numpy as np
import pytest
from tests.validation.pulls import CASES, pulls

MEAN, WIDTH = 0.02, 0.02


def check(name: str, n_fits: int, weighted: bool, batch: int, chance: float) -> None:
    """`chance` is how many standard deviations of the simulation itself are allowed for."""
    batches = [pulls(name, batch, weighted, seed) for seed in range(n_fits // batch)]
    degrees = batches[0][1]
    theory = 1.0 if weighted else np.sqrt(degrees / (degrees - 2.0))
    for parameter in batches[0][0]:
        values = np.concatenate([found[parameter] for found, _ in batches])
        assert np.isfinite(values).all()
        assert abs(values.mean()) < MEAN + chance / np.sqrt(n_fits), parameter
        assert abs(values.std() / theory - 1.0) < WIDTH + chance / np.sqrt(2.0 * n_fits), parameter


@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "unweighted"])
@pytest.mark.parametrize("name", CASES)
def test_pulls(name: str, weighted: bool) -> None:
    check(name, 1000, weighted, 1000, chance=4.0)


@pytest.mark.long
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "unweighted"])
@pytest.mark.parametrize("name", CASES)
def test_pulls_of_many(name: str, weighted: bool) -> None:
    check(name, 100_000, weighted, 5000, chance=0.0)
