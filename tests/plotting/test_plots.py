"""Pictures: what is drawn where, in which colours and units, and that drawing is silent (warnings are errors)."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.models import Const1D, Gaussian1D, Linear1D
from astropy.visualization.wcsaxes import WCSAxes
from numpy.testing import assert_allclose, assert_array_equal
from tests.result.results import EMPTY, GONE, HIT, SIGMA, fit_along, fit_cube, fit_images

import ndfit
from ndfit.plotting.figure import new_figure
from ndfit.plotting.map_pictures import draw_map
from ndfit.plotting.scale import scale_of, scale_of_errors
from ndfit.result.model_terms import terms_of

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def agg() -> Iterator[None]:
    """Draw without a screen; nothing that is drawn changes the settings of matplotlib."""
    from matplotlib import pyplot

    matplotlib.use("Agg")
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    pyplot.close("all")


@pytest.fixture(scope="module")
def result() -> ndfit.FitResult:
    return fit_cube()


@pytest.fixture(scope="module")
def images() -> ndfit.FitResult:
    return fit_images()


def drawn(axes: Any) -> Any:
    """Draw the figure, which is when most of matplotlib's warnings come."""
    figure = np.ravel(axes)[0].figure
    figure.canvas.draw()
    return figure


def bar_labels(figure: Any) -> list[str]:
    return [axes.get_xlabel() for axes in figure.axes]


def test_maps_of_parameters_and_errors(result: ndfit.FitResult) -> None:
    axes = result.plot()
    figure = drawn(axes)
    assert axes.shape == (4, 2)
    assert all(isinstance(each, WCSAxes) for each in axes.ravel())
    for name, row in zip(result.param_names, axes, strict=True):
        for each, values in zip(row, (result.parameters[name], result.errors[name]), strict=True):
            assert_array_equal(each.images[0].get_array().filled(np.nan), values.value)
    labels = bar_labels(figure)
    assert r"mean_0 [$\mathrm{m\,s^{-1}}$]" in labels
    assert r"error of mean_0 [$\mathrm{m\,s^{-1}}$]" in labels
    assert r"amplitude_1 [$\mathrm{K}$]" in labels


def test_maps_lie_on_the_sky(result: ndfit.FitResult) -> None:
    first, second = result.plot(["mean_0", "stddev_0"], errors=False)[:, 0]
    drawn(first)
    assert first.wcs.world_axis_physical_types == ["pos.eq.ra", "pos.eq.dec"]
    assert [each.get_axislabel() for each in first.coords] == ["RA", "Dec"]
    # Side by side, the first alone labels the vertical axis.
    assert [each.get_axislabel() for each in second.coords] == ["RA", ""]


def test_positions_without_answer_show_the_hatching_below(result: ndfit.FitResult) -> None:
    (row,) = result.plot("amplitude_0")
    for each in row:
        mask = np.ma.getmaskarray(each.images[0].get_array())
        assert_array_equal(np.argwhere(mask), [EMPTY])
        assert each.images[0].cmap.get_bad()[3] == 0.0
        assert each.patch.get_hatch()


def test_colours_diverge_for_means_alone(result: ndfit.FitResult) -> None:
    axes = result.plot(["amplitude_0", "mean_0", "stddev_0"])
    assert [row[0].images[0].cmap.name for row in axes] == ["inferno", "RdBu_r", "viridis"]
    assert {row[1].images[0].cmap.name for row in axes} == {"cividis"}
    low, high = axes[1, 0].images[0].get_clim()
    assert_allclose(0.5 * (low + high), np.nanmedian(result.parameters["mean_0"].value))


def test_limits_leave_wild_values_out() -> None:
    values = np.append(np.random.default_rng(0).normal(3.0, 1.0, 997), [1e30, -1e30, np.nan])
    scale = scale_of("stddev", values)
    assert 0.0 < scale.low < 2.0
    assert 4.0 < scale.high < 6.0
    assert scale.extend == "both"
    errors = scale_of_errors(np.append(np.full(50, 0.1), np.full(50, 1e9)) + np.linspace(0, 0.01, 100))
    assert errors.high < 1e10
    assert scale_of("mean", np.full(4, 7.0)).low < 7.0 < scale_of("mean", np.full(4, 7.0)).high
    assert scale_of("mean", np.full(4, np.nan))[:2] == (0.0, 1.0)


