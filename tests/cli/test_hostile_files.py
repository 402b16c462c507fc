"""Files and options that are broken or harmful: what was found by trying, each as a test of its own."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling import Fittable1DModel, Parameter
from astropy.modeling.models import Const1D, Gaussian1D
from astropy.table import Table
from tests.cli.cubes import HEADER, fails, line_cube, ndfit, write_cube

import ndfit as package
from ndfit.io.headers import fault_of_file

MODEL = ("--model", "Gaussian1D")

# astropy leaves a file open in which it finds no way.
left_open = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def with_card(path: Path, keyword: str, value: Any) -> Path:
    """A cube whose header says something else, put there byte by byte, as no library would write it."""
    content = write_cube(path).read_bytes()
    card = f"{keyword:<8}= {value:>20}".encode().ljust(80)
    start = content.find(f"{keyword:<8}=".encode())
    if start < 0:
        start = content.find(b"END" + b" " * 77)
        card += b"END".ljust(80)
    path.write_bytes(content[:start] + card + content[start + len(card) :])
    return path


@left_open
@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("NAXIS1", "-5"),
        ("NAXIS1", "T"),
        ("NAXIS", "-1"),
        ("NAXIS", "999"),
        ("NAXIS", "1000000000"),  # astropy makes a list of as many numbers before it looks for these
        ("NAXIS2", "1000000000000"),
        ("BITPIX", "7"),
        ("BITPIX", "'x'"),
    ],
)
def test_headers_of_arrays_that_cannot_be(keyword: str, value: str, tmp_path: Path) -> None:
    path = with_card(tmp_path / "cube.fits", keyword, value)
    fails(ndfit("fit", path, *MODEL), f"{path} cannot be read as a FITS file: ")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize(("keyword", "part"), [("NAXIS", "HDU 1 states NAXIS"), ("TFIELDS", "HDU 1 states TFIELDS")])
def test_headers_are_looked_at_before_astropy_reads_them(
    pack: Callable[[bytes], bytes], keyword: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In packed files too, and behind the data of other HDUs."""
    path = tmp_path / "cube.fits"
    table = fits.BinTableHDU(Table({"flux": np.arange(4.0)}))
    fits.HDUList([fits.PrimaryHDU(line_cube().astype(np.float32)), table]).writeto(path)
    content = path.read_bytes()
    start = content.rindex(f"{keyword:<8}=".encode())
    path.write_bytes(pack(content[:start] + f"{keyword:<8}= {10**9:>20}".encode() + content[start + 30 :]))
    monkeypatch.setattr(fits, "open", None)
    fails(ndfit("fit", path, *MODEL), part)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_follows_the_last_header_is_left_alone(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = write_cube(tmp_path / "cube.fits")
    path.write_bytes(pack(path.read_bytes() + b"NAXIS   =                  999".ljust(80) + b"END".ljust(2800)))
    assert fault_of_file(path) == ""


def test_random_groups_are_skipped_by_their_size(tmp_path: Path) -> None:
    path = tmp_path / "groups.fits"
    groups = fits.GroupData(np.zeros((3, 1, 1000)), parnames=["UU"], pardata=[np.arange(3.0)], bitpix=-32)
    fits.HDUList([fits.GroupsHDU(groups), fits.ImageHDU(np.zeros((2, 2)))]).writeto(path)
    content = path.read_bytes()
    start = content.rindex(b"NAXIS   =")
    assert fault_of_file(path) == ""
    path.write_bytes(content[:start] + b"NAXIS   =                  999" + content[start + 30 :])
    assert fault_of_file(path).startswith("HDU 1 states NAXIS 999")


@left_open
def test_the_card_at_fault_is_named(tmp_path: Path) -> None:
    path = with_card(tmp_path / "cube.fits", "BITPIX", "7")
    fails(ndfit("fit", path, *MODEL), "HDU 0 states BITPIX 7, and it has to be one of 8, 16, 32, 64, -32, -64.")


@left_open
def test_an_axis_without_length(tmp_path: Path) -> None:
    path = write_cube(tmp_path / "cube.fits", np.zeros((40, 3, 0)))
    fails(ndfit("fit", path, *MODEL), f"{path}[PRIMARY] is empty: its shape is (40, 3, 0).")


def test_a_compressed_image_that_claims_more_than_its_file_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "cube.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(line_cube().astype("i4"), name="SMALL")]).writeto(path)
    content = path.read_bytes()
    start = content.index(b"ZNAXIS2 =")
    path.write_bytes(content[:start] + b"ZNAXIS2 =          10000000000".ljust(80) + content[start + 80 :])
    fails(ndfit("fit", path, *MODEL), "is damaged: it states the shape (40, 10000000000, 4)")


@pytest.mark.parametrize("unit", ["10**999999999 Jy", "m**99999999", "mag(AB)", "(" * 60, "Jy,K"])
def test_units_that_are_none(unit: str, tmp_path: Path) -> None:
    path = write_cube(tmp_path / "cube.fits", header=HEADER | {"BUNIT": unit})
    result = ndfit("fit", path, *MODEL, "--region", "0:1,0:1")
    assert result.exit_code == 0, result.output
    assert "is not understood and is left out; see --data-unit." in result.stderr


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("WCSAXES", 30_000),
        ("A_ORDER", 9999),
        ("CUNIT3", "10**999999999 Hz"),
        ("CTYPE1", 3),
        ("CTYPE3", "WAVE-TAB"),
        ("PV1_999", 1.0),
    ],
)
def test_a_wcs_that_makes_no_sense(keyword: str, value: Any, tmp_path: Path) -> None:
    path = write_cube(tmp_path / "cube.fits", header=HEADER | {keyword: value})
    result = ndfit("fit", path, *MODEL, "--region", "0:1,0:1")
    assert result.exit_code == 0, result.output
    assert "The header has no WCS that can be read: the coordinates are pixels" in result.stderr


