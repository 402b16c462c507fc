"""Fits through an instrument, as a caller makes them: intrinsic answers, files, chunks, checkpoints, flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import astropy.units as u
import dask.array as da
import numpy as np
import pytest
from astropy.modeling.models import Const1D, Gaussian1D
from scipy.special import ndtr

import ndfit
from ndfit import Flag, Instrument

M = 40
X = np.arange(M, dtype=float)
FLUX, LEVEL, NOISE = 100.0, 10.0, 0.05


def pixels(centre: np.ndarray, sigma: Any) -> np.ndarray:
    """A line on a constant as pixels average it, shape (N, M)."""
    edges = np.arange(M + 1) - 0.5
    return FLUX * np.diff(ndtr((edges - centre[:, np.newaxis]) / np.reshape(sigma, (-1, 1))), axis=1) + LEVEL


def line(sigma: float = 0.6) -> Any:
    return Gaussian1D(60.0, 20.4, sigma) + Const1D(9.0)


def fluxes(result: ndfit.FitResult) -> np.ndarray:
    return result.parameters["amplitude_0"] * result.parameters["stddev_0"] * np.sqrt(2.0 * np.pi)


def made(n_fits: int, sigma: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Centres at all phases of a pixel, and data with noise."""
    rng = np.random.default_rng(seed)
    centre = 20.0 + np.arange(n_fits) / n_fits
    return centre, pixels(centre, sigma) + NOISE * rng.normal(size=(n_fits, M))


def fit(data: Any, instrument: Instrument | None, model: Any = None, **others: Any) -> ndfit.FitResult:
    call = {"fitting_axes": 1, "world": (X,), "uncertainty": NOISE, "instrument": instrument} | others
    return ndfit.fit(model or line(), data, **call)


def test_flux_and_width_do_not_depend_on_the_phase_in_the_pixel() -> None:
    _, data = made(200, 0.35)
    through, at_centres = fit(data, Instrument.bins()), fit(data, None)
    assert np.ptp(fluxes(through)) < 0.01 * FLUX
    assert np.median(fluxes(through)) == pytest.approx(FLUX, rel=1e-3)
    assert np.median(through.parameters["stddev_0"]) == pytest.approx(0.35, rel=0.01)
    assert np.ptp(fluxes(at_centres)) > 0.02 * FLUX
    assert np.median(at_centres.parameters["stddev_0"]) > 1.15 * 0.35


def test_integrated_bins_are_not_undersampled_until_their_nodes_are() -> None:
    _, data = made(50, 0.4)
    undersampled = np.uint32(Flag.UNDERSAMPLED)
    assert (fit(data, None).flags & undersampled).all()
    assert not (fit(data, Instrument.bins()).flags & undersampled).any()
    assert (fit(data, Instrument.bins(nodes=2)).flags & undersampled).all()


def test_a_narrow_start_has_more_nodes() -> None:
    _, data = made(4, 0.4)
    nodes = [
        fit(data, Instrument.bins(), line(sigma))._problem.samples.instrument.nodes  # type: ignore[union-attr]
        for sigma in (1.0, 0.15)
    ]
    assert nodes == [7, 13]


def test_as_many_nodes_as_the_position_with_the_narrowest_spread_needs() -> None:
    """Wherever it is."""
    _, data = made(3, 0.4)
    for order in ([0, 1, 2], [2, 1, 0]):
        result = fit(data, Instrument.gaussian(sigma=np.array([2.0, 1.0, 0.1])[order]), line(1.0))
        assert result._problem.samples.instrument.nodes == 13  # type: ignore[union-attr]


def test_the_guess_is_of_the_object() -> None:
    """One start far from it, and lines that the instrument makes five times as wide."""
    rng = np.random.default_rng(0)
    centre = rng.uniform(10.0, 30.0, 100)
    data = pixels(centre, np.hypot(0.6, 2.5)) + NOISE * rng.normal(size=(100, M))
    result = fit(data, Instrument.bins() @ Instrument.gaussian(sigma=2.5), line(1.0), guess="auto")
    assert np.isin(result.status, [1, 2, 3, 4, 5, 6]).all()
    np.testing.assert_allclose(result.parameters["mean_0"], centre, atol=0.05)
    assert np.median(result.parameters["stddev_0"]) == pytest.approx(0.6, rel=0.1)
    assert np.median(fluxes(result)) == pytest.approx(FLUX, rel=0.01)


