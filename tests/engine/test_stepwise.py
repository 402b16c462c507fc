"""Which parameters are taken for edges between jumps."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling import Model
from astropy.modeling.models import Box1D, Gaussian1D, Gaussian2D

from ndfit.engine.stepwise import stepwise_parameters


@pytest.mark.parametrize(
    ("model", "found"),
    [(Gaussian1D(300.0, 2796.4, 0.2), ()), (Box1D(300.0, 2796.4, 4.1), (1, 2))],
    ids=["a line far from zero", "a box far from zero"],
)
def test_far_from_zero(model: Model, found: tuple[int, ...]) -> None:
    wavelength = np.linspace(2790.5, 2806.6, 63)
    assert stepwise_parameters(model, model.parameters, (0, 1, 2), (wavelength,)) == found


def test_angle_of_a_round_gaussian() -> None:
    """It changes nothing but roundings."""
    model = Gaussian2D(1.0, 395.0, 188.0, 2.0, 2.0, theta=0.0)
    y, x = (axis.ravel() for axis in np.mgrid[178.0:199.0, 385.0:406.0])
    assert stepwise_parameters(model, model.parameters, tuple(range(6)), (x, y)) == ()
