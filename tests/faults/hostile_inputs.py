"""Files and texts that nobody made in good faith: broken, huge, deeply nested, random.

Flows in: a source of random numbers and a folder. Flows out: the arguments of an `ndfit` command, and in the folder the
files that they name. KINDS has a row for each kind of input.
"""

from __future__ import annotations

import io
import json
import random
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from astropy.io import fits
from astropy.modeling.models import Const1D, Gaussian1D
from astropy.table import Table
from click.testing import CliRunner
from tests.cli.cubes import HEADER, line_cube

import ndfit
from ndfit.cli.main import main

__all__ = ["KINDS", "warm_up"]

MODEL = "Gaussian1D + Const1D"
DEEP = 20_000

_FIT = ("--model", MODEL, "--workers", "1")

# What may be asked for of each file of `_fits_bytes`.
_FITTING: tuple[tuple[tuple[str, ...], ...], ...] = (
    ((), ("--world-unit", "km/s"), ("--pixels",)),
    ((), ("--std", "NOISE", "--mask", "MASK"), ("--world-unit", "km/s", "--hdu", "1", "--mask", "3")),
    (("--hdu", "SPECTRUM/flux"), ("--hdu", "SPECTRUM/flux", "--world", "SPECTRUM/wave")),
    ((), ("--hdu", "SMALL", "--world-unit", "km/s")),
)

# What somebody who means harm writes in place of a text.
TEXTS = (
    "",
    " ",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "a\x00b",
    "a\rb\nError: all is well",
    "\u202eevil\u202c",
    "\x9b31m",
    "\ud800",
    "10**999999999 Jy",
    "10^999999999",
    "10+999999999",
    "10\u2079\u2079\u2079\u2079\u2079\u2079\u2079\u2079\u2079",
    "m**99999999999",
    "1e999999999",
    "1e-999999999 m",
    "9" * 5000,
    "(" * DEEP,
    "m " * DEEP,
    "x" * 100_000,
    "-" * DEEP + "1",
    "sqrt(" * 500,
    "mag(" * 500,
    "nan",
    "inf",
    "-inf",
    "1/0",
    "9**9**9**9**9",
    "__import__('os').system('true')",
    "__class__",
    "../" * 50 + "etc/passwd",
    "/" + "a" * 5000,
    "\u0663",
    "$\\frac{",
    "%s%n",
    "<script>alert(1)</script>",
)
NUMBERS = (0, 1, -1, 7, 20, 64, 999, 10_000, 2**31, 2**63, 2**64, -(2**63), 10**18, 10**400, 0.5, 1e308, -0.0)
ODD = (*TEXTS, *NUMBERS, None, True, False, [], {}, [[]], float("nan"), float("inf"))


def warm_up(folder: Path) -> None:
    """Make what every input starts from, and use each command once, so that all that is imported late is there."""
    _results_parts(folder)
    good = folder / "good.fits"
    for data, options in zip(_fits_bytes(folder), _FITTING, strict=True):
        good.write_bytes(data)
        for choice in options:
            _run("fit", good, *choice, *_FIT, *_outputs(folder))
    _run("fit", _cube(folder), *_FIT, "--world-unit", "km/s", "--starts", 2, "--refine", "neighbours")
    _run("info", folder / "fit.fits")
    _run("report", folder / "fit.fits", "--out", folder / "page.html", "--overwrite")


def _run(*arguments: object) -> None:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output


def _outputs(folder: Path) -> tuple[str, ...]:
    return ("--out", str(folder / "fit.fits"), "--report", str(folder / "fit.html"), "--overwrite")


def headers(rng: random.Random, folder: Path) -> list[str]:
    """FITS files to fit: bits of the headers flipped, cards replaced and added, files cut short."""
    path = folder / "input.fits"
    original, options = rng.choice(list(zip(_fits_bytes(folder), _FITTING, strict=True)))
    data = bytearray(original)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 20))):
        _break_file(data, rng)
    path.write_bytes(data)
    return ["fit", str(path), *rng.choice(options), *_FIT, *rng.choice(((), (), _outputs(folder)))]


