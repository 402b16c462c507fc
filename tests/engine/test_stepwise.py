"""Which parameters are taken for edges between jumps."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling import Model
from astropy.modeling.models import Box1D, Gaussian1D

from ndfit.engine.stepwise import stepwise_parameters


@pytest.mark.parametrize(
    ("model", "found"),
    [(Gaussian1D(300.0, 2796.4, 0.2), ()), (Box1D(300.0, 2796.4, 4.1), (1, 2))],
    ids=["a line far from zero", "a box far from zero"],
)
def test_far_from_zero(model: Model, found: tuple[int, ...]) -> None:
    wavelength = np.linspace(2790.5, 2806.6, 63)
    assert stepwise_parameters(model, model.parameters, (0, 1, 2), (wavelength,)) == found
