"""The scripts of the gallery run, without warnings, and draw."""

from __future__ import annotations

import runpy
from pathlib import Path

import matplotlib
import pytest
from tools.pages import DOCS


@pytest.mark.parametrize("script", sorted((DOCS / "gallery").glob("plot_*.py")), ids=lambda script: script.stem)
def test_a_script_of_the_gallery(script: Path) -> None:
    matplotlib.use("agg")
    from matplotlib import pyplot

    pyplot.close("all")
    runpy.run_path(str(script))
    assert pyplot.get_fignums()
    pyplot.close("all")