def test_limits_come_from_fits_that_are_determined() -> None:
    values = np.concatenate((np.linspace(1.0, 2.0, 60), np.linspace(50.0, 90.0, 40)))
    errors = np.concatenate((np.full(60, 0.1), np.full(20, 1e6), np.full(20, np.nan)))
    scale = scale_of("amplitude", values, errors)
    assert 1.9 < scale.high <= 2.0
    assert scale.extend == "both"
    assert scale_of("amplitude", values).high > 80.0
    assert scale_of("amplitude", values, np.full(100, np.nan)).high > 80.0


def test_most_errors_undetermined_do_not_hide_the_others() -> None:
    errors = np.concatenate((np.linspace(0.1, 0.2, 80), np.full(20, 1e9)))
    scale = scale_of_errors(errors)
    assert scale.high < 1.0
    assert scale.extend == "both"


@pytest.mark.parametrize("shape", [(120, 25), (20, 20), (8, 109)])
@pytest.mark.parametrize(
    ("middle", "spread", "unit", "stated"),
    [
        (2e-15, 1e-15, u.erg / u.s / u.cm**2 / u.AA / u.arcsec**2, "[$\\mathrm{10^{-15}\\,erg"),
        (192.4, 0.01, u.AA, "[$\\mathrm{\N{LATIN CAPITAL LETTER A WITH RING ABOVE}}$]"),
        (1.15e11, 2e6, u.Hz, "[$\\mathrm{10^{11}\\,Hz}$]"),
        (3e4, 1e4, None, "[$10^{4}$]"),
    ],
)
def test_text_of_a_colour_bar_has_room(
    shape: tuple[int, int], middle: float, spread: float, unit: Any, stated: str
) -> None:
    """Labels of maps side by side, and numbers side by side, do not run into each other, whatever unit and shape."""
    values = middle + spread * np.linspace(-1, 1, shape[0] * shape[1]).reshape(shape)
    figure = new_figure(10.2, 6.0)
    bars = [
        draw_map(axes, values, "error of amplitude_0", unit, scale_of("x", values)) for axes in figure.subplots(1, 3)
    ]
    figure.draw_without_rendering()
    labels = [bar.ax.xaxis.label.get_window_extent() for bar in bars]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(labels))
    assert stated in bars[0].ax.get_xlabel()
    assert not bars[0].ax.xaxis.get_offset_text().get_visible()
    low, high = bars[0].ax.get_xlim()
    ticks = [tick for tick in bars[0].ax.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    numbers = [tick.label2.get_window_extent() for tick in ticks]
    assert numbers
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(numbers))


def test_axes_of_the_caller(result: ndfit.FitResult) -> None:
    from matplotlib.figure import Figure

    own = Figure().subplots(1, 2)
    returned = result.plot("mean_0", axes=own)
    assert_array_equal(returned.ravel(), own)
    assert own[0].images
    with pytest.raises(ValueError, match="expected 2 matplotlib axes, 2 for each of 1 parameters; got 1"):
        result.plot("mean_0", axes=own[0])


def test_fixed_parameters_are_left_out_unless_named(images: ndfit.FitResult) -> None:
    assert images.plot().shape == (5, 1)
    assert images.plot("theta").shape == (1, 1)


@pytest.mark.parametrize("names", ["nosuch", ["mean_0", "nosuch"], []])
def test_unknown_parameter(result: ndfit.FitResult, names: Any) -> None:
    with pytest.raises(ValueError, match="amplitude_0, mean_0, stddev_0, amplitude_1"):
        result.plot(names)


def test_without_covariance_there_are_no_errors_to_draw() -> None:
    axes = fit_cube(covariance=False).plot()
    drawn(axes)
    assert axes.shape == (4, 1)


@pytest.mark.parametrize("shape", [(), (6,)])
def test_few_axes_are_drawn_as_points_with_error_bars(shape: tuple[int, ...]) -> None:
    result = fit_along(shape)
    axes = result.plot()
    drawn(axes)
    assert axes.shape == (3, 1)
    line, _, bars = axes[1, 0].containers[0]
    assert_array_equal(line.get_ydata(), np.atleast_1d(result.parameters["mean"]))
    assert len(bars) == 1


