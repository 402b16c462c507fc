"""Files of line sets: TOML, YAML, and those of the MaNGA pipeline."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import yaml
from astropy import units as u
from astropy.modeling import CompoundModel
from hypothesis import given
from hypothesis import strategies as st
from tests.shared import shared_path

import ndfit
from ndfit import LineSet, UnreadableFile
from ndfit.lines.air import to_vacuum
from ndfit.lines.line import Band, Relation

TOML = """
medium = "air"
continuum = 1
masks = ["5573:5583 Angstrom"]
windows = ["6480:6650 Angstrom"]
width = "150 km/s"

[[lines]]
name = "Ha"

[[lines]]
name = "[NII]"

[[lines]]
name = "broad"
rest = "6562.79 Angstrom"
group = "broad"
width = ">2 Ha"
blue = "6400:6450 Angstrom"
"""

YAML = """
medium: air
continuum: 1
masks: ["5573:5583 Angstrom"]
windows: ["6480:6650 Angstrom"]
width: 150 km/s
lines:
  - Ha
  - "[NII]"
  - {name: broad, rest: 6562.79 Angstrom, group: broad, width: ">2 Ha", blue: "6400:6450 Angstrom"}
"""


@pytest.mark.parametrize(("ending", "text"), [("toml", TOML), ("yaml", YAML), ("yml", YAML)])
def test_toml_and_yaml(ending: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / f"lines.{ending}"
    path.write_text(text)
    lines = LineSet.read(path)
    assert lines.names == ("Ha", "[NII] 6584", "[NII] 6548", "broad")
    assert lines.lines[2].velocity == Relation("Ha")
    broad = lines.lines[3]
    assert (broad.velocity, broad.width) == (None, Relation("Ha", 2.0, np.inf))
    assert broad.wavelength == pytest.approx(float(to_vacuum(6562.79)), rel=1e-14)
    assert broad.blue == Band(*map(float, to_vacuum([6400.0, 6450.0])))
    assert lines.masks == (Band(*map(float, to_vacuum([5573.0, 5583.0]))),)
    assert (lines.continuum, lines.width) == (1, 150 * u.km / u.s)
    assert lines.model().n_submodels == 6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lines: [Ha", "YAML|parsing|expected"),
        ("[1, 2]", "table"),
        ("lines: []", "1 to 300"),
        ("lines: [Ha]\nlinez: 1", "linez"),
        ("lines: [{name: A, rest: 5000}]", "unit"),
        ("lines: [{name: A, rest: 5000 kg}]", "wavelength or a frequency"),
        ("lines: [{name: A, rest: 5000 Angstrom, colour: red}]", "colour"),
        ("lines: [{name: Halfa}]", "Ha"),
        ("lines: [{rest: 5000 Angstrom}]", "name"),
        ("lines: [Ha, {name: Hb, flux: '=-1 Ha'}]", "Ha"),
        ("lines: [Ha]\nmasks: ['1:2']", "unit"),
        ("lines: [Ha]\nmedium: water", "vacuum or air"),
        ("lines: [!!python/object/apply:os.system ['true']]", "python"),
        ("lines: " + "[" * 2000, "line set|deep"),
        ("lines: [Ha]\nwidth: .nan km/s", "number"),
        ("\0", "line set"),
    ],
)
def test_broken_yaml_is_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "lines.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        LineSet.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lines: [Ha]\ncontinuum: 1.5", "continuum"),
        ("lines: [Ha]\nwidth: 3 Angstrom", "velocity"),
        ("lines: [Ha, Ha]", "twice"),
        ("lines: [{name: Ha, velocity: Hb}]", "not in the set"),
        ("lines: [{name: Ha, width: '>2 Ha'}]", "tied to itself"),
    ],
)
def test_sets_that_make_no_sense_name_their_file(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "lines.yaml"
    path.write_text(text)
    with pytest.raises(UnreadableFile, match=words) as caught:
        LineSet.read(path)
    assert str(path) in str(caught.value)


KEYS = st.sampled_from(
    ["lines", "name", "rest", "velocity", "width", "flux", "group", "medium", "masks", "continuum", "x"]
)
TEXTS = st.sampled_from(["Ha", "= Ha", ">2 Ha", "5000 Angstrom", "1:2 um", "3 km/s", "free", "air", "", "1e999 m"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.text(max_size=5) | st.dates()
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5))


@given(st.dictionaries(KEYS, TREES, max_size=5), st.lists(st.dictionaries(KEYS, TREES, max_size=4), max_size=3))
def test_whatever_stands_in_a_file_ends_well(tree: dict[str, Any], rows: list[Any]) -> None:
    """A line set that makes a model, or one sentence that names the file."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "lines.yaml")
        path.write_text(yaml.safe_dump(tree | {"lines": rows}, allow_unicode=True), encoding="utf-8")
        try:
            lines = LineSet.read(path)
        except UnreadableFile as error:
            said = str(error)
        else:
            said = f"{path} {lines.model().n_submodels}"
    assert str(path) in said


