"""Starting values that are far too large for the data lead to the same answers as those of its size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Gaussian1D, Polynomial1D
from numpy.testing import assert_allclose, assert_array_equal
from tests.engines.problems import block_for, engine_for

import ndfit
from ndfit.engines.start_sizes import with_start_sizes

X = np.arange(80.0)
RNG = np.random.default_rng(0)
N_FITS = 200


def two_lines() -> np.ndarray:
    centre, width, height = (RNG.uniform(*ends, (N_FITS, 1)) for ends in ((20.0, 60.0), (2.0, 4.0), (5.0, 30.0)))
    apart = np.where(centre < 40.0, 1.0, -1.0) * RNG.uniform(8.0, 18.0, (N_FITS, 1))
    lines = [np.exp(-0.5 * ((X - at) / width) ** 2) for at in (centre, centre + apart)]
    return height * (lines[0] + 0.7 * lines[1]) + 1.0 + RNG.normal(size=(N_FITS, X.size))


DATA = two_lines()


def model(factor: float, **bounds: Any) -> Any:
    lines = (Gaussian1D(height * factor, at, 3.0, bounds=bounds) for height, at in ((15.0, 30.0), (10.0, 50.0)))
    return sum(lines, start=Const1D(1.0))


@pytest.mark.filterwarnings("ignore:.*did not converge")
@pytest.mark.parametrize("bounds", [{}, {"amplitude": (0.0, None)}])
def test_the_size_of_amplitudes_hardly_chooses_the_minimum(bounds: Any) -> None:
    """It did so for a third of the positions."""
    call: dict[str, Any] = {"fitting_axes": 1, "world": (X,), "guess": None, "uncertainty": np.ones(DATA.shape)}
    right, huge = (ndfit.fit(model(factor, **bounds), DATA, **call) for factor in (1.0, 1e8))
    assert np.sum(np.abs(right.chi_square - huge.chi_square) > 0.1) <= 0.05 * N_FITS


def test_starts_of_the_size_of_the_data_stay_as_they_are() -> None:
    plain = block_for(model(1.0), DATA, (X,))
    assert with_start_sizes(engine_for(model(1.0)).model, plain) is plain


def test_amplitudes_keep_their_signs_and_bounds() -> None:
    start = Gaussian1D(-1e9, 30.0, 3.0) + Gaussian1D(1e9, 50.0, 3.0, bounds={"amplitude": (0.0, 20.0)}) + Const1D(1e9)
    start.amplitude_1 = 20.0
    found = with_start_sizes(engine_for(start).model, block_for(start, DATA, (X,))).start
    largest = np.abs(DATA).max(axis=1)
    assert_allclose(found[:, 0], -3.0 * largest)
    assert_allclose(found[:, 6], 3.0 * largest)
    assert_array_equal(found[:, 1:6], np.tile([30.0, 3.0, 20.0, 50.0, 3.0], (N_FITS, 1)))


def test_what_is_tied_follows() -> None:
    start = Gaussian1D(-1e9, 30.0, 3.0) + Const1D(0.0)
    start.amplitude_1.tied = lambda m: 0.5 * m.amplitude_0
    found = with_start_sizes(engine_for(start).model, block_for(start, DATA, (X,))).start
    assert (np.abs(found[:, 0]) < 1e3).all()
    assert_array_equal(found[:, 3], 0.5 * found[:, 0])


def test_large_terms_that_cancel_stay_as_they_are() -> None:
    x = 1e6 + X
    line = Polynomial1D(1, c0=-1e6, c1=1.0) + Gaussian1D(5.0, 1e6 + 30.0, 3.0)
    block = block_for(line, DATA, (x,))
    assert_array_equal(with_start_sizes(engine_for(line).model, block).start, block.start)
