"""Ties: what they compute, and what is said of those that make no sense."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
from astropy import units as u

from ndfit.cli.bad_input import BadInput, PointedError
from ndfit.cli.tie_arithmetic import inlined, parse_arithmetic, tie_of

NAMES = ("mean_0", "stddev_0", "slope", "m")
VALUES = {"mean_0": 4.0, "stddev_0": 0.5, "slope": 3.0, "m": 2.0}


def resolve(name: str, text: str, position: int) -> str:
    if name not in NAMES:
        raise PointedError(f"no '{name}'", text, position)
    return name


parse = partial(parse_arithmetic, names=resolve, known=NAMES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("stddev_0", 0.5),
        ("mean_0 * 1.5", 6.0),
        ("mean_0+20", 24.0),
        ("mean_0 - stddev_0 - 1", 2.5),
        ("mean_0 - (stddev_0 - 1)", 4.5),
        ("-mean_0 ** 2 / 8", -2.0),
        ("2 ** -1 ** 2", 0.5),
        ("mean_0 / stddev_0 / 2", 4.0),
        ("2e1 - 1.5E-1", 19.85),
        ("mean_0 + 0.5km/s", 4.5),
        ("mean_0 + 2 km/s * 3", 10.0),
        ("6km/s / slope", 2.0),
        ("6000 / m", 3000.0),
    ],
)
def test_arithmetic(text: str, value: float) -> None:
    tie = tie_of(parse(text), u.km / u.s, "mean_1")
    assert tie(SimpleNamespace(**VALUES)) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("mean_0 +", 8, "Expected a parameter or a number, found the end."),
        ("mean_0 mean_0", 7, "Expected one of"),
        ("2 mean_0", 2, "before 'mean_0'"),
        ("(mean_0", 7, "Expected ')'"),
        ("mean_0 + 2kms", 10, "'kms' is not a unit"),
        ("meen_0", 0, "no 'meen_0'"),
        ("mean_0.real", 6, "Expected one of"),
        ("-" * 80 + "1", 51, "nested more than 50 deep"),
    ],
)
def test_errors_point_at_the_character(text: str, position: int, message: str) -> None:
    with pytest.raises(PointedError) as caught:
        parse(text)
    assert message in caught.value.reason
    assert caught.value.position == position


def test_names_of_parameters_are_no_units() -> None:
    """`km/m` would be a number: where m is a parameter, it is not read as metres."""
    tie = tie_of(parse("2km / m"), u.km, "mean_1")
    assert tie(SimpleNamespace(**VALUES)) == 1.0


def test_unit_of_another_kind() -> None:
    with pytest.raises(BadInput, match="tie of 'mean_1' is in 'GHz', and it cannot be converted to 'km / s'"):
        tie_of(parse("mean_0 + 2GHz"), u.km / u.s, "mean_1")


def test_ties_to_tied_parameters() -> None:
    nodes = inlined({"slope": parse("2 * stddev_0"), "mean_0": parse("slope + 1")}, {})
    assert tie_of(nodes["mean_0"], None, "mean_0")(SimpleNamespace(stddev_0=0.5)) == 2.0


def test_ties_in_a_circle() -> None:
    texts = {"slope": "slope=stddev_0", "stddev_0": "stddev_0=2*slope"}
    with pytest.raises(PointedError, match="'slope' is tied to itself"):
        inlined({"slope": parse("stddev_0"), "stddev_0": parse("2*slope")}, texts)
