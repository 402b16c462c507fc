"""Quantities that follow from the parameters: values by integration, errors by simulation and by hand, and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u
from astropy.modeling import models
from astropy.modeling.models import Const1D, Gaussian1D, Lorentz1D, Polynomial1D
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, simpson
from scipy.optimize import brentq

import ndfit

X = np.linspace(-12.0, 12.0, 97)
LINES = {
    "Gaussian1D": models.Gaussian1D(3.0, 0.4, 1.3),
    "Lorentz1D": models.Lorentz1D(3.0, 0.4, 1.3),
    "Voigt1D": models.Voigt1D(0.4, 3.0, 1.1, 1.4),
    "Moffat1D": models.Moffat1D(3.0, 0.4, 2.0, 2.5),
    "Drude1D": models.Drude1D(3.0, 6.0, 1.3),
    "Box1D": models.Box1D(3.0, 0.4, 1.3),
    "Trapezoid1D": models.Trapezoid1D(3.0, 0.4, 2.0, 1.5),
}
IMAGES = {
    "Gaussian2D": models.Gaussian2D(3.0, 0.1, 0.2, 1.0, 1.5, 0.4),
    "Moffat2D": models.Moffat2D(3.0, 0.1, 0.2, 1.2, 2.5),
    "Sersic2D": models.Sersic2D(3.0, 1.5, 1.2, 0.1, 0.2, 0.3, 0.5),
    "AiryDisk2D": models.AiryDisk2D(3.0, 0.1, 0.2, 1.4),
}


def of_start(model: Any, *names: str, **more: Any) -> Any:
    """A result whose parameters are those of the model, of which the amplitude alone is free."""
    free = model.copy()
    for name in free.param_names:
        getattr(free, name).fixed = not name.startswith("amplitude")
    axes = (np.linspace(-4.9, 7.1, 25),) * model.n_inputs
    data = np.broadcast_to(model(*np.meshgrid(*axes, indexing="ij")), (2, *(25,) * model.n_inputs))
    result = ndfit.fit(free, data, fitting_axes=tuple(range(1, 1 + model.n_inputs)), world=axes, guess=None)
    return result.derive(*names, **more)


@pytest.mark.parametrize("name", LINES)
def test_flux_and_width_are_those_of_the_profile(name: str) -> None:
    model = LINES[name]
    derived = of_start(model, "flux", "fwhm", "peak").derived
    centre = 6.0 if name == "Drude1D" else 0.4
    reach = [0.0, np.inf] if name == "Drude1D" else [-np.inf, np.inf]
    if name in ("Box1D", "Trapezoid1D"):
        reach = [-10.0, 10.0]
    whole = quad(model, reach[0], centre, limit=500)[0] + quad(model, centre, reach[1], limit=500)[0]
    np.testing.assert_allclose(derived["flux"], whole, rtol=2e-5 if name == "Box1D" else 1e-6)
    np.testing.assert_allclose(derived["peak"], model(centre), rtol=1e-12)
    if name not in ("Box1D", "Lorentz1D", "Drude1D"):  # whose width is a parameter
        half = brentq(lambda x: model(x) - 0.5 * model(centre), centre, centre + 20.0)
        np.testing.assert_allclose(derived["fwhm"], 2.0 * (half - centre), rtol=3e-4 if name == "Voigt1D" else 1e-9)
    elif name != "Box1D":
        assert "fwhm" not in derived


@pytest.mark.parametrize("name", IMAGES)
def test_flux_of_images(name: str) -> None:
    model = IMAGES[name]
    flux = of_start(model, "flux").derived["flux"]
    angles = np.linspace(0.0, 2.0 * np.pi, 65)[:-1, np.newaxis]
    radii = np.concatenate([np.linspace(0.0, 10.0, 20001), np.geomspace(10.0, 400.0, 40001)[1:]])
    around = model(0.1 + radii * np.cos(angles), 0.2 + radii * np.sin(angles)).mean(axis=0)
    total = simpson(2.0 * np.pi * radii * around, x=radii)
    # Beyond are 0.2 % of an Airy disk, and 0.02 % of this Moffat profile.
    np.testing.assert_allclose(flux, total, rtol={"AiryDisk2D": 3e-3, "Moffat2D": 5e-4}.get(name, 1e-6))


def test_area_and_axis_ratio() -> None:
    derived = of_start(IMAGES["Gaussian2D"], "area", "axis_ratio").derived
    np.testing.assert_allclose(derived["area"], np.pi / 4 * 8 * np.log(2) * 1.0 * 1.5)
    np.testing.assert_allclose(derived["axis_ratio"], 1 / 1.5)
    np.testing.assert_allclose(of_start(IMAGES["Sersic2D"], "axis_ratio").derived["axis_ratio"], 0.7)


@pytest.fixture(scope="module")
def spectra() -> Any:
    """Two lines in Angstrom and Jy, the second narrower width tied to the first, on a slope."""
    wave = np.linspace(6500.0, 6620.0, 121) * u.AA
    truth = (
        Gaussian1D(5 * u.Jy, 6548 * u.AA, 4 * u.AA, name="N")
        + Gaussian1D(-8 * u.Jy, 6565 * u.AA, 4 * u.AA)
        + Const1D(20 * u.Jy)
    )
    truth.stddev_1.tied = lambda model: model.stddev_0
    data = truth(wave) + np.random.default_rng(0).normal(0, 0.3, (4000, 121)) * u.Jy
    return ndfit.fit(truth, data, fitting_axes=1, world=(wave,), uncertainty=0.3 * u.Jy)


def test_pulls_of_what_is_derived(spectra: Any) -> None:
    rest = {"N": 6549.86 * u.AA, 1: 6564.6 * u.AA}
    result = spectra.derive(
        "flux", "fwhm_1", "equivalent_width_1", "velocity", "dispersion_1", ratio="flux_N / flux_1", rest=rest
    )
    c = const.c.to_value(u.km / u.s)
    root = np.sqrt(2 * np.pi)
    true = {
        "flux_0": root * 20 * u.AA * u.Jy,
        "flux_1": -root * 32 * u.AA * u.Jy,
        "fwhm_1": 4 * np.sqrt(8 * np.log(2)) * u.AA,
        "equivalent_width_1": root * 32 / 20 * u.AA,
        "velocity_0": c * (6548 / 6549.86 - 1) * u.km / u.s,
        "velocity_1": c * (6565 / 6564.6 - 1) * u.km / u.s,
        "dispersion_1": c * 4 / 6565 * u.km / u.s,
        "ratio": -20 / 32 * u.one,
    }
    assert set(true) == set(result.derived)
    for name, value in true.items():
        pull = ((result.derived[name] - value) / result.derived_errors[name]).to_value(u.one)
        assert np.std(pull) == pytest.approx(1.0, abs=0.04), name
        assert abs(np.mean(pull)) < 0.1, name


def test_errors_by_hand() -> None:
    """The error of a product and of a sum, from the covariance."""
    rng = np.random.default_rng(3)
    data = Gaussian1D(2.0, 0.3, 1.5)(X) + rng.normal(0, 0.05, (3, X.size))
    result = ndfit.fit(Gaussian1D(1, 0, 1), data, fitting_axes=1, world=(X,), uncertainty=0.05)
    derived = result.derive(product="amplitude * stddev", sum="amplitude + mean", only="3 * mean")
    a, s = result.parameters["amplitude"], result.parameters["stddev"]
    C = result.covariance
    by_hand = np.sqrt(s**2 * C[:, 0, 0] + a**2 * C[:, 2, 2] + 2 * a * s * C[:, 0, 2])
    np.testing.assert_allclose(derived.derived_errors["product"], by_hand, rtol=1e-7)
    np.testing.assert_allclose(
        derived.derived_errors["sum"], np.sqrt(C[:, 0, 0] + C[:, 1, 1] + 2 * C[:, 0, 1]), rtol=1e-7
    )
    np.testing.assert_allclose(derived.derived_errors["only"], 3 * result.errors["mean"], rtol=1e-7)
    np.testing.assert_allclose(
        result.derive("snr").derived["snr"],
        *[(lambda r: r.derived["flux"] / r.derived_errors["flux"])(result.derive("flux"))],
    )


@given(st.floats(-25, 25), st.floats(-8, 8))
@settings(max_examples=20, deadline=None)
def test_other_units_scale_values_and_errors(height: float, width: float) -> None:
    rng = np.random.default_rng(5)
    data = Gaussian1D(2.0, 0.3, 1.5)(X) + 1.0 + rng.normal(0, 0.05, (2, X.size))
    y, x = 10.0**height, 10.0**width
    plain, scaled = (
        ndfit.fit(
            Gaussian1D(b, 0, a) + Const1D(b), data * b, fitting_axes=1, world=(X * a,), uncertainty=0.05 * b, guess=None
        ).derive("flux_0", "fwhm_0", "equivalent_width_0", "moment2_0", "snr_0")
        for a, b in ((1.0, 1.0), (x, y))
    )
    for name, factor in {
        "flux_0": x * y,
        "fwhm_0": x,
        "equivalent_width_0": x,
        "moment2_0": x**2,
        "snr_0": 1.0,
    }.items():
        np.testing.assert_allclose(scaled.derived[name], factor * plain.derived[name], rtol=1e-4)
        if name != "snr_0":
            np.testing.assert_allclose(scaled.derived_errors[name], factor * plain.derived_errors[name], rtol=1e-4)


def test_velocities_by_each_convention() -> None:
    freq = np.linspace(115.2e9, 115.34e9, 81) * u.Hz
    truth = Gaussian1D(3 * u.K, 115.26e9 * u.Hz, 8e6 * u.Hz)
    result = ndfit.fit(truth, truth(freq)[np.newaxis], fitting_axes=1, world=(freq,))
    rest = 115.271e9 * u.Hz
    for convention, equivalency in {
        None: u.doppler_radio,
        "radio": u.doppler_radio,
        "optical": u.doppler_optical,
        "relativistic": u.doppler_relativistic,
    }.items():
        found = result.derive("velocity", rest=rest, convention=convention).derived["velocity"]
        np.testing.assert_allclose(
            found.value, (115.26e9 * u.Hz).to_value(u.km / u.s, equivalencies=equivalency(rest)), rtol=1e-6
        )
    wide = result.derive("dispersion").derived["dispersion"]
    less = result.derive("dispersion", instrumental_fwhm=20 * u.km / u.s).derived["dispersion"]
    np.testing.assert_allclose(less.value**2, wide.value**2 - (20 / np.sqrt(8 * np.log(2))) ** 2, rtol=1e-9)
    assert np.isnan(result.derive("dispersion", instrumental_fwhm=1e9 * u.Hz).derived["dispersion"]).all()


def test_rest_of_the_header() -> None:
    header = {"CTYPE1": "FREQ", "CUNIT1": "Hz", "CRVAL1": 115.2e9, "CDELT1": 2e6, "CRPIX1": 1, "RESTFRQ": 115.271e9}
    header |= {"CTYPE2": "LINEAR", "CDELT2": 1.0, "CRVAL2": 0.0, "CRPIX2": 1, "NAXIS1": 81, "NAXIS2": 2}
    truth = Gaussian1D(3 * u.K, 115.26e9 * u.Hz, 8e6 * u.Hz)
    freq = (115.2e9 + 2e6 * np.arange(81)) * u.Hz
    result = ndfit.fit(truth, np.tile(truth(freq), (2, 1)), fitting_axes=1, world=WCS(header))
    found = result.derive("velocity").derived["velocity"]
    np.testing.assert_allclose(found.value, 299792.458 * (1 - 115.26 / 115.271), rtol=1e-6)


@pytest.mark.parametrize("ending", ["fits", "zarr"])
def test_through_files(ending: str, spectra: Any, tmp_path: Path) -> None:
    result = spectra.derive("flux", "snr_0", ratio="flux_0 / flux_1")
    result.write(tmp_path / f"fit.{ending}")
    again = ndfit.read(tmp_path / f"fit.{ending}")
    assert list(again.derived) == list(result.derived) == ["flux_0", "flux_1", "snr_0", "ratio"]
    for name, values in result.derived.items():
        np.testing.assert_array_equal(again.derived[name], values)
        assert getattr(again.derived[name], "unit", None) == getattr(values, "unit", None)
    np.testing.assert_array_equal(again.derived_errors["ratio"], result.derived_errors["ratio"])
    assert set(again.derived_errors) == set(result.derived_errors) == {"flux_0", "flux_1", "ratio"}
    assert again.record["derived"] == result.record["derived"]
    more = again.derive(double="2 * flux_0")
    assert list(more.derived)[-1] == "double"
    np.testing.assert_allclose(more.derived_errors["double"], 2 * result.derived_errors["flux_0"], rtol=1e-6)
    assert "double" not in again.derived  # which is left as it is


def test_every_output_has_them(spectra: Any, tmp_path: Path) -> None:
    result = spectra.derive(ratio="flux_0 / flux_1")
    assert "ratio" in result.summary()
    assert {"ratio", "ratio_err"} <= set(result.diagnostics().colnames)
    assert result.to_xarray()["ratio"].shape == result.shape
    assert "ratio" in result._repr_html_()
    assert result.plot().shape == (8, 1)
    result.report(tmp_path / "page.html")
    assert '"name": "ratio"' in (tmp_path / "page.html").read_text().replace('"name":"', '"name": "')
    assert "ratio" in result[3].summary()
    assert not result.derived["ratio"].flags.writeable


def test_one_fit_tells_correlations(spectra: Any) -> None:
    one = spectra[7]
    sigma = np.sqrt(np.diag(spectra.covariance[7]))
    np.testing.assert_allclose(one.correlation, spectra.covariance[7] / np.outer(sigma, sigma))
    assert "tied" in one.summary()
    assert "amplitude_0, stddev_0" in one.summary()


def test_nothing_where_nothing_is_known() -> None:
    data = np.tile(Gaussian1D(2.0, 0.3, 1.5)(X), (3, 1))
    data[1] = np.nan
    data[2] = -5.0
    model = Gaussian1D(1, 0, 1, bounds={"amplitude": (0, None)})
    result = ndfit.fit(model, data, fitting_axes=1, world=(X,), uncertainty=0.1, guess=None).derive(
        "flux", twice="2 * mean"
    )
    assert np.isnan(result.derived["flux"][1])
    assert np.isnan(result.derived_errors["flux"][1])
    assert np.isnan(result.derived_errors["twice"][2])  # the amplitude is at its bound, and the centre means nothing
    values = ndfit.fit(model, data[:1], fitting_axes=1, world=(X,), covariance=False).derive("flux")
    assert values.derived["flux"].shape == (1,)
    assert not values.derived_errors
    with pytest.raises(ValueError, match="needs standard errors"):
        values.derive("snr")


def test_a_single_fit() -> None:
    result = ndfit.fit(Gaussian1D(1, 0, 1), Gaussian1D(2.0, 0.3, 1.5)(X), fitting_axes=0, world=(X,)).derive(
        "flux", "moment0"
    )
    assert result.derived["flux"].shape == ()
    np.testing.assert_allclose(result.derived["flux"], np.sqrt(2 * np.pi) * 3.0)
    np.testing.assert_allclose(result.derived["moment0"], np.sqrt(2 * np.pi) * 3.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("names", "more", "message"),
    [
        (("flx_0",), {}, "did you mean flux_0"),
        (("flux_7",), {}, "'flux_7' is no parameter"),
        (("velocity_0",), {}, "needs its rest wavelength"),
        (("velocity_0",), {"rest": 3 * u.kg}, "rest should be in a unit"),
        (("flux_0",), {"convention": "classic"}, "convention"),
        ((), {"amplitude_0": "2 * mean_0"}, "is a parameter of the model"),
        ((), {"odd": "amplitude_0 + mean_0"}, "odd.*compatible dimensions"),
        ((), {"odd": "__import__('os')"}, "should be an expression"),
        ((), {"odd": "snr_0 * 2"}, "'snr_0' has its own error"),
        ((), {"odd": lambda fit: fit.amplitude_0[:3]}, "one number a position"),
        ((), {"odd": lambda fit: fit.nothing}, "no parameter 'nothing'"),
        ((), {"odd": 3}, "an expression such as"),
        (("not a name",), {}, "a name of Python's"),
    ],
)
def test_what_cannot_be_formed(names: tuple[str, ...], more: dict[str, Any], message: str, spectra: Any) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError), match=message):
        spectra.derive(*names, **more)


def test_no_continuum_and_no_units() -> None:
    result = ndfit.fit(
        Lorentz1D(1, 0, 1) * Polynomial1D(1, c0=1), np.ones((2, X.size)), fitting_axes=1, world=(X,), guess=None
    )
    with pytest.raises(ValueError, match="flux"):
        result.derive("flux_0")  # of a factor, which has none
    alone = ndfit.fit(Gaussian1D(1, 0, 1), np.tile(Gaussian1D(2.0, 0.3, 1.5)(X), (2, 1)), fitting_axes=1, world=(X,))
    with pytest.raises(ValueError, match="no continuum"):
        alone.derive("equivalent_width")
    with pytest.raises(ValueError, match="coordinates with a unit"):
        alone.derive("velocity", rest=3.0)


def spectrum(model: Any, x: Any = X, sigma: float = 0.05, n_fits: int = 3, **keywords: Any) -> ndfit.FitResult:
    truth = np.asarray(getattr(model(x), "value", model(x)))
    data = truth + np.random.default_rng(4).normal(0.0, sigma, (n_fits, len(x)))
    return ndfit.fit(model, data, fitting_axes=1, world=(x,), **{"uncertainty": sigma} | keywords)


def test_endings_come_before_names() -> None:
    """A component may be called as another's ending; a name that two have stands for neither."""
    lines = Gaussian1D(3.0, -4.0, 1.0, name="1") + Gaussian1D(1.0, 4.0, 1.0, name="0") + Const1D(1.0)
    derived = spectrum(lines).derive("flux").derived
    assert list(derived) == ["flux_0", "flux_1"]
    np.testing.assert_allclose(derived["flux_0"] / derived["flux_1"], 3.0, rtol=0.2)
    twins = spectrum(Gaussian1D(3.0, -4.0, 1.0, name="Ha") + Gaussian1D(1.0, 4.0, 1.0, name="Ha"))
    with pytest.raises(ValueError, match="'flux_Ha' is no parameter"):
        twins.derive("flux_Ha")


