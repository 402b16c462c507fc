"""Where nothing can be compiled, the compiled engine is missing, and nothing else; what is said tells why."""

from __future__ import annotations

from pathlib import Path

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


REFUSE = """
import llvmlite.binding as binding
def refuse(self, *given):
    raise RuntimeError("no memory that may be run")
binding.JITLibraryBuilder.link = refuse
"""


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("import sys; sys.modules['llvmlite'] = None", "import of llvmlite halted"),
        ("import llvmlite.ir as ir; del ir.VectorType", "has no attribute 'VectorType'"),
        ("import llvmlite.binding as b; del b.create_lljit_compiler", "has no attribute 'create_lljit_compiler'"),
        ("import llvmlite.binding as b; del b.create_pass_builder", "has no attribute 'create_pass_builder'"),
        (REFUSE, "RuntimeError: no memory that may be run"),
    ],
    ids=["missing", "renamed type", "renamed linker", "renamed optimiser", "refused"],
)
def test_the_other_engines_go_on(before: str, reason: str, tmp_path: Path) -> None:
    done = python("-W", "error", "-c", before + "\n" + FITS, variables={"NDFIT_CACHE_DIR": str(tmp_path)})
    assert done.stdout.count("code cannot be compiled here: ") == done.stdout.count(reason) == 2, done
    assert reason in done.stderr, done  # why `engine="auto"` chose as it did
