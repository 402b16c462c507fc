"""Threads that share a reference engine do not meet in its model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Voigt1D
from numpy.testing import assert_array_equal
from tests.engines.problems import block_for

from ndfit.engines.base import SolveOptions
from ndfit.engines.reference.reference_engine import ReferenceEngine
from ndfit.problem.places import Places
from ndfit.run.evaluate import ModelValues

X = np.linspace(-5.0, 5.0, 40)
MODEL = Voigt1D(0.0, 1.0, 1.0, 1.0) + Const1D(0.0)


@pytest.fixture
def often_switched() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("often_switched")
@pytest.mark.parametrize(
    "values_of",
    [
        ReferenceEngine(MODEL.copy(), TRFLSQFitter(), {}, tuple(range(5)), False, False).values,
        ModelValues(MODEL.copy(), together=False),
    ],
    ids=["engine", "result"],
)
def test_values_of_one_thread_are_not_another_s(values_of: Any) -> None:
    """A Voigt profile keeps what it last computed."""
    tables = [np.array([[0.1 * k, 1.0, 1.0, 1.0, 0.0]]) for k in range(8)]
    expected = [values_of(table, Places((X,), X.shape)) for table in tables]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: values_of(tables[k % 8], Places((X,), X.shape)), range(400)))
    for k, values in enumerate(found):
        assert_array_equal(values, expected[k % 8])


@pytest.mark.usefixtures("often_switched")
def test_fits_begin_while_others_ask_the_model() -> None:
    """Its constraints are found when they are asked for, and kept on it."""
    data = MODEL(X)[np.newaxis]
    block, options = block_for(MODEL, data, (X,)), SolveOptions(max_nfev=3)
    for _ in range(20):
        engine = ReferenceEngine(MODEL.copy(), TRFLSQFitter(), {}, tuple(range(5)), False, False)
        with ThreadPoolExecutor(4) as pool:
            fits = [pool.submit(engine, block, options) for _ in range(3)]
            asked = pool.submit(lambda engine=engine: [engine.model.tied, engine.model.fixed, engine.model.bounds])
            asked.result()
            assert all(fit.result().status.shape == (1,) for fit in fits)
