"""Numbers with units, and ranges of them."""

from __future__ import annotations

import pytest
from astropy import units as u

from ndfit.cli.bad_input import BadInput, PointedError
from ndfit.cli.quantities import Amount, parse_amount, parse_range

KMS = u.km / u.s


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("5", Amount(5.0)),
        ("-.5e-3", Amount(-0.0005)),
        (" 5 km/s ", Amount(5.0, KMS)),
        ("1eV", Amount(1.0, u.eV)),
        ("2e3eV", Amount(2000.0, u.eV)),
        ("-inf", Amount(float("-inf"))),
    ],
)
def test_amounts(text: str, amount: Amount) -> None:
    assert parse_amount(text) == amount


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("3:6km/s", (Amount(3.0, KMS), Amount(6.0, KMS))),
        ("3000m/s : 6km/s", (Amount(3000.0, u.m / u.s), Amount(6.0, KMS))),
        (":6", (None, Amount(6.0))),
        ("0.1km/s:", (Amount(0.1, KMS), None)),
        ("-2:-1", (Amount(-2.0), Amount(-1.0))),
    ],
)
def test_ranges(text: str, limits: tuple[Amount | None, Amount | None]) -> None:
    assert parse_range(text) == limits


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("3-6", 0, "Expected lower:upper"),
        ("1:2:3", 0, "Expected lower:upper"),
        ("x:6", 0, "Expected a number"),
        ("3: y", 3, "Expected a number"),
        ("3:6kms", 3, "'kms' is not a unit"),
        ("6:3km/s", 0, "The lower limit 6 km / s exceeds the upper limit 3 km / s."),
        (":", 0, "Expected a lower or an upper limit"),
    ],
)
def test_ranges_that_are_none(text: str, position: int, message: str) -> None:
    with pytest.raises(PointedError) as caught:
        parse_range(text)
    assert message in caught.value.reason
    assert caught.value.position == position


def test_limits_of_different_kinds() -> None:
    with pytest.raises(BadInput, match="The lower limit 3 m is in 'm', and it cannot be converted to 's'"):
        parse_range("3m:6s")


def test_conversion() -> None:
    assert Amount(3000.0, u.m / u.s).to(KMS, "It") == 3.0
    assert Amount(3.0).to(KMS, "It") == 3.0
    with pytest.raises(BadInput, match="It is in 'km / s', and a plain number is expected there"):
        Amount(3.0, KMS).to(None, "It")
