"""Models whose derivatives jump where a free parameter moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import models

from ndfit.model.kinks import has_kinks
from ndfit.model.trace.tracing import trace

TABLE = models.Tabular1D(np.arange(4.0), np.array([0.0, 2.0, 1.0, 0.0]), bounds_error=False, fill_value=0.0)


def kinked(model: Any, free: tuple[int, ...]) -> bool:
    return has_kinks(trace(model), free)


@pytest.mark.parametrize(
    ("model", "free"),
    [
        (models.Trapezoid1D(), (0, 1, 2, 3)),
        (models.BrokenPowerLaw1D(), (0, 1, 2, 3)),
        (models.Shift(0.1) | TABLE, (0,)),
        (models.Gaussian1D() + models.Trapezoid1D(), (4,)),
    ],
)
def test_corners_that_a_parameter_moves(model: Any, free: tuple[int, ...]) -> None:
    assert kinked(model, free)


@pytest.mark.parametrize(
    ("model", "free"),
    [
        (models.Gaussian1D(), (0, 1, 2)),
        (models.Voigt1D(), (0, 1, 2, 3)),
        (models.Gaussian2D(), (0, 1, 2, 3, 4, 5)),
        (models.Moffat2D(), (0, 1, 2, 3, 4)),
        # Its corners stay where they are.
        (models.Gaussian1D() + models.Trapezoid1D(), (0, 1, 2)),
        (models.Scale(2.0) * (models.Shift(0.1) | TABLE), (0,)),
    ],
)
def test_smooth_where_parameters_move(model: Any, free: tuple[int, ...]) -> None:
    assert not kinked(model, free)
