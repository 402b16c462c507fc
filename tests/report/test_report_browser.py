"""The report in a real browser, without a network: it renders, it answers to clicks and keys, it reports no errors."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.result.results import EMPTY, fit_along, fit_cube, fit_images

import ndfit

pytest.importorskip("matplotlib")
pytest.importorskip("selenium")

MINUS = "\N{MINUS SIGN}"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1400,1000",
)


def program(*names: str) -> str:
    """Path of the first of these programs that is installed; skips the tests where none is."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"needs a browser: none of {', '.join(names)} is installed")
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = importlib.import_module("selenium.webdriver")
    service = importlib.import_module("selenium.webdriver.chrome.service")
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium", "chromium-browser", "google-chrome")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    # No environment variable sends a request of the driver's or the browser's through a proxy.
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    driver = webdriver.Chrome(options=options, service=service.Service(program("chromedriver"), env=environment))
    yield driver
    driver.quit()


class Report:
    """A report that is open in the browser."""

    def __init__(self, browser: Any, path: Path) -> None:
        self.browser = browser
        browser.get_log("browser")
        browser.get(path.as_uri())

    def find(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def count(self, selector: str) -> int:
        return len(self.browser.find_elements("css selector", selector))

    def click_map(self, name: str, row: float, column: float) -> None:
        """Click a position of a map, given as fractions of its height (from below) and width."""
        frame = self.find(f'figure[data-map="{name}"] .frame')
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", frame)
        actions = importlib.import_module("selenium.webdriver").ActionChains(self.browser)
        x, y = (column - 0.5) * frame.size["width"], (0.5 - row) * frame.size["height"]
        actions.move_to_element_with_offset(frame, round(x), round(y)).click().perform()

    @property
    def title(self) -> str:
        return self.find("#fit-title").text

    @property
    def numbers(self) -> dict[str, tuple[float, float]]:
        """Name -> value and standard error, as they are shown; NaN where there is none."""
        rows = self.browser.find_elements("css selector", "#fit-numbers tbody tr")
        cells = {row.get_attribute("data-name"): row.find_elements("css selector", "td") for row in rows}
        return {name: (shown(value.text), shown(error.text)) for name, (value, error, _) in cells.items()}

    def assert_quiet(self) -> None:
        """Nothing was asked of a network, and the console is empty."""
        assert self.browser.get_log("browser") == []
        assert self.browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def shown(text: str) -> float:
    try:
        return float(text.replace(MINUS, "-"))
    except ValueError:
        return np.nan


@pytest.fixture(scope="module")
def result() -> ndfit.FitResult:
    return fit_cube()


@pytest.fixture(scope="module")
def path(result: ndfit.FitResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    result.report(path)
    return path


@pytest.fixture
def report(browser: Any, path: Path) -> Iterator[Report]:
    report = Report(browser, path)
    yield report
    report.assert_quiet()


def assert_shows(report: Report, result: ndfit.FitResult, position: tuple[int, ...]) -> None:
    """The page shows the numbers of this position, as far as they are written out."""
    assert report.title.startswith(f"Position {', '.join(map(str, position))}")
    numbers = report.numbers
    assert tuple(numbers) == (*result.param_names, "reduced chi-square")
    for name in result.param_names:
        value, error = (
            getattr(each[name], "value", each[name])[position] for each in (result.parameters, result.errors)
        )
        # Both are written to the second digit of the error.
        assert_allclose(numbers[name][0], value, atol=0.06 * error)
        assert_allclose(numbers[name][1], error, rtol=0.06)
    assert_allclose(numbers["reduced chi-square"][0], result.reduced_chi_square[position], rtol=1e-4)


def test_renders(report: Report, result: ndfit.FitResult) -> None:
    assert report.browser.title == "Gaussian1D + Const1D: fit report"
    assert report.count(".map") == 2 * 4 + 2
    assert report.count("#examples .card svg") == 12
    assert report.count("#distributions svg") == 5
    colours = report.browser.execute_script(
        "const canvas = document.querySelector('figure[data-map=\"mean_0\"] .frame canvas');"
        "return Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data);"
    )
    image = np.array(colours).reshape(5, 7, 4)[::-1]
    assert np.argwhere(image[..., 3] == 0).tolist() == [list(EMPTY)]
    means = result.parameters["mean_0"].value
    # Red where the mean is high, blue where it is low.
    for extreme, channel in ((np.nanargmax(means), 0), (np.nanargmin(means), 2)):
        assert np.argmax(image[np.unravel_index(extreme, means.shape)][:3]) == channel


@pytest.mark.parametrize("position", [(1, 2), (4, 0), (0, 6)])
def test_click_shows_the_fit_of_the_position(
    report: Report, result: ndfit.FitResult, position: tuple[int, int]
) -> None:
    report.click_map("mean_0", (position[0] + 0.5) / 5, (position[1] + 0.5) / 7)
    assert_shows(report, result, position)
    one = result[position]
    assert report.count("#fit-drawing .model") == 1
    left_out = int((~one.used & np.isfinite(one.data)).sum())
    # The residual of a sample that was left out lies beyond its panel.
    assert report.count("#fit-drawing .left-out") == left_out
    assert report.count("#fit-drawing .sample") == 2 * one.used.sum()
    assert report.count("#fit-drawing .error-bar") == 2 * one.used.sum()
    sky = result.wcs.pixel_to_world_values(position[1], position[0])
    assert f"RA {sky[0]:.6f}°, Dec {sky[1]:.6f}°" in report.title


def test_drawn_samples_and_model_are_those_of_the_fit(report: Report, result: ndfit.FitResult) -> None:
    report.click_map("status", 0.5, 0.5)
    one = result[2, 3]
    circles = report.browser.execute_script(
        "return [...document.querySelectorAll('#fit-drawing .sample')].map((each) => [each.cx.baseVal.value,"
        " each.cy.baseVal.value])"
    )
    x, y = np.array(circles)[: one.used.sum()].T
    # Both scales are linear.
    assert_allclose(np.corrcoef(x, one.world[0])[0, 1], 1.0, rtol=1e-9)
    assert_allclose(np.corrcoef(y, one.data)[0, 1], -1.0, rtol=1e-9)
    path = report.find("#fit-drawing .model").get_attribute("d")
    drawn = np.array([[float(number) for number in point.split()] for point in path[1:].split("L")])
    slope, offset = np.polyfit(one.data, y, 1)
    assert_allclose(drawn[:, 1], slope * (one.data - one.residual) + offset, atol=0.06)


def test_position_without_answer(report: Report) -> None:
    report.click_map("amplitude_0", (EMPTY[0] + 0.5) / 5, (EMPTY[1] + 0.5) / 7)
    assert "every sample is NaN" in report.find("#fit-status").text
    assert np.isnan(report.numbers["mean_0"]).all()


def test_keyboard(report: Report, result: ndfit.FitResult) -> None:
    keys = importlib.import_module("selenium.webdriver.common.keys").Keys
    report.click_map("mean_0", 0.5, 0.5)
    frame = report.find('figure[data-map="mean_0"] .frame')
    assert frame.get_attribute("tabindex") == "0"
    frame.send_keys(keys.ARROW_RIGHT, keys.ARROW_UP)
    assert_shows(report, result, (3, 4))
    typed = report.find('#controls input[data-axis="1"]')
    typed.clear()
    typed.send_keys("1", keys.ENTER)
    assert_shows(report, result, (3, 1))


def test_example_is_shown(report: Report, result: ndfit.FitResult) -> None:
    report.find("#examples .card").click()
    worst = np.unravel_index(np.nanargmax(result.reduced_chi_square), result.shape)
    assert_shows(report, result, tuple(map(int, worst)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_legible_in_light_and_dark(report: Report, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    report.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for selector in ("body", ".hint", "figcaption", "#fit-numbers td", "nav a"):
        assert contrast(report, selector) > 4.5, selector


def contrast(report: Report, selector: str) -> float:
    """Ratio of the luminances of text and what lies behind it, as WCAG 2 defines it."""
    colours = report.browser.execute_script(
        "const element = document.querySelector(arguments[0]);"
        "let behind = element;"
        "while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;"
        "return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];",
        selector,
    )
    channels = np.array([[float(each) for each in colour[4:-1].split(",")] for colour in colours]) / 255.0
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return float((high + 0.05) / (low + 0.05))


def test_narrow_screen_does_not_scroll_sideways(report: Report) -> None:
    report.browser.set_window_size(500, 900)
    width = report.browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
    report.browser.set_window_size(1400, 1000)
    assert width <= 0


def test_images(browser: Any, tmp_path: Path) -> None:
    result = fit_images()
    result.report(tmp_path / "report.html")
    report = Report(browser, tmp_path / "report.html")
    report.click_map("amplitude", 0.5, 1.5 / 4)
    assert_allclose(report.numbers["x_mean"][0], result.parameters["x_mean"][1], atol=0.06 * result.errors["x_mean"][1])
    shape = report.browser.execute_script(
        "return [...document.querySelectorAll('#fit-drawing canvas')].map((each) => [each.height, each.width])"
    )
    assert shape == [[9, 11]] * 3
    report.assert_quiet()


@pytest.mark.parametrize("shape", [(), (2, 3, 4)])
def test_other_numbers_of_axes(browser: Any, tmp_path: Path, shape: tuple[int, ...]) -> None:
    result = fit_along(shape)
    result.report(tmp_path / "report.html")
    report = Report(browser, tmp_path / "report.html")
    position: tuple[int, ...] = ()
    if shape:
        slider = report.find("#plane")
        report.browser.execute_script(
            "arguments[0].value = 1; arguments[0].dispatchEvent(new Event('change', {bubbles: true}))", slider
        )
        report.click_map("mean", 2.5 / 3, 0.5 / 4)
        position = (1, 2, 0)
        assert report.title == "Position 1, 2, 0"
    assert_allclose(
        report.numbers["mean"][0], result.parameters["mean"][position], atol=0.06 * result.errors["mean"][position]
    )
    report.assert_quiet()


def test_without_data_it_says_so(browser: Any, result: ndfit.FitResult, tmp_path: Path) -> None:
    result.to_fits(tmp_path / "fit.fits")
    ndfit.read(tmp_path / "fit.fits").report(tmp_path / "report.html")
    report = Report(browser, tmp_path / "report.html")
    report.click_map("mean_0", 1.5 / 5, 2.5 / 7)
    assert_shows(report, result, (1, 2))
    assert report.find("#fit-drawing").text == "The samples of this position are not in the page."
    report.assert_quiet()