def records(rng: random.Random, folder: Path) -> list[str]:
    """Files of results, whose record says something else."""
    path = folder / "results.fits"
    hdus, record = _results_parts(folder)
    if rng.random() < 0.75:
        record = json.loads(json.dumps(record))
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            part = record.get(rng.choice(("model", "parameters")))
            _change_value(part if isinstance(part, dict | list) and rng.random() < 0.7 else record, rng)
        text = json.dumps(record)
    else:
        text = "".join(_break_text(json.dumps(record, indent=1), rng))
    lines = text.encode("utf-8", "surrogatepass").replace(b"\0", b"?").split(b"\n")
    table = fits.BinTableHDU(Table({"JSON": np.array(lines)}), name="RECORD")
    others = [hdu.copy() for hdu in hdus if hdu.name != "RECORD"]
    if rng.random() < 0.2:
        _break_layer(others, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.HDUList([*others, table]).writeto(
            path, overwrite=True, checksum=rng.random() < 0.5, output_verify="ignore"
        )
    command = rng.choice(("info", "info", "report"))
    return [command, str(path), *(("--out", str(folder / "page.html"), "--overwrite") if command == "report" else ())]


def configurations(rng: random.Random, folder: Path) -> list[str]:
    """TOML files of options."""
    path = folder / "fit.toml"
    table: dict[str, Any] = {
        "model": MODEL,
        "world-unit": "km/s",
        "starts": 2,
        "refine": "neighbours",
        "fixed": ["amplitude_1"],
        "bounds": {"mean": "3:6km/s", "stddev": "0.1:"},
        "tied": {"stddev": "0.8km/s"},
        "window": "1:9km/s",
        "region": "0:2,0:2",
    }
    way = rng.random()
    if way < 0.5:
        for _ in range(rng.choice((1, 1, 2, 3))):
            key = rng.choice([*table, *OPTIONS])
            table[key] = _toml_value(rng)
        content = tomli_w.dumps(table).encode("utf-8", "surrogatepass")
    elif way < 0.6:
        content = rng.choice(_nested_toml()).encode()
    else:
        content = "".join(_break_text(tomli_w.dumps(table), rng)).encode("utf-8", "surrogatepass")
    path.write_bytes(content)
    return ["fit", str(_cube(folder)), "--config", str(path), "--workers", "1"]


def expressions(rng: random.Random, folder: Path) -> list[str]:
    """What is typed for options that have a language of their own."""
    option = rng.choice(list(LANGUAGES))
    text = _expression(rng, option)
    text = text.replace("\0", "")  # no system hands that over
    arguments = ["fit", str(_cube(folder)), "--workers", "1"]
    if option != "--model":
        arguments += ["--model", MODEL]
    if option == "--rest":
        arguments += ["--world-unit", "km/s"]
    return [*arguments, f"{option}={text}"]


KINDS: Mapping[str, Callable[[random.Random, Path], list[str]]] = {
    "headers": headers,
    "records": records,
    "configurations": configurations,
    "expressions": expressions,
}

OPTIONS = (
    "axes",
    "bootstrap",
    "calibration",
    "clip",
    "convention",
    "cube",
    "data-unit",
    "f-scale",
    "hdu",
    "ivar",
    "loss",
    "mask",
    "max-evaluations",
    "missing",
    "out",
    "plot",
    "read-noise",
    "redshift",
    "rest",
    "seed",
    "shift",
    "start",
    "std",
    "tied",
    "uncertainty-unit",
    "world",
)

_NUMBERS = ("1", "2.5", "-3", "1e5", "1e999", "0", "nan", "inf", "9" * 400, "999999999", ".", "1e")
_UNITS = ("km/s", "m", "K", "Hz", "10**999999999 Jy", "m**9999999", "GHz", "deg", "pix", "%", "mag(AB)", "sqrt(m)")
_SIGNS = ("+", "-", "*", "/", "**", "(", ")", "|", ",", "=", ":", " ")
_ARITHMETIC = ("mean", "stddev", "amplitude_0", "amplitude_1", *_NUMBERS, *_UNITS[:3], *_SIGNS)
_RANGE = (*_NUMBERS, *_UNITS, ":", ":", ":", ",")
_PARAMETERS = ("mean=", "stddev=", "amplitude_1=", "x=")

# Option -> texts that may be typed there.
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "--model": (
        "Gaussian1D(mean=5km/s) + Const1D",
        "Voigt1D() * Polynomial1D(2)",
        "Gaussian1D | Const1D",
    ),
    "--tied": ("mean=amplitude_1 * 2 + 3km/s", "stddev=-(mean ** 2) / 4", "amplitude_1=amplitude_0/1e3"),
    "--start": ("mean=4km/s", "amplitude_1=2.5"),
    "--fixed": ("mean", "stddev=800m/s"),
    "--bounds": ("mean=3:6km/s", "stddev=0.1:", "amplitude_1=:5K"),
    "--window": ("1:8km/s", "10:40pix"),
    "--region": ("0:2,0:1", ":,1:"),
    "--axes": ("0", "-1"),
    "--data-unit": ("K", "10**-20 erg/(s cm2 Angstrom)", "m(1/2)"),
    "--world-unit": ("km/s", "1e3 m s-1"),
    "--rest": ("115.27GHz", "2.6mm"),
    "--shift": ("0.2km/s",),
    "--redshift": ("0.1",),
    "--calibration": ("2.5", "3Jy/K"),
    "--hdu": ("PRIMARY", "0"),
    "--mask": ("PRIMARY", "0"),
}

