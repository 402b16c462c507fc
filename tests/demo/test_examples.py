"""The example spectra are those that their captions say."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.modeling.models import Gaussian1D

from ndfit.demo.cube import Cube
from ndfit.demo.examples import pick_examples

AMPLITUDES = np.array([[2.0, 8.0, 4.0], [9.0, 1.0, np.nan]])


def make() -> tuple[Cube, Gaussian1D]:
    channels = np.arange(60.0)
    model = Gaussian1D(AMPLITUDES * u.K, np.full((2, 3), 30.0) * u.pix, np.full((2, 3), 4.0) * u.pix)
    lines = np.exp(-0.5 * ((channels[:, None, None] - 30) / 4) ** 2)
    data = AMPLITUDES * lines + np.random.default_rng(1).normal(scale=0.1, size=(60, 2, 3))
    data[:, 0, 1] += 2 * np.exp(-0.5 * ((channels - 45) / 4) ** 2)  # a second line, which the model lacks
    return Cube("test", data, u.K, wcs=None, sky=None, axis=0), model


def test_examples() -> None:
    examples = {example.reason: example.position for example in pick_examples(*make())}
    assert examples == {"highest S/N": (1, 0), "median S/N": (0, 2), "poorest match": (0, 1)}


def test_no_example_without_a_fit() -> None:
    cube, model = make()
    model.amplitude = np.full((2, 3), np.nan) * u.K
    assert pick_examples(cube, model) == []


def test_lowest_is_shown_where_no_line_is_clear() -> None:
    cube, model = make()
    model.amplitude = AMPLITUDES / 20 * u.K
    reasons = {example.reason: example.position for example in pick_examples(cube, model)}
    assert reasons["lowest S/N"] == (1, 1)
    assert "poorest match" not in reasons


def test_small_cube_shows_each_position_once() -> None:
    cube, model = make()
    keep = np.array([[False, True, False], [True, False, False]])
    model.amplitude = np.where(keep, AMPLITUDES, np.nan) * u.K
    assert sorted(example.position for example in pick_examples(cube, model)) == [(0, 1), (1, 0)]
