"""Regions cover every position once, in pieces that suit engine, workers and the data's own chunks."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from astropy.modeling.models import Gaussian1D
from hypothesis import given
from hypothesis import strategies as st
from tests.normalized import normalize

from ndfit.options import Execution
from ndfit.problem.types import FitProblem
from ndfit.run.plan import plan_regions


def problem_of(shape: tuple[int, ...], chunks: tuple[int, ...] | None = None) -> FitProblem:
    data = np.zeros((5, *shape))
    lazy = data if chunks is None else da.from_array(data, chunks=(5, *chunks))
    return normalize(model=Gaussian1D(), data=lazy, fitting_axes=0)


@given(
    shape=st.lists(st.integers(1, 9), min_size=0, max_size=3).map(tuple),
    n_most=st.integers(1, 50),
    n_workers=st.integers(1, 4),
    limit=st.none() | st.integers(1, 20),
    native=st.none() | st.integers(1, 9),
)
def test_every_position_once(
    shape: tuple[int, ...], n_most: int, n_workers: int, limit: int | None, native: int | None
) -> None:
    chunks = None if native is None else tuple(min(native, size) for size in shape)
    plan = plan_regions(problem_of(shape, chunks), n_most=n_most, n_workers=n_workers, chunk_n_max=limit)
    seen = np.zeros(shape, dtype=int)
    for region in plan.regions:
        seen[region] += 1
        assert seen[region].size <= (n_most if limit is None else limit)
    assert (seen == 1).all()


def test_every_worker_has_several_chunks() -> None:
    assert len(plan_regions(problem_of((40, 10)), n_most=500, n_workers=2).regions) == 8


def test_the_last_chunks_are_small_so_that_workers_end_together() -> None:
    plan = plan_regions(problem_of((24, 100)), n_most=400, n_workers=2)
    assert [region[0].stop - region[0].start for region in plan.regions] == [3, 3, 3, 3, 3, 3, 3, 2, 1]


def test_the_last_chunks_are_whole_chunks_of_a_dask_array() -> None:
    plan = plan_regions(problem_of((48, 50), (2, 50)), n_most=400, n_workers=2)
    assert [region[0].stop - region[0].start for region in plan.regions] == [6, 6, 6, 6, 6, 6, 6, 2, 2, 2]


@pytest.mark.parametrize(("shape", "sizes"), [((105, 105), [5565, 5460]), ((4000,), [2000, 2000])])
def test_chunks_of_few_fits_are_few(shape: tuple[int, ...], sizes: list[int]) -> None:
    plan = plan_regions(problem_of(shape), n_most=50_000, n_workers=2)
    assert [np.zeros(shape)[region].size for region in plan.regions] == sizes


def test_chunks_of_a_dask_array_are_kept_when_asked() -> None:
    plan = plan_regions(problem_of((6, 6), (4, 3)), n_most=1, n_workers=1, native=True)
    assert {tuple(where.stop - where.start for where in region) for region in plan.regions} == {(4, 3), (2, 3)}


def test_chunks_are_multiples_of_those_of_a_dask_array() -> None:
    plan = plan_regions(problem_of((12, 12), (3, 12)), n_most=80, n_workers=1)
    assert {region[0].start % 3 for region in plan.regions} == {0}


@pytest.mark.parametrize("limit", [0, -1, 2.5, "many"])
def test_limit_of_a_chunk_is_a_positive_whole_number(limit: object) -> None:
    with pytest.raises(ValueError, match="chunk_n_max should be a positive whole number"):
        Execution(chunk_n_max=limit)  # type: ignore[arg-type]
