"""Outliers: the rounds of astropy's wrapper, samples that are left out, and positions that are not touched."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.modeling.fitting import FittingWithOutlierRemoval, TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D
from astropy.stats import sigma_clip
from numpy.testing import assert_allclose, assert_array_equal
from tests.engines.problems import block_for, engine_for

import ndfit
from ndfit.engines.base import EngineChoice, SolveOptions
from ndfit.options import Objective
from ndfit.pipeline.clipping import Clip, clip_beside, clip_beyond
from ndfit.status import Status

X = np.linspace(-5.0, 5.0, 60)
COMPILED: Any = EngineChoice(SimpleNamespace(calls_fitter=False), "")  # type: ignore[arg-type]
OPTIONS = SolveOptions(ftol=1e-8, gtol=1e-8, covariance=True)


def line() -> Any:
    return Gaussian1D(5.0, 0.0, 1.0) + Const1D(1.0)


def spoiled(n_fits: int, n_bad: int = 2) -> tuple[Any, Any]:
    """Lines with noise, and the same with some samples far too high."""
    rng = np.random.default_rng(5)
    data = line()(X) + 0.2 * rng.normal(size=(n_fits, X.size))
    bad = np.zeros(data.shape, dtype=bool)
    for row in bad:
        row[rng.choice(15, n_bad, replace=False)] = True
    return data, np.where(bad, data + 20.0, data)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("keywords", [{"sigma": 3.0}, {"sigma_lower": 4.0, "sigma_upper": 2.5, "maxiters": 1}])
def test_the_wrapper_of_astropy(engine: str, keywords: dict[str, Any]) -> None:
    _, data = spoiled(8)
    fitter = FittingWithOutlierRemoval(TRFLSQFitter(), sigma_clip, niter=4, **keywords)
    found = ndfit.parallel_fit_dask(
        model=line(), fitter=fitter, data=data, world=(X,), fitting_axes=1, engine=engine, scheduler="synchronous"
    )
    for row, values in enumerate(data):
        expected, _ = fitter(line(), X, values)
        assert_allclose([getattr(found, name)[row] for name in found.param_names], expected.parameters, rtol=1e-5)


def test_outliers_are_left_out_and_the_rest_is_fitted_again() -> None:
    clean, data = spoiled(6)
    rows = [0, 2, 4]
    data[rows] = clean[rows]
    engine, block = engine_for(line()), block_for(line(), data, (X,))
    first = engine(block, OPTIONS)
    clipped, result = Clip({"sigma": 5.0, "maxiters": 1}, n_free=4)(engine, block, OPTIONS, first)
    assert clipped.valid is not None
    assert_array_equal((~clipped.valid).sum(axis=1), [0, 2, 0, 2, 0, 2])
    assert_array_equal(clipped.data, np.where(clipped.valid, data, 0.0))
    assert_array_equal(result.parameters[rows], first.parameters[rows])
    alone = engine(replace(block, valid=clipped.valid, data=np.where(clipped.valid, data, 0.0)), OPTIONS)
    assert_allclose(result.parameters, alone.parameters, rtol=1e-5)
    assert_allclose(result.cost, alone.cost, rtol=1e-10)
    assert_allclose(result.covariance, alone.covariance, rtol=1e-3)
    assert (result.nfev[1::2] > first.nfev[1::2]).all()


def test_weights_say_what_is_far() -> None:
    _, data = spoiled(4)
    weights = np.full(data.shape, 5.0)
    weights[data > line()(X) + 3.0] = 0.1
    engine, block = engine_for(line()), block_for(line(), data, (X,), weights=weights)
    first = engine(block, OPTIONS)
    weighted, _ = Clip({"sigma": 5.0}, n_free=4)(engine, block, OPTIONS, first)
    unweighted, _ = Clip({"sigma": 5.0}, weighted=False, n_free=4)(engine, block, OPTIONS, first)
    assert weighted.valid is None
    assert unweighted.valid is not None


def test_positions_that_keep_too_few_samples_have_a_status() -> None:
    data = np.array([[0.0, 0.0, 0.0, 0.0, 100.0, 0.0]])
    model = Const1D(0.0)
    engine = engine_for(model)
    block = block_for(model, data, (np.arange(6.0),))
    _, result = Clip({"sigma": 1.0}, n_free=6)(engine, block, OPTIONS, engine(block, OPTIONS))
    assert result.status[0] == Status.TOO_FEW_SAMPLES
    assert np.isnan(result.parameters[0]).all()


def test_fit_knows_which_samples_were_used() -> None:
    _, data = spoiled(6)
    result = ndfit.fit(line(), data, world=(X,), fitting_axes=1, clip=5.0)
    assert_array_equal(result.n_samples, 58)
    for row, values in enumerate(data):
        assert_array_equal(~result[row].used, values > line()(X) + 3.0)


def test_refinement_judges_all_samples_and_clips_afterwards() -> None:
    _, data = spoiled(9)
    cube = data.T.reshape(X.size, 3, 3)
    refined = ndfit.fit(line(), cube, world=(X,), fitting_axes=0, clip=5.0, refine="neighbours")
    assert_array_equal(refined.n_samples, 58)
    plain = ndfit.fit(line(), cube, world=(X,), fitting_axes=0, clip=5.0)
    assert_allclose(refined.chi_square, plain.chi_square, rtol=1e-8)


@pytest.mark.parametrize("clip", [0.0, -3, True, "3", np.inf])
def test_clip_has_to_be_a_positive_number(clip: Any) -> None:
    with pytest.raises(ValueError, match="clip should be a positive number of standard deviations"):
        Objective(clip=clip)


def test_outliers_are_removed_once() -> None:
    with pytest.raises(ValueError, match="give either it or clip"):
        clip_beyond(3.0, FittingWithOutlierRemoval(TRFLSQFitter(), sigma_clip), 3)


def test_other_fitters_remove_nothing() -> None:
    assert clip_beside(COMPILED, TRFLSQFitter(), 3) is None


def test_rounds_end_at_their_number() -> None:
    rng = np.random.default_rng(3)
    data = rng.standard_cauchy((1, 60))
    engine, block = engine_for(Const1D(0.0)), block_for(Const1D(0.0), data, (X,))
    first = engine(block, OPTIONS)
    kept = []
    for rounds in (0, 1, 2):
        clipped, result = Clip({"sigma": 2.0, "maxiters": 1}, rounds=rounds, n_free=1)(engine, block, OPTIONS, first)
        kept.append(60 if clipped.valid is None else int(clipped.valid.sum()))
        assert_allclose(result.parameters[0, 0], data[0].mean() if rounds == 0 else data[0][clipped.valid[0]].mean())
    assert kept[0] == 60
    assert kept[0] > kept[1] > kept[2]


def test_keywords_of_sigma_clip_that_change_its_result_only() -> None:
    clip = clip_beside(COMPILED, FittingWithOutlierRemoval(TRFLSQFitter(), sigma_clip, niter=4, sigma=2.5, grow=1), 3)
    assert clip == Clip({"sigma": 2.5, "grow": 1}, 4, weighted=False, n_free=3)
    with pytest.raises(ValueError, match="the keyword 'masked' of sigma_clip"):
        clip_beside(COMPILED, FittingWithOutlierRemoval(TRFLSQFitter(), sigma_clip, masked=False), 3)
    assert clip_beyond(None, TRFLSQFitter(), 3) is None
    assert clip_beyond(0.5, TRFLSQFitter(), 3) == Clip({"sigma": 0.5, "maxiters": 1}, n_free=3)
    limit = Objective(clip=np.float64(4.0)).clip
    assert clip_beyond(limit, TRFLSQFitter(), 3) == Clip({"sigma": 4.0, "maxiters": 1}, n_free=3)