def test_beside_a_table_of_values() -> None:
    """It has no parameters, and is a continuum."""
    table = models.Tabular1D(points=X, lookup_table=np.full(X.size, 2.0))
    result = spectrum(table + Gaussian1D(3.0, 0.4, 1.3)).derive("flux_1", "equivalent_width_1", "integral")
    np.testing.assert_allclose(result.derived["equivalent_width_1"], -result.derived["flux_1"] / 2.0)
    np.testing.assert_allclose(result.derived["integral"], result.derived["flux_1"] + 2.0 * 0.25 * X.size, rtol=1e-9)
    assert result.good.all()


@pytest.mark.parametrize(("start", "width"), [(0.0, 1e-3), (2459000.5, 1e-3), (0.0, 10.0), (22e9, 10.0)])
def test_errors_far_from_zero(start: float, width: float) -> None:
    """Julian dates and frequencies, whose errors are few of their last digits."""
    line = Gaussian1D(3.0, start + 0.5 * width, 0.1 * width) + Const1D(1.0)
    result = spectrum(line, start + np.linspace(0.0, width, 81), 0.01).derive(
        "centroid_0", place=lambda fit: (fit.mean_0 - start) / fit.stddev_0
    )
    np.testing.assert_allclose(result.derived_errors["centroid_0"], result.errors["mean_0"], rtol=1e-6)
    shift = (result.parameters["mean_0"] - start) / result.parameters["stddev_0"]
    mean, spread = result.errors["mean_0"], result.errors["stddev_0"]
    expected = np.hypot(mean, shift * spread) / result.parameters["stddev_0"]  # the two are not correlated
    np.testing.assert_allclose(result.derived_errors["place"], expected, rtol=0.02)


