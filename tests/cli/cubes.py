"""Small cubes on disk, and the command line run on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from click.testing import CliRunner, Result
from numpy.typing import NDArray

import ndfit as package
from ndfit.cli.main import main

SHAPE = (40, 3, 4)
NOISE = 0.02
HEADER = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CTYPE3": "VRAD",
    "CUNIT1": "deg",
    "CUNIT2": "deg",
    "CUNIT3": "m/s",
    "CRVAL1": 52.0,
    "CRVAL2": 31.0,
    "CRVAL3": 0.0,
    "CRPIX1": 1.0,
    "CRPIX2": 1.0,
    "CRPIX3": 1.0,
    "CDELT1": -0.01,
    "CDELT2": 0.01,
    "CDELT3": 250.0,
    "BUNIT": "K",
}
VELOCITY = 0.25 * np.arange(SHAPE[0])  # km/s


def means() -> NDArray[np.float64]:
    """Velocity of the line at each position, km/s."""
    y, x = np.indices(SHAPE[1:])
    return np.asarray(4.0 + 0.3 * y - 0.2 * x)


def line_cube(level: float = 0.0) -> NDArray[np.float64]:
    """A line of height 1 K and standard deviation 0.8 km/s at each position, on a constant, with noise."""
    values = np.exp(-0.5 * ((VELOCITY[:, None, None] - means()) / 0.8) ** 2) + level
    return np.asarray(values + np.random.default_rng(1).normal(scale=NOISE, size=SHAPE))


def write_cube(path: Path, data: NDArray[Any] | None = None, header: dict[str, Any] | None = None) -> Path:
    """A FITS file with the cube in its primary HDU."""
    fits.writeto(path, line_cube() if data is None else data, fits.Header(HEADER if header is None else header))
    return path


def ndfit(*arguments: object) -> Result:
    """Run the command in this process; standard error is in `Result.stderr`."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def fitted(tmp_path: Path, *arguments: object) -> Any:
    """The result of `ndfit fit` with these arguments."""
    out = tmp_path / "fit.fits"
    result = ndfit("fit", *arguments, "--out", out, "--overwrite")
    assert result.exit_code == 0, result.output
    return package.read(out)


def fails(result: Result, *parts: str, code: int = 2) -> None:
    """Check that a command ended with one sentence, an exit code and no traceback."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("Error: ") or "\nError: " in result.stderr
    for part in parts:
        assert part in result.stderr