def test_a_card_that_cannot_be_read(tmp_path: Path) -> None:
    path = with_card(tmp_path / "cube.fits", "CRPIX3", "1.0.0.0")
    result = ndfit("fit", path, *MODEL, "--region", "0:1,0:1")
    assert result.exit_code == 0, result.output


def test_a_table_with_a_column_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "table.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(Table({"flux": np.ones(9)}), name="T")]).writeto(path)
    path.write_bytes(path.read_bytes().replace(b"TTYPE1", b"XTYPE1"))
    fails(ndfit("fit", path, *MODEL, "--hdu", "T/flux"), "has no column 'flux'")


def test_broken_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "cube.h5"
    with h5py.File(path, "w") as file:
        file["cube"] = line_cube()
        file["empty"] = np.ones((0, 3))
        file["odd"] = np.ones(20)
        file["odd"].attrs["units"] = np.void(b"\xff\xfe")
    fails(ndfit("fit", path, *MODEL, "--hdu", "empty", "--axes", "0"), "is empty: its shape is (0, 3).")
    assert ndfit("fit", path, *MODEL, "--hdu", "odd").exit_code in (0, 2)
    path.write_bytes(path.read_bytes()[:-3000])
    fails(ndfit("fit", path, *MODEL, "--hdu", "cube", "--axes", "0"), f"{path} cannot be read as an HDF5 file: ")


RED = "\x1b[31mred\x1b[0m\u202e"
SHOWN = "\\x1b[31mred\\x1b[0m\\u202e"