def test_errors_with_a_continuum_in_far_powers() -> None:
    """Coefficients of a polynomial without a domain go together; what follows from them does not mind."""
    x = np.linspace(6500.0, 6600.0, 101)
    own = Gaussian1D(3.0, 6560.0, 3.0) + models.Chebyshev1D(2, c0=5.0, c1=0.5, c2=0.2, domain=(6500, 6600))
    data = own(x) + np.random.default_rng(4).normal(0.0, 0.05, (3, x.size))
    found = {}
    for domain in (None, (6500, 6600)):
        model = Gaussian1D(3.0, 6560.0, 3.0) + models.Chebyshev1D(2, domain=domain)
        result = ndfit.fit(model, data, fitting_axes=1, world=(x,), uncertainty=0.05)
        found[domain] = result.derive("equivalent_width_0").derived_errors["equivalent_width_0"]
    np.testing.assert_allclose(found[None], found[6500, 6600], rtol=1e-3)


def test_no_error_where_all_is_at_bounds() -> None:
    line = Gaussian1D(3.0, 0.4, 1.3, fixed={"mean": True, "stddev": True}, bounds={"amplitude": (0, None)}) + Const1D(
        1.0
    )
    data = 1.0 - np.exp(-0.5 * ((X - 0.4) / 1.3) ** 2) + np.random.default_rng(4).normal(0.0, 0.05, (3, X.size))
    result = ndfit.fit(line, data, fitting_axes=1, world=(X,), uncertainty=0.05)
    result = result.derive("flux", "equivalent_width", "snr", both="amplitude_0 + amplitude_1")
    assert not np.any(result.parameters["amplitude_0"])
    assert all(np.isnan(result.derived_errors[name]).all() for name in ("flux_0", "equivalent_width_0"))
    np.testing.assert_allclose(result.derived_errors["both"], result.errors["amplitude_1"])


