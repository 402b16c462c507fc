"""Widths of the table are those of astropy's own profiles."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling import models
from numpy.testing import assert_allclose

from ndfit.pipeline.shapes import SHAPES

PROFILES = [kind for kind, shape in SHAPES.items() if shape.is_profile]


@pytest.mark.parametrize("kind", PROFILES)
def test_half_of_the_maximum_at_half_of_the_width(kind: str) -> None:
    shape, model = SHAPES[kind], getattr(models, kind)()
    values = np.linspace(1.1, 1.9, len(model.param_names))
    if kind == "Drude1D":
        values[2] = 1e-3  # its formula holds for lines that are narrow beside where they are
    centre = values[list(shape.centre)]
    top = model.evaluate(*np.atleast_1d(*centre, 0.0)[:-1], *values)
    angle = 0.0 if shape.angle is None else values[shape.angle]
    for i, width in enumerate(shape.fwhm([np.array([value]) for value in values])):
        direction = np.array([np.cos(angle + 0.5 * i * np.pi), np.sin(angle + 0.5 * i * np.pi)])[: centre.size]
        direction = direction if centre.size > 1 else np.ones(1)
        places = centre[:, None] + 0.5 * width * direction[:, None]
        assert_allclose(model.evaluate(*places, *values) / top, 0.5, rtol=1e-3)


@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_roles_are_those_of_the_names(kind: str) -> None:
    shape, names = SHAPES[kind], getattr(models, kind).param_names
    centres = {"mean", "x_mean", "y_mean", "x_0", "y_0"}
    assert [names[place] for place in shape.centre] == [name for name in names if name in centres]
    assert shape.angle is None or names[shape.angle] == "theta"
    assert not {names[place] for place in shape.widths} & (centres | {"amplitude", "amplitude_L", "theta", "n", "c"})


def test_an_exponent_that_is_not_positive_has_no_width() -> None:
    (width,) = SHAPES["Moffat1D"].fwhm([np.ones(2), np.zeros(2), np.ones(2), np.array([1.0, -1.0])])
    assert_allclose(width, [2.0, np.nan])
