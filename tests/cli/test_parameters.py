"""Starting values and constraints, and the units they are in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.cli.cubes import VELOCITY, fails, fitted, line_cube, means, ndfit, write_cube


def test_ties_and_fixed_parameters(tmp_path: Path) -> None:
    data = line_cube() + 0.5 * np.exp(-0.5 * ((VELOCITY[:, None, None] - means() - 2.5) / 0.8) ** 2)
    path = write_cube(tmp_path / "cube.fits", data)
    result = fitted(
        tmp_path,
        *(path, "--model", "Gaussian1D + Gaussian1D + Const1D", "--world-unit", "km/s"),
        *("--tied", "mean_1 = mean_0 + 2500m/s", "--tied", "stddev_1=stddev_0", "--fixed", "amplitude_2=0"),
    )
    values = {name: np.asarray(map_.value) for name, map_ in result.parameters.items()}
    np.testing.assert_allclose(values["mean_0"], means(), atol=0.06)
    np.testing.assert_allclose(values["mean_1"], values["mean_0"] + 2.5, rtol=1e-14)
    np.testing.assert_array_equal(values["stddev_1"], values["stddev_0"])
    np.testing.assert_array_equal(values["amplitude_2"], 0.0)


def test_products_are_fitted_in_plain_numbers(tmp_path: Path, cube: Path) -> None:
    options = ("--model", "Const1D * Gaussian1D", "--fixed", "amplitude_0=1", "--world-unit", "km/s")
    result = fitted(tmp_path, cube, *options, "--start", "mean=4", "--start", "stddev=1")
    np.testing.assert_allclose(result.parameters["mean_1"], means(), atol=0.05)
    assert "numbers are plain: coordinates in km / s, data in K." in ndfit("fit", cube, *options).stderr
    fails(ndfit("fit", cube, *options, "--start", "mean=4km/s"), "a plain number is expected there")


def test_starting_values_are_used(tmp_path: Path, cube: Path) -> None:
    options = ("--model", "Gaussian1D(mean=3.5km/s)", "--world-unit", "km/s", "--start", "stddev=900m/s")
    rows = {row["name"]: row for row in fitted(tmp_path, cube, *options).record["parameters"]}
    assert (rows["mean"]["start"], rows["stddev"]["start"], rows["stddev"]["start_unit"]) == (3.5, 0.9, "km / s")
