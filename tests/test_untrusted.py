"""Text from files that others made: shown as it is, and read within limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy import units as u

from ndfit.errors import UnreadableFile
from ndfit.untrusted import printable, read_unit, reading, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a plain text, 3 \N{MULTIPLICATION SIGN} 10\N{SUPERSCRIPT TWO} \N{GREEK SMALL LETTER SIGMA}",) * 2,
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\rb\nc\td\x00", "a\\rb\\nc\\td\\x00"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("\u202eevil\u2066\u200f", "\\u202eevil\\u2066\\u200f"),
        ("\ud800", "\\ud800"),
        ("\u2028\ufeff", "\\u2028\\ufeff"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_line_breaks_may_be_kept() -> None:
    assert printable("one\ntwo\x1b", keep="\n") == "one\ntwo\\x1b"


def test_a_long_text_is_shortened() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcdef", 3) == "abc... (3 characters more)"


UNITS = {
    "km/s": u.km / u.s,
    "10**-20 erg/(s cm2 Angstrom)": 1e-20 * u.erg / (u.s * u.cm**2 * u.AA),
    "299792458 m": 299792458 * u.m,
    "m(1/3)": u.m ** (1 / 3),
    "10**(23) Jy": 1e23 * u.Jy,
    "": u.dimensionless_unscaled,
}


@pytest.mark.parametrize("text", UNITS)
def test_units(text: str) -> None:
    assert read_unit(text) == u.Unit(UNITS[text])


@pytest.mark.parametrize(
    "text",
    [
        "10**999999999 Jy",
        "10^999999999",
        "10+999999999",
        "10 + 999999999",
        "10(-999999999)",
        "10**(999999999)",
        "10**\u0669\u0669\u0669\u0669\u0669\u0669\u0669\u0669\u0669",
        "10\u2079\u2079\u2079\u2079\u2079\u2079\u2079\u2079\u2079",
        "10\u207b\u2079\u2079\u2079\u2079\u2079\u2079\u2079\u2079\u2079",
        "10\u2212999999999",
        "m**9999999999",
        "m999999",
        "m**999",
        "1e999 m",
        "1e-999 m",
        "m " * 200,
        "(" * 150,
        "km,s",
        "\x1b[31m",
        "furlongs",
    ],
)
def test_no_units(text: str) -> None:
    with pytest.raises(ValueError, match=r"unit|power|scale"):
        read_unit(text)


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (KeyError("Keyword 'NAXIS1' not found."), "cube.fits cannot be read as a file: it lacks NAXIS1"),
        (MemoryError(), "it asks for more memory than there is"),
        (ValueError("first line. second\nthird"), r"it is damaged \(first line\)"),
        (IndexError(), r"it is damaged \(IndexError\)"),
        (OSError("Empty or corrupt FITS file"), "cube.fits cannot be read as a file: Empty or corrupt FITS file"),
        (UnreadableFile("it is broken"), "cube.fits cannot be read as a file: it is broken"),
        (UnreadableFile("cube.fits is broken"), "^cube.fits is broken"),
    ],
)
def test_whatever_a_library_raises_is_said_in_a_sentence(raised: Exception, sentence: str) -> None:
    with pytest.raises(UnreadableFile, match=sentence), reading(Path("cube.fits"), "a file"):
        raise raised


def test_what_the_system_refuses_is_no_fault_of_the_file() -> None:
    with pytest.raises(PermissionError), reading(Path("cube.fits"), "a file"):
        raise PermissionError
