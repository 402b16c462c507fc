"""Many small runs in threads: no position is ever another position's."""

from __future__ import annotations

import dask
import numpy as np
import pytest
from astropy.modeling.fitting import LevMarLSQFitter
from numpy.testing import assert_allclose
from tests.parity.synthetic import X, cube, start


@pytest.mark.parametrize("runs", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_no_wrong_position(fit, runs):
    rng = np.random.default_rng(1)
    with dask.config.set(num_workers=4):
        for _ in range(runs):
            means = rng.uniform(4, 6, (2, 3))
            fitted = fit(
                model=start(),
                fitter=LevMarLSQFitter(),
                data=cube(means),
                world=(X,),
                fitting_axes=0,
                scheduler="threads",
                chunk_n_max=1,
            )
            assert_allclose(fitted.mean.value, means, rtol=1e-6)