def test_what_is_no_file_of_lines(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LineSet.read(tmp_path / "none.toml")
    with pytest.raises(UnreadableFile, match="a folder"):
        LineSet.read(tmp_path)
    (tmp_path / "lines.txt").write_text("Ha")
    with pytest.raises(UnreadableFile, match=r"\.toml"):
        LineSet.read(tmp_path / "lines.txt")
    (tmp_path / "lines.toml").write_bytes(b"#" * 300_000)
    with pytest.raises(UnreadableFile, match="bytes"):
        LineSet.read(tmp_path / "lines.toml")


# -- the files of the MaNGA pipeline

NEW = """
typedef struct {
    int index;
    char name[6];
    double restwave;
    char waveref[3];
    char action;
    char tie_f[2][10];
    char tie_v[2][10];
    char tie_s[2][10];
    double blueside[2];
    double redside[2];
} DAPEML;

DAPEML 1 Ha  6564.608 vac f { None None } { None None } { None None } { 6483.0 6513.0 } { 6623.0 6653.0 }
DAPEML 2 NII 6583.45  air f { None None } {    1    = } {    1  1.4 } {  -1     -1    } { 6653.0 6623.0 } # a note
DAPEML 3 Sky 5578.887 vac s { None None } { None None } { None None } {  -1     -1    } {  -1     -1    }
DAPEML 4 OI  6302.046 vac i { None None } { None None } { None None } {  -1     -1    } {  -1     -1    }
DAPEML 5 HeI 5877.252 vac m { None None } { None None } { None None } {  -1     -1    } {  -1     -1    }
#DAPEML 6 OI 6302.046 vac f { None None } { None None } { None None } {  -1     -1    } {  -1     -1    }
"""


def read_par(folder: Path, text: str) -> LineSet:
    path = folder / "elp.par"
    path.write_text(text)
    return LineSet.read(path)


def test_rules_of_the_pipeline(tmp_path: Path) -> None:
    lines = read_par(tmp_path, NEW)
    assert lines.names == ("Ha-6564", "NII-6583")
    second = lines.lines[1]
    assert second.wavelength == pytest.approx(float(to_vacuum(6583.45)), rel=1e-14)
    assert second.velocity == Relation("Ha-6564")
    assert second.width == Relation("Ha-6564", 1 / 1.4, 1.4)
    assert (second.blue, second.flux) == (None, None)
    assert second.red is not None
    assert second.red.low < second.red.high
    assert lines.masks[0].low < 5578.887 < lines.masks[0].high
    assert lines.rest_masks[0].low < 5877.252 < lines.rest_masks[0].high


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("DAPEML;", "OTHER;", "typedef"),
        ("    char tie_v[2][10];\n", "", "tie_f, tie_v and tie_s"),
        ("    double restwave;\n", "", "restwave"),
        ("double restwave", "complex restwave", "cannot be read"),
        ("6564.608", "red", "number"),
        ("6564.608", "inf", "finite"),
        ("{    1    = }", "{    9    = }", "tied to '9'"),
        ("{    1    = }", "{    1    =-2 }", "positive"),
        ("{    1    = }", "{    1 }", "two values"),
        ("{    1    = }", "1 =", "braces"),
        (" air f", " oil f", "vac or air"),
        ("DAPEML 2 NII", "DAPEML 1 NII", "one index"),
        ("# a note", "7 8", "more values"),
        ("{ 6653.0 6623.0 } # a note", "", "ends before"),
        ("# a note", "'", "quote"),
    ],
)
def test_broken_par_files_are_one_sentence(old: str, new: str, words: str, tmp_path: Path) -> None:
    assert old in NEW
    with pytest.raises(UnreadableFile, match=words) as caught:
        read_par(tmp_path, NEW.replace(old, new))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("end", range(0, len(NEW), 37))
