"""Schedulers that are functions get regions in batches, and one region alone takes no thread."""

from __future__ import annotations

import signal
import threading
from functools import partial
from typing import Any

import dask
import numpy as np
import pytest
from astropy.modeling.models import Gaussian1D
from tests.normalized import normalize

from ndfit.problem.block import Inputs, inputs_of
from ndfit.run.execute import solve_regions
from ndfit.run.workers import Workers

REGIONS = [(slice(number, number + 1),) for number in range(8)]


def test_a_function_is_called_for_a_few_regions_at_a_time() -> None:
    calls: list[int] = []

    def get(graph: Any, keys: Any, **keywords: Any) -> Any:
        calls.append(len(keys))
        return dask.get(graph, keys, **keywords)

    assert dict(solved(get, lambda inputs: int(inputs.positions[0]))) == {number: number for number in range(8)}
    assert calls == [3, 3, 2]


def test_what_was_done_before_an_error_is_given() -> None:
    def task(inputs: Inputs) -> int:
        if inputs.positions[0] == 4:
            raise ValueError("four is no number")
        return int(inputs.positions[0])

    given: list[int] = []
    with pytest.raises(ValueError, match="four is no number"):
        given.extend(result for _, result in solved(dask.get, task))
    assert given == [0, 1, 2]


def solved(where: Any, task: Any, regions: Any = REGIONS) -> Any:
    problem = normalize(model=Gaussian1D(), data=np.zeros((5, 8)), fitting_axes=0)
    for region, result in solve_regions(task, partial(inputs_of, problem), regions, Workers(where, 1)):
        yield region[0].start, result


@pytest.mark.parametrize(("count", "here"), [(1, True), (2, False)])
def test_one_region_is_solved_in_the_thread_of_the_caller(count: int, here: bool) -> None:
    with np.errstate(all="raise"):
        found = solved("threads", lambda inputs: (threading.current_thread(), np.geterr()["over"]), REGIONS[:count])
        threads, errors = zip(*(result for _, result in found), strict=True)
    assert [thread is threading.current_thread() for thread in threads] == [here] * count
    assert set(errors) == {"warn"}


def test_one_region_can_be_interrupted() -> None:
    # A job in the background of a shell ignores interrupts, and so would this process.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        list(solved("threads", lambda inputs: signal.raise_signal(signal.SIGINT), REGIONS[:1]))
    signal.signal(signal.SIGINT, before)
