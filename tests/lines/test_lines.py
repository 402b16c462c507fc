"""The list of lines, wavelengths in air, and models of line sets."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.modeling.models import Gaussian1D, Lorentz1D, Voigt1D
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

import ndfit
from ndfit import LineSet
from ndfit.lines.air import to_air, to_vacuum
from ndfit.lines.axis import Axis
from ndfit.lines.known import known_lines, lines_called, sources
from ndfit.lines.line import Band, Line, Relation, read_relation

LIGHT = constants.c.to_value(u.km / u.s)


@pytest.mark.parametrize(
    ("vacuum", "air"),
    [  # NIST's air wavelengths, by the formula of Peck & Reeder
        (5008.240, 5006.843),
        (6585.27, 6583.45),
        (3727.092, 3726.032),
        (6718.295, 6716.440),
        (9533.2, 9530.6),
        (5891.5833, 5889.951),
    ],
)
def test_wavelengths_in_air_are_those_of_nist(vacuum: float, air: float) -> None:
    assert float(to_air(vacuum)) == pytest.approx(air, abs=0.02 if vacuum > 9000 else 0.003)


@pytest.mark.parametrize(
    ("vacuum", "index"),
    [  # specutils 2.4, method Ciddor1996
        (2500.0, 1.00030148081502),
        (4000.0, 1.0002827618234822),
        (6564.61, 1.000276249994548),
        (16000.0, 1.0002732207912235),
    ],
)
def test_the_refractive_index_is_that_of_ciddor(vacuum: float, index: float) -> None:
    assert vacuum / float(to_air(vacuum)) - 1 == pytest.approx(index - 1, rel=1e-9)


@given(st.floats(100.0, 1e6))
def test_to_air_and_back(vacuum: float) -> None:
    if not 1999.0 < vacuum < 2001.0:  # the convention changes there
        assert float(to_vacuum(to_air(vacuum))) == pytest.approx(vacuum, rel=1e-13)


def test_lines_of_hydrogen_follow_from_the_rydberg_constant() -> None:
    """To the fine structure, which moves them by 1e-5 of their wavelength."""
    rydberg = 1e-8 * constants.Ryd.to_value(1 / u.cm) / (1 + (constants.m_e / constants.m_p).value)
    series = {
        1: ("Lya", "Lyb"),
        2: ("Ha", "Hb", "Hg", "Hd", "He", "H8", "H9", "H10"),
        3: ("Paa", "Pab", "Pag", "Pad", "Pae"),
        4: ("Bra", "Brb", "Brg", "Brd"),
    }
    for lower, names in series.items():
        for upper, name in enumerate(names, lower + 1):
            expected = 1 / (rydberg * (1 / lower**2 - 1 / upper**2))
            assert lines_called(name)[0].wavelength == pytest.approx(expected, rel=1.6e-5), name


def test_names_of_lines_say_where_they_are() -> None:
    """A name with a number has it near the wavelength: in air in the optical, in um in the infrared."""
    wrong = []
    for line in known_lines():
        number = re.search(r"(?<= )(\d+\.?\d*)$", line.name)
        if number is None or line.rest.unit.is_equivalent(u.Hz):
            continue
        scale = 1.0 if float(number[1]) > 100 else 1e4
        decimals = len(number[1].partition(".")[2])
        places = (line.wavelength, float(to_air(line.wavelength)))
        if min(abs(float(number[1]) * scale - place) for place in places) > scale * 10.0**-decimals:
            wrong.append(line)
    assert not wrong


def test_rotors_are_nearly_rigid() -> None:
    """Frequencies of the lines from J to J - 1 are J times the first, less what the centrifugal force takes."""
    for molecule, upper in (
        ("CO", (2, 3, 4, 5, 6, 7)),
        ("13CO", (2, 3)),
        ("C18O", (2,)),
        ("HCN", (3,)),
        ("HCO+", (3,)),
    ):
        first = lines_called(f"{molecule}(1-0)")[0].rest.to_value(u.GHz)
        for level in upper:
            frequency = lines_called(f"{molecule}({level}-{level - 1})")[0].rest.to_value(u.GHz)
            stretched = (1 - frequency / first / level) / (level**2 - 1)  # twice D / B
            assert 3e-6 < stretched < 7e-6, (molecule, level)


def test_the_list_is_complete() -> None:
    lines = known_lines()
    assert len(lines) > 100
    assert {line.name for line in lines} == set(sources())
    assert all(lines_called(line.name)[0] == line for line in lines)


@pytest.mark.parametrize("name", ["Ha", "Halpha", "H-alpha", "h alpha", "H\N{GREEK SMALL LETTER ALPHA}"])
def test_lines_have_the_names_that_people_use(name: str) -> None:
    assert [line.name for line in lines_called(name)] == ["Ha"]


@pytest.mark.parametrize(("name", "near"), [("[NIII]", "[NII]"), ("Halfa", "Ha"), ("CO(9-8)", "CO(")])
def test_unknown_names_suggest(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=re.escape(near)):
        LineSet.of(name)


# -- models ------------------------------------------------------------------------------------------------------------


def flux(line: Gaussian1D | Lorentz1D | Voigt1D, centre: float) -> float:
    reach = 0.5 * centre
    return quad(line, centre - reach, centre + reach, points=[centre], limit=2000, epsabs=0, epsrel=1e-10)[0]


@pytest.mark.parametrize("profile", ["Gaussian1D", "Lorentz1D", "Voigt1D"])
@pytest.mark.parametrize(
    ("unit", "medium"), [("Angstrom", "vacuum"), ("um", "air"), ("GHz", "vacuum"), ("eV", "vacuum")]
)
def test_tied_lines_share_velocity_width_and_ratio(profile: str, unit: str, medium: str) -> None:
    lines = LineSet.of("[OIII]", continuum=None)
    model = lines.model(redshift=0.3, unit=unit, medium=medium, profile=profile)
    strong, weak = model[0], model[1]
    axis = Axis(u.Unit(unit), 0.3, medium)
    centre = "x_0" if profile != "Gaussian1D" else "mean"
    places = [axis.centre(line.wavelength) for line in lines.lines]
    assert [getattr(line, centre).value for line in (strong, weak)] == pytest.approx(places, rel=1e-13)
    width = {"Gaussian1D": "stddev", "Lorentz1D": "fwhm", "Voigt1D": "fwhm_G"}[profile]
    in_velocity = [getattr(line, width).value / place for line, place in zip((strong, weak), places, strict=True)]
    assert in_velocity[0] == pytest.approx(in_velocity[1], rel=1e-12)
    if profile == "Gaussian1D":
        assert flux(strong, places[0]) / flux(weak, places[1]) == pytest.approx(2.98, rel=1e-5)
        assert model.stddev_0.value == pytest.approx(100 / LIGHT * places[0], rel=1e-12)


def test_lines_in_air_are_where_they_are_observed() -> None:
    model = LineSet.of("Ha").model(redshift=0.0858, medium="air")
    assert model.mean_0.value == pytest.approx(float(to_air(6564.61 * 1.0858)), rel=1e-14)


@pytest.mark.parametrize("convention", ["radio", "optical"])
def test_lines_in_velocity(convention: str) -> None:
    """astropy's own conversion of each line is the oracle, at any velocity of the first."""
    lines = LineSet.of("HCN(1-0) hfs", continuum=None)
    rest = 88.6318473 * u.GHz
    model = lines.model(unit="km/s", rest=rest, convention=convention)
    equivalency = {"radio": u.doppler_radio, "optical": u.doppler_optical}[convention](rest)
    for shift in (-0.001, 0.0, 0.3):
        places = [(line.rest / (1 + shift)).to_value(u.km / u.s, equivalencies=equivalency) for line in lines.lines]
        model.mean_0 = places[0]
        assert [model.mean_1.tied(model), model.mean_2.tied(model)] == pytest.approx(places[1:], abs=1e-9)
    known = [place - places[0] for place in places] if shift == 0.0 else None
    assert known is None
    at_rest = [model.mean_1.tied(type("M", (), {"mean_0": 0.0})), model.mean_2.tied(type("M", (), {"mean_0": 0.0}))]
    assert at_rest == pytest.approx([4.842, -7.064], abs=1e-3)


