"""What is said of fits that ended at bounds."""

from __future__ import annotations

import numpy as np
import pytest

from ndfit.engine.finish import _held_at_bounds


@pytest.mark.parametrize("scale", [1.0, 1e200])
def test_covariance_with_a_parameter_held_at_its_bound(scale: float) -> None:
    """The block of the others in the inverse of the curvature without the row and column of the one that is held."""
    curvature = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
    held = _held_at_bounds(scale * np.linalg.inv(curvature)[None], np.array([[False, True, False]]))[0]
    others = np.ix_([0, 2], [0, 2])
    np.testing.assert_allclose(held[others], scale * np.linalg.inv(curvature[others]), rtol=1e-12)
    assert np.isnan(held[1]).all()
    assert np.isnan(held[:, 1]).all()