@pytest.mark.parametrize("value", [None, "text", 1j, [1j, 2.0, 3.0]], ids=str)
def test_functions_that_give_no_real_numbers(value: Any) -> None:
    with pytest.raises(TypeError, match="odd should be a function that gives a real number"):
        spectrum(Gaussian1D()).derive(odd=lambda fit: value)


def test_functions_that_leave_positions_out() -> None:
    result = spectrum(Gaussian1D()).derive(
        some=lambda fit: np.ma.masked_where([False, True, False], fit.amplitude), none=lambda fit: 1 / (0 * fit.mean)
    )
    np.testing.assert_array_equal(np.isnan(result.derived["some"]), [False, True, False])
    assert np.isnan(result.derived["none"]).all()
    assert np.isnan(result.derived_errors["none"]).all()


def test_wavenumbers_and_default_conventions() -> None:
    """Radio for coordinates that are frequencies, optical for others, whatever the unit of rest."""
    for unit, centre, rest, expected in [
        (1 / u.cm, 15000.0, 15003.0 / u.cm, 15003.0 / 15000.0 - 1.0),
        (u.GHz, 115.26, (const.c / (115.271 * u.GHz)).to(u.mm), 1.0 - 115.26 / 115.271),
        (u.mm, 2.602, 115.271 * u.GHz, 2.602 / (const.c / (115.271 * u.GHz)).to_value(u.mm) - 1.0),
    ]:
        x = centre * (1.0 + 1e-3 * np.linspace(-1.0, 1.0, 81)) * unit
        line = Gaussian1D(3.0, centre * unit, 2e-4 * centre * unit, fixed={"mean": True}) + Const1D(1.0)
        found = spectrum(line, x).derive("velocity_0", rest=rest).derived["velocity_0"]
        np.testing.assert_allclose(found.value, 299792.458 * expected, rtol=1e-6)


