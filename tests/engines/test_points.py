"""Model values of the compiled engine are those of the caller's model, whatever the shapes and whatever is beside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import models
from numpy.testing import assert_allclose, assert_array_equal
from tests.engines.problems import engine_for

from ndfit.problem.places import Places

RNG = np.random.default_rng(20)
LINE = models.Gaussian1D(2.0, 5.0, 1.0) + models.Const1D(1.0)
STAMP = models.Gaussian2D(3.0, 4.0, 5.0, 1.0, 2.0, 0.3)
FITS = [1, 31, 32, 65]


def problem(model: Any, n_fits: int, own: bool) -> tuple[Any, Any]:
    """Parameters, and places; those of the last input differ between fits where they are `own`."""
    places = [RNG.uniform(0.0, 10.0, 11) for _ in range(model.n_inputs)]
    if own:
        places[-1] = RNG.uniform(0.0, 10.0, (n_fits, 11))
    return model.parameters * RNG.uniform(0.7, 1.3, (n_fits, len(model.parameters))), Places(tuple(places), (11,))


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("model", [LINE, STAMP], ids=["line", "stamp"])
@pytest.mark.parametrize("n_fits", FITS)
def test_values_are_those_of_the_model(model: Any, n_fits: int, own: bool) -> None:
    parameters, places = problem(model, n_fits, own)
    for row, found in enumerate(engine_for(model).values(parameters, places)):
        expected = model.copy()
        expected.parameters = parameters[row]
        assert_allclose(found, expected(*(axis if axis.ndim == 1 else axis[row] for axis in places.inputs)), rtol=1e-13)


def test_values_do_not_depend_on_those_beside() -> None:
    parameters, places = problem(STAMP, 65, own=True)
    engine = engine_for(STAMP)
    alone = [engine.values(parameters[[row]], places.take(np.array([row])))[0] for row in range(65)]
    assert_array_equal(engine.values(parameters, places), alone)
