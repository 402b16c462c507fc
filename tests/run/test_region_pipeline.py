"""What is done with a region after the fits: warnings, signs, flags, the covariance of drawn data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Lorentz1D
from numpy.testing import assert_array_equal
from tests.normalized import normalize

from ndfit.engines.base import BlockResult, SolveOptions
from ndfit.engines.reference.reference_engine import ReferenceEngine
from ndfit.pipeline.bootstrap import Bootstrap
from ndfit.pipeline.clipping import Clip
from ndfit.problem.block import Inputs, inputs_of
from ndfit.problem.types import Block
from ndfit.run.region_pipeline import Pipeline, samples_used
from ndfit.status import Flag, Status

X = np.linspace(-5.0, 5.0, 31)
LINE = Lorentz1D(4.0, 0.2, 1.5)


def pipeline_on(data: Any, model: Any = LINE, engine: Any = None, **keywords: Any) -> tuple[Pipeline, Inputs]:
    """The pipeline of spectra, (M, N), with the reference engine unless another is given, and their inputs."""
    parts = {name: keywords.pop(name) for name in ("clip", "bootstrap") if name in keywords}
    problem = normalize(model=model, data=data, fitting_axes=0, **keywords)
    engine = engine or ReferenceEngine(problem.model, TRFLSQFitter(), {}, problem.params.free, False, False)
    pipeline = Pipeline.of(problem, engine, SolveOptions(covariance=True), **parts)
    return pipeline, inputs_of(problem, (slice(0, data.shape[1]),))


class Stops:
    """An engine that ends where it starts: the first fit converged, the others at the limit of evaluations."""

    name, chunk_size, releases_gil, pointwise, seconds_per_fit = "stops", 1, True, False, 0.0
    calls_fitter, packages, set_tied, dimensions = False, (), None, None

    def make_ready(self, options: SolveOptions) -> None:
        pass

    def __call__(self, block: Block, options: SolveOptions) -> BlockResult:
        ended = np.where(np.arange(block.n_fits) == 0, Status.FTOL, Status.EVALUATION_LIMIT).astype(np.int16)
        return BlockResult(block.start, ended, np.ones(block.n_fits, np.int32), np.ones(block.n_fits))


def test_fits_at_their_limit_warn_of_it_whatever_the_engine() -> None:
    pipeline, inputs = pipeline_on(np.ones((31, 2)), engine=Stops(), world=(X,))
    result = pipeline(inputs)
    assert list(result.warnings) == [1]
    assert "stopped at the limit of evaluations" in result.warnings[1][0]


def test_samples_that_are_no_numbers_are_warned_of_where_they_are() -> None:
    data = np.stack([LINE(X)] * 3, axis=1)
    data[4, 1], data[:, 2] = np.nan, np.nan
    pipeline, inputs = pipeline_on(data, world=(X,), filter_non_finite=True)
    result = pipeline(inputs)
    assert_array_equal(result.n_samples, [31, 30, 0])
    assert_array_equal(result.status[2], Status.NO_DATA)
    assert list(result.warnings) == [1]
    assert "Non-finite" in result.warnings[1][0]


def test_widths_are_positive_and_bounds_are_flagged() -> None:
    data = np.stack([LINE(X)] * 2, axis=1)
    data[:, 0] *= 0.5
    negative = Lorentz1D(2.0, 0.3, np.array([-1.0, 1.0]), bounds={"amplitude": (None, 3.0)})
    pipeline, inputs = pipeline_on(data, negative, world=(X,))
    result = pipeline(inputs)
    assert (result.parameters[:, 2] > 0).all()
    assert_array_equal(result.flags, [0, Flag.AT_BOUND])
    assert np.isnan(result.covariance[1, 0]).all()
    assert np.isfinite(result.covariance[1, 1:, 1:]).all()


@pytest.mark.parametrize("given", [True, False])
def test_errors_of_drawn_data_are_final(given: bool) -> None:
    drawing = Bootstrap(4, 0, "residual", (0,), False) if given else None
    pipeline, inputs = pipeline_on(np.ones((6, 1)) + np.arange(6.0)[:, None], Const1D(0.0), bootstrap=drawing)
    assert pipeline.errors_are_final == given
    assert pipeline.fits_only.bootstrap is None
    assert not pipeline.fits_only.errors_are_final
    # Four fits of drawn data do not give the variance of the mean; the Jacobian alone does: 1 / 6.
    assert (abs(pipeline(inputs).covariance[0, 0, 0] - 1 / 6) > 1e-6) == given


def test_samples_that_are_used_are_those_that_clipping_keeps() -> None:
    data = np.ones((12, 2))
    data[3, 1] = 100.0
    data[:, 0] += 0.1 * (-1.0) ** np.arange(12)
    data[:, 1] += 0.1 * (-1.0) ** np.arange(12)
    pipeline, inputs = pipeline_on(data, Const1D(1.0), clip=Clip({"sigma": 3.0}, n_free=1))
    result = pipeline(inputs)
    assert_array_equal(result.n_samples, [12, 11])
    at_solutions = replace(inputs, starts=result.parameters.T[np.newaxis])
    assert_array_equal((~samples_used(at_solutions, pipeline)).nonzero(), [[1], [3]])
    assert samples_used(at_solutions, None).all()
    assert samples_used(inputs, pipeline).all()
