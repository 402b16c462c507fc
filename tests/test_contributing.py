"""What contributors use: fragments of the changelog, forms, hooks, and the check before a release."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from tools.release import main, problems

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FORMS = [path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]


def test_fragments_have_a_kind_and_say_something() -> None:
    kinds = [kind["directory"] for kind in PROJECT["tool"]["towncrier"]["type"]]
    for path in (ROOT / PROJECT["tool"]["towncrier"]["directory"]).iterdir():
        if path.name != "README.md":
            assert re.fullmatch(rf"(?:\d+|\+[\w-]+)\.(?:{'|'.join(kinds)})\.md", path.name), path.name
            assert re.match(r"[^#*-].*\.\n$", path.read_text(), re.DOTALL), path.name


def test_a_release_finds_its_place_in_the_changelog() -> None:
    assert (ROOT / "CHANGELOG.md").read_text().count(PROJECT["tool"]["towncrier"]["start_string"]) == 1


def test_hooks_are_of_the_version_that_lint_uses() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    (ruff,) = [Requirement(text) for text in PROJECT["project"]["optional-dependencies"]["lint"] if "ruff" in text]
    (version,) = [repo["rev"].removeprefix("v") for repo in hooks if "ruff" in repo["repo"]]
    assert version in ruff.specifier


def test_pages_are_built_with_an_extra_that_there_is() -> None:
    (how,) = yaml.safe_load((ROOT / ".readthedocs.yaml").read_text())["python"]["install"]
    assert set(how["extra_requirements"]) <= set(PROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms_of_issues(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    assert len({field["id"] for field in form["body"]}) == len(form["body"])
    assert all(field["attributes"]["label"] for field in form["body"])


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A tree that is ready for v1.2.3."""
    (tmp_path / "src" / "ndfit").mkdir(parents=True)
    (tmp_path / "changelog.d").mkdir()
    (tmp_path / "changelog.d" / "README.md").write_text("# Fragments\n")
    (tmp_path / "src" / "ndfit" / "__init__.py").write_text('"""."""\n__version__ = "1.2.3"\n')
    (tmp_path / "CITATION.cff").write_text("title: x\nversion: 1.2.3\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [1.2.3] - 2030-01-01\n")
    return tmp_path


def test_a_tree_that_is_ready_for_its_tag(ready: Path) -> None:
    assert problems("v1.2.3", ready) == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("src/ndfit/__init__.py", '\n__version__ = "1.2.2"\n', "another version"),
        ("CITATION.cff", "version: 1.2.2\n", "another version"),
        ("CHANGELOG.md", "## [Unreleased]\n", "no section"),
        ("changelog.d/7.fixed.md", "Something.\n", "7.fixed.md"),
    ],
)
def test_what_does_not_agree_with_a_tag_is_said(ready: Path, name: str, text: str, told: str) -> None:
    (ready / name).write_text(text)
    (sentence,) = problems("v1.2.3", ready)
    assert name.partition("/")[0] in sentence
    assert told in sentence


def test_a_tag_that_is_no_version(ready: Path, capsys: Any) -> None:
    assert "'latest' is no tag of a version" in problems("latest", ready)[0]
    assert main("latest") == 1
    assert "no tag" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "changelog.d/README.md"])
def test_links_lead_to_files(name: str) -> None:
    path = ROOT / name
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists(), target