@pytest.mark.parametrize("data_unit", [None, "Jy"])
def test_a_fit_finds_what_the_lines_were_made_with(data_unit: str | None, tmp_path: Path) -> None:
    """Ties, names and units go through the fit and the file."""
    wave = np.arange(7000.0, 7400.0, 1.0)
    rng = np.random.default_rng(0)
    z = 0.0858 + rng.uniform(-0.001, 0.001, 12)
    sigma = rng.uniform(60, 250, 12) / LIGHT
    data = np.full((wave.size, 12), 3.0)
    for rest, height in ((6564.61, 10.0), (6585.27, 8.0), (6549.86, 8.0 / 3.05 * 6585.27 / 6549.86)):
        centre = rest * (1 + z)
        data += height * np.exp(-0.5 * ((wave[:, None] - centre) / (sigma * centre)) ** 2)
    lines = LineSet.of("H\N{GREEK SMALL LETTER ALPHA}, [NII]")
    model = lines.model(redshift=0.0858, data_unit=data_unit)
    given = u.Quantity(data, data_unit) if data_unit else data
    world = (u.Quantity(wave, "Angstrom").to("nm") if data_unit else wave,)
    result = ndfit.fit(model, given, fitting_axes=0, world=world)
    result.to_fits(tmp_path / "lines.fits")
    again = ndfit.read(tmp_path / "lines.fits")
    for each in (result, again):
        assert each.success.all()
        assert each.model.submodel_names == ("Ha", "[NII] 6584", "[NII] 6548", "continuum")
        centre, width = (u.Quantity(each.parameters[name]).value for name in ("mean_1", "stddev_2"))
        np.testing.assert_allclose(centre, 6585.27 * (1 + z), rtol=1e-7)
        np.testing.assert_allclose(width, 6549.86 * (1 + z) * sigma, rtol=1e-4)
        np.testing.assert_allclose(u.Quantity(each.parameters["amplitude_1"]).value, 8.0, rtol=1e-4)
    assert again.record["engine"]["name"] == "compiled"