INSTRUMENT = Instrument.bins() @ Instrument.gaussian(sigma=np.linspace(0.5, 1.0, 12))
WAYS: dict[str, dict[str, Any]] = {
    "one by one": {"chunk_n_max": 1},
    "five at a time": {"chunk_n_max": 5, "scheduler": "synchronous"},
    "processes": {"chunk_n_max": 3, "scheduler": "processes"},
    "lazy": {"lazy": True},
}


@pytest.mark.parametrize("noise", [None, 2.0])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_no_bit_depends_on_the_schedule(way: dict[str, Any], noise: float | None) -> None:
    rng = np.random.default_rng(0)
    data = pixels(20.0 + rng.random(12), np.hypot(1.0, np.linspace(0.5, 1.0, 12)))
    data = data + NOISE * rng.normal(size=data.shape)
    data[3, 5:8] = np.nan
    instrument = INSTRUMENT if noise is None else Instrument.correlated_noise(length=noise) @ INSTRUMENT
    others = dict(way)
    given = da.from_array(data, chunks=(4, M)) if others.pop("lazy", False) else data
    expected, found = fit(data, instrument, bootstrap=2), fit(given, instrument, bootstrap=2, **others)
    for name in expected.parameters:
        np.testing.assert_array_equal(found.parameters[name], expected.parameters[name])
        np.testing.assert_array_equal(found.errors[name], expected.errors[name])
    np.testing.assert_array_equal(found.evaluate(), expected.evaluate())


def test_what_is_evaluated_is_seen_through_the_instrument_unless_asked() -> None:
    _, data = made(3, 0.5)
    result = fit(data, Instrument.bins() @ Instrument.gaussian(sigma=0.5))
    parameters = [result.parameters[name][:, np.newaxis] for name in result.parameters]
    at_samples = Gaussian1D.evaluate(X, *parameters[:3]) + parameters[3]
    np.testing.assert_allclose(result.evaluate(intrinsic=True), at_samples, rtol=1e-12)
    assert np.abs(result.evaluate() - at_samples).max() > 1.0
    np.testing.assert_allclose(result.residual(), data - result.evaluate(), atol=1e-12)
    one = result[1]
    np.testing.assert_allclose(one.fitted, result.evaluate()[1], rtol=1e-12)
    np.testing.assert_allclose(one.intrinsic, at_samples[1], rtol=1e-12)
    assert fit(data, None)[1].intrinsic is None


def test_a_picture_shows_the_model_and_what_is_seen_of_it() -> None:
    pytest.importorskip("matplotlib")
    _, data = made(2, 0.5)
    upper, _ = fit(data, Instrument.bins()).plot_fit(0)
    labels = upper.get_legend_handles_labels()[1]
    assert "model" in labels
    assert "model through the instrument" in labels


@pytest.mark.parametrize("name", ["fit.fits", "fit.zarr"])
def test_a_file_is_read_again_with_the_instrument_given_back(name: str, tmp_path: Path) -> None:
    if name.endswith("zarr"):
        pytest.importorskip("zarr")
    _, data = made(3, 0.15)
    instrument = Instrument.bins() @ Instrument.gaussian(sigma=0.5)
    result = fit(data, instrument, line(0.1))
    result.write(tmp_path / name)
    back = {"data": data, "world": (X,), "uncertainty": NOISE}
    again = ndfit.read(tmp_path / name, **back, instrument=instrument)
    np.testing.assert_allclose(again.evaluate(), result.evaluate(), rtol=1e-12)
    np.testing.assert_allclose(again[1].fitted, result[1].fitted, rtol=1e-12)
    for other in (None, Instrument.kernel([1.0]) @ Instrument.bins() @ Instrument.gaussian(sigma=0.5, nodes=3)):
        with pytest.warns(UserWarning, match="instrument differ"):
            ndfit.read(tmp_path / name, **back, instrument=other)