# Option -> words that are put into them, or stand alone.
LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "--model": (
        "Gaussian1D",
        "Const1D",
        "Polynomial1D(",
        "Chebyshev2D(",
        "degree=",
        "Gaussian2D",
        "Voigt1D()",
        "Sersic2D",
        "mean=",
        *_NUMBERS,
        *_UNITS,
        *_SIGNS,
        *_SIGNS,
    ),
    "--tied": (*_PARAMETERS, *_ARITHMETIC),
    "--start": (*_PARAMETERS, *_NUMBERS, *_UNITS),
    "--fixed": (*_PARAMETERS, "mean", "theta", *_NUMBERS, *_UNITS),
    "--bounds": (*_PARAMETERS, *_RANGE),
    "--window": _RANGE,
    "--region": (*_NUMBERS, ":", ":", ","),
    "--axes": (*_NUMBERS, ",", "-1", "0"),
    "--data-unit": (*_UNITS, *_NUMBERS, *_SIGNS),
    "--world-unit": (*_UNITS, *_NUMBERS, *_SIGNS),
    "--rest": (*_NUMBERS, *_UNITS),
    "--shift": (*_NUMBERS, *_UNITS, "0/x"),
    "--redshift": (*_NUMBERS, *_UNITS, "1/x"),
    "--calibration": (*_NUMBERS, *_UNITS, "cube.fits[", "]"),
    "--hdu": (*_NUMBERS, "PRIMARY", "/", "flux"),
    "--mask": (*_NUMBERS, "cube.fits", "[", "]", "PRIMARY", "/"),
}


def _expression(rng: random.Random, option: str) -> str:
    words, way = LANGUAGES[option], rng.random()
    if way < 0.1:
        return rng.choice(TEXTS)
    if way < 0.2:
        first, second = rng.choice(words), rng.choice(words)
        return rng.choice((first * DEEP, f"{first}{second}" * 3000, f"{first} + " * 3000 + first, "(" * 3000 + first))
    if way < 0.4:
        return "".join(rng.choice(words) for _ in range(rng.randint(1, 12)))
    text = rng.choice(EXAMPLES[option])
    if way < 0.6:
        return "".join(_break_text(text, rng))
    for _ in range(rng.choice((1, 1, 2, 3))):
        start = rng.randrange(len(text) + 1)
        text = text[:start] + rng.choice(words) + text[start + rng.choice((0, 0, 1, 4)) :]
    return text


