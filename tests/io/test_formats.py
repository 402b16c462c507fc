"""The format of a file follows from its name, or is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.modeling.models import Const1D

import ndfit
from ndfit.io.formats import FORMATS


@pytest.fixture(scope="module")
def result() -> ndfit.FitResult:
    return ndfit.fit(Const1D(1.0), np.ones((4, 2)), fitting_axes=0)


@pytest.mark.parametrize(("name", "format"), [("fit.fits", "fits"), ("FIT.FITS.GZ", "fits"), ("fit.zarr", "zarr")])
def test_the_ending_stands_for_a_format(result: ndfit.FitResult, tmp_path: Path, name: str, format: str) -> None:
    result.write(tmp_path / name)
    assert FORMATS[format].recognises(tmp_path / name)
    assert ndfit.read(tmp_path / name).summary() == result.summary()


def test_a_format_that_is_named_needs_no_ending(result: ndfit.FitResult, tmp_path: Path) -> None:
    result.write(tmp_path / "fit", format="zarr")
    assert FORMATS["zarr"].recognises(tmp_path / "fit")


@pytest.mark.parametrize(("name", "format"), [("fit.txt", None), ("fit.fits", "hdf5")])
def test_what_stands_for_no_format(result: ndfit.FitResult, tmp_path: Path, name: str, format: str | None) -> None:
    with pytest.raises(ValueError, match=r"no format of results: .*'fits' \(\.fits\)"):
        result.write(tmp_path / name, format=format)
    assert not list(tmp_path.iterdir())
