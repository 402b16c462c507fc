"""The command: a smoke run of a part, and names it does not know."""

from __future__ import annotations

from pathlib import Path

from benchmarks.__main__ import main
from benchmarks.results import read_json
from click.testing import CliRunner


def test_smoke_run_of_a_part(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["--smoke", "--only", "spectra", "--peers", "curve_fit", "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    results = read_json(tmp_path / "out" / "results.json")
    assert list(results["workloads"]["spectra"]["peers"]) == ["ndfit", "curve_fit"]
    assert "A smoke run" in (tmp_path / "out" / "results.md").read_text()


def test_unknown_name() -> None:
    done = CliRunner().invoke(main, ["--only", "spectrum"])
    assert done.exit_code == 2
    assert "'spectrum' is not known; there are spectra" in done.output