def test_widths_of_the_instrument() -> None:
    x = np.linspace(6500.0, 6640.0, 71) * u.AA
    cube = spectrum(Gaussian1D(3.0, 6560.0 * u.AA, 5.0 * u.AA) + Const1D(1.0), x)
    one = cube.derive("dispersion", instrumental_fwhm=2.0 * u.AA)
    for width in (2.0, 0.2 * u.nm, [2.0, 2.0, 2.0], [2.0, 2.0, 2.0] * u.AA):
        same = cube.derive("dispersion", instrumental_fwhm=width)
        np.testing.assert_allclose(same.derived["dispersion_0"], one.derived["dispersion_0"])
    with pytest.raises(ValueError, match=r"map of shape \(3,\), got shape \(2,\)"):
        cube.derive("dispersion", instrumental_fwhm=[2.0, 2.0] * u.AA)
    with pytest.raises(ValueError, match="rest has 'Halpha', and the lines of the model are 0"):
        cube.derive("velocity", rest={"Halpha": 6562.8 * u.AA})


def test_dates_in_narrow_bounds_are_not_at_them() -> None:
    start = 2459000.5
    line = Gaussian1D(3.0, start + 5e-4, 1e-4, bounds={"mean": (start, start + 2e-3)}) + Const1D(1.0)
    result = spectrum(line, start + np.linspace(0.0, 1e-3, 81), 0.01)
    assert not np.any(result.flags)
    np.testing.assert_allclose(result.errors["mean_0"], 1.25e-7, rtol=0.05)