@pytest.mark.parametrize(
    ("relation", "broad", "expected"),
    [(">1.4 Ha", 900.0, 900.0), (">1.4 Ha", 110.0, 140.0), ("0.5:2 Ha", 350.0, 200.0)],
)
def test_a_width_between_limits(relation: str, broad: float, expected: float) -> None:
    """The width is what the data say, or at the limit."""
    narrow = Line("Ha", 6564.61 * u.AA)
    other = Line("broad", 6700.0 * u.AA, Relation("Ha"), read_relation(relation, "width"))
    wave = np.arange(6400.0, 6900.0, 0.5)
    data = np.full(wave.size, 1.0)
    for rest, width in ((6564.61, 100.0), (6700.0, broad)):
        data += 20 * np.exp(-0.5 * ((wave - rest) / (rest * width / LIGHT)) ** 2)
    result = ndfit.fit(LineSet((narrow, other)).model(), data, fitting_axes=0, world=(wave,))
    widths = [float(result.parameters[f"stddev_{n}"]) / rest * LIGHT for n, rest in ((0, 6564.61), (1, 6700.0))]
    ratio = {140.0: 1.4, 200.0: 2.0}.get(expected, expected / 100.0)
    assert widths[1] / widths[0] == pytest.approx(ratio, rel=1e-4)
    if expected == broad:
        assert widths == pytest.approx([100.0, broad], rel=1e-3)


@pytest.mark.parametrize(("sign", "shift"), [(">", 300.0), ("<", -300.0)])
def test_a_velocity_on_one_side(sign: str, shift: float) -> None:
    other = Line("wing", 6564.61 * u.AA, read_relation(f"{sign} Ha", ""), None)
    wave = np.arange(6400.0, 6750.0, 0.5)
    data = np.zeros(wave.size)
    for velocity, width, height in ((0.0, 80.0, 10.0), (shift, 300.0, 5.0)):
        centre = 6564.61 * (1 + velocity / LIGHT)
        data += height * np.exp(-0.5 * ((wave - centre) / (centre * width / LIGHT)) ** 2)
    result = ndfit.fit(LineSet((Line("Ha", 6564.61 * u.AA), other)).model(), data, fitting_axes=0, world=(wave,))
    assert (float(result.parameters["mean_1"]) / 6564.61 - 1) * LIGHT == pytest.approx(shift, abs=0.5)


def test_a_flux_between_limits() -> None:
    lines = (
        Line("A", 6718.295 * u.AA),
        Line("B", 6732.674 * u.AA, Relation("A"), Relation("A"), Relation("A", 0.6, 0.8)),
    )
    wave = np.arange(6650.0, 6800.0, 0.5)
    data = sum(9 * np.exp(-0.5 * ((wave - rest) / 2.0) ** 2) for rest in (6718.295, 6732.674)) + 1.0
    result = ndfit.fit(LineSet(lines).model(), data, fitting_axes=0, world=(wave,))
    ratio = float(result.parameters["amplitude_1"] / result.parameters["amplitude_0"]) * 6732.674 / 6718.295
    assert ratio == pytest.approx(0.8, rel=1e-4)


