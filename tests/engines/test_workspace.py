"""Scratch of the solver: what threads write to lies apart."""

from __future__ import annotations

import numpy as np

from ndfit.engines.compiled.kernel.workspace import Structure, Workspace, allocate
from ndfit.problem.places import Places

LINE, PAGE = 64, 4096
PLACES = Places((np.arange(53.0),), (53,))


def pages(scratch: Workspace) -> set[int]:
    return {
        page
        for array, address in zip(scratch.arrays, scratch.table, strict=True)
        for page in range(address // PAGE, (address + array.nbytes - 1) // PAGE + 1)
    }


def test_scratch_of_two_solves_shares_no_page() -> None:
    structure = Structure(3, 1, (0, 1, 2), (0, 0), (1, 2), (False, False, True))
    scratches = [allocate(structure, 53, PLACES) for _ in range(5)]
    taken = [pages(scratch) for scratch in scratches]
    assert len(set.union(*taken)) == sum(map(len, taken))
    assert all(address % LINE == 0 for scratch in scratches for address in scratch.table)


def test_arrays_of_a_scratch_do_not_overlap() -> None:
    scratch = allocate(Structure(3, 1, (0, 1, 2), (0, 0), (1, 2), (False, False, True)), 53, PLACES)
    for number, array in enumerate(scratch.arrays):
        array[...] = number
    assert all((array == number).all() for number, array in enumerate(scratch.arrays))
