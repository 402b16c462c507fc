"""The contracts: codes that files hold, what each says of a fit, and which axes and parameters are meant."""

from __future__ import annotations

import numpy as np
import pytest

from ndfit.problem.axes import Axes
from ndfit.problem.types import ParamTable
from ndfit.status import FLAGS, NOTHING_TO_DO, STATUS, Flag, Status, counts_of

# Files of results hold these numbers: they never change.
CODES = {
    "EVALUATION_LIMIT": 0, "GTOL": 1, "FTOL": 2, "XTOL": 3, "FTOL_XTOL": 4, "READY": -1, "FINISHED": -10,
    "NO_DATA": -11, "ALL_MASKED": -12, "TOO_FEW_SAMPLES": -13, "NON_FINITE_DATA": -14, "NON_FINITE_START": -15,
    "NON_FINITE_MODEL": -16, "INSENSITIVE": -17, "USER_ERROR": -18, "NEGATIVE_COUNTS": -19, "STALLED": 5,
    "SETTLED": 6,
}  # fmt: skip


def names_where(field: str) -> set[str]:
    return {row.status.name for row in STATUS.values() if getattr(row, field)}


def test_every_status_has_its_code_and_its_row() -> None:
    assert {status.name: int(status) for status in Status} == CODES
    assert {row.status.name: code for code, row in STATUS.items()} == CODES
    assert len({row.meaning for row in STATUS.values()}) == len(STATUS)
    assert all(row.meaning and row.remedy for row in STATUS.values())


def test_what_a_status_says_of_a_fit() -> None:
    converged = {"GTOL", "FTOL", "XTOL", "FTOL_XTOL", "SETTLED", "FINISHED"}
    assert names_where("converged") == converged
    assert names_where("usable") == converged | {"EVALUATION_LIMIT", "STALLED"}
    assert names_where("counted") == CODES.keys() - {"READY", "NO_DATA", "ALL_MASKED"}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.GTOL, "gradient is zero to within gtol"),
        (Status.FTOL, "less than ftol"),
        (Status.XTOL, "less than xtol"),
        (Status.FTOL_XTOL, "ftol and xtol"),
        (Status.NO_DATA, "NaN"),
        (Status.ALL_MASKED, "masked"),
        (Status.TOO_FEW_SAMPLES, "fewer usable samples"),
        (Status.NON_FINITE_DATA, "among the samples"),
        (Status.NON_FINITE_START, "a starting value is"),
        (Status.NON_FINITE_MODEL, "the model is NaN or infinite"),
        (Status.INSENSITIVE, "does not react"),
        (Status.NEGATIVE_COUNTS, "negative"),
    ],
)
def test_the_row_of_a_status_is_about_that_status(status: Status, words: str) -> None:
    assert words in STATUS[status].meaning


def test_how_many_have_each_status() -> None:
    status = np.array([[Status.FTOL, Status.NO_DATA, Status.FTOL], [Status.NEGATIVE_COUNTS, Status.FTOL, Status.READY]])
    assert list(counts_of(status.astype(np.int16)).items()) == [(-19, 1), (-11, 1), (-1, 1), (2, 3)]
    assert counts_of(np.zeros((0,), np.int16)) == {}


def test_good_ends_ask_for_nothing() -> None:
    for status in (Status.GTOL, Status.FTOL, Status.XTOL, Status.FTOL_XTOL):
        assert STATUS[status].remedy == NOTHING_TO_DO


def test_flags_are_bits_with_a_row_each() -> None:
    assert {flag.name: int(flag) for flag in Flag} == {
        "AT_BOUND": 1,
        "SINGULAR": 2,
        "NO_EFFECT": 4,
        "UNDERSAMPLED": 8,
        "OUT_OF_RANGE": 16,
        "AT_ZERO": 32,
        "AMBIGUOUS": 64,
        "NONLINEAR_AT_BOUND": 128,
        "NO_FREEDOM": 256,
        "UNCERTAIN": 512,
        "MOSTLY_OUTLIERS": 1024,
        "NOT_DETECTED": 2048,
    }
    assert {row.flag.name: code for code, row in FLAGS.items()} == {
        "AT_BOUND": 1,
        "SINGULAR": 2,
        "NO_EFFECT": 4,
        "UNDERSAMPLED": 8,
        "OUT_OF_RANGE": 16,
        "AT_ZERO": 32,
        "AMBIGUOUS": 64,
        "NONLINEAR_AT_BOUND": 128,
        "NO_FREEDOM": 256,
        "UNCERTAIN": 512,
        "MOSTLY_OUTLIERS": 1024,
        "NOT_DETECTED": 2048,
    }
    assert "bounds" in FLAGS[Flag.AT_BOUND].meaning
    assert "singular" in FLAGS[Flag.SINGULAR].meaning


def test_axes_in_the_order_of_the_inputs() -> None:
    axes = Axes((4, 5, 6), (2, 0))
    assert (axes.iterating, axes.fitting_shape, axes.iterating_shape) == ((1,), (6, 4), (5,))
    assert (axes.n_fits, axes.n_samples) == (5, 24)
    assert Axes((7,), (0,)).n_fits == 1


def test_free_parameters_are_neither_fixed_nor_tied() -> None:
    nothing = (np.zeros(1),) * 4
    table = ParamTable(
        ("a", "b", "c", "d"),
        nothing,
        nothing,
        nothing,
        (True, False, False, True),
        (False, True, False, True),
        (False,) * 4,
    )
    assert table.free == (2,)