def test_a_checkpoint_belongs_to_its_instrument(tmp_path: Path) -> None:
    _, data = made(6, 0.5)
    widths = np.linspace(0.5, 1.0, 6)
    first = fit(data, Instrument.gaussian(sigma=widths), checkpoint=tmp_path / "run")
    again = fit(data, Instrument.gaussian(sigma=widths), checkpoint=tmp_path / "run")
    np.testing.assert_array_equal(again.parameters["stddev_0"], first.parameters["stddev_0"])
    for other in (None, Instrument.gaussian(sigma=widths + 0.1), Instrument.bins() @ Instrument.gaussian(sigma=widths)):
        with pytest.raises(ndfit.CheckpointError):
            fit(data, other, checkpoint=tmp_path / "run")


def test_samples_that_change_are_noticed_as_are_widths() -> None:
    _, data = made(3, 0.5)
    widths = np.ones((3, M))
    result = fit(data, Instrument.gaussian(sigma=widths))
    before = result.residual()
    widths[:] = 2.0
    np.testing.assert_array_equal(result.residual(), before)


@pytest.mark.parametrize("length", [1.0, 4.0])
def test_pulls_are_one_where_the_noise_is_correlated(length: float) -> None:
    """They are above 1.3 where that is not said."""
    n_fits, rng = 4000, np.random.default_rng(5)
    rho = np.exp(-1.0 / length)
    noise = rng.normal(size=(n_fits, M))
    for sample in range(1, M):
        noise[:, sample] = rho * noise[:, sample - 1] + np.sqrt(1.0 - rho**2) * noise[:, sample]
    data = Gaussian1D(10.0, 20.0, 3.0)(X) + 1.0 + 0.5 * noise
    model = Gaussian1D(9.0, 20.5, 3.0) + Const1D(1.0)
    instrument = Instrument.correlated_noise(length=length)
    told, silent = (fit(data, each, model, uncertainty=0.5) for each in (instrument, None))
    for name, true in (("amplitude_0", 10.0), ("mean_0", 20.0), ("stddev_0", 3.0), ("amplitude_1", 1.0)):
        pull = np.std((told.parameters[name] - true) / told.errors[name])
        assert pull == pytest.approx(1.0, abs=0.05), name
    assert np.std((silent.parameters["mean_0"] - 20.0) / silent.errors["mean_0"]) > 1.3
    assert told.chi_square.mean() == pytest.approx(M - 4, rel=0.02)


def test_drawn_noise_is_correlated_in_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    data = Gaussian1D(10.0, 20.0, 3.0)(X) + 1.0 + 0.3 * rng.normal(size=(2, M))
    model = Gaussian1D(9.0, 20.5, 3.0) + Const1D(1.0)
    instrument = Instrument.correlated_noise(length=4.0)
    linear = fit(data, instrument, model, uncertainty=0.3)
    drawn = fit(data, instrument, model, uncertainty=0.3, bootstrap=400)
    for name, error in linear.errors.items():
        np.testing.assert_allclose(drawn.errors[name], error, rtol=0.15)


def test_correlated_noise_goes_with_neither_counts_nor_drawn_residuals() -> None:
    _, data = made(2, 0.5)
    noise = Instrument.correlated_noise(length=2.0)
    with pytest.raises(ValueError, match="counts have independent noise"):
        fit(np.round(data), noise, uncertainty=None, statistic="cash")
    with pytest.raises(ValueError, match="use resample='parametric'"):
        fit(data, noise, bootstrap=10, resample="residual")


def test_counts_are_fitted_through_a_prompt() -> None:
    rng = np.random.default_rng(1)
    t, prompt = 0.2 * np.arange(80.0), np.array([1.0, 4.0, 6.0, 4.0, 1.0])
    clean = np.convolve(400.0 * np.exp(-t / 2.5), prompt / 16.0)[:80] + 5.0
    from astropy.modeling.models import Exponential1D

    model = Exponential1D(300.0, -2.0) + Const1D(2.0)
    result = ndfit.fit(
        model,
        rng.poisson(clean, (500, 80)),
        fitting_axes=1,
        world=(t,),
        statistic="cash",
        instrument=Instrument.prompt(prompt),
        guess=None,
    )
    pull = (result.parameters["tau_0"] + 2.5) / result.errors["tau_0"]
    assert abs(pull.mean()) < 0.15
    assert pull.std() == pytest.approx(1.0, abs=0.08)