@cache
def _cube(folder: Path) -> Path:
    path = folder / "cube.fits"
    fits.writeto(path, line_cube()[:, :2, :2], fits.Header(HEADER), overwrite=True)
    return path


@cache
def _fits_bytes(folder: Path) -> tuple[bytes, ...]:
    """A cube alone, one with arrays beside it, a table, and a compressed image."""
    cube = line_cube()[:, :2, :2].astype(">f4")
    noise = fits.ImageHDU(np.full((2, 2), 0.02), name="NOISE")
    mask = fits.ImageHDU(np.zeros(cube.shape, dtype=np.uint8), name="MASK")
    table = fits.BinTableHDU(Table({"flux": line_cube()[:, 0, 0], "wave": np.arange(40.0)}), name="SPECTRUM")
    header = fits.Header(HEADER)
    files = (
        [fits.PrimaryHDU(cube, header)],
        [fits.PrimaryHDU(), fits.ImageHDU(cube, header, name="DATA"), noise, mask],
        [fits.PrimaryHDU(), table],
        [fits.PrimaryHDU(), fits.CompImageHDU((cube * 1000).astype(np.int32), header, name="SMALL")],
    )
    written = []
    for hdus in files:
        buffer = io.BytesIO()
        fits.HDUList(hdus).writeto(buffer)
        written.append(buffer.getvalue())
    return tuple(written)


@cache
def _results_parts(folder: Path) -> tuple[list[Any], dict[str, Any]]:
    """HDUs of a file of results, and its record."""
    path = folder / "fitted.fits"
    model = Gaussian1D(1.0, 4.0, 0.8, bounds={"stddev": (0.1, None)}) + Const1D(np.zeros((2, 2)))
    data = line_cube()[:, :2, :2]
    result = ndfit.fit(model, data, world=(0.25 * np.arange(40.0),), fitting_axes=0, scheduler="synchronous")
    result.to_fits(path, overwrite=True)
    with fits.open(path, memmap=False) as hdus:
        for hdu in hdus:
            for keyword in ("CHECKSUM", "DATASUM"):
                hdu.header.remove(keyword, ignore_missing=True)
        return [hdu.copy() for hdu in hdus], json.loads("".join(hdus["RECORD"].data["JSON"]))


