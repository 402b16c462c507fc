"""What is computed after a run is of the fit, whatever the caller changes in between; or it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import custom_model
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D
from numpy.testing import assert_allclose, assert_array_equal

import ndfit

X = np.linspace(0.0, 10.0, 40)
FACTOR = 1.0


def line_data(n: int = 7) -> np.ndarray:
    rng = np.random.default_rng(1)
    return 5.0 * np.exp(-0.5 * ((X[:, None] - rng.uniform(4, 6, n)) / 1.2) ** 2) + rng.normal(0, 0.1, (X.size, n))


@custom_model
def takes_the_first(x, amplitude=1.0, centre=5.0):
    """Computes with one coordinate as a number: many positions in one call would all use that of the first."""
    return amplitude * np.exp(-((np.asarray(x) - float(np.ravel(centre)[0])) ** 2))


@custom_model
def with_a_global(x, amplitude=1.0, centre=5.0):
    return FACTOR * amplitude * np.exp(-((x - centre) ** 2))


@custom_model
def with_a_global_in_python(x, amplitude=1.0, centre=5.0):
    return float(FACTOR) * amplitude * np.exp(-((np.asarray(x, dtype=float) - centre) ** 2))


@pytest.mark.parametrize("n", [1, 2, 9])
def test_residuals_are_those_of_chi_square_where_a_model_does_not_broadcast(n: int) -> None:
    centres = np.linspace(4.5, 5.5, n)
    data = 2.0 * np.exp(-((X[:, None] - centres) ** 2)) + np.random.default_rng(0).normal(0, 0.01, (X.size, n))
    result = ndfit.fit(takes_the_first(1.5, 5.0), data, fitting_axes=0, world=(X,))
    assert result.engine == "reference"
    assert_allclose((result.residual() ** 2).sum(axis=0), result.chi_square, rtol=1e-9)
    assert_allclose(result.evaluate()[:, -1], result[n - 1].fitted)


def test_a_model_that_looks_at_its_neighbours_gets_the_shape_that_it_was_fitted_with() -> None:
    @custom_model
    def smoothed(x, y, amplitude=1.0, x_0=4.0):
        image = amplitude * np.exp(-0.5 * ((np.asarray(x) - x_0) ** 2 + (np.asarray(y) - 4.0) ** 2))
        return image + np.roll(image, 1, axis=0) if np.ndim(image) == 2 else image

    y, x = np.mgrid[0.0:9.0, 0.0:9.0]
    data = np.stack([smoothed(2.0, 4.1)(x, y), smoothed(3.0, 3.8)(x, y)])
    with pytest.warns(ndfit.FitWarning, match="made again"):
        result = ndfit.fit(smoothed(), data, fitting_axes=(2, 1))
    assert result.engine == "reference"
    assert_allclose((result.residual() ** 2).sum(axis=(1, 2)), result.chi_square, atol=1e-12)


@pytest.mark.parametrize("what", ["data", "weights", "uncertainty", "mask", "world"])
def test_arrays_that_are_changed_afterwards_are_noticed(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ndfit.problem.coords._MOST_COPIED", 100)
    data, world = line_data(), np.repeat(X[:, None], 7, axis=1)
    arrays = {
        "weights": np.full((X.size, 7), 10.0),
        "uncertainty": np.full((X.size, 7), 0.1),
        "mask": np.zeros((X.size, 7), dtype=bool),
        "world": (world,),
    }
    given = {what: arrays[what]} if what in arrays else {}
    result = ndfit.fit(Gaussian1D(4, 5, 1), data, fitting_axes=0, **({"world": (X,)} | given))
    before = result.residual()
    changed = {"data": data, "world": world}.get(what, arrays.get(what))
    changed[3, 2] = not changed[3, 2] if changed.dtype == bool else changed[3, 2] + 1.0
    with pytest.raises(ndfit.ChangedInputError, match="at 1 of 7 positions"):
        result.residual()
    with pytest.raises(ndfit.ChangedInputError):
        result.residual(lazy=True).compute()
    if what == "world":
        with pytest.raises(ndfit.ChangedInputError):
            result.evaluate()
    with pytest.raises(ndfit.ChangedInputError):
        result[2]
    with pytest.raises(ndfit.ChangedInputError):
        result.report(tmp_path / "report.html")
    with pytest.raises(ndfit.ChangedInputError):
        result.to_fits(tmp_path / "cube.fits", cubes=["residual"])
    assert not (tmp_path / "cube.fits").exists()
    assert_array_equal(result[1].residual, before[:, 1])


def test_files_hold_no_checksum_of_data_that_were_changed(tmp_path: Path) -> None:
    data = line_data()
    result = ndfit.fit(Gaussian1D(4, 5, 1), data, fitting_axes=0, world=(X,))
    assert result.record["data"]["sha256"]["data"]
    data[0, 0] += 1.0
    with pytest.warns(ndfit.FitWarning, match="no checksums"):
        result.to_fits(tmp_path / "fit.fits")
    again = ndfit.read(tmp_path / "fit.fits")
    assert again.record["data"]["sha256"]["data"] is None
    assert_array_equal(again.parameters["mean"], result.parameters["mean"])


@pytest.mark.parametrize("x", [X.copy(), np.repeat(X[:, None], 7, axis=1)], ids=["shared", "own"])
def test_coordinates_that_are_not_many_are_copied(x: np.ndarray) -> None:
    data = line_data()
    result = ndfit.fit(Gaussian1D(4, 5, 1), data, fitting_axes=0, world=(x,))
    before = result.evaluate(), result.residual()
    x += 3.0
    assert_array_equal(result.evaluate(), before[0])
    assert_array_equal(result.residual(), before[1])


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", pytest.param("processes", marks=pytest.mark.long)])
def test_lazy_data_that_change_are_noticed(scheduler: str, tmp_path: Path) -> None:
    data = line_data(30)
    lazy = da.from_array(data, chunks=(40, 10), asarray=False)
    result = ndfit.fit(
        Gaussian1D(4, 5, 1), lazy, fitting_axes=0, world=(X,), scheduler=scheduler, checkpoint=tmp_path / "run"
    )
    assert_allclose((result.residual() ** 2).sum(axis=0), result.chi_square)
    again = ndfit.fit(Gaussian1D(4, 5, 1), lazy, fitting_axes=0, world=(X,), checkpoint=tmp_path / "run")
    assert_array_equal(again.residual(), result.residual())
    changed = da.from_array(data + 1.0, chunks=(40, 10))
    object.__setattr__(again._problem.samples, "data", changed)
    with pytest.raises(ndfit.ChangedInputError):
        again[3]


@pytest.mark.filterwarnings("ignore:.*were left out:ndfit.errors.FitWarning")
def test_digests_do_not_depend_on_how_positions_are_divided() -> None:
    data, weights = line_data(12), np.full((X.size, 12), 10.0)
    data[3, 5], weights[4, 7], weights[5, 8] = np.nan, 0.0, -10.0
    call = {"fitting_axes": 0, "world": (X,), "weights": weights}
    few = ndfit.fit(Gaussian1D(4, 5, 1), data, chunk_n_max=1, **call)
    many = ndfit.fit(Gaussian1D(4, 5, 1), data, **call)
    assert_array_equal(few._maps.sample_digests, many._maps.sample_digests)
    assert len(set(many._maps.sample_digests.tolist())) == 12
    for position in range(12):
        many[position]


def test_maps_are_read_only_and_the_model_is_a_copy() -> None:
    model = Gaussian1D(4 * u.Jy, 5 * u.m, 1 * u.m)
    result = ndfit.fit(model, line_data() * u.Jy, fitting_axes=0, world=(X * u.m,))
    maps = [result.status, result.flags, result.nfev, result.n_samples, result.edm, result.covariance]
    for array in (*maps, *result.parameters.values(), *result.errors.values()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]
    with pytest.raises(TypeError):
        result.parameters["mean"] = result.parameters["mean"]  # type: ignore[index]
    before = result.parameters["mean"].copy()
    result.model.mean = np.zeros(7) * u.m
    result.model.stddev.std[...] = -1.0
    assert_array_equal(result.parameters["mean"], before)
    assert result.errors["stddev"].min() > 0.0


def test_errors_of_ties_are_those_of_the_ties_that_were_fitted() -> None:
    results = []
    for ratio in (2.0, 3.0):
        model = Gaussian1D(4, 5, 1) + Gaussian1D(4, 8, 1)
        model.amplitude_1.tied = lambda m: m.amplitude_0 * ratio  # noqa: B023 - that it changes is the point
        results.append(ndfit.fit(model, line_data(), fitting_axes=0, world=(X,)))
    for result, ratio in zip(results, (2.0, 3.0), strict=True):
        assert_allclose(result.parameters["amplitude_1"], ratio * result.parameters["amplitude_0"])
        assert_allclose(result.errors["amplitude_1"], ratio * result.errors["amplitude_0"], rtol=1e-6)


def test_ties_that_take_no_maps_have_errors() -> None:
    model = Gaussian1D(4, 5, 1) + Const1D(0.0)
    model.amplitude_1.tied = lambda m: 0.1 * float(m.amplitude_0.value if hasattr(m.amplitude_0, "value") else 0.0)
    result = ndfit.fit(model, line_data(), fitting_axes=0, world=(X,))
    assert_allclose(result.errors["amplitude_1"], 0.1 * result.errors["amplitude_0"], rtol=1e-6)


def test_a_tied_parameter_has_no_error_where_the_data_determine_nothing() -> None:
    model = Const1D(1.0) + Const1D(2.0) + Const1D(3.0)
    model.amplitude_2.tied = lambda m: 2.0 * m.amplitude_0
    result = ndfit.fit(model, np.random.default_rng(0).normal(size=(10, 3)), fitting_axes=0)
    assert np.isnan(result.errors["amplitude_2"]).all()


def test_a_compiled_model_is_evaluated_as_it_was_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    data = line_data()
    result = ndfit.fit(with_a_global(4.0, 5.0), data, fitting_axes=0, world=(X,))
    assert result.engine == "compiled"
    before = result.evaluate(), result.residual(), result[2].residual
    monkeypatch.setitem(globals(), "FACTOR", 5.0)
    assert_array_equal(result.evaluate(), before[0])
    assert_array_equal(result.residual(), before[1])
    assert_array_equal(result[2].residual, before[2])


def test_a_model_of_the_reference_engine_that_computes_something_else_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = line_data()
    result = ndfit.fit(with_a_global_in_python(4.0, 5.0), data, fitting_axes=0, world=(X,))
    assert result.engine == "reference"
    assert_allclose((result.residual() ** 2).sum(axis=0), result.chi_square)
    monkeypatch.setitem(globals(), "FACTOR", 5.0)
    with pytest.raises(ndfit.ChangedInputError, match="the model"):
        result.evaluate()
    with pytest.raises(ndfit.ChangedInputError, match="the model"):
        result[2]


@custom_model
def two_sides(x, amplitude=1.0, centre=5.0):
    """Branches on a value, hides that tracing refuses it, and is another model where fits may end."""
    line = amplitude * np.exp(-((x - centre) ** 2))
    try:
        far = bool(np.all(centre > 8.0))
    except Exception:
        far = False
    return 2.0 * line if far else line


CENTRES = np.linspace(4.9, 8.6, 40)


def two_sided_data() -> np.ndarray:
    line = 2.0 * np.exp(-((X[:, None] - CENTRES) ** 2))
    return line + np.random.default_rng(0).normal(0, 1e-3, line.shape)


def centres_at_start() -> np.ndarray:
    return CENTRES + 0.1


def test_a_branch_that_tracing_did_not_see_is_found_at_the_solutions() -> None:
    data = two_sided_data()
    start = two_sides(2.0, centres_at_start())
    with pytest.warns(ndfit.FitWarning, match=r"position \(\d+,\), the traced model differs .* made again"):
        result = ndfit.fit(start, data, fitting_axes=0, world=(X,))
    assert result.engine == "reference"
    assert "position" in result.reason
    own = two_sides()
    for position in range(40):
        values = [result.parameters[name][position] for name in own.param_names]
        assert_allclose(((data[:, position] - own.evaluate(X, *values)) ** 2).sum(), result.chi_square[position])


def test_the_drop_in_finds_it_too_and_says_so_where_there_is_no_other_engine(tmp_path: Path) -> None:
    data, start = two_sided_data(), two_sides(2.0, centres_at_start())
    call: dict[str, Any] = {"fitting_axes": 0, "world": (X,)}
    with pytest.warns(ndfit.FitWarning, match="made again"):
        model = ndfit.parallel_fit_dask(model=start, fitter=TRFLSQFitter(), data=data, **call)
    assert model.amplitude.value[-1] == pytest.approx(1.0, abs=0.01)
    with pytest.raises(ValueError, match=r"engine='compiled' is not possible here: at the solution of position"):
        ndfit.fit(start, data, engine="compiled", **call)
    with pytest.raises(ValueError, match=r"the loss 'huber' is not possible here"):
        ndfit.fit(start, data, loss="huber", **call)
    with pytest.raises(ndfit.CheckpointError, match="engine='reference'"):
        ndfit.fit(start, data, checkpoint=tmp_path / "run", **call)


def test_no_positions_have_no_residuals() -> None:
    result = ndfit.fit(Gaussian1D(4, 5, 1), line_data()[:, :0], fitting_axes=0, world=(X,))
    assert result.residual().shape == result.evaluate().shape == (40, 0)
