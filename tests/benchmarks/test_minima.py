"""The comparison of minima, on a few fits."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.minima import CASES, compare


@pytest.mark.parametrize("case", CASES[:2], ids=lambda case: case.title)
def test_lines_on_a_continuum_end_as_low_as_trf(case) -> None:
    plain, above, below, nfev, of_trf = compare(case, 30)
    assert above == 0.0
    assert 0.0 <= plain <= 0.2
    assert 0.0 <= below <= 0.2
    assert 4.0 < nfev < of_trf + 5.0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_each_case_says_what_its_parameters_are(case) -> None:
    model = case.model(*case.truth)
    assert len(case.roles) == len(case.truth) == len(model.param_names)
    assert set(case.roles) <= set("LPWO")
    samples = (model if case.sky is None else case.sky)(*case.coords)
    # Noise is drawn for a line or star of about this size.
    assert 0.4 < np.ptp(samples) < 1.6