# Cards that ask for much, or for what cannot be.
_CARDS: tuple[tuple[str, Any], ...] = (
    ("NAXIS", -1),
    ("NAXIS", 0),
    ("NAXIS", 999),
    ("NAXIS", 10**9),
    ("NAXIS1", -5),
    ("NAXIS1", 0),
    ("NAXIS2", 10**12),
    ("NAXIS3", 2**40),
    ("BITPIX", 7),
    ("BITPIX", 0),
    ("BITPIX", -64000),
    ("BITPIX", 64),
    ("PCOUNT", 10**15),
    ("PCOUNT", -1),
    ("GCOUNT", 10**15),
    ("GCOUNT", 0),
    ("GROUPS", True),
    ("BSCALE", 1e308),
    ("BSCALE", 0.0),
    ("BSCALE", "x"),
    ("BZERO", 1e300),
    ("BLANK", 0),
    ("BUNIT", "10**999999999 Jy"),
    ("BUNIT", "m**99999999"),
    ("BUNIT", "(" * 60),
    ("BUNIT", 5),
    ("BUNIT", True),
    ("CUNIT3", "10**999999999 Hz"),
    ("CUNIT3", "Jy"),
    ("CUNIT3", 7),
    ("CTYPE3", "WAVE-TAB"),
    ("CTYPE3", "VOPT-F2W"),
    ("CTYPE1", "RA---ZZZ"),
    ("CTYPE1", "RA---TAN-SIP"),
    ("CTYPE1", 3),
    ("CRPIX3", 1e308),
    ("CRPIX99", 1.0),
    ("CRPIX999", 1.0),
    ("CRPIX9999", 1.0),
    ("CDELT3", 0.0),
    ("CDELT3", 1e-320),
    ("CRVAL3", 1e308),
    ("CRVAL2", 9999.0),
    ("PC1_1", 0.0),
    ("PC99_99", 1.0),
    ("CD3_3", 0.0),
    ("PV1_999", 1.0),
    ("PV2_99999", 1.0),
    ("PS3_0", "NOWHERE"),
    ("WCSAXES", -1),
    ("WCSAXES", 99),
    ("WCSAXES", 30_000),
    ("WCSAXES", 10**9),
    ("A_ORDER", 9999),
    ("A_ORDER", 10**6),
    ("A_ORDER", -3),
    ("B_ORDER", 3),
    ("AP_ORDER", 99999),
    ("CPDIS1", "LOOKUP"),
    ("DP1.EXTVER", 1),
    ("RESTFRQ", -1.0),
    ("RESTFRQ", "x"),
    ("EQUINOX", "x"),
    ("DATE-OBS", "\x7f"),
    ("MJD-OBS", 1e300),
    ("EXTNAME", 5),
    ("EXTNAME", "A" * 60),
    ("TFIELDS", 999),
    ("TFIELDS", -1),
    ("TFORM1", "999999999999D"),
    ("TFORM1", "QZ"),
    ("TFORM1", "PD(999)"),
    ("TDIM1", "(99999,99999,99999)"),
    ("TDIM1", "x"),
    ("TUNIT1", "10**999999999 Jy"),
    ("TTYPE1", ""),
    ("TNULL1", 0),
    ("TSCAL1", 0.0),
    ("THEAP", 10**15),
    ("ZNAXIS", 99),
    ("ZNAXIS1", 10**9),
    ("ZNAXIS2", 10**9),
    ("ZBITPIX", 3),
    ("ZCMPTYPE", "NOTHING"),
    ("ZTILE1", 0),
    ("ZTILE1", 10**9),
    ("ZVAL1", 0),
    ("XTENSION", "NOTHING"),
    ("SIMPLE", False),
    ("INHERIT", True),
    ("END", ""),
)


def _break_file(data: bytearray, rng: random.Random) -> None:
    """Do one thing to a FITS file, most often to a card."""
    way = rng.random()
    if way < 0.35:
        keyword, value = rng.choice(_CARDS)
        _put_card(data, keyword, _card(keyword, value), rng)
    elif way < 0.5:
        value = rng.choice([entry for entry in ODD if not isinstance(entry, list | dict)])
        places = _places(data)
        if places:
            place = rng.choice(places)
            keyword = bytes(data[place : place + 8]).decode("latin-1").strip()
            data[place : place + 80] = _card(keyword, value)
    elif way < 0.75:
        cards = _places(data)
        place = rng.choice(cards) + rng.randrange(80) if cards else rng.randrange(len(data) or 1)
        if place < len(data):
            data[place] ^= 1 << rng.randrange(8)
    elif way < 0.85:
        for _ in range(30):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
    elif way < 0.95:
        del data[rng.randrange(len(data) + 1) :]
    else:
        place = rng.randrange(len(data) + 1)
        data[place:place] = rng.randbytes(rng.choice((1, 80, 2880)))


def _card(keyword: str, value: Any) -> bytes:
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''")[:66] + "'"
    else:
        text = f"{'' if value is None else str(value)[:60]:>20}"
    return f"{keyword[:8]:<8}= {text}".encode("latin-1", "replace")[:80].ljust(80)


def _places(data: bytearray) -> list[int]:
    """Where the cards of headers are."""
    return [
        place
        for place in range(0, len(data), 80)
        if data[place + 8 : place + 10] == b"= " and data[place : place + 8].strip().replace(b"-", b"").isalnum()
    ]


