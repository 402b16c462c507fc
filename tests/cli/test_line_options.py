"""`--lines` and `--line-set`: spectral lines in place of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.io import fits
from tests.cli.cubes import HEADER, fails, fitted, ndfit
from tests.shared import shared_path
from tools.recipes import recipes

from ndfit.lines.air import to_air

LIGHT = constants.c.to_value(u.km / u.s)
WAVE = 7000.0 + 1.25 * np.arange(280)
SHAPE = (280, 2, 3)
REDSHIFT = 0.0858
SHIFTS = np.linspace(-150.0, 150.0, 6).reshape(SHAPE[1:])  # km/s


def spectra(medium: str) -> np.ndarray:
    rest = {6564.61: 10.0, 6585.27: 6.1, 6549.86: 2.0 * 6585.27 / 6549.86}
    data = np.full(SHAPE, 4.0)
    for wavelength, height in rest.items():
        centre = wavelength * (1 + REDSHIFT) * (1 + SHIFTS / LIGHT)
        centre = to_air(centre) if medium == "air" else centre
        data += height * np.exp(-0.5 * ((WAVE[:, None, None] - centre) / (centre * 120 / LIGHT)) ** 2)
    return data


def header(ctype: str) -> dict[str, Any]:
    return HEADER | {"CTYPE3": ctype, "CUNIT3": "Angstrom", "CRVAL3": 7000.0, "CDELT3": 1.25, "BUNIT": "Jy"}


def write(path: Path, ctype: str, medium: str) -> Path:
    extra = [fits.ImageHDU(np.full(SHAPE[1:], REDSHIFT), name="Z")]
    fits.HDUList([fits.PrimaryHDU(spectra(medium), fits.Header(header(ctype))), *extra]).writeto(path)
    return path


@pytest.mark.parametrize(("ctype", "medium"), [("AWAV", "air"), ("WAVE", "vacuum")])
@pytest.mark.parametrize("redshift", [str(REDSHIFT), "Z"])
def test_lines_at_rest(ctype: str, medium: str, redshift: str, tmp_path: Path) -> None:
    """The header says whether wavelengths are in air; shifts and widths are found, the first at zero on average."""
    cube = write(tmp_path / "cube.fits", ctype, medium)
    result = fitted(tmp_path, cube, "--lines", "Ha,[NII]", "--redshift", redshift)
    assert result.model.submodel_names == ("Ha", "[NII] 6584", "[NII] 6548", "continuum")
    zero = 6564.61 if medium == "vacuum" else float(to_air(6564.61 * (1 + REDSHIFT))) / (1 + REDSHIFT)
    found = (result.parameters["mean_0"].to_value(u.AA) / zero - 1) * LIGHT
    np.testing.assert_allclose(found, SHIFTS, atol=0.02)
    np.testing.assert_allclose(result.parameters["stddev_1"].to_value(u.AA) / 6585.27 * LIGHT, 120, rtol=2e-3)
    np.testing.assert_allclose(result.parameters["amplitude_1"].value, 6.1, rtol=1e-3)
    if redshift != "Z":
        assert result.wcs is not None  # one number leaves the celestial axes alone


@pytest.mark.parametrize("unit", ["m", "nm", "um"])
def test_units_of_the_header(unit: str, tmp_path: Path) -> None:
    """Numbers as small as 7e-7 go through the texts of bounds, windows and starts."""
    scale = u.AA.to(unit)
    own = header("WAVE") | {"CUNIT3": unit, "CRVAL3": 7000.0 * scale, "CDELT3": 1.25 * scale}
    fits.writeto(tmp_path / "cube.fits", spectra("vacuum"), fits.Header(own))
    result = fitted(tmp_path, tmp_path / "cube.fits", "--lines", "Ha,[NII]", "--redshift", REDSHIFT)
    assert result.parameters["mean_0"].unit == unit
    found = (result.parameters["mean_0"].to_value(u.AA) / 6564.61 - 1) * LIGHT
    np.testing.assert_allclose(found, SHIFTS, atol=0.02)


@pytest.mark.parametrize("profile", ["Gaussian1D", "Lorentz1D", "Voigt1D"])
def test_one_line_alone(profile: str, tmp_path: Path) -> None:
    """Its parameters have no numbers."""
    data = spectra("vacuum") * 0 + 10 * np.exp(-0.5 * ((WAVE - 7128.0) / 3.0) ** 2)[:, None, None]
    fits.writeto(tmp_path / "cube.fits", data, fits.Header(header("WAVE")))
    lines = ("--lines", "Ha", "--redshift", REDSHIFT, "--continuum", "none", "--profile", profile)
    result = fitted(tmp_path, tmp_path / "cube.fits", *lines)
    centre = result.parameters["mean" if profile == "Gaussian1D" else "x_0"].to_value(u.AA) * (1 + REDSHIFT)
    np.testing.assert_allclose(centre, 7128.0, atol=0.01)


def test_options_of_lines_are_kept(tmp_path: Path) -> None:
    """A configuration, and a run that goes on, fit the same."""
    cube = write(tmp_path / "cube.fits", "WAVE", "vacuum")
    lines = ("--lines", "Ha,[NII]", "--redshift", REDSHIFT, "--continuum", "1", "--profile", "Gaussian1D")
    first = fitted(tmp_path, cube, *lines, "--save-config", tmp_path / "fit.toml", "--checkpoint", tmp_path / "run")
    again = fitted(tmp_path, cube, "--config", tmp_path / "fit.toml")
    for name in first.param_names:
        np.testing.assert_array_equal(first.parameters[name], again.parameters[name])
    resumed = ndfit("resume", tmp_path / "run", "--overwrite")
    assert resumed.exit_code == 0, resumed.output
    assert "c1_3" in first.param_names


def test_what_is_typed_comes_first(tmp_path: Path) -> None:
    cube = write(tmp_path / "cube.fits", "WAVE", "vacuum")
    lines = (cube, "--lines", "Ha,[NII]", "--redshift", REDSHIFT)
    result = fitted(
        tmp_path, *lines, "--bounds", "mean_0=6500:6600", "--fixed", "stddev_0=2.5", "--start", "amplitude_1=3"
    )
    rows = {row["name"]: row for row in result.record["parameters"]}
    assert (rows["mean_0"]["lower"], rows["mean_0"]["upper"]) == (6500.0, 6600.0)
    assert rows["stddev_0"]["fixed"]
    np.testing.assert_allclose(result.parameters["stddev_0"].value, 2.5)
    untied = fitted(tmp_path, *lines, "--tied", "amplitude_2=0.5*amplitude_1")
    np.testing.assert_allclose(untied.parameters["amplitude_2"], 0.5 * untied.parameters["amplitude_1"])


def test_windows_and_masks_leave_samples_out(tmp_path: Path) -> None:
    """A sky line at 7200 does no harm where the set masks it, whatever the redshift is."""
    data = spectra("vacuum")
    data[(WAVE > 7138) & (WAVE < 7142)] += 500.0
    fits.writeto(tmp_path / "cube.fits", data, fits.Header(header("WAVE")))
    (tmp_path / "lines.yaml").write_text("lines: [Ha, '[NII]']\nmasks: ['7136:7144 Angstrom']\nwindow: 2500 km/s\n")
    options = ("--line-set", tmp_path / "lines.yaml", "--redshift", REDSHIFT)
    result = fitted(tmp_path, tmp_path / "cube.fits", *options)
    np.testing.assert_allclose(result.parameters["amplitude_0"].value, 10.0, rtol=1e-3)
    low, high = 6549.86 * (1 - 2500 / LIGHT), 6585.27 * (1 + 2500 / LIGHT)
    rest = WAVE / (1 + REDSHIFT)
    expected = np.count_nonzero((rest >= low) & (rest <= high) & ~((WAVE >= 7136) & (WAVE <= 7144)))
    assert set(result.n_samples.ravel()) == {expected}


def test_masks_at_rest_move_with_the_lines(tmp_path: Path) -> None:
    """A line of the MaNGA pipeline that is masked only (m) leaves out 800 km/s on either side of where it is seen."""
    columns = "int index; char name[6]; double restwave; char waveref[3]; char action; char tie[4][10];"
    rows = "DAPEML 1 Ha 6564.61 vac f { None None None None }\nDAPEML 2 x 6600.0 vac m { None None None None }\n"
    (tmp_path / "lines.par").write_text(f"typedef struct {{ {columns} }} DAPEML;\n{rows}")
    cube = write(tmp_path / "cube.fits", "WAVE", "vacuum")
    result = fitted(tmp_path, cube, "--line-set", tmp_path / "lines.par", "--redshift", REDSHIFT)
    rest = WAVE / (1 + REDSHIFT)
    used = (np.abs(rest / 6564.61 - 1) < 3000 / LIGHT) & (np.abs(rest / 6600.0 - 1) > 800 / LIGHT)
    assert set(result.n_samples.ravel()) == {np.count_nonzero(used)}


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ((), ("--model", "--lines")),
        (("--lines", "Ha", "--model", "Const1D"), ("one of",)),
        (("--model", "Gaussian1D", "--continuum", "1"), ("--continuum",)),
        (("--lines", "Halfa"), ("Ha",)),
        (("--lines", "Ha", "--redshift", "3"), ("No line lies in the data",)),
        (("--lines", "Ha,[OIII]", "--redshift", "0.0858"), ("[OIII] 5007", "outside")),
        (("--lines", "Ha", "--redshift", "0.0858", "--continuum", "Gaussian2D"), ("one input",)),
        (("--lines", "Ha", "--pixels"), ("pixels",)),
        (("--line-set", "none.toml"), ("none.toml",)),
        (("--lines", "Ha", "--redshift", "0.0858", "--bounds", "mean_9=1:2"), ("mean_9",)),
    ],
)
def test_what_cannot_be_meant_is_refused(options: tuple[str, ...], parts: tuple[str, ...], tmp_path: Path) -> None:
    cube = write(tmp_path / "cube.fits", "WAVE", "vacuum")
    fails(ndfit("fit", cube, *options, "--out", tmp_path / "none.fits"), *parts)


def test_a_header_that_does_not_say_the_medium(tmp_path: Path) -> None:
    cube = write(tmp_path / "cube.fits", "LAMBDA", "vacuum")
    line = ("fit", cube, "--lines", "Ha", "--redshift", REDSHIFT, "--axes", 0, "--out", tmp_path / "out.fits")
    run = ndfit(*line)
    assert run.exit_code == 0, run.output
    assert "--medium" in run.stderr
    assert "--medium" not in ndfit(*line, "--medium", "vacuum", "--overwrite").stderr


def test_hyperfine_lines_in_velocity(tmp_path: Path) -> None:
    """Three lines of HCN in a cube in velocity, whose header has the rest frequency."""
    velocity = -20 + 0.25 * np.arange(200)
    data = np.zeros((200, 2, 2))
    for offset, height in ((0.0, 1.0), (4.842, 0.6), (-7.064, 0.2)):
        data += height * np.exp(-0.5 * ((velocity - 3.0 - offset) / 0.8) ** 2)[:, None, None]
    own = HEADER | {"CRVAL3": -20e3, "CDELT3": 250.0, "RESTFRQ": 88.6318473e9}
    fits.writeto(tmp_path / "hcn.fits", data, fits.Header(own))
    result = fitted(tmp_path, tmp_path / "hcn.fits", "--lines", "HCN(1-0) hfs", "--world-unit", "km/s")
    np.testing.assert_allclose(result.parameters["mean_0"].value, 3.0, atol=2e-3)
    np.testing.assert_allclose(result.parameters["stddev_2"].value, 0.8, rtol=2e-3)


# -- real data ---------------------------------------------------------------------------------------------------------

SETS = {
    "a478": (("--lines", "Ha,[NII],[SII]", "--redshift", "0.0858"), 0.0858, ("--region", "10:30,10:30")),
    "ngc3081": (
        ("--lines", "Ha,[NII]", "--redshift", "0.00815", "--window", f"{6570 / 1.00815}:{6680 / 1.00815}"),
        0.00815,
        (),
    ),
}
OF_MODEL = ("--model", "--tied", "--bounds", "--window", "--out", "--report", "--plot")
OUTPUTS = ("--out", "--report", "--plot")
# In a recipe widths are the same in Angstrom, and the ratio of [N II] is one of heights, 3.06 or free.
AS_IN_SETS = {f"stddev_{n}=stddev_0": f"stddev_{n} = mean_{n} / mean_0 * stddev_0" for n in range(1, 5)}
RATIO = "amplitude_2 = amplitude_1 / 3.05 * mean_1 / mean_2"


def without(words: list[str], options: tuple[str, ...]) -> list[str]:
    return [word for index, word in enumerate(words) if index and {word, words[index - 1]}.isdisjoint(options)]


@pytest.mark.parametrize("name", SETS)
def test_real_cubes_as_with_every_tie_written_out(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = recipes()[name][1:]
    monkeypatch.chdir(shared_path("data"))
    lines, redshift, region = SETS[name]
    ties = ["" if word.startswith("amplitude_2=") else AS_IN_SETS.get(word, word) for word in without(words, OUTPUTS)]
    written = [word for index, word in enumerate(ties) if word and (index + 1 == len(ties) or ties[index + 1])]
    recipe = fitted(tmp_path, *written, "--tied", RATIO, *region)
    result = fitted(tmp_path, *without(words, OF_MODEL), *lines, *region)
    good = recipe.success & result.success & (recipe.flags == 0) & (result.flags == 0)
    assert good.sum() >= 40
    scales = {"mean_0": 1 + redshift, "stddev_0": 1 + redshift, "amplitude_0": 1.0, "amplitude_1": 1.0}
    for parameter, scale in scales.items():
        difference = scale * result.parameters[parameter].value - recipe.parameters[parameter].value
        pulls = difference[good] / recipe.errors[parameter].value[good]
        assert np.quantile(np.abs(pulls), 0.9) < 0.2, parameter


def test_eis_as_by_its_own_software(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Centroids are those of the finished fits but for a constant and for one of 3,000, which is wrong there."""
    words = recipes()["eis"][1:]
    monkeypatch.chdir(shared_path("data"))
    result = fitted(tmp_path, *without(words, OF_MODEL), "--lines", "FeXII 192")
    with h5py.File(shared_path("data", "eis_20210306_064444.fe_12_192_394.1c-0.fit.h5")) as file:
        reference, errors = file["fit/params"][:], file["fit/perror"][:]
    for number, (name, limit) in enumerate({"amplitude_0": 0.05, "mean_0": 0.05, "stddev_0": 0.2}.items()):
        known = errors[..., number] > 0
        difference = (result.parameters[name].value - reference[..., number])[known]
        assert np.median(np.abs(difference) / errors[..., number][known]) < limit
        if name == "mean_0":
            difference -= np.median(difference)
            assert np.std(np.sort(np.abs(difference))[:-2]) < 0.001