@pytest.fixture
def results(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of results whose record was changed by a function."""

    def write(change: Callable[[dict[str, Any]], Any]) -> Path:
        path = tmp_path / "results.fits"
        data = line_cube()[:, :2, :2]
        model = Gaussian1D(1.0, 16.0, 3.0) + Const1D(0.0, fixed={"amplitude": True})
        result = package.fit(model, data, fitting_axes=0)
        result.to_fits(path, overwrite=True)
        with fits.open(path, memmap=False) as hdus:
            record = json.loads("".join(hdus["RECORD"].data["JSON"]))
            changed = change(record)
            text = json.dumps(record) if changed is None else changed
            hdus["RECORD"] = fits.BinTableHDU(Table({"JSON": np.array([text], dtype="S")}), name="RECORD")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                hdus.writeto(path, overwrite=True, checksum=True)
        return path

    return write


def test_escape_sequences_do_not_reach_the_terminal_or_the_page(results: Callable[..., Path], tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["model"]["expression"] = record["engine"]["reason"] = record["date"] = RED
        record["parameters"][0]["unit"] = RED
        record["options"]["note"] = RED

    path, page = results(change), tmp_path / "page.html"
    result = ndfit("info", path)
    assert result.exit_code == 0, result.output
    assert SHOWN in result.stdout
    assert result.stdout.replace("\n", "").isprintable()
    assert ndfit("report", path, "--out", page).exit_code == 0
    html = page.read_text()
    assert SHOWN in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_errors_do_not_carry_escape_sequences(cube: Path, tmp_path: Path) -> None:
    config = tmp_path / "fit.toml"
    config.write_text('[start]\n"\\u001b[31m" = "3"\n')
    for arguments in (("--hdu", RED), ("--axes", RED), (f"--{RED}",), ("--config", config), ("--start", f"{RED}=3")):
        result = ndfit("fit", cube, *MODEL, *arguments)
        fails(result)
        assert result.stderr.replace("\n", "").isprintable()


def _first_parameter(**entries: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["parameters"][0].update(entries)


def _tie(expression: str) -> Callable[[dict[str, Any]], None]:
    """The first parameter is tied, and the last one free in its place."""

    def change(record: dict[str, Any]) -> None:
        record["parameters"][0]["tied"] = {"expression": expression}
        record["parameters"][-1]["fixed"] = False

    return change


def _model(tree: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["model"].update(tree=tree)


def _transform(value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["model"].update(transform=value)


def _domain(value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["model"].update(domains={"domain": value})


def _deep(record: dict[str, Any]) -> None:
    for _ in range(450):
        record["options"] = {"options": record["options"]}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda record: "[" * 100_000, "no JSON: it is nested too deep"),
        (lambda record: '{"layout": ' + "9" * 5000 + "}", "no JSON"),
        (lambda record: '{"layout": NaN}', "no JSON: NaN is none of its numbers"),
        (lambda record: "[1, 2]", "it should be an object"),
        (lambda record: record.pop("axes") and None, "it lacks axes"),
        (_deep, "nested more than 400 deep"),
        (lambda record: record["axes"].update(maps=[2, 10**15]), "have no maps of shape"),
        (lambda record: record["axes"].update(fitting_axes=[0, 0]), "fitted along the axes (0, 0)"),
        (_first_parameter(lower="x"), "parameters[0].lower should be a number or 'map', and is 'x'"),
        (_first_parameter(lower="map"), "a map is missing"),
        (_first_parameter(name="\x1b"), "parameters[0].name should be a name, and is '\\x1b'"),
        (_first_parameter(unit="10**999999999 Jy"), "is too long for a unit, or has too large a power"),
        (
            _first_parameter(unit={"text": "m" * 300, "scale": 1.0, "bases": ["m"], "powers": ["1e999999999"]}),
            "is too long for a unit",
        ),
        (_first_parameter(unit="s", start_unit="m"), "are not convertible"),
        (_first_parameter(unit="m", start_unit="inf"), "'inf' is unrecognized"),
        (_model({"operator": "+", "left": {}}), "cannot be made from the record"),
        (_tie("9.0**9.0**9.0**9.0"), "tie should be an expression of numbers"),
        (_tie("-" * 30_000 + "1"), "tie should be an expression of numbers"),
        (_tie("(-8)**0.5"), "tie should be an expression of numbers"),
        (_tie("__class__"), "in the record is not of the model's parameters: __class__"),
        (_model({"class": "Identity", "arguments": {"n_inputs": 10**9}}), "is beyond 100"),
        (_model({"class": "Gaussian1D", "arguments": {"n_models": 10**9}}), "has no argument 'n_models'"),
        (_model({"class": "Const1D", "arguments": {}}), "are not those that were fitted"),
        (_model({"class": "Model"}), "model"),
        (_model({}), "cannot be made from the record"),
        (_transform({"operator": "+"}), "model.transform should be a matrix of real numbers or null"),
        (_transform([{"array": [1.0], "shape": 5, "dtype": "<f8"}]), "model.transform should be a matrix"),
        (_transform({"array": [1.0], "shape": [1, 1], "dtype": "<f8"}), "have no transform of shape (1, 1)"),
        (_transform({"array": [10**400], "shape": [1, 1], "dtype": "<f8"}), "model.transform should be a matrix"),
        (_domain("x"), "model.domains should be pairs of numbers by name"),
        (_domain([0.0, {"quantity": 1.0}]), "model.domains should be pairs of numbers by name"),
        (
            _model(
                {"class": "Tabular1D", "arguments": {"points": {"array": [1], "shape": [1], "dtype": "V999999999999"}}}
            ),
            "is no type of numbers that a file holds",
        ),
    ],
)
def test_records_that_say_what_cannot_be(
    change: Callable[[dict[str, Any]], Any], part: str, results: Callable[..., Path]
) -> None:
    path = results(change)
    fails(ndfit("info", path), part)
    with pytest.raises(package.UnreadableFile, match=re.escape(str(path))) as caught:
        package.read(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_status_that_is_not_known(results: Callable[..., Path]) -> None:
    path = results(lambda record: None)
    with fits.open(path, memmap=False) as hdus:
        hdus["STATUS"].data[0, 0] = 77
        hdus.writeto(path, overwrite=True, checksum=True)
    with pytest.raises(package.UnreadableFile, match=r"the map status has codes that this ndfit does not know: \[77\]"):
        package.read(path)


def test_of_standard_errors_there_are_all_or_none(results: Callable[..., Path]) -> None:
    path = results(lambda record: None)
    with fits.open(path, memmap=False) as hdus:
        errors = [hdu.name for hdu in hdus if hdu.header.get("NDFLAYER") == "error"]
        del hdus[errors[0]]
        hdus.writeto(path, overwrite=True, checksum=True)
        fails(ndfit("report", path, "--out", path.with_suffix(".html")), f"a map is missing: {errors[0].lower()}")
        for name in errors[1:]:
            del hdus[name]
        hdus.writeto(path, overwrite=True, checksum=True)
    assert not package.read(path).has_errors


def test_a_compound_of_many_models_is_not_made_from_a_record(results: Callable[..., Path]) -> None:
    leaf: dict[str, Any] = {"class": "Const1D", "arguments": {}}
    tree = leaf
    for _ in range(9):  # 2**9 leaves
        tree = {"operator": "+", "left": tree, "right": tree}
    fails(ndfit("info", results(_model(tree))), "of more than 500 models is not made from a record")


class Bump(Fittable1DModel):
    """A model that no file holds."""

    height = Parameter(default=1.0)

    def evaluate(self, x: Any, height: Any) -> Any:
        return height * np.exp(-0.5 * (x - 16.0) ** 2)


def test_what_is_in_a_file_of_a_model_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "bump.fits"
    fitted = package.fit(Bump(), line_cube()[:, :2, :2], fitting_axes=0)
    fitted.to_fits(path)
    assert package.read(path).record == fitted.record
    result = ndfit("info", path)
    assert result.exit_code == 0, result.output
    assert "Model     Bump" in result.stdout


def test_a_unit_that_astropy_does_not_write_exactly(tmp_path: Path) -> None:
    path = tmp_path / "fit.fits"
    cube = write_cube(tmp_path / "cube.fits", header=HEADER | {"BUNIT": "299792458 m"})
    assert ndfit("fit", cube, *MODEL, "--out", path).exit_code == 0
    result = ndfit("info", path)
    assert result.exit_code == 0, result.output
    assert "2.99792e+08 m" in result.stdout


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a = " + "[" * 10_000, "nested too deep"),
        ("starts = " + "9" * 5000, "cannot be read as TOML"),
        ("starts = 0x" + "f" * 5000, "the number of 'starts' is too large"),
        ("f-scale = 0x" + "f" * 5000, "the number of 'f-scale' is too large"),
        (".".join("a" * 20_000) + " = 1", "has the key 'a', which is no option"),
        ("bounds." + ".".join("a" * 20_000) + " = 1", "'bounds' should be text or a number"),
        ("#" * 70_000, "has more than 65536 bytes"),
        ('hdu = "a\\u0000b"', "the text of 'hdu' has a null character in it"),
        ("out = true", "'out' should be text or a number, got True"),
    ],
)
def test_configurations(text: str, part: str, cube: Path, tmp_path: Path) -> None:
    config = tmp_path / "fit.toml"
    config.write_text(text)
    fails(ndfit("fit", cube, *MODEL, "--config", config), part)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--tied", "amplitude=1e999"), "This number is too large."),
        (("--tied", "amplitude=9**9**9**9**9"), "The tie of 'amplitude' cannot be used"),
        (("--tied", "amplitude=1/0"), "The tie of 'amplitude' cannot be used"),
        (("--tied", "amplitude=" + "mean+" * 200 + "mean"), "more than 100 numbers and parameters"),
        (("--region", "9" * 5000 + ":,0:1"), "Expected a range of pixels"),
        (("--hdu", "9" * 5000), "has no HDU"),
        (("--data-unit", "10**999999999 Jy"), "is not a unit."),
        (("--data-unit", "GHz,1e5"), "is not a unit."),
        (("--data-unit", "mag(AB)"), "'mag(AB)' is a logarithm"),
        (("--out", "a" * 5000 + ".fits"), "File name too long"),
        (("--mask", "a" * 5000 + ".fits"), "File name too long"),
        (("--config", "a" * 5000), "File name too long"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows says other things of long names")
def test_options(arguments: tuple[str, ...], part: str, cube: Path) -> None:
    fails(ndfit("fit", cube, *MODEL, *arguments), part)


def test_ties_that_multiply(cube: Path) -> None:
    """Each is twice the next one: put into one another they would be 2**20 long."""
    ties = [f"--tied=amplitude_{number}=amplitude_{number + 1}+amplitude_{number + 1}" for number in range(20)]
    result = ndfit("fit", cube, "--model", " + ".join(["Const1D"] * 21), *ties)
    fails(result, "The tie of 'amplitude_0' is too long, with what it depends on.")


def test_a_long_text_is_shown_around_its_fault(cube: Path) -> None:
    result = ndfit("fit", cube, "--model", "Const1D + " * 50 + "Gaus1D" + " + Const1D" * 40)
    fails(result, "There is no model 'Gaus1D'")
    line, caret = result.stderr.splitlines()[-2:]
    assert len(line) < 160
    assert line[caret.index("^") :].startswith("Gaus1D")


def test_a_terminal_that_lacks_characters(tmp_path: Path) -> None:
    path = write_cube(tmp_path / "k\N{GREEK SMALL LETTER SIGMA}.fits")
    code = "import sys; from ndfit.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "fit", str(path), *MODEL, "--region", "0:1,0:1"]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252:strict"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"k\\u03c3.fits[PRIMARY]" in done.stdout
