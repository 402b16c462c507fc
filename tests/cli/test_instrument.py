"""`--input` and `--instrument`: what is known beside the data, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.modeling.models import Gaussian1D
from scipy.special import ndtr
from tests.cli.cubes import HEADER, fails, fitted, ndfit

import ndfit as package
from ndfit import Instrument
from ndfit.cli.bad_input import BadInput
from ndfit.cli.instrument_text import parse_instrument

SHAPE = (50, 2, 3)
WAVE = 6000.0 + 2.0 * np.arange(SHAPE[0])
POWER = np.linspace(1500.0, 3000.0, 6).reshape(SHAPE[1:])
SIGMA = 1.5  # of the line, Angstrom
HEADER_WAVE = HEADER | {"CTYPE3": "WAVE", "CUNIT3": "Angstrom", "CRVAL3": 6000.0, "CDELT3": 2.0, "BUNIT": "Jy"}


def spread(sigma: Any) -> np.ndarray:
    """A line of flux 100 at 6050, spread by a Gaussian and averaged over the channels; each position has its own."""
    total = np.hypot(SIGMA, sigma)
    upper, lower = (ndtr((WAVE[:, None, None] + side - 6050.0) / total) for side in (1.0, -1.0))
    return np.asarray(100.0 * (upper - lower) / 2.0)


@pytest.fixture(scope="module")
def spectra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("instrument") / "spectra.fits"
    sigma = 6050.0 / POWER / np.sqrt(8 * np.log(2))
    edges = np.concatenate([WAVE - 1.0, WAVE[-1:] + 1.0])
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / 0.8) ** 2)
    diagonals = np.repeat([[0.1], [0.2], [0.4], [0.2], [0.1]], SHAPE[0], axis=1)
    planes = {"SRES": POWER, "EDGES": edges, "LSF": kernel, "RES": diagonals}
    own = np.broadcast_to(diagonals, (2, 3, *diagonals.shape))
    hdus = [fits.PrimaryHDU(spread(sigma), fits.Header(HEADER_WAVE))]
    hdus += [fits.ImageHDU(values, name=name) for name, values in (planes | {"OWN": own}).items()]
    fits.HDUList(hdus).writeto(path)
    return path


def test_resolving_power_of_each_position(tmp_path: Path, spectra: Path) -> None:
    """The intrinsic line is found, and the options go through a file of options."""
    options = ("--model", "Gaussian1D", "--input", "sres=SRES", "--instrument", "bins @ gaussian(resolving_power=sres)")
    result = fitted(tmp_path, spectra, *options, "--save-config", tmp_path / "fit.toml")
    assert result.parameters["stddev"].unit == u.AA
    np.testing.assert_allclose(result.parameters["stddev"].value, SIGMA, rtol=2e-3)
    again = fitted(tmp_path, spectra, "--config", tmp_path / "fit.toml")
    np.testing.assert_array_equal(again.parameters["stddev"], result.parameters["stddev"])
    page = tmp_path / "page.html"
    told = ndfit("report", tmp_path / "fit.fits", "--config", tmp_path / "fit.toml", "--out", page)
    assert told.exit_code == 0, told.output


@pytest.mark.parametrize(
    ("text", "instrument"),
    [
        ("gaussian(fwhm=4.2)", Instrument.gaussian(fwhm=4.2 * u.AA)),
        ("gaussian(fwhm=150km/s)", Instrument.gaussian(fwhm=150.0 * u.km / u.s)),
        ("gaussian(sigma=80 km/s)", Instrument.gaussian(sigma=80.0 * u.km / u.s)),
        ("gaussian(sigma = 0.18 nm)", Instrument.gaussian(sigma=1.8 * u.AA)),
        ("kernel(k, normalise=true)", Instrument.kernel(np.exp(-0.5 * (np.arange(-6, 7) / 0.8) ** 2))),
        ("kernel(k, centre=5)", Instrument.kernel(np.exp(-0.5 * (np.arange(-6, 7) / 0.8) ** 2), centre=5)),
        ("matrix(diagonals=r)", Instrument.matrix(np.repeat([[0.1], [0.2], [0.4], [0.2], [0.1]], 50, axis=1))),
        ("matrix(own)", Instrument.matrix(np.repeat([[0.1], [0.2], [0.4], [0.2], [0.1]], 50, axis=1))),
        ("bins(edges=e)", Instrument.bins(np.concatenate([WAVE - 1.0, WAVE[-1:] + 1.0]) * u.AA)),
        (
            "kernel(k) @ bins(nodes=9)",
            Instrument.kernel(np.exp(-0.5 * (np.arange(-6, 7) / 0.8) ** 2)) @ Instrument.bins(nodes=9),
        ),
        ("correlated_noise(length=2.5)", Instrument.correlated_noise(length=2.5)),
    ],
)
def test_each_step_is_that_of_python(text: str, instrument: Instrument, tmp_path: Path, spectra: Path) -> None:
    known = {"k": "LSF", "r": "RES", "own": "OWN", "e": "EDGES"}
    given = [
        f"--input={name}={array}"
        for name, array in known.items()
        if any(f"{b}{name}{e}" in text for b in "(=" for e in "),")
    ]
    region = "1:2,0:2"
    result = fitted(
        tmp_path,
        spectra,
        "--model",
        "Gaussian1D",
        "--instrument",
        text,
        *given,
        "--region",
        region,
        "--guess",
        "none",
        "--start",
        "stddev=2Angstrom",
    )
    data = fits.getdata(spectra).astype(float)[:, 1:2, 0:2] * u.Jy
    direct = package.fit(
        Gaussian1D(1 * u.Jy, 6049 * u.AA, 2 * u.AA),
        data,
        fitting_axes=0,
        world=(WAVE * u.AA,),
        instrument=instrument,
        guess=None,
    )
    for name in direct.param_names:
        np.testing.assert_allclose(
            result.parameters[name], direct.parameters[name].to(result.parameters[name].unit), rtol=1e-6
        )


def test_the_instrument_sees_beyond_the_window(tmp_path: Path, spectra: Path) -> None:
    """Samples outside are left out after the instrument, so that a window makes no edge."""
    options = ("--model", "Gaussian1D", "--input", "sres=SRES", "--instrument", "bins @ gaussian(resolving_power=sres)")
    result = fitted(tmp_path, spectra, *options, "--window", "6049:6060Angstrom")
    np.testing.assert_allclose(result.parameters["stddev"].value, SIGMA, rtol=5e-3)


def test_an_input_of_the_model(tmp_path: Path) -> None:
    """A plane in x and y, of which y is known at each sample, has three numbers that least squares give."""
    rng = np.random.default_rng(4)
    second = rng.normal(size=SHAPE)
    x = np.arange(SHAPE[0], dtype=float)[:, None, None]
    path = tmp_path / "cube.fits"
    data = 2.0 + 0.5 * x - 3.0 * second
    fits.HDUList([fits.PrimaryHDU(data), fits.ImageHDU(second, name="AIRMASS")]).writeto(path)
    result = fitted(tmp_path, path, "--model", "Polynomial2D(1)", "--input", "y=AIRMASS", "--axes", 0)
    for name, value in {"c0_0": 2.0, "c1_0": 0.5, "c0_1": -3.0}.items():
        np.testing.assert_allclose(result.parameters[name], value, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--instrument", "bins +"), ("Expected '@' or the end",)),
        (("--instrument", "blur(2)"), ("An instrument has no 'blur'",)),
        (("--instrument", "gaussian(width=2)"), ("gaussian has no 'width'", "sigma")),
        (("--instrument", "gaussian(sigma=s)"), ("'s' is not known: give it by --input s=ARRAY",)),
        (("--instrument", "gaussian(sigma=2kg)"), ("kg",)),
        (("--instrument", "gaussian(sigma=-2)"), ("should be positive",)),
        (("--instrument", "gaussian(sigma=2, fwhm=3)"), ("ive one of sigma, fwhm and resolving_power",)),
        (("--instrument", "gaussian(fwhm=2)", "--redshift", "0.01"), ("at rest", "resolving_power")),
        (("--instrument", "gaussian(sigma=2,,)"), ("Expected a number",)),
        (("--instrument", "bins @" * 30 + "bins"), ("more than 20 steps",)),
        (("--instrument", "kernel(3)"), ("kernel",)),
        (("--instrument", "correlated_noise(2) @ correlated_noise(3)"), ("give correlated_noise once",)),
        (("--instrument", "bins(nodes=3) @ bins"), ("give bins once",)),
        (("--input", "sres=SRES"), ("No input of the model and no array of --instrument is called 'sres'",)),
        (("--input", "sres"), ("--input expects name=array",)),
        (("--input", "x=SRES"), ("none is left to fit along",)),
        (("--input", "s=EDGES", "--instrument", "gaussian(sigma=s)"), ("shape",)),
        (("--input", "s=NOTHING", "--instrument", "gaussian(sigma=s)"), ("NOTHING",)),
        (("--input", "s=1", "--input", "s=2", "--instrument", "gaussian(sigma=s)"), ("given 's' twice",)),
    ],
)
def test_what_cannot_be_meant(options: tuple[str, ...], parts: tuple[str, ...], spectra: Path) -> None:
    fails(ndfit("fit", spectra, "--model", "Gaussian1D", *options), *parts)


@pytest.mark.parametrize("text", ["__import__('os')", "gaussian(sigma=__class__.__name__)", "bins()[0]", "bins(1)(2)"])
def test_a_text_is_not_python(text: str) -> None:
    with pytest.raises(BadInput):
        parse_instrument(text)
