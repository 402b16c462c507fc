"""Models with fixed inputs, as fitters call them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import fix_inputs
from astropy.modeling.models import Gaussian2D
from numpy.testing import assert_allclose

from ndfit.problem.fixed_inputs import FixedInputsModel

X = np.linspace(-2.0, 2.0, 5)
PARAMETERS = (3.0, 0.5, -0.2, 1.1, 0.7, 0.3)


@pytest.mark.parametrize(("fixed", "place"), [({"x": 0.4}, 0), ({"y": 0.4}, 1), ({0: 0.4}, 0), ({1: 0.4}, 1)], ids=str)
def test_inputs_are_fixed_by_name_and_by_number(fixed: dict[Any, float], place: int) -> None:
    whole = Gaussian2D(*PARAMETERS)
    model = fix_inputs(whole, fixed)
    model.__class__ = FixedInputsModel
    inputs = [X, X]
    inputs[place] = np.full(5, 0.4)
    assert_allclose(model.evaluate(X, *PARAMETERS), whole(*inputs))
    moved = (4.0, *PARAMETERS[1:])
    assert_allclose(model.evaluate(X, *moved), Gaussian2D(*moved)(*inputs))
