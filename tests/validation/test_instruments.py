"""Instruments on simulated lines of known flux, and on data of real ones.

DESI's resolution matrices, MaNGA's resolving power and a decay with its prompt are read where they are there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling import FittableModel, Parameter, custom_model
from astropy.modeling.models import Const1D, Gaussian1D, Lorentz1D, Moffat1D, Voigt1D
from scipy.special import ndtr
from tests.shared import shared_path

import ndfit
from ndfit import Instrument

N_FITS, M = 4000, 61
X = np.arange(M, dtype=float)
PROFILES = {
    "Gaussian": (Gaussian1D, (100.0, None, 1.0), ("stddev",)),
    "Lorentz": (Lorentz1D, (100.0, None, 2.0), ("fwhm",)),
    "Voigt": (Voigt1D, (None, 100.0, 1.2, 2.0), ("fwhm_L", "fwhm_G")),
    "Moffat": (Moffat1D, (100.0, None, 2.0, 2.5), ("gamma",)),
}
"""Class, parameters where a Gaussian's sigma would be one (None: the centre), and which of them are widths."""


def averaged(model: Any, centre: np.ndarray, name: str) -> np.ndarray:
    """Mean of a profile over each pixel at every centre, by 400 places in each, shape (N, M)."""
    within = (np.arange(400) + 0.5) / 400 - 0.5
    rows = []
    for place in centre:
        setattr(model, name, place)
        rows.append(model((X[:, np.newaxis] + within).ravel()).reshape(M, -1).mean(axis=1))
    return np.array(rows)