def _put_card(data: bytearray, keyword: str, card: bytes, rng: random.Random) -> None:
    """Replace the card of a keyword, or put one before an END."""
    name = keyword.encode().ljust(8)
    there = [place for place in _places(data) if data[place : place + 8] == name]
    if there:
        place = rng.choice(there)
        data[place : place + 80] = card
        return
    ends = [place for place in range(0, len(data) - 160, 80) if data[place : place + 8] == b"END     "]
    if ends:
        place = rng.choice(ends)
        if not data[place + 80 : place + 160].strip():
            data[place : place + 160] = card + b"END".ljust(80)


def _break_layer(hdus: list[Any], rng: random.Random) -> None:
    """Change an image of a file of results."""
    hdu = rng.choice([hdu for hdu in hdus if "NDFLAYER" in hdu.header])
    way = rng.randrange(4)
    if way == 0:
        hdu.header["NDFLAYER"] = rng.choice(("", "nothing", "covariance", "status", "start"))
    elif way == 1:
        hdu.data = rng.choice((np.zeros((2, 3)), np.zeros(4), np.zeros((1, 2, 2)), np.full((2, 2), 77, np.int32)))
    elif way == 2:
        hdus.remove(hdu)
    else:
        hdu.header["NDFPARAM"] = rng.choice(("mean_0", "x", ""))


def _change_value(value: Any, rng: random.Random) -> None:
    """Change one value somewhere within a JSON value, or remove it, or add one."""
    while True:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(value[key], dict | list) and value[key] and rng.random() < 0.8:
            value = value[key]
            continue
        way = rng.random()
        if way < 0.1:
            del value[key]
        elif way < 0.2 and isinstance(value, list):
            value.extend([value[key]] * rng.choice((1, 3, 1000)))
        elif way < 0.25:
            value[key] = _nested(rng, value[key])
        elif way < 0.6:
            value[key] = rng.choice([entry for entry in ODD if type(entry) is type(value[key])] or [None])
        else:
            value[key] = rng.choice(ODD)
        return


def _nested(rng: random.Random, inner: Any) -> Any:
    """A value within many others."""
    for _ in range(rng.choice((3, 60, 300))):
        inner = rng.choice(
            (
                [inner],
                {"operator": "+", "left": inner, "right": {"class": "Const1D", "arguments": {}}},
                {"quantity": inner, "unit": "m"},
            )
        )
    return inner


def _toml_value(rng: random.Random) -> Any:
    value = rng.choice(ODD)
    if value is None or value == [[]]:
        value = ["a", "b", 3, True]
    if isinstance(value, str):
        value = value.replace("\ud800", "?")
    return rng.choice((value, value, [value], {"mean": value}, {"mean": {"a": value}}))


@cache
def _nested_toml() -> tuple[str, ...]:
    return (
        "a = " + "[" * DEEP,
        "a = " + "[" * DEEP + "]" * DEEP,
        "a = " + "{a=" * DEEP,
        ".".join("a" * DEEP) + " = 1",
        "[" + ".".join("a" * DEEP) + "]",
        "starts = " + "9" * 5000,
        "starts = 0x" + "f" * 5000,
        "model = '" + "Gaussian1D + " * DEEP + "Gaussian1D'",
        "".join(f"key-{number} = 1\n" for number in range(DEEP)),
        "f-scale = 1e999999999",
        'model = "\\u0000"',
        'cube = "a\\u0000b"\nmodel = "Gaussian1D"',
    )


def _break_text(text: str, rng: random.Random) -> list[str]:
    """Text with characters changed, left out or doubled, or cut, or with something put in."""
    characters = list(text)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place = rng.randrange(len(characters) + 1)
        way = rng.random()
        if way < 0.2:
            del characters[place:]
        elif way < 0.4:
            del characters[place : place + rng.choice((1, 1, 10))]
        elif way < 0.6:
            characters[place : place + 1] = chr(rng.choice((rng.randrange(256), rng.randrange(0x3000))))
        elif way < 0.8:
            characters[place:place] = rng.choice(TEXTS)
        else:
            start = rng.randrange(len(characters) + 1)
            characters[place:place] = characters[start : start + rng.choice((1, 10, 100))]
    return characters
