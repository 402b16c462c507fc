"""A model, a fitter or a callable that fails at some positions spoils those, and tells so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.modeling import Fittable1DModel, Parameter
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian1D

import ndfit
from ndfit.status import Status

BAD = (2, 3)


class Moody(Fittable1DModel):
    """A line that, near the amplitude that the test starts one position at, does what it is told to."""

    amplitude = Parameter(default=4.0)
    mean = Parameter(default=15.0)
    stddev = Parameter(default=2.0)
    mood = "raise"

    def evaluate(self, x: Any, amplitude: Any, mean: Any, stddev: Any) -> Any:
        values = amplitude * np.exp(-0.5 * ((x - mean) / stddev) ** 2)
        if np.any(np.asarray(amplitude) > 1e5):
            if self.mood == "raise":
                raise RuntimeError("not today")
            return values[:-3] if self.mood == "shape" else values * np.nan
        return values


@pytest.mark.parametrize(
    ("mood", "status"),
    [("raise", Status.USER_ERROR), ("shape", Status.USER_ERROR), ("nan", Status.NON_FINITE_MODEL)],
)
@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_a_model_that_fails_at_one_position(mood: str, status: Status, scheduler: str, cube: np.ndarray) -> None:
    start = np.full(cube.shape[1:], 4.0)
    start[BAD] = 1e6
    model = Moody(amplitude=start)
    model.mood = mood
    with pytest.warns(ndfit.FitWarning, match="1 of 72 fits did not converge"):
        result = ndfit.fit(model, cube, fitting_axes=0, engine="reference", scheduler=scheduler, chunk_n_max=10)
    expected = np.zeros(cube.shape[1:], dtype=bool)
    expected[BAD] = True
    np.testing.assert_array_equal(result.status == status, expected)
    np.testing.assert_array_equal(np.isnan(result.parameters["mean"]), expected)
    assert result.success.sum() == 71


def test_a_model_that_always_raises(cube: np.ndarray) -> None:
    model = Moody(amplitude=1e6)
    with pytest.raises(ndfit.AllFitsFailed, match=r"(?s)the model or the fitter raised an error.*not today"):
        ndfit.fit(model, cube, fitting_axes=0, engine="reference")


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_a_diagnostics_callable_that_raises(scheduler: str, cube: np.ndarray, tmp_path: Path) -> None:
    def draw(path: Path, *_: Any) -> None:
        if path.name == "2_3":
            raise RuntimeError("no more ink in \udcff")
        (path / "drawn").touch()

    model = ndfit.parallel_fit_dask(
        model=Gaussian1D(4.0, 15.0, 2.0),
        fitter=TRFLSQFitter(),
        data=cube,
        fitting_axes=0,
        diagnostics="all",
        diagnostics_path=tmp_path,
        diagnostics_callable=draw,
        scheduler=scheduler,
    )
    assert np.isfinite(model.mean.value).all()
    assert len(list(tmp_path.glob("*/drawn"))) == 71
    assert "no more ink in \\udcff" in (tmp_path / "2_3" / "error.log").read_text(encoding="utf-8")