def test_files_that_end_early(end: int, tmp_path: Path) -> None:
    with suppress(UnreadableFile):
        read_par(tmp_path, NEW[:end])


def test_the_older_generation() -> None:
    lines = LineSet.read(shared_path("data", "dap_elp_ha_tied.par"))
    assert lines.names == ("NII-6549", "Ha-6564", "NII-6585", "SII-6718", "SII-6732")
    weak, alpha, strong, red, _ = lines.lines
    assert weak.flux == Relation("NII-6585", 0.34, 0.34)
    assert weak.velocity == weak.width == Relation("NII-6585")
    assert (alpha.velocity, alpha.width, alpha.flux) == (None, None, None)
    assert strong.velocity == Relation("Ha-6564")
    assert strong.width is None
    assert (alpha.wavelength, red.wavelength) == (6564.608, 6718.295)
    assert (alpha.blue, red.red) == (Band(6483.0, 6513.0), Band(6748.0, 6768.0))
    model = lines.model()
    assert isinstance(model, CompoundModel)
    assert model.mean_0.tied.names == {"mean_1"}
    assert model.stddev_0.tied.names == {"stddev_2"}


def test_the_newer_generation_and_its_fit() -> None:
    lines = LineSet.read(shared_path("data", "dap_elp_strong.par"))
    assert len(lines.names) == 13
    by_name = dict(zip(lines.names, lines.lines, strict=True))
    broad = by_name["Hab-6564"]
    assert broad.velocity == Relation("Ha-6564", 0.0, 1.0)
    assert broad.width == Relation("Ha-6564", 1.4, np.inf)
    assert by_name["OIII-4960"].flux == Relation("OIII-5008", 0.34, 0.34)
    assert by_name["NIIb-6549"].flux == Relation("NIIb-6585", 0.327, 0.327)
    assert by_name["NIIb-6585"].width == Relation("NII-6585", 1.0, np.inf)
    assert by_name["OII-3729"].velocity == Relation("OII-3727")
    assert by_name["SII-6718"].red == Band(6748.0, 6778.0)
    wave = np.arange(6440.0, 6800.0, 1.0)
    keep = tuple(line for line in lines.lines if line.name in {"Ha-6564", "Hab-6564", "NII-6585", "NII-6549"})
    data = np.ones(wave.size)
    heights = (6564.632, 2.0, 10.0), (6564.632, 12.0, 4.0), (6585.271, 2.5, 6.0), (6549.86, 2.5, 6.0 * 0.327 * 1.0)
    for rest, width, height in heights:
        scale = rest / 6585.271 if rest == 6549.86 else 1.0
        data += height / scale * np.exp(-0.5 * ((wave - rest) / (width * scale)) ** 2)
    result = ndfit.fit(LineSet(keep).model(), data, fitting_axes=0, world=(wave,))
    found = dict(zip((line.name for line in keep), range(4), strict=True))
    for name, (_, width, _) in zip(("Ha-6564", "Hab-6564", "NII-6585"), heights, strict=False):
        assert float(result.parameters[f"stddev_{found[name]}"]) == pytest.approx(width, rel=1e-3)