class TestKnownInputs:
    """Inputs of a model beyond the coordinates."""

    @staticmethod
    def scaled() -> Any:
        from astropy.modeling import custom_model

        @custom_model
        def scaled(x, template, factor=1.0, slope=0.0):
            return factor * template + slope * x

        model = scaled()
        model.inputs = ("x", "template")
        return model

    @pytest.mark.parametrize("lazy", [False, True])
    def test_a_template_of_each_position_is_scaled(self, lazy: bool) -> None:
        rng = np.random.default_rng(0)
        template = rng.normal(size=(5, M))
        data = np.arange(1.0, 6.0)[:, np.newaxis] * template + 0.1 * X
        given = da.from_array(template, chunks=(2, M)) if lazy else template
        result = ndfit.fit(self.scaled(), data, fitting_axes=1, world=(X,), inputs={"template": given}, chunk_n_max=2)
        np.testing.assert_allclose(result.parameters["factor"], np.arange(1.0, 6.0), rtol=1e-9)
        np.testing.assert_allclose(result.evaluate(), data, atol=1e-9)
        np.testing.assert_allclose(result[2].fitted, data[2], atol=1e-9)

    def test_a_gap_in_a_known_input_leaves_its_sample_out(self) -> None:
        template = np.random.default_rng(0).normal(size=M)
        data = np.broadcast_to(2.0 * template, (3, M)).copy()
        data[:, 7] = 1e6
        template[7] = np.nan
        result = ndfit.fit(self.scaled(), data, fitting_axes=1, world=(X,), inputs={"template": template})
        np.testing.assert_allclose(result.parameters["factor"], 2.0, rtol=1e-9)
        assert (result.n_samples == M - 1).all()

    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            ({"z": X}, "inputs name 'z', and the inputs of the model are x, template"),
            ({"x": X, "template": X}, "every input of the model is given as known"),
            ({"template": "abc"}, "real numbers"),
            ({"template": np.ones(7)}, "does not match the data"),
            ({"template": [[1.0, 2.0], [3.0]]}, "rows of several lengths"),
            ([X], "a dict of arrays"),
            (None, "Model is 2-dimensional, but got 1"),
        ],
    )
    def test_what_is_no_input_is_refused(self, inputs: Any, message: str) -> None:
        with pytest.raises((ValueError, TypeError), match=message):
            ndfit.fit(self.scaled(), np.ones((3, M)), fitting_axes=1, world=(X,), inputs=inputs)

    def test_units_of_known_inputs_are_converted_to_those_of_the_model(self) -> None:
        from astropy.modeling import FittableModel, Parameter

        class Moved(FittableModel):
            n_inputs, n_outputs = 2, 1
            scale = Parameter(default=1.0)

            @property
            def input_units(self):
                return {"x0": u.nm, "x1": u.nm} if "x0" in self.inputs else dict.fromkeys(self.inputs, u.nm)

            @staticmethod
            def evaluate(x, y, scale):
                return scale * (x + y)

            def _parameter_units_for_data_units(self, inputs_unit, outputs_unit):
                return {"scale": outputs_unit[self.outputs[0]] / u.nm}

        name = Moved().inputs[1]
        model = Moved(scale=1.0 * u.K / u.nm)
        data = 3.0 * np.broadcast_to(X + 2.0, (2, M)) * u.K
        result = ndfit.fit(model, data, fitting_axes=1, world=(X * u.nm,), inputs={name: 20.0 * u.AA})
        np.testing.assert_allclose(result.parameters["scale"].value, 3.0)

    def test_a_file_needs_its_inputs_back(self, tmp_path: Path) -> None:
        template = np.random.default_rng(0).normal(size=M)
        data = np.broadcast_to(2.0 * template, (3, M))
        model = self.scaled()
        result = ndfit.fit(model, data, fitting_axes=1, world=(X,), inputs={"template": template})
        result.write(tmp_path / "fit.fits")
        again = ndfit.read(
            tmp_path / "fit.fits", data=data, world=(X,), inputs={"template": template}, model=self.scaled()
        )
        np.testing.assert_allclose(again.evaluate(), data)
        with pytest.raises(ValueError, match="the fit had the known inputs 'template': give them back as inputs"):
            ndfit.read(tmp_path / "fit.fits", data=data, world=(X,), model=self.scaled())
