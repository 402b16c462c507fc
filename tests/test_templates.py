"""Templates given as arrays."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Shift
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls

import ndfit
from ndfit.io.model_record import CannotRebuild
from ndfit.model.trace.tracing import trace

X = np.linspace(2.0, 9.0, 80)
RNG = np.random.default_rng(11)
CENTRES = np.linspace(2.5, 8.5, 6)[:, np.newaxis]
SHAPES = 0.1 + np.exp(-0.5 * ((X - CENTRES) / 0.8) ** 2)
TRUTH = np.maximum(RNG.normal(size=(30, 6)), 0.0)
DATA = TRUTH @ SHAPES + RNG.normal(scale=0.05, size=(30, X.size))
QUIET: dict[str, Any] = {"fitting_axes": 1, "world": (X,), "scheduler": "synchronous"}


def coefficients(result: Any) -> np.ndarray:
    return np.stack([np.asarray(values) for values in result.parameters.values()], axis=1)


@pytest.mark.parametrize("points", [X, X[::-1]])
def test_values_are_those_of_interpolation(points: np.ndarray) -> None:
    shapes = SHAPES if points is X else SHAPES[:, ::-1]
    model = ndfit.templates(shapes, points)
    x = np.concatenate([RNG.uniform(2.0, 9.0, 50), X])
    own = RNG.normal(size=6)
    expected = sum(c * np.interp(x, X, shape) for c, shape in zip(own, SHAPES, strict=True))
    assert_allclose(model.evaluate(x, *own), expected, rtol=1e-13)
    assert np.isnan(model([1.999, 9.001])).all()
    assert np.shape(model(4.0)) == ()


def test_answers_are_those_of_nnls() -> None:
    result = ndfit.fit(ndfit.templates(SHAPES, X), DATA, **QUIET)
    assert result.engine == "linear"
    assert_allclose(coefficients(result), [nnls(SHAPES.T, samples)[0] for samples in DATA], atol=1e-12)
    assert (result.parameter_flags["c0"][TRUTH[:, 0] < -1.0] == ndfit.Flag.AT_BOUND).all()


def test_reference_engine_gives_the_same() -> None:
    model = ndfit.templates(SHAPES, X)
    fitted = ndfit.parallel_fit_dask(model=model, fitter=TRFLSQFitter(), data=DATA[:6], engine="reference", **QUIET)
    own = ndfit.parallel_fit_dask(model=model, fitter=TRFLSQFitter(), data=DATA[:6], **QUIET)
    for name in model.param_names:
        assert_allclose(getattr(fitted, name).value, getattr(own, name).value, atol=1e-4)


def test_masks_uncertainties_and_single_precision() -> None:
    sigma, mask = RNG.uniform(0.5, 2.0, DATA.shape), RNG.uniform(size=DATA.shape) < 0.2
    result = ndfit.fit(ndfit.templates(SHAPES, X), DATA, uncertainty=sigma, mask=mask, **QUIET)
    for row, used in enumerate(~mask):
        rows = SHAPES.T[used] / sigma[row, used, np.newaxis]
        assert_allclose(coefficients(result)[row], nnls(rows, DATA[row, used] / sigma[row, used])[0], atol=1e-11)
    single = ndfit.fit(ndfit.templates(SHAPES, X), DATA.astype(np.float32), **QUIET)
    assert_allclose(coefficients(single), [nnls(SHAPES.T, samples)[0] for samples in DATA], atol=1e-5)


def test_bounds_and_names() -> None:
    names = [f"star_{k}" for k in range(6)]
    model = ndfit.templates(SHAPES, X, names, bounds=(None, 0.5))
    assert (model.param_names, model.star_0.value, model.bounds["star_3"]) == (tuple(names), 0.5, (None, 0.5))
    result = ndfit.fit(model, DATA, **QUIET)
    assert coefficients(result).max() == 0.5
    assert coefficients(result).min() < 0.0
    free = ndfit.fit(ndfit.templates(SHAPES, X, bounds=None), DATA, **QUIET)
    assert_allclose(coefficients(free), np.linalg.lstsq(SHAPES.T, DATA.T, rcond=None)[0].T, atol=1e-12)


def test_units_of_data_and_coordinates() -> None:
    model = ndfit.templates(SHAPES, X * u.um)
    result = ndfit.fit(model, DATA * u.mJy, fitting_axes=1, world=(X * 1000.0 * u.nm,), scheduler="synchronous")
    assert result.parameters["c2"].unit == u.mJy
    assert result.errors["c2"].unit == u.mJy
    found = np.stack([values.value for values in result.parameters.values()], axis=1)
    assert_allclose(found, [nnls(SHAPES.T, samples)[0] for samples in DATA], atol=1e-10)
    assert result.model(5000.0 * u.nm).unit == u.mJy
    assert_allclose(result.model(5000.0 * u.nm).value, result.model(5.0 * u.um).value)
    assert_allclose(model(5000.0 * u.nm), model(5.0))


def test_coordinates_are_converted_where_the_data_have_no_unit() -> None:
    plain = ndfit.fit(ndfit.templates(SHAPES, X), DATA, **QUIET)
    for x in (X * u.um, X * 1000.0 * u.nm, X):
        own = ndfit.fit(ndfit.templates(SHAPES, X * u.um), DATA, **(QUIET | {"world": (x,)}))
        assert_allclose(coefficients(own), coefficients(plain), atol=1e-12)


def test_samples_outside_of_the_templates() -> None:
    wide = np.linspace(1.5, 9.5, 80)
    keywords: dict[str, Any] = QUIET | {"world": (wide,)}
    with pytest.raises(ndfit.AllFitsFailed, match="NaN or infinite"):
        ndfit.fit(ndfit.templates(SHAPES, X), DATA, **keywords)
    outside = np.broadcast_to((wide < X[0]) | (wide > X[-1]), DATA.shape)
    assert ndfit.fit(ndfit.templates(SHAPES, X), DATA, mask=outside, **keywords).success.all()


def test_part_of_a_compound() -> None:
    model = ndfit.templates(SHAPES, X) + Const1D(0.0)
    assert ndfit.fit(model, DATA + 0.3, **QUIET).engine == "linear"
    wide = np.linspace(1.0, 10.0, 200)
    line = np.exp(-0.5 * (wide - 5.0) ** 2)[np.newaxis]
    shifted = Shift(0.1) | ndfit.templates(line, wide)
    data = np.array([2.0, 3.0])[:, np.newaxis] * np.exp(-0.5 * (X + 0.3 - 5.0) ** 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ndfit.FitWarning)
        result = ndfit.fit(shifted, data, **QUIET)
    assert result.engine == "compiled"
    assert_allclose(result.parameters["offset_0"], 0.3, atol=1e-3)


def test_copies_and_pickles() -> None:
    model = ndfit.templates(SHAPES, X * u.m, names=list("abcdef"))
    for again in (copy.deepcopy(model), model.copy(), pickle.loads(pickle.dumps(model))):
        assert type(again) is type(model)
        assert_array_equal(again(X), model(X))
    again = cloudpickle.loads(cloudpickle.dumps(model))
    assert_array_equal(again(X), model(X))
    with pytest.raises(ValueError, match="read-only"):
        model.templates.values[0, 0] = 3.0


def test_graphs_of_equal_templates_are_equal() -> None:
    """So that what was found out about one is not found out again."""
    one, other = (trace(ndfit.templates(np.array(SHAPES), X)) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != trace(ndfit.templates(1.5 * SHAPES, X))
    assert pickle.loads(pickle.dumps(one)).nodes[:3] == one.nodes[:3]


def test_processes_give_the_same() -> None:
    model = ndfit.templates(SHAPES, X)
    keywords = QUIET | {"scheduler": "processes", "chunk_n_max": 10}
    assert_array_equal(coefficients(ndfit.fit(model, DATA, **keywords)), coefficients(ndfit.fit(model, DATA, **QUIET)))


def test_files_want_the_model_beside_them(tmp_path: Path) -> None:
    model = ndfit.templates(SHAPES, X)
    result = ndfit.fit(model, DATA, **QUIET)
    result.to_fits(tmp_path / "fit.fits")
    again = ndfit.read(tmp_path / "fit.fits")
    assert_array_equal(again.parameters["c3"], result.parameters["c3"])
    with pytest.raises(CannotRebuild, match=r"'Templates' .* ndfit\.read\(path, model=\.\.\.\)"):
        again.model  # noqa: B018
    assert_array_equal(ndfit.read(tmp_path / "fit.fits", model=model).model(5.0), result.model(5.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SHAPES[0], X), "shapes should be an array of shape"),
        ((SHAPES, X[:-1]), "shapes should be an array of shape"),
        ((SHAPES[:, :1], X[:1]), "two samples or more"),
        ((SHAPES, np.where(X > 4.0, 4.0, X)), "increase or decrease"),
        ((np.where(SHAPES > 1.0, np.nan, SHAPES), X), "should be finite"),
        ((SHAPES * u.Jy, X), "should have no unit"),
        ((SHAPES, X, ["a", "b"]), "names should be 6 different names"),
        ((SHAPES, X, ["a", "b", "c", "d", "e", "e"]), "names should be 6 different names"),
        ((SHAPES, X, ["a", "b", "c", "d", "e", "evaluate"]), "'evaluate' cannot be the name"),
        ((SHAPES, X, ["a", "b", "c", "d", "e", "2f"]), "'2f' cannot be the name"),
        ((SHAPES, X, None, (2.0, 1.0)), "bounds should be in order"),
        ((SHAPES, X, None, (np.nan, 1.0)), "bounds should be in order"),
    ],
)
def test_bad_input(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ndfit.templates(*arguments)
    with pytest.raises(TypeError, match="bounds should be a pair"):
        ndfit.templates(SHAPES, X, bounds=3.0)  # type: ignore[arg-type]