def test_quantities_do_not_take_the_names_of_other_maps() -> None:
    pytest.importorskip("xarray")
    result = spectrum(Gaussian1D()).derive(status="2 * amplitude", amplitude_err="mean")
    dataset = result.to_xarray()
    np.testing.assert_array_equal(dataset["status"], result.status)
    np.testing.assert_array_equal(dataset["amplitude_err"], result.errors["amplitude"])
    np.testing.assert_array_equal(dataset["derived.status"], result.derived["status"])


def test_no_error_where_rounding_has_taken_it() -> None:
    """Errors of the coefficients are billions of times that of the continuum; what is left is never small."""
    x = np.linspace(6500.0, 6600.0, 101)
    data = (Gaussian1D(3.0, 6560.0, 3.0) + Const1D(5.0))(x) + np.random.default_rng(3).normal(0.0, 0.05, (3, x.size))
    model = Gaussian1D(3.0, 6560.0, 3.0) + Polynomial1D(4, c0=5.0)
    result = ndfit.fit(model, data, fitting_axes=1, world=(x,), uncertainty=0.05).derive("equivalent_width", "flux")
    errors = result.derived_errors["equivalent_width_0"]
    assert np.isnan(errors).any()
    assert not np.any(errors < 1e3)
    assert np.isfinite(result.derived_errors["flux_0"]).all()
