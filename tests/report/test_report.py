"""The report as text: what it says, what it embeds, how it is written. A browser looks at it in another file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.modeling import custom_model
from astropy.modeling.models import Gaussian1D
from numpy.testing import assert_allclose, assert_array_equal
from tests.result.pages import Page
from tests.result.results import (
    EMPTY,
    SHAPE,
    SIGMA,
    cube,
    cube_inputs,
    cube_wcs,
    fit_along,
    fit_cube,
    fit_images,
    model,
)

import ndfit
from ndfit.report import choice, content
from ndfit.report import embedded as samples
from ndfit.report.choice import choose_examples, grid_of
from ndfit.report.embedded import fits_into_page, samples_everywhere, samples_of
from ndfit.report.histogram import histogram

pytest.importorskip("matplotlib")

EVIL = "<script>alert(1)</script>&\"'"


@pytest.fixture(scope="module")
def result() -> ndfit.FitResult:
    return fit_cube()


@pytest.fixture(scope="module")
def page(result: ndfit.FitResult, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return written(result, tmp_path_factory.mktemp("report"))


def written(result: ndfit.FitResult, folder: Path) -> Page:
    path = folder / "report.html"
    result.report(path)
    assert [each.name for each in folder.iterdir()] == ["report.html"]
    return Page(path)


def test_says_what_was_fitted(page: Page) -> None:
    for text in (
        "Gaussian1D + Const1D",
        "34 of 35 fits converged, compiled engine.",
        "31 \N{MULTIPLICATION SIGN} 5 \N{MULTIPLICATION SIGN} 7 samples in K, with weights, mask, wcs",
        "axis 0 of the data",
        "compiled: ",
        "from the weights as they are",
        "covariance=True",
        "every sample is NaN",
        "there is nothing to fit here",
        "2.86 %",
        "The page holds the 31 samples of each of 35 positions",
    ):
        assert text in page.text, text
    assert re.search(r"stddev_0\s*300 m / s\s*10\s*∞\s*m / s\s*free", page.text)


def test_embeds_the_numbers_of_the_result(page: Page, result: ndfit.FitResult) -> None:
    assert_array_equal(page.array(page.content["rows"]), np.arange(35))
    for name in result.param_names:
        assert_array_equal(page.map(name), result.parameters[name].value.ravel())
        assert_array_equal(page.map(name, "errors"), result.errors[name].value.ravel())
    assert_array_equal(page.map("reduced chi-square"), result.reduced_chi_square.ravel())
    assert_array_equal(page.array(page.content["status"]), result.status.ravel())
    ra, dec = (page.array(axis["values"]).reshape(5, 7) for axis in page.content["sky"])
    assert_allclose((ra[1, 4], dec[1, 4]), result.wcs.pixel_to_world_values(4, 1))
    assert [axis["name"] for axis in page.content["sky"]] == ["RA", "Dec"]


def test_embeds_the_samples(page: Page, result: ndfit.FitResult) -> None:
    embedded = page.content["samples"]
    one, row = result[1, 2], 1 * 7 + 2
    data, model, bits = (page.array(embedded[key])[row] for key in ("data", "model", "used"))
    assert_array_equal(data, one.data.astype("f4"))
    assert_allclose(data[one.used] - model[one.used], one.residual[one.used], atol=1e-5)
    assert_array_equal(np.unpackbits(bits, bitorder="little", count=SHAPE[0]).astype(bool), one.used)
    assert_allclose(page.array(embedded["sigma"]), np.full((1, SHAPE[0]), SIGMA), rtol=1e-6)
    (axis,) = embedded["axes"]
    assert (axis["name"], axis["unit"], embedded["unit"]) == ("velocity", "m s⁻¹", "K")
    assert_array_equal(page.array(axis["values"]), one.world[0][np.newaxis])


@pytest.mark.parametrize("make", [fit_cube, fit_images, lambda: fit_along(()), lambda: fit_along((2, 3, 2))])
def test_samples_from_whole_arrays_are_those_of_single_fits(make: Any) -> None:
    result = make()
    positions = list(np.ndindex(result.shape))
    everywhere, one_by_one = samples_everywhere(result), samples_of(result, positions)
    assert_array_equal(everywhere.data, one_by_one.data)
    assert_array_equal(everywhere.used, one_by_one.used)
    assert_allclose(everywhere.model, one_by_one.model, rtol=1e-6)
    for axis, other in zip(everywhere.coords, one_by_one.coords, strict=True):
        assert_array_equal(np.broadcast_to(axis, other.shape), other)
    if everywhere.sigma is None:
        assert one_by_one.sigma is None
    else:
        assert_array_equal(np.broadcast_to(everywhere.sigma, one_by_one.sigma.shape), one_by_one.sigma)


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_samples_that_were_clipped_are_not_shown_as_used(engine: str) -> None:
    x = np.linspace(-5.0, 5.0, 41)
    data = 2.0 * np.exp(-0.5 * x**2) + 0.05 * np.random.default_rng(2).normal(size=(3, 41))
    data[1, 7], data[2, 30] = 3.0, -4.0
    result = ndfit.fit(Gaussian1D(1.5, 0.1, 1.2), data, world=(x,), fitting_axes=1, clip=4.0, engine=engine)
    found = samples_everywhere(result)
    assert not found.used[1, 7]
    assert not found.used[2, 30]
    assert_array_equal(found.used.sum(axis=1), result.n_samples)
    assert_array_equal(found.used, samples_of(result, [(0,), (1,), (2,)]).used)


def test_coordinates_and_weights_that_differ_from_position_to_position() -> None:
    world = np.linspace(-5.0, 5.0, 21)[:, None] + np.array([0.0, 0.1, 0.2])
    data = 2.0 * np.exp(-0.5 * world**2) + 0.1
    weights = np.full((21, 3), 10.0)
    weights[4, 1], weights[5, 2] = 0.0, np.nan
    result = ndfit.fit(Gaussian1D(1.5, 0.1, 1.2), data, world=world, fitting_axes=0, weights=weights)
    found = samples_everywhere(result)
    assert_array_equal(found.coords[0], world.T)
    assert not found.used[1, 4]
    assert not found.used[2, 5]
    assert found.used.sum() == 61
    assert np.isnan(found.sigma[1, 4])


def test_large_maps_are_thinned_and_hold_examples_only(
    result: ndfit.FitResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (choice, samples):
        monkeypatch.setattr(module, "MOST_POSITIONS", 10)
    monkeypatch.setattr(choice.grid_of, "__defaults__", (10,))
    page = written(result, tmp_path)
    rows = page.array(page.content["rows"]).astype(int)
    step = page.content["grid"]["step"]
    n_grid = int(np.prod(page.content["grid"]["shape"]))
    assert n_grid <= 10
    assert_array_equal(rows[:n_grid], np.arange(35).reshape(5, 7)[::step, ::step].ravel())
    assert_array_equal(page.map("mean_0"), result.parameters["mean_0"].value.ravel()[rows])
    shown = sorted(number for group in page.content["examples"] for number in group["positions"])
    assert set(shown) <= set(rows)
    assert page.content["samples"]["positions"] == shown
    one = result[np.unravel_index(shown[3], (5, 7))]
    assert_array_equal(page.array(page.content["samples"]["data"])[3], one.data.astype("f4"))
    assert f"the page holds the samples of {len(shown)} examples" in page.text
    assert f"one position in {step} along each axis" in page.text
    assert "at most 100,000 positions and 64 MB" in page.text


@pytest.mark.parametrize("shape", [(), (1,), (7,), (5, 9), (3, 50, 70), (400, 500), (30, 2, 2)])
def test_grid_keeps_to_its_limit(shape: tuple[int, ...]) -> None:
    grid = grid_of(shape, most=1000)
    whole = np.arange(int(np.prod(shape, dtype=int))).reshape(-1, *(1, 1, *shape)[-2:])
    assert grid.numbers.size == np.prod(grid.shape) <= 1000
    assert_array_equal(grid.numbers, whole[:, :: grid.step, :: grid.step].ravel())
    assert grid.step == 1 or whole.size > 1000


def test_limit_of_samples(result: ndfit.FitResult, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits_into_page(result._problem)
    monkeypatch.setattr(samples, "MOST_BYTES", 35 * 31 * 8 - 1)
    assert not fits_into_page(result._problem)


def test_examples_are_the_worst_the_median_and_others(result: ndfit.FitResult) -> None:
    examples = choose_examples(result)
    quality = result.reduced_chi_square.ravel()
    order = np.argsort(np.where(np.isfinite(quality), quality, -1.0))[::-1]
    assert examples["Largest reduced chi-square"] == order[:4].tolist()
    ranks = np.argsort(np.argsort(quality))[examples["Median reduced chi-square"]]
    assert_array_equal(np.sort(ranks), [15, 16, 17, 18])
    every = [number for numbers in examples.values() for number in numbers]
    assert len(set(every)) == len(every)
    assert np.ravel_multi_index(EMPTY, (5, 7)) not in every


def test_fits_that_did_not_converge_are_examples_too() -> None:
    with pytest.warns(ndfit.FitWarning):
        result = fit_cube(fitter_kwargs={"maxiter": 2})
    assert len(choose_examples(result)["Expected to fit, but did not converge"]) == 4


def test_all_text_is_escaped(tmp_path: Path) -> None:
    @custom_model
    def line(x: Any, slope: float = 1.0, offset: float = 0.0) -> Any:
        return slope * x + offset

    line.__name__ = line.__qualname__ = EVIL
    data = np.arange(8.0) + 0.1 * np.random.default_rng(1).normal(size=(3, 8))
    page = written(ndfit.fit(line(name=EVIL), data, fitting_axes=1), tmp_path)
    assert EVIL not in page.source
    assert "<script>alert" not in page.source
    assert EVIL in page.text


def test_asks_nothing_of_a_network(page: Page) -> None:
    policy = next(attributes["content"] for _, attributes in page.elements if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'; ")
    assert not [tag for tag, attributes in page.elements if {"src", "action"} & set(attributes)]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links
    assert all(link.startswith("#") for link in links)
    assert "http:" not in page.source.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in page.source


def test_is_accessible(page: Page) -> None:
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(name) in (None, *identifiers)
    assert all(attributes.get("aria-label") for tag, attributes in page.elements if tag == "svg")
    assert ("html", {"lang": "en"}) in page.elements
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert max(np.diff(levels)) == 1
    tables = sum(tag == "table" for tag, _ in page.elements)
    assert sum(tag == "caption" for tag, _ in page.elements) == tables


def test_distributions_tell_median_and_spread(page: Page, result: ndfit.FitResult) -> None:
    values = result.parameters["mean_0"].value
    assert f"median {np.nanmedian(values):.6g}" in page.text
    figures = sum("histogram" in (attributes.get("class") or "").split() for _, attributes in page.elements)
    assert figures == len(result.param_names) + 1


def test_does_not_overwrite_unless_asked(result: ndfit.FitResult, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        result.report(path)
    assert path.read_text() == "mine"
    result.report(str(path), overwrite=True)
    assert "Gaussian1D" in path.read_text(encoding="utf-8")


def test_failure_leaves_nothing(result: ndfit.FitResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_sky", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        result.report(tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_result_from_a_file(result: ndfit.FitResult, tmp_path: Path) -> None:
    result.to_fits(tmp_path / "fit.fits")
    folder = tmp_path / "pages"
    folder.mkdir()
    page = written(ndfit.read(tmp_path / "fit.fits"), folder)
    assert page.content["samples"] is None
    assert "read from a file without its data" in page.text
    assert_array_equal(page.map("mean_0"), result.parameters["mean_0"].value.ravel())
    again = ndfit.read(tmp_path / "fit.fits", data=cube(), **cube_inputs())
    again.report(folder / "report.html", overwrite=True)
    assert Page(folder / "report.html").content["samples"]["everywhere"]


@pytest.mark.parametrize("shape", [(), (6,), (2, 3, 4)])
def test_other_numbers_of_axes(shape: tuple[int, ...], tmp_path: Path) -> None:
    result = fit_along(shape)
    page = written(result, tmp_path)
    assert page.content["shape"] == list(shape)
    assert_array_equal(page.map("mean"), np.ravel(result.parameters["mean"]))


def test_constraints_are_named(tmp_path: Path) -> None:
    start = model()
    start.amplitude_1.fixed = True
    start.stddev_0.tied = lambda each: 0.1 * each.mean_0
    result = ndfit.fit(start, cube(), data_unit="K", world=cube_wcs(), fitting_axes=0)
    page = written(result, tmp_path)
    assert re.search(r"stddev_0.*\n?.*tied: ", page.text)
    assert re.search(r"amplitude_1\s*0.5 K.*fixed", page.text, re.DOTALL)


def test_without_covariance(tmp_path: Path) -> None:
    page = written(fit_cube(covariance=False), tmp_path)
    assert all(entry["errors"] is None for entry in page.content["maps"])
    assert "not computed" in page.text


@pytest.mark.parametrize("values", [[2.0, 2.0], [2.0, np.nextafter(2.0, 3.0)], [0.0, 0.0], [-1e300, np.nan]])
def test_a_distribution_of_one_value_is_drawn(values: list[float]) -> None:
    assert "median" in histogram("stddev", "m / s", np.array(values))
