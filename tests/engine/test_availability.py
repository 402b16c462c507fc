"""A release of numba in which something has moved takes away the compiled engine, and nothing else."""

from __future__ import annotations

import pytest
from tests.children import python

FITS = """
import logging, warnings
import numpy as np
from astropy.modeling.models import Const1D, Gaussian1D
import ndfit

logging.basicConfig(level="INFO")
x = np.arange(20.0)
data = np.exp(-0.5 * ((x[:, None] - [9.0, 10.0, 11.0]) / 2.0) ** 2) + 0.001 * np.cos(7.0 * x[:, None])
for keywords in ({}, {"engine": "reference", "starts": 2, "bootstrap": 3, "scheduler": "threads"}):
    result = ndfit.fit(Gaussian1D(1.0, 9.5, 2.0), data, fitting_axes=0, **keywords)
    assert result.engine == "reference", result.engine
    assert np.abs(result.parameters["mean"] - [9.0, 10.0, 11.0]).max() < 0.01, result.parameters["mean"]
assert ndfit.fit(Const1D(0.0), data, fitting_axes=0).engine == "linear"
for keywords in ({"engine": "compiled"}, {"loss": "huber", "f_scale": 1.0}):
    try:
        ndfit.fit(Gaussian1D(1.0, 9.5, 2.0), data, fitting_axes=0, **keywords)
    except ValueError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("before", "variables", "reason"),
    [
        ("import sys; sys.modules['numba'] = None", {}, "import of numba halted"),
        ("import numba.core.serialize as s; del s.dumps", {}, "cannot import name 'dumps'"),
        ("import numba.core.types as t; del t.CPointer", {}, "has no attribute 'CPointer'"),
        ("", {"NUMBA_DISABLE_JIT": "1"}, "told not to compile, by NUMBA_DISABLE_JIT"),
    ],
    ids=["missing", "renamed function", "renamed type", "disabled"],
)
def test_the_other_engines_go_on(before: str, variables: dict[str, str], reason: str) -> None:
    done = python("-W", "error", "-c", before + "\n" + FITS, variables=variables)
    assert done.stdout.count(reason) == 2, done
    assert reason in done.stderr, done  # why `engine="auto"` chose as it did
