"""The figures of scaling: what a process of its own tells, and what becomes of one that does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.scaling_memory import KINDS, write_cube
from click.testing import CliRunner

from benchmarks import scaling


def test_figures_are_written_as_they_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(name: str, settings: dict[str, Any], seconds: int) -> dict[str, Any]:
        assert Path(settings["folder"]).parent == tmp_path
        known = json.loads(out.read_text()) if out.exists() else {}
        return {"known": list(known), "seconds": seconds}

    out = tmp_path / "figures" / "scaling.json"
    monkeypatch.setattr(scaling, "_measured", measured)
    done = CliRunner().invoke(scaling.main, ["--folder", str(tmp_path), "--out", str(out), "--seconds", "7"])
    assert done.exit_code == 0, done.output
    figures = json.loads(out.read_text())
    assert figures["cores"] == {"known": [], "seconds": 7}
    assert figures["overhead"]["known"] == ["settings", "cores"]
    assert list(tmp_path.iterdir()) == [out.parent]


def test_a_figure_that_takes_too_long_is_ended() -> None:
    assert scaling._measured("overhead", {"positions": 10**6, "repeats": 99}, 1) == {"failed": "not done in 1 s"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_cube_on_disk(kind: str, tmp_path: Path) -> None:
    write_cube(tmp_path / "cube.fits", (128, 40, 70))
    told = KINDS[kind](tmp_path / "cube.fits", "4 MB")
    assert told["fits"] == 2800
    assert told["file"] == 4 * 128 * 2800
    assert told["converged"] > 0.99
