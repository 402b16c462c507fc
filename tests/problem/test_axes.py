"""Which axes are fitted along."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ndfit.problem.axes import parse_axes


@pytest.mark.parametrize(
    ("given", "fitting"), [(0, (0,)), (-1, (2,)), (np.int64(1), (1,)), ([2, 0], (2, 0)), ((-3, -1), (0, 2))]
)
def test_axes_are_counted_from_either_end_and_keep_their_order(given: Any, fitting: tuple[int, ...]) -> None:
    axes = parse_axes(given, (4, 5, 6), len(fitting))
    assert axes.fitting == fitting
    assert sorted(axes.fitting + axes.iterating) == [0, 1, 2]


@pytest.mark.parametrize(
    ("given", "n_inputs", "error", "message"),
    [
        (None, 1, TypeError, "fitting_axes is required"),
        (1.5, 1, TypeError, "an int or a tuple of ints, got 1.5"),
        ("0", 1, TypeError, "an int or a tuple of ints, got '0'"),
        ((0, "x"), 2, TypeError, "an int or a tuple of ints"),
        (0, 2, ValueError, "Model is 2-dimensional, but got 1 value"),
        (3, 1, ValueError, "Fitting index 3 out of range for 3-dimensional data"),
        (-4, 1, ValueError, "Fitting index -4 out of range"),
        ((0, -3), 2, ValueError, "names one axis of the 3-dimensional data twice"),
    ],
)
def test_what_is_no_axis_of_the_data(given: Any, n_inputs: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_axes(given, (4, 5, 6), n_inputs)