def test_more_axes_need_a_plane() -> None:
    result = fit_along((2, 3, 4))
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4\) are drawn one plane .* pass plane= with 1 indices"):
        result.plot()
    with pytest.raises(ValueError, match=r"plane \(2,\) is outside the maps"):
        result.plot(plane=2)
    axes = result.plot("mean", plane=-1)
    drawn(axes)
    assert_array_equal(axes[0, 0].images[0].get_array(), result.parameters["mean"][1])


def test_one_fit_of_a_spectrum(result: ndfit.FitResult) -> None:
    upper, lower = result.plot_fit(1, 2)
    drawn(upper)
    one = result[1, 2]
    labels = upper.get_legend_handles_labels()[1]
    assert set(labels) == {"data", "data, left out", "model", "Gaussian1D 0", "Const1D 1"}
    assert upper.get_title() == "position 1, 2"
    assert lower.get_xlabel() == r"velocity [$\mathrm{m\,s^{-1}}$]"
    assert upper.get_ylabel() == r"data [$\mathrm{K}$]"
    used, left_out = upper.containers
    assert_array_equal(used[0].get_ydata(), one.data[one.used])
    assert one.used.sum() == 29
    (bars,) = used[2]
    assert_allclose([np.ptp(segment[:, 1]) for segment in bars.get_segments()], 2 * SIGMA)
    assert_array_equal(left_out[0].get_ydata(), [one.data[HIT[0]]])
    assert left_out[0].get_markerfacecolor() == "none"
    assert np.isnan(one.data[GONE[0]])
    residuals = lower.containers[0][0].get_ydata()
    assert_array_equal(residuals, one.residual[one.used])
    # The masked sample lies far outside, and would flatten the others.
    assert lower.get_ylim()[1] < 10 * SIGMA


def test_model_is_drawn_finely_and_is_the_sum_of_its_components(result: ndfit.FitResult) -> None:
    upper, _ = result.plot_fit(2, 3)
    lines = {line.get_label(): line.get_xydata().T for line in upper.lines}
    x, whole = lines["model"]
    assert x.size > 5 * 31
    assert_allclose(whole, lines["Gaussian1D 0"][1] + lines["Const1D 1"][1])
    assert_allclose(whole, result[2, 3].model(x * u.m / u.s).to_value(u.K))


def test_position_without_data(result: ndfit.FitResult) -> None:
    upper, lower = result.plot_fit(*EMPTY)
    drawn(upper)
    assert upper.get_title() == "position 4, 6: every sample is NaN"
    assert not upper.containers
    assert not lower.containers


def test_one_fit_of_an_image(images: ndfit.FitResult) -> None:
    data, model, residual = images.plot_fit(1)
    drawn(data)
    one = images[1]
    assert_array_equal(data.images[0].get_array().filled(np.nan), one.data)
    assert np.ma.getmaskarray(data.images[0].get_array())[2, 3]
    assert_array_equal(residual.images[0].get_array().filled(np.nan), one.residual)
    assert data.images[0].get_clim() == model.images[0].get_clim()
    low, high = residual.images[0].get_clim()
    assert_allclose(low, -high)
    assert residual.images[0].cmap.name == "RdBu_r"


def test_axes_of_the_caller_for_one_fit(result: ndfit.FitResult) -> None:
    from matplotlib.figure import Figure

    own = Figure().subplots(2, 1)
    assert_array_equal(result.plot_fit(0, 0, axes=own), own)
    with pytest.raises(ValueError, match="expected 2 matplotlib axes"):
        result.plot_fit(0, 0, axes=Figure().subplots(1, 3))


def test_no_such_position(result: ndfit.FitResult) -> None:
    with pytest.raises(IndexError):
        result.plot_fit(99, 0)


def test_without_matplotlib_the_extra_is_named(result: ndfit.FitResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (result.plot, lambda: result.plot_fit(0, 0)):
        with pytest.raises(ModuleNotFoundError, match=r"ndfit\[plot\]"):
            draw()


def test_terms_of_a_sum() -> None:
    whole = Gaussian1D(1.0, 2.0, 3.0) + Linear1D(2.0, 1.0) * Const1D(4.0) - Const1D(5.0)
    terms = terms_of(whole)
    assert [(term.name, term.sign) for term in terms] == [
        ("Gaussian1D", 1.0),
        ("CompoundModel", 1.0),
        ("Const1D", -1.0),
    ]
    x = np.linspace(0.0, 4.0, 5)
    assert_allclose(sum(term.evaluate((x,), whole.parameters) for term in terms), whole(x))
    assert len(terms_of(Gaussian1D())) == 1
