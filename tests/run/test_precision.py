"""Data in single precision give what the same numbers in double precision give, whatever is done with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Gaussian1D, Polynomial1D

import ndfit

X = np.arange(40.0)
LINE = Gaussian1D(3.0, 19.0, 3.0)


def cube() -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(4)
    data = 4.0 * np.exp(-0.5 * ((X[:, None] - 20.0 - rng.normal(size=12)) / 3.0) ** 2)
    return (data + 0.3 * rng.normal(size=data.shape)).astype(np.float32)


def counts() -> np.ndarray[Any, Any]:
    return np.random.default_rng(5).poisson(np.full((40, 12), 5.0)).astype(np.float32)


def holed() -> np.ndarray[Any, Any]:
    data = cube()
    data[3:5, 2], data[:, 7] = np.nan, np.nan
    return data


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("model", "data", "options"),
    [
        (LINE, cube(), {}),
        (LINE, holed(), {}),
        (LINE, cube(), {"weights": np.linspace(1.0, 2.0, 40)}),
        (LINE, cube(), {"mask": X > 30.0}),
        (LINE + Const1D(0.0), cube(), {"guess": "auto", "starts": 3, "refine": "neighbours"}),
        (LINE, cube(), {"clip": 3.0}),
        (LINE, cube(), {"loss": "huber", "f_scale": 0.3}),
        (LINE, cube(), {"bootstrap": 5, "resample": "residual"}),
        (Const1D(4.0), counts(), {"statistic": "cash"}),
        (Polynomial1D(2), cube(), {}),
        (LINE, cube(), {"engine": "reference"}),
    ],
)
def test_the_same_bits(model: Any, data: Any, options: dict[str, Any], order: str) -> None:
    single = ndfit.fit(model, data.astype(f"{order}f4"), fitting_axes=0, **options)
    double = ndfit.fit(model, data.astype(np.float64), fitting_axes=0, **options)
    assert single.parameters.keys() == double.parameters.keys()
    for name, values in single.parameters.items():
        assert np.array_equal(values, double.parameters[name], equal_nan=True)
        assert np.array_equal(single.errors[name], double.errors[name], equal_nan=True)
    assert np.array_equal(single.status, double.status)
    assert np.array_equal(single.chi_square, double.chi_square, equal_nan=True)
