"""Schedulers that are functions: regions go to them in batches, and those that were done before an error are given."""

from __future__ import annotations

from functools import partial
from typing import Any

import dask
import numpy as np
import pytest
from astropy.modeling.models import Gaussian1D

from ndfit.problem.normalize import normalize
from ndfit.run.execute import solve_regions
from ndfit.run.load import Inputs, inputs_of
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


def solved(get: Any, task: Any) -> Any:
    problem = normalize(model=Gaussian1D(), data=np.zeros((5, 8)), fitting_axes=0)
    for region, result in solve_regions(task, partial(inputs_of, problem), REGIONS, Workers(get, 1)):
        yield region[0].start, result
