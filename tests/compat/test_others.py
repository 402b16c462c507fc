"""Each private name that is needed of a WCS, of dask and of Python is there, and tells what it is needed for."""

from __future__ import annotations

import dask.array as da
import numpy as np
from astropy.wcs import WCS
from astropy.wcs.wcsapi import SlicedLowLevelWCS

from ndfit._compat.dask_arrays import is_masked
from ndfit._compat.sliced_wcs import cut_from
from ndfit._compat.starting_processes import is_starting


def test_what_a_wcs_was_cut_from() -> None:
    whole = WCS(naxis=3)
    found = cut_from(SlicedLowLevelWCS(whole, np.s_[3, :, 2:5]))
    assert found is not None
    assert found[0] is whole
    assert found[1][0] == 3
    assert found[1][2].start == 2
    assert cut_from(whole) is None


def test_lazy_arrays_of_masked_chunks() -> None:
    plain = da.ones((4, 4), chunks=2)
    assert is_masked(da.ma.masked_greater(plain, 2.0))
    assert not is_masked(plain)
    assert not is_masked(np.ones(3))


def test_a_process_that_runs_is_not_starting() -> None:
    assert not is_starting()
