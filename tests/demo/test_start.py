"""Starting values from the mean spectrum."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from numpy.typing import NDArray

from ndfit.demo.cube import Cube
from ndfit.demo.start import start_from_spectrum

CHANNELS = np.arange(80.0)


def cube_of(spectrum: NDArray[np.float64]) -> Cube:
    data = np.broadcast_to(spectrum[:, None, None], (spectrum.size, 2, 3)).copy()
    data[:, 0, 0] = np.nan
    return Cube("test", data, u.K, wcs=None, sky=None, axis=0)


def line(height: float, mean: float, stddev: float) -> NDArray[np.float64]:
    return height * np.exp(-0.5 * ((CHANNELS - mean) / stddev) ** 2)


@pytest.mark.parametrize("height", [3.0, -3.0, 3e-18])
@pytest.mark.parametrize("continuum", [0.0, 5.0])
def test_finds_the_line_and_the_continuum(height: float, continuum: float) -> None:
    start = start_from_spectrum(cube_of(line(height, 30, 4) + continuum * abs(height)))
    assert start.model.n_submodels == (2 if continuum else 1)
    values = {name: getattr(start.model, start.parameter(name)) for name in ("amplitude", "mean", "stddev")}
    assert values["amplitude"].value == pytest.approx(height, rel=1e-6)
    assert values["amplitude"].unit == u.K
    assert values["mean"].value == 30
    assert values["mean"].unit == u.pix
    assert values["stddev"].value == pytest.approx(4, abs=0.5)
    if continuum:
        assert start.model.amplitude_1.value == pytest.approx(continuum * abs(height))


def test_bounds_stay_on_the_axis_and_on_a_copy_of_the_model() -> None:
    start = start_from_spectrum(cube_of(line(1.0, 10, 4)))
    assert start.bounds[0] == 0
    assert start.bounds[1] == pytest.approx(10 + 3 * start.model.stddev.value)
    assert start.bounded().mean.bounds == start.bounds
    assert start.model.mean.bounds == (None, None)


def test_wings_that_fill_the_axis_are_no_continuum() -> None:
    assert start_from_spectrum(cube_of(line(1.0, 40, 25))).model.n_submodels == 1
