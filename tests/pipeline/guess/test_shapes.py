"""Values of the profiles against astropy's, and their derivatives against differences of them."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling import models
from numpy.testing import assert_allclose

from ndfit.pipeline.guess.curves import CURVES
from ndfit.pipeline.guess.line_shapes import SHAPES
from ndfit.pipeline.guess.profiles import PROFILES

RNG = np.random.default_rng(7)
X = np.linspace(3.0, 9.0, 23)
PLANE = tuple(axis.ravel() for axis in np.mgrid[3.0:9.0:7j, 2.0:7.0:6j])
EXAMPLES = {
    "Voigt1D": [5.6, 2.0, 0.8, 1.3],
    "Moffat1D": [2.0, 5.6, 0.8, 1.7],
    "Gaussian2D": [2.0, 5.6, 4.1, 0.8, 1.4, 0.6],
    "Moffat2D": [2.0, 5.6, 4.1, 1.3, 1.7],
    "Lorentz2D": [2.0, 5.6, 4.1, 1.9],
    "AiryDisk2D": [2.0, 5.6, 4.1, 1.9],
    "RickerWavelet2D": [2.0, 5.6, 4.1, 1.9],
}


def test_every_profile_has_a_shape() -> None:
    assert SHAPES.keys() == {*PROFILES, *CURVES}


@pytest.mark.parametrize("kind", SHAPES)
def test_values_are_astropys_and_derivatives_those_of_the_values(kind: str) -> None:
    model = getattr(models, kind)()
    coords = (X,) if model.n_inputs == 1 else PLANE
    middle = np.array(EXAMPLES.get(kind, [2.0, 5.6, 0.9] if kind in PROFILES else model.parameters + 0.3))
    parameters = middle * RNG.uniform(0.9, 1.1, (4, middle.size))
    columns = tuple(axis[:, np.newaxis] for axis in coords)
    values, derivatives = SHAPES[kind](columns, list(parameters.T))
    assert_allclose(values.T, [model.evaluate(*coords, *row) for row in parameters], rtol=1e-9, atol=1e-12)
    for index, derivative in enumerate(derivatives):
        step = np.zeros(middle.size)
        step[index] = 1e-6
        above, below = (SHAPES[kind](columns, list((parameters + side * step).T))[0] for side in (1.0, -1.0))
        assert_allclose(np.broadcast_to(derivative, above.shape), (above - below) / 2e-6, rtol=1e-6, atol=1e-7)
