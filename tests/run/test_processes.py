"""Worker processes: errors travel, and processes that end are told from scripts without a guard."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Gaussian1D
from tests.normalized import normalize

from ndfit.problem.block import Inputs, inputs_of
from ndfit.run.processes import solve_in_processes
from ndfit.run.workers import Workers

REGIONS = [(slice(number, number + 1),) for number in range(3)]


class NeedsTwo(Exception):
    """An error that does not survive pickling."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def first_and(action: Any) -> Any:
    """A task that tells the position of its region, and does something else in the second."""

    def task(inputs: Inputs) -> int:
        if inputs.positions[0] == 1:
            action()
        return int(inputs.positions[0])

    return task


def solved(action: Any) -> tuple[list[int], BaseException]:
    """Results given before the error, and the error."""
    problem = normalize(model=Gaussian1D(), data=np.zeros((5, 3)), fitting_axes=0)
    given: list[int] = []
    with pytest.raises(Exception) as raised:  # noqa: PT011 - it is what is returned
        given.extend(
            result
            for _, result in solve_in_processes(
                first_and(action), partial(inputs_of, problem), REGIONS, Workers("processes", 1)
            )
        )
    return given, raised.value


def test_an_error_of_a_worker_travels_with_its_traceback() -> None:
    def fail() -> None:
        raise ValueError("seven is no weekday")

    given, error = solved(fail)
    assert isinstance(error, ValueError)
    assert str(error) == "seven is no weekday"
    assert "in fail" in error.__notes__[0]
    assert 0 in given


@pytest.mark.long
@pytest.mark.parametrize(
    ("action", "told"),
    [
        (partial(os._exit, 3), "a worker process ended itself (exit code 3)"),
        pytest.param(
            lambda: os.kill(os.getpid(), signal.SIGKILL),
            "a worker process was ended from outside (signal 9)",
            marks=pytest.mark.skipif(os.name == "nt", reason="needs the signals of POSIX"),
        ),
    ],
)
def test_a_process_that_ends(action: Any, told: str) -> None:
    given, error = solved(action)
    assert given == [0]
    assert isinstance(error, RuntimeError)
    assert str(error).startswith(told)


@pytest.mark.long
def test_an_error_that_cannot_travel_is_told_in_words() -> None:
    def fail() -> None:
        raise NeedsTwo("one", "other")

    _, error = solved(fail)
    assert type(error) is RuntimeError
    assert str(error) == "NeedsTwo: oneother"
