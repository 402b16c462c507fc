"""Every fittable class that astropy ships compiles, or the page says why not."""

from __future__ import annotations

from pathlib import Path

import astropy
import numpy as np
import pytest
from astropy.modeling import models

from ndfit.model.catalogue import catalogue, example, page
from ndfit.model.interpret import evaluate
from ndfit.model.trace.tracing import trace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "which-models-compile.md"
ROWS = catalogue()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_class_gives_its_own_values(row) -> None:
    if row.name == "Spline1D":
        assert "spline fitters" in row.reason
        return
    assert row.compiled, row.reason
    model, coords = example(getattr(models, row.name))
    with np.errstate(all="ignore"):
        expected = model(*coords)
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(evaluate(trace(model), model.parameters, coords)[0], expected, rtol=1e-12, atol=1e-300)


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text()
    if f"astropy {astropy.__version__}," not in text:
        pytest.skip("the page was generated with another version of astropy")
    assert text == page()
