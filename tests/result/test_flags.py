"""Flags as names, and which of them disqualify an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ndfit
from ndfit.status import FLAGS, Flag


def test_every_combination_is_decoded() -> None:
    for code in range(sum(FLAGS) + 1):
        names = ndfit.decode_flags(code)
        assert sum(Flag[name] for name in names) == code
        assert ndfit.disqualified(code) == any(FLAGS[Flag[name]].disqualifies for name in names)


def test_maps_keep_their_shape() -> None:
    flags = np.array([[0, 2, 3], [16, 0, 2]], dtype=np.uint32)
    assert_array_equal(ndfit.disqualified(flags), flags > 0)
    names = ndfit.decode_flags(flags)
    assert names.shape == (2, 3)
    assert names[0, 2] == ("AT_BOUND", "SINGULAR")
    assert names[1, 1] == ()
    assert ndfit.decode_flags(np.zeros((0, 4), np.uint32)).shape == (0, 4)
    assert ndfit.decode_flags(np.array(2, dtype=np.uint32)) == ("SINGULAR",)


def test_an_undersampled_line_is_not_disqualified() -> None:
    assert not ndfit.disqualified(Flag.UNDERSAMPLED)


@pytest.mark.parametrize("decode", [ndfit.decode_flags, ndfit.disqualified])
@pytest.mark.parametrize(
    ("flags", "error"), [(1.5, TypeError), ("AT_BOUND", TypeError), (2**20, ValueError), ([1, -1], ValueError)]
)
def test_what_is_no_flag_is_refused(decode: Any, flags: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="flags should be"):
        decode(flags)
