"""Which spectra the picture shows.

Flows in: a Cube and the model fitted to it. Flows out: up to three positions of the sky, that differ in their
signal-to-noise ratio and by how badly the model describes them.

The noise of a spectrum is taken from the differences of neighbouring channels, which lines hardly enter: the median of
their magnitude over 0.6745 sqrt(2) is the standard deviation of Gaussian noise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from astropy.modeling import Model

from ndfit.arrays import FloatArray
from ndfit.demo.cube import Cube

__all__ = ["Example", "evaluate", "pick_examples"]

CLEAR = 5  # signal-to-noise ratio from which a poor match tells of the spectrum rather than of its noise


class Example(NamedTuple):
    """A position of the sky, (row, column), and why it is shown."""

    position: tuple[int, int]
    reason: str


def evaluate(fitted: Model, x: FloatArray, at: tuple[int | slice, ...]) -> FloatArray:
    """Values of the model without units, spectral axis first, at the positions of the sky that `at` selects."""
    parameters = [np.asarray(getattr(fitted, name).value)[at] for name in fitted.param_names]
    return np.asarray(fitted.evaluate(x.reshape(-1, *(1,) * parameters[0].ndim), *parameters))


def pick_examples(cube: Cube, fitted: Model) -> list[Example]:
    """The positions of highest and of median signal-to-noise ratio, and the clear one that the model matches worst.

    Where none is clear, the last is the one of lowest ratio. No position is picked twice: small cubes have fewer.
    """
    snr, mismatch = _quality(cube, fitted)
    usable = np.isfinite(snr)
    clear = snr >= CLEAR
    median = np.median(snr[usable]) if usable.any() else np.nan
    last = ("poorest match", np.where(clear, -mismatch, np.nan)) if clear.any() else ("lowest S/N", snr)
    examples: list[Example] = []
    for reason, score in (("highest S/N", -snr), ("median S/N", np.abs(snr - median)), last):
        left = np.where(usable, score, np.nan)
        if np.isfinite(left).any():
            row, column = np.unravel_index(np.nanargmin(left), left.shape)
            examples.append(Example((int(row), int(column)), reason))
            usable[row, column] = False
    return examples


def _quality(cube: Cube, fitted: Model) -> tuple[FloatArray, FloatArray]:
    """Signal-to-noise ratio of the fitted line, and rms residual in units of the noise; NaN where there is no fit."""
    x = cube.spectral_values
    rows = [_quality_of_row(cube, fitted, x, row) for row in range(cube.spectra.shape[1])]
    snr, mismatch = np.array(rows).swapaxes(0, 1)
    return snr, mismatch


def _quality_of_row(cube: Cube, fitted: Model, x: FloatArray, row: int) -> tuple[FloatArray, FloatArray]:
    data = np.asarray(cube.spectra[:, row], dtype=float)
    values = evaluate(fitted, x, (row,))
    noise = np.median(np.abs(np.diff(data, axis=0)), axis=0) / (0.6745 * np.sqrt(2))
    noise[noise == 0] = np.nan
    return np.ptp(values, axis=0) / noise, np.std(data - values, axis=0) / noise