@pytest.mark.filterwarnings("ignore:.* of 4000 fits did not converge")  # Voigt profiles with a vanishing width
@pytest.mark.parametrize("sigma", [0.3, 0.6])
@pytest.mark.parametrize("profile", PROFILES)
def test_fluxes_and_widths_of_any_profile_are_right_at_all_phases(profile: str, sigma: float) -> None:
    kind, values, widths = PROFILES[profile]
    where = values.index(None)
    true = kind(*(30.0 if value is None else value for value in values))
    for name in widths:
        setattr(true, name, getattr(true, name).value * sigma)
    name = true.param_names[where]
    phases = np.repeat(np.linspace(0.0, 1.0, 40, endpoint=False), N_FITS // 40)
    clean = np.repeat(averaged(true.copy(), 30.0 + np.unique(phases), name), N_FITS // 40, axis=0)
    noise = 2e-3 * clean.max()
    data = clean + 5.0 + noise * np.random.default_rng(0).normal(size=clean.shape)
    start = true.copy() + Const1D(4.0)
    setattr(start, f"{name}_0", 30.5)
    for each in widths:
        setattr(start, f"{each}_0", getattr(start, f"{each}_0").value * 1.3)
    fixed = "alpha" if profile == "Moffat" else None
    if fixed:
        start.alpha_0.fixed = True
    result = ndfit.fit(
        start, data, fitting_axes=1, world=(X,), uncertainty=noise, instrument=Instrument.bins(), guess=None
    )
    amplitude = next(each for each in result.param_names if each.startswith("amplitude"))
    found = result.parameters[amplitude] * np.prod([result.parameters[f"{each}_0"] for each in widths[:1]], axis=0)
    expected = getattr(true, amplitude[:-2]).value * getattr(true, widths[0]).value
    if profile != "Voigt":  # whose two widths share what one has in others
        assert np.median(found) == pytest.approx(expected, rel=3e-3)
        assert np.median(result.parameters[f"{widths[0]}_0"]) == pytest.approx(getattr(true, widths[0]).value, rel=0.01)
        at_phase = np.array([np.median(found[phases == phase]) for phase in np.unique(phases)])
        np.testing.assert_allclose(at_phase, expected, rtol=6e-3)
    for each, value in ((f"{name}_0", 30.0 + phases), ("amplitude_1", 5.0)):
        pull = ((result.parameters[each] - value) / result.errors[each])[~ndfit.disqualified(result.flags)]
        assert pull.size > 0.9 * N_FITS
        assert np.nanstd(pull) == pytest.approx(1.0, abs=0.04), each
        assert abs(np.nanmean(pull)) < 0.08, each


@pytest.mark.parametrize("length", [1.0, 3.0, 10.0])
def test_pulls_are_one_through_correlated_noise(length: float) -> None:
    """Within 2 per cent, of 20,000 fits."""
    n_fits, rng = 20_000, np.random.default_rng(1)
    rho = np.exp(-1.0 / length)
    noise = rng.normal(size=(n_fits, M))
    for sample in range(1, M):
        noise[:, sample] = rho * noise[:, sample - 1] + np.sqrt(1.0 - rho**2) * noise[:, sample]
    true = {"amplitude_0": 20.0, "mean_0": 30.0, "stddev_0": 4.0, "amplitude_1": 1.0}
    data = Gaussian1D(20.0, 30.0, 4.0)(X) + 1.0 + 0.2 * noise
    data[:, 7::13] = np.nan
    told = ndfit.fit(
        Gaussian1D(18.0, 30.5, 4.0) + Const1D(1.0),
        data,
        fitting_axes=1,
        world=(X,),
        uncertainty=0.2,
        instrument=Instrument.correlated_noise(length=length),
        guess=None,
    )
    for name, value in true.items():
        assert np.std((told.parameters[name] - value) / told.errors[name]) == pytest.approx(1.0, abs=0.02), name


REDSHIFT = 0.36874
LINES = {"[O II]": ("B", 3728.5), "H-beta": ("R", 4862.68), "[O III]": ("R", 5008.24)}


def desi(arm: str, rest: float) -> tuple[np.ndarray, ...]:
    """Wavelength, flux, inverse variance, mask and resolution of 75 channels around a line."""
    with fits.open(shared_path("data", "desi_coadd_resolution.fits")) as hdus:
        wave = hdus[f"{arm}_WAVELENGTH"].data.astype(float)
        middle = int(np.argmin(np.abs(wave - rest * (1.0 + REDSHIFT))))
        part = slice(middle - 37, middle + 38)
        rows = (hdus[f"{arm}_{name}"].data[0, ..., part] for name in ("FLUX", "IVAR", "MASK", "RESOLUTION"))
        return wave[part], *(np.array(row, dtype=float) for row in rows)


@pytest.mark.parametrize("sigma", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("line", LINES)
def test_lines_through_the_resolution_of_desi_do_not_depend_on_the_phase(line: str, sigma: float) -> None:
    """Evaluated at the middle of the channels, the same fits are off by up to 14 % in flux and 37 % in width."""
    wave, *_, resolution = desi(*LINES[line])
    step = wave[1] - wave[0]
    centre = wave[37] + step * np.linspace(0.0, 1.0, 40, endpoint=False)
    edges = np.append(wave - 0.5 * step, wave[-1] + 0.5 * step)
    truth = 100.0 * np.diff(ndtr((edges - centre[:, np.newaxis]) / (sigma * step)), axis=1) / step
    half = len(resolution) // 2
    matrix = sum(
        np.diag(row[max(offset, 0) : len(wave) + min(offset, 0)], offset)
        for row, offset in zip(resolution, range(half, -half - 1, -1), strict=True)
    )
    through = Instrument.matrix(resolution)
    start = Gaussian1D(40.0 / step, wave[37], 1.3 * sigma * step)
    fluxes, widths = {}, {}
    for name, instrument in (("bins", through @ Instrument.bins()), ("centres", through)):
        result = ndfit.fit(start, truth @ matrix.T, fitting_axes=1, world=(wave,), instrument=instrument)
        widths[name] = result.parameters["stddev"] / (sigma * step)
        fluxes[name] = result.parameters["amplitude"] * result.parameters["stddev"] * np.sqrt(2.0 * np.pi)
    np.testing.assert_allclose(fluxes["bins"], 100.0, rtol=2e-3)
    np.testing.assert_allclose(widths["bins"], 1.0, rtol=0.01)
    assert np.abs(widths["centres"] - 1.0).max() > 0.05


def test_the_lines_of_a_galaxy_in_desi_have_one_velocity_dispersion() -> None:
    """Both lines of [O III], 49 and 143 times their errors, through the matrices of their channels."""
    found = []
    for rest in (4960.30, 5008.24):
        wave, flux, ivar, mask, resolution = desi("R", rest)
        result = ndfit.fit(
            Gaussian1D(10.0, rest * (1.0 + REDSHIFT), 2.0) + Const1D(float(np.median(flux))),
            flux,
            fitting_axes=0,
            world=(wave,),
            weights=np.sqrt(ivar),
            mask=mask != 0,
            instrument=Instrument.matrix(resolution) @ Instrument.bins(),
            absolute_sigma=False,
        )
        scale = 299_792.458 / (rest * (1.0 + REDSHIFT))
        found.append((scale * float(result.parameters["stddev_0"]), scale * float(result.errors["stddev_0"])))
    (one, error), (other, other_error) = found
    assert 80.0 < one < 95.0
    assert abs(one - other) < 2.0 * np.hypot(error, other_error)


class Lines(FittableModel):
    """H-alpha, [N II] and [S II] at one velocity, each with its own width before the instrument's, on a slope."""

    n_inputs, n_outputs = 2, 1
    slope, level, velocity = Parameter(default=0.0), Parameter(default=1.0), Parameter(default=0.0)
    ha, nii, sii, sii_2 = (Parameter(default=1.0) for _ in range(4))
    width_ha, width_nii, width_sii, width_sii_2 = (Parameter(default=1.5, bounds=(0.05, 8.0)) for _ in range(4))

    @staticmethod
    def evaluate(x, resolution, slope, level, velocity, ha, nii, sii, sii_2, w_ha, w_nii, w_sii, w_sii_2):
        total = level + slope * (x - 6600.0)
        rows = (
            (ha, 6564.61, w_ha),
            (nii, 6585.27, w_nii),
            (nii / 2.96, 6549.86, w_nii),
            (sii, 6718.29, w_sii),
            (sii_2, 6732.67, w_sii_2),
        )
        for amplitude, rest, width in rows:
            whole = (width**2 + (x / resolution / 2.3548) ** 2) ** 0.5
            apart = (x - rest * (1.0 + velocity / 299_792.458)) / whole
            total = total + amplitude * width / whole * np.exp(-0.5 * apart**2)
        return total


def test_the_intrinsic_widths_of_lines_in_manga_agree() -> None:
    """The spectrum in which all four are strong, with its resolving power at every channel as a known input."""
    with fits.open(shared_path("data", "manga_test_spectra.fits.gz")) as hdus:
        rest = hdus["WAVE"].data.astype(float) / (1.0 + float(hdus["Z"].data.ravel()[2]))
        part = (rest > 6500.0) & (rest < 6800.0)
        rows = (np.array(hdus[name].data[2][part], dtype=float) for name in ("FLUX", "IVAR", "MASK", "SRES"))
        flux, ivar, mask, resolution = rows
    x, height = rest[part], float(np.ptp(flux))
    model = Lines(level=float(np.median(flux)), ha=height / 2, nii=height / 2, sii=height / 4, sii_2=height / 4)
    call = {
        "fitting_axes": 0,
        "world": (x,),
        "weights": np.sqrt(ivar),
        "mask": (mask != 0) | ~(ivar > 0.0),
        "absolute_sigma": False,
        "guess": None,
    }
    result = ndfit.fit(model, flux, inputs={model.inputs[1]: resolution}, **call)
    names, places = ("width_ha", "width_nii", "width_sii", "width_sii_2"), (6564.61, 6585.27, 6718.29, 6732.67)
    velocity = np.array(
        [[299_792.458 / at * float(each[name]) for name, at in zip(names, places, strict=True)]
         for each in (result.parameters, result.errors)]
    )  # fmt: skip
    widths, errors = velocity
    mean = np.average(widths, weights=errors**-2)
    assert 160.0 < mean < 200.0
    assert np.sum(((widths - mean) / errors) ** 2) < 7.8  # 95 % of chi-square of three
    unresolved = ndfit.fit(model, flux, inputs={model.inputs[1]: 1e9}, **call)
    observed = 299_792.458 / places[1] * float(unresolved.parameters["width_nii"])
    instrumental = 299_792.458 / float(np.median(resolution)) / 2.3548
    assert np.hypot(widths[1], instrumental) == pytest.approx(observed, rel=0.01)


@custom_model
def one_decay(t, height=10_000.0, tau=2.0, level=100.0):
    return height * np.exp(-t / tau) + level


@custom_model
def two_decays(t, height=8000.0, tau=2.8, height_2=5000.0, tau_2=0.8, level=100.0):
    return height * np.exp(-t / tau) + height_2 * np.exp(-t / tau_2) + level


@custom_model
def stretched(t, height=15_000.0, tau=1.6, stretch=1.3, level=1.0):
    return height * np.exp(-((t / tau) ** (1.0 / stretch))) + level


# As FLIMLib's own tests state them (README of the data), with the variance of each count from the fitted curve.
FLIMLIB = {
    "one": (one_decay, {"height": 11807.0, "tau": 2.2685, "level": 252.6}),
    "two": (
        two_decays,
        {"height": 8786.6, "tau": 2.84177, "height_2": 5456.7, "tau_2": 0.77975, "level": 100.47},
    ),
    "stretched": (stretched, {"height": 15745.0, "tau": 1.6161, "stretch": 1.3704}),
}
# Its settings, test_files/settings*.ini: the width of a bin, and where the transient, the fit and its end are.
BIN, TRANSIENT, FIT, END = 0.058628749, 40, 49, 230


@pytest.mark.parametrize("kind", FLIMLIB)
def test_lifetimes_through_a_prompt_are_those_of_flimlib(kind: str) -> None:
    counts, prompt = (np.loadtxt(shared_path("data", f"flimlib_{name}.dat"))[1:] for name in ("data", "prompt"))
    make, expected = FLIMLIB[kind]
    bounds = {"tau": (0.05, 20.0)} | ({"stretch": (0.5, 10.0), "level": (0.0, 1e4)} if kind == "stretched" else {})
    result = ndfit.fit(
        make(),
        counts[TRANSIENT:END],
        fitting_axes=0,
        world=(BIN * np.arange(END - TRANSIENT),),
        mask=np.arange(TRANSIENT, END) < FIT,
        statistic="cash",
        instrument=Instrument.prompt(prompt),
        bounds=bounds,
        guess=None,
    )
    for name, value in expected.items():
        close = 5e-4 if kind != "stretched" else 0.01
        assert float(result.parameters[name]) == pytest.approx(value, rel=close), name
