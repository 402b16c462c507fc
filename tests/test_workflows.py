"""The workflows of continuous integration, which run elsewhere: they call the Makefile, and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CALL = re.compile(r"make ([a-z-]+)((?: [A-Z_]+=(?:[\w.]+|\"[^\"]*\"))*)")


def targets() -> set[str]:
    found = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    return set(found[1].split())


def jobs(path: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load(path.read_text())["jobs"].values()


def test_there_are_workflows() -> None:
    assert {path.stem for path in WORKFLOWS} >= {"tests", "nightly", "weekly", "publish"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_steps_call_the_makefile(path: Path) -> None:
    for job in jobs(path):
        assert job["timeout-minutes"] > 0
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@[\w./-]+", step["uses"])
                continue
            call = CALL.fullmatch(step["run"])
            assert call is not None, step["run"]
            assert call[1] in targets()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_read_and_no_more(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    assert content["permissions"] == {"contents": "read"}
    granted = {key for job in jobs(path) for key in job.get("permissions", {})}
    assert granted <= ({"id-token"} if path.stem == "publish" else set())


def test_every_python_and_system_is_tried() -> None:
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())["jobs"]["test"]["strategy"]
    pythons = set(matrix["matrix"]["python"])
    claimed = set(re.findall(r'Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text()))
    assert claimed <= pythons
    systems = {*matrix["matrix"]["os"], *(row["os"] for row in matrix["matrix"]["include"])}
    assert systems == {"ubuntu-latest", "macos-latest", "windows-latest"}


def test_what_runs_here_exists() -> None:
    called = re.findall(r"^\s*make ([a-z-]+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert len(called) >= 5
    assert set(called) <= targets()


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("target", sorted(targets()))
def test_the_makefile_knows_its_targets(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
