"""The code of every page of the documentation, as a reader would run it."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import pytest
from benchmarks.readme import BEGIN, END
from matplotlib import pyplot as plt
from tools.pages import DOCS, pages, run_page

import ndfit

PAGES = pages()

TOCTREE = re.compile(r"^```\{toctree\}\n(?::.*\n)*\n?((?:.+\n)*?)```", re.MULTILINE)

# A fence that is neither run nor known to be no code is a mistake: nobody would see it rot.
RUN_OR_NO_CODE = (
    "python",
    "sh",
    "text",
    "toml",
    "{include}",
    "{toctree}",
    "{eval-rst}",
    "{statuses}",
    "{flags}",
    "{options}",
)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.filterwarnings("ignore::ndfit.FitWarning")
def test_code_runs(name: str, tmp_path: Path) -> None:
    with mpl.rc_context():
        mpl.use("agg")
        run_page(PAGES[name], tmp_path)
        plt.close("all")


@pytest.mark.parametrize("name", PAGES)
def test_blocks_are_run_or_are_no_code(name: str) -> None:
    fences = [line[3:].strip() for line in PAGES[name].read_text().splitlines() if line.startswith("```")]
    assert [fence for fence in fences[::2] if fence.split()[:1] not in [[known] for known in RUN_OR_NO_CODE]] == []
    assert set(fences[1::2]) <= {""}


@pytest.mark.parametrize("name", sorted(set(ndfit.__all__) - {"__version__"}))
def test_public_names_are_in_the_reference(name: str) -> None:
    assert re.search(rf"^\.\. \w+:: ndfit\.{name}\b", PAGES["api"].read_text(), re.MULTILINE)


def test_the_first_page_has_the_speed_of_the_readme() -> None:
    tables = [PAGES[name].read_text().split(BEGIN)[1].split(END)[0] for name in ("README", "index")]
    assert tables[0].replace("docs/benchmarks.md", "benchmarks.md") == tables[1]


def below(name: str) -> set[str]:
    """Pages that the navigation shows under a page."""
    return {entry for tree in TOCTREE.findall((DOCS / f"{name}.md").read_text()) for entry in tree.split()}


def test_every_page_is_two_clicks_from_the_first() -> None:
    sections = below("index")
    assert 3 <= len(sections) <= 5  # the theme's bar shows five, and hides others behind "More"
    within = {name: below(name) for name in sections}
    assert all(within.values())
    reached = {"index", *sections}.union(*within.values())
    assert reached == {path.stem for path in DOCS.glob("*.md")} | {"auto_gallery/index"}
    assert sum(map(len, within.values())) == len(set().union(*within.values()))


@pytest.mark.parametrize("path", sorted((DOCS / "images").rglob("*.png")), ids=lambda path: path.stem)
def test_pictures_are_small(path: Path) -> None:
    assert path.stat().st_size < 200_000