def test_masks_and_windows() -> None:
    wave = np.arange(6000.0, 8000.0)
    lines = LineSet.of("Ha", masks=(Band(7100.0, 7110.0),), window=1000 * u.km / u.s)
    left_out = lines.mask(wave, 0.08)
    centre, reach = 6564.61 * 1.08, 6564.61 * 1.08 * 1000 / LIGHT
    expected = (np.abs(wave - centre) > reach) | ((wave >= 7100) & (wave <= 7110))
    np.testing.assert_array_equal(left_out, expected)
    np.testing.assert_array_equal(lines.mask(wave * 0.1 * u.nm, 0.08), expected)
    frequency = (wave * u.AA).to(u.THz, equivalencies=u.spectral())
    inside = np.abs(wave - centre) < 0.9 * reach
    assert not LineSet.of("Ha", window=1000 * u.km / u.s).mask(frequency, 0.08)[inside].any()


def test_tables_and_back() -> None:
    lines = LineSet.of("Ha", "[NII]", "mine = 6302.05 Angstrom")
    assert LineSet.from_table(lines.to_table()).lines == lines.lines
    table = Table({"name": ["A", "B"], "rest": [6562.80, 6583.45], "group": ["x", "y"]}, units={"rest": "Angstrom"})
    read = LineSet.from_table(table, medium="air")
    assert read.lines[0].wavelength == pytest.approx(float(to_vacuum(6562.80)), rel=1e-14)
    assert read.lines[1].velocity is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LineSet(()), "needs a line"),
        (lambda: LineSet.of("Ha", "Ha"), "twice"),
        (lambda: LineSet((Line("A", 5 * u.um, Relation("B")),)), "not in the set"),
        (lambda: LineSet((Line("A", 5 * u.um, Relation("B")), Line("B", 5 * u.um, Relation("A")))), "tied to itself"),
        (lambda: Line("a\x1b[31m", 5 * u.um), "characters that print"),
        (lambda: Line("A", -5 * u.um), "positive"),
        (lambda: LineSet.of("Ha", width=3 * u.AA), "velocity"),
        (lambda: LineSet.of("Ha").model(profile="Box1D"), "profile"),
        (lambda: LineSet.of("Ha").model(continuum=-1), "continuum"),
        (lambda: LineSet.of("Ha").model(unit="kg"), "wavelengths"),
        (lambda: LineSet.of("Ha").model(unit="km/s", rest=6564 * u.AA), "convention"),
        (lambda: LineSet.of("Ha").model(unit="km/s", convention="radio"), "rest"),
        (lambda: LineSet.of("Ha").model(redshift=-1.0), "redshift"),
        (lambda: LineSet.of("Ha").model(unit="Hz", medium="air"), "air"),
        (lambda: LineSet.of("mine=5 kg"), "wavelength"),
        (lambda: LineSet((Line("A", 5 * u.um), Line("B", 5 * u.um, Relation("A", 1.4, 1.4)))).model(), "no factor"),
    ],
)
def test_what_cannot_be_meant_is_refused(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()  # type: ignore[operator]


def test_velocities_of_a_set() -> None:
    """At the wavelengths of the set the velocity is zero, and c times the shift beside them."""
    lines = ndfit.LineSet.of("Ha", "[NII]")
    wave = np.linspace(7050.0, 7250.0, 240) * u.AA
    model, shift = lines.model(redshift=0.0858, data_unit="Jy"), 1e-4
    places = [place * (1.0 + shift) for place in lines.wavelengths(redshift=0.0858).values()]
    profiles = [np.exp(-0.5 * ((wave - place) / (3 * u.AA)).value ** 2) for place in places]
    data = np.stack([profiles[0] + 0.61 * profiles[1] + 0.2 * profiles[2]] * 2) * u.Jy
    result = ndfit.fit(model, data, fitting_axes=1, world=(wave,), guess=None)
    derived = result.derive("velocity", rest=lines.wavelengths(redshift=0.0858)).derived
    assert set(derived) == {"velocity_0", "velocity_1", "velocity_2"}
    for values in derived.values():
        np.testing.assert_allclose(values.to_value(u.km / u.s), 299792.458 * shift, rtol=1e-4)
    air, vacuum = (lines.wavelengths(medium=medium)["Ha"].value for medium in ("air", "vacuum"))
    assert (round(air, 1), round(vacuum, 1)) == (6562.8, 6564.6)
    with pytest.raises(ValueError, match="medium"):
        lines.wavelengths(medium="water")
    with pytest.raises(ValueError, match="redshift"):
        lines.wavelengths(redshift=-1.0)
