"""What is read is what was written: bit for bit, in both formats, over models, shapes, units and constraints."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from astropy import units as u
from astropy.io import fits
from astropy.modeling import custom_model
from astropy.modeling.models import Const1D, Gaussian1D
from astropy.utils.exceptions import AstropyUserWarning
from hypothesis import HealthCheck, given, settings
from numpy.testing import assert_allclose, assert_array_equal
from tests.normalized import normalize
from tests.reading.drawn_results import M, result_of, results

import ndfit
from ndfit.io import formats, layers
from ndfit.io.model_record import CannotRebuild
from ndfit.io.tie_text import ExpressionTie
from ndfit.result.maps import Maps

FORMATS = tuple(formats.FORMATS)
X = np.arange(M) * u.km / u.s


def write(result: ndfit.FitResult, path: Path, **keywords: Any) -> Path:
    result.write(path, **keywords)
    return path


def same_bits(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def same_quantities(one: Any, other: Any) -> bool:
    units = [getattr(maps, "unit", None) for maps in (one, other)]
    return units[0] == units[1] and same_bits(getattr(one, "value", one), getattr(other, "value", other))


@pytest.mark.parametrize("ending", FORMATS)
@given(result=results())
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_round_trip_is_exact(result: ndfit.FitResult, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        again = ndfit.read(write(result, Path(folder) / f"fit.{ending}"))
    for name in result.param_names:
        assert same_quantities(result.parameters[name], again.parameters[name])
        if result.has_errors:
            assert same_quantities(result.errors[name], again.errors[name])
    assert again.has_errors == result.has_errors
    if result.has_errors:
        assert same_bits(result.covariance, again.covariance)
    for name in (
        "status",
        "flags",
        "edm",
        "nfev",
        "n_samples",
        "success",
        "chi_square",
        "reduced_chi_square",
        "aic",
        "bic",
    ):
        assert same_bits(getattr(result, name), getattr(again, name))
    assert again.summary() == result.summary()
    assert_same_problem(result, again)


def assert_same_problem(result: ndfit.FitResult, again: ndfit.FitResult) -> None:
    one, other = result._problem, again._problem
    for name in ("names", "fixed", "tied", "sign_symmetric"):
        assert getattr(one.params, name) == getattr(other.params, name)
    for name in ("start", "lower", "upper"):
        for values, others in zip(getattr(one.params, name), getattr(other.params, name), strict=True):
            assert_array_equal(values, others)
    assert one.axes == other.axes
    assert result.model.bounds == again.model.bounds
    assert result.model.fixed == again.model.fixed
    for name, tie in result.model.tied.items():
        assert (
            again.model.tied[name] == tie
            if isinstance(tie, ExpressionTie)
            else bool(again.model.tied[name]) == bool(tie)
        )
    for part in ("record", "messages"):
        written, reread = (getattr(each._contents(None), part) for each in (result, again))
        assert json.dumps(str(written)) == json.dumps(str(reread))


def line_result(**keywords: Any) -> tuple[ndfit.FitResult, Any]:
    """A fit of six spectra with units, one of them empty, by the reference engine; and its data."""
    data = np.stack([4.0 * np.exp(-0.5 * ((X.value - mean) / 0.8) ** 2) for mean in (2.0, 2.2, 2.5, 2.7, 2.9, 3.0)])
    data = (data + 0.01 * np.random.default_rng(3).normal(size=data.shape)).reshape(2, 3, M)
    data[1, 2] = np.nan
    model = keywords.pop("model", Gaussian1D(3 * u.K, 2500 * u.m / u.s, 1 * u.km / u.s))
    result = ndfit.fit(model, data * u.K, world=X, fitting_axes=2, engine="reference", **keywords)
    return result, data * u.K


@pytest.mark.parametrize("ending", FORMATS)
def test_data_given_back_bring_single_fits_values_and_residuals_back(tmp_path: Path, ending: str) -> None:
    result, data = line_result(uncertainty=np.full(M, 0.01) * u.K)
    path = write(result, tmp_path / f"fit.{ending}")
    again = ndfit.read(path, data=data, world=X, uncertainty=np.full(M, 0.01) * u.K)
    assert same_bits(again.evaluate(), result.evaluate())
    assert same_bits(again.residual(), result.residual())
    one, other = again[0, 1], result[0, 1]
    assert same_bits(one.residual, other.residual)
    assert same_bits(one.weights, other.weights)
    assert_array_equal(one.model.parameters, other.model.parameters)
    assert one.model.mean.unit == u.m / u.s
    assert again[1, 2].model is None


def test_without_data_an_error_says_so(tmp_path: Path) -> None:
    again = ndfit.read(write(line_result()[0], tmp_path / "fit.fits"))
    for look in (again.evaluate, again.residual, lambda: again[0, 0]):
        with pytest.raises(ValueError, match="give them back"):
            look()


def test_other_data_are_refused_or_told(tmp_path: Path) -> None:
    result, data = line_result()
    path = write(result, tmp_path / "fit.fits")
    with pytest.raises(ValueError, match=r"shape \(2, 3, 6\), those given have \(3, 6\)"):
        ndfit.read(path, data=data[0], world=X)
    with pytest.raises(ValueError, match=r"'amplitude' was fitted in 'K'.* in 'mK': give data_unit, world"):
        ndfit.read(path, data=data.to(u.mK), world=X)
    with pytest.warns(UserWarning, match="not what was fitted: data differ;"):
        ndfit.read(path, data=2 * data, world=X)
    with pytest.warns(UserWarning, match=r"not what was fitted: coordinates \(world\) differ;"):
        ndfit.read(path, data=data, world=1.001 * X)
    with pytest.warns(UserWarning, match="not what was fitted: weights, mask differ;"):
        ndfit.read(path, data=data, world=X, weights=np.full(M, 2.0), mask=np.zeros(M, dtype=bool))
    ndfit.read(path, data=np.asarray(data.astype(">f8")) * u.K, world=X.to(u.m / u.s))


def test_weights_that_were_not_given_back_are_missed(tmp_path: Path) -> None:
    result, data = line_result(weights=np.full(M, 2.0))
    with pytest.warns(UserWarning, match="not what was fitted: weights differ;"):
        ndfit.read(write(result, tmp_path / "fit.fits"), data=data, world=X)


def test_samples_left_out_as_outliers_are_not_in_the_file(tmp_path: Path) -> None:
    result, data = line_result()
    n_samples = result.n_samples - (np.arange(result.n_samples.size) == 0).reshape(result.shape).astype(np.int32)
    result = replace(result, _maps=replace(result._maps, n_samples=n_samples))
    again = ndfit.read(write(result, tmp_path / "fit.fits"), data=data, world=X)
    with pytest.warns(UserWarning, match="left out as outliers"):
        again[0, 0]


def test_a_model_of_ones_own_is_given_back(tmp_path: Path) -> None:
    @custom_model
    def bump(x, height=3.0, centre=2.5):  # annotations would be taken for units
        return height * np.exp(-((x - centre) ** 2))

    data = np.stack([bump(2.0, 2.0)(X.value), bump(3.0, 3.0)(X.value)])
    result = ndfit.fit(bump(), data, world=X.value, fitting_axes=1, engine="reference")
    path = write(result, tmp_path / "fit.fits")
    again = ndfit.read(path)
    assert same_bits(again.parameters["centre"], result.parameters["centre"])
    for needs_model in (lambda: again.model, lambda: ndfit.read(path, data=data, world=X.value)):
        with pytest.raises(CannotRebuild, match=r"'bump' .* model=\.\.\."):
            needs_model()
    whole = ndfit.read(path, model=bump(), data=data, world=X.value)
    assert same_bits(whole.model.centre.value, result.parameters["centre"])
    assert same_bits(whole.evaluate(), result.evaluate())
    with pytest.raises(ValueError, match="with the parameters height, centre"):
        ndfit.read(path, model=Const1D())


def test_ties_that_are_functions_are_told_and_can_be_given_back(tmp_path: Path) -> None:
    def narrow(model: Any) -> Any:
        return 0.2 * model.amplitude.value

    model = Gaussian1D(3.0, 2.5, 0.6, tied={"stddev": narrow})
    result = ndfit.fit(model, np.full((2, M), 1.0), world=X.value, fitting_axes=1, engine="reference")
    path = write(result, tmp_path / "fit.zarr")
    lost = ndfit.read(path).model.stddev.tied
    with pytest.raises(CannotRebuild, match=r"(?s)'stddev' was tied .*def narrow.* model=\.\.\."):
        lost(model)
    assert ndfit.read(path, model=model).model.stddev.tied is narrow


def test_units_that_are_not_known_keep_their_name(tmp_path: Path) -> None:
    parsec_of_ours = u.def_unit("ourparsec")
    model = Gaussian1D(1.0 * u.K, 2.0 * parsec_of_ours, 1.0 * parsec_of_ours)
    problem = normalize(model=model, data=np.zeros((2, M)) * u.K, world=np.arange(M) * parsec_of_ours, fitting_axes=1)
    again = ndfit.read(write(result_of(problem, np.random.default_rng(1)), tmp_path / "fit.fits"))
    assert str(again.parameters["mean"].unit) == "ourparsec"


def test_messages_and_the_source_of_the_data_are_kept(tmp_path: Path) -> None:
    problem = normalize(model=Const1D(1.0), data=np.zeros((2, M)), fitting_axes=1)
    result = result_of(problem, np.random.default_rng(1))
    (tmp_path / "cube.fits").write_bytes(b"cube")
    first = ndfit.read(write(result, tmp_path / "fit.fits", source=tmp_path / "cube.fits"))
    again = ndfit.read(write(first, tmp_path / "fit.zarr"))
    assert again._maps.messages == result._maps.messages
    assert again._call.source["name"] == "cube.fits"
    assert again._call == first._call


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
@pytest.mark.parametrize("ending", FORMATS)
def test_no_positions_at_all(tmp_path: Path, ending: str, shape: tuple[int, ...]) -> None:
    problem = normalize(model=Const1D(1.0), data=np.zeros((*shape, M)), fitting_axes=len(shape))
    result = ndfit.FitResult(problem, Maps.empty(problem, True, False), "reference", "", True, _unused, _unused)
    assert ndfit.read(write(result, tmp_path / f"fit.{ending}")).shape == shape


def _unused(*_: Any) -> Any:
    raise AssertionError("a file is written without a look at the data")


def test_what_is_no_result_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing at"):
        ndfit.read(tmp_path / "fit.fits")
    (tmp_path / "text").write_text("text")
    with pytest.raises(ValueError, match="neither a FITS file nor a zarr store"):
        ndfit.read(tmp_path / "text")
    fits.PrimaryHDU().writeto(tmp_path / "other.fits")
    with pytest.raises(ValueError, match=r"not one of ndfit.s results"):
        ndfit.read(tmp_path / "other.fits")
    zarr.create_group(tmp_path / "other.zarr")
    with pytest.raises(ValueError, match=r"not one of ndfit.s results"):
        ndfit.read(tmp_path / "other.zarr")


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = write(line_result()[0], tmp_path / "fit.fits")
    with fits.open(path) as hdus:
        place = hdus["MEAN"].fileinfo()["datLoc"]
    content = bytearray(path.read_bytes())
    content[place + 3] ^= 1
    path.write_bytes(content)
    with pytest.warns(AstropyUserWarning, match="(?i)checksum|datasum"):
        ndfit.read(path)


def test_a_file_of_version_0_1_is_read() -> None:
    """Layout 1 has flags of 8 bits, and no estimated distance to the minimum."""
    result = ndfit.read(Path(__file__).parent / "layout_1.fits.gz")
    assert result.flags.dtype == np.uint32
    assert_array_equal(result.flags, [1, 1, 0])
    assert_array_equal(result.edm, np.full(3, np.nan))
    assert_allclose(result.parameters["mean"][:2], 5.0, atol=0.1)
    assert_array_equal(np.asarray(result.diagnostics()["flags"]), ["AT_BOUND", "AT_BOUND", ""])


def test_a_store_of_layout_1_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = line_result()
    kinds = {name: row for name, row in layers.KINDS.items() if name != "edm"}
    monkeypatch.setattr(layers, "KINDS", kinds)
    result._maps.flags = result.flags.astype(np.uint8)  # type: ignore[assignment]
    result.to_zarr(tmp_path / "fit.zarr")
    monkeypatch.undo()
    again = ndfit.read(tmp_path / "fit.zarr")
    assert again.flags.dtype == np.uint32
    assert_array_equal(again.flags, result.flags)
    assert_array_equal(again.edm, np.full(result.shape, np.nan))


def test_a_newer_layout_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ndfit.io.record.LAYOUT", 99)
    path = write(line_result()[0], tmp_path / "fit.fits")
    with pytest.raises(ValueError, match="layout 99, of a newer ndfit"):
        ndfit.read(path)
