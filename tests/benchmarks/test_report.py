"""Tables from results that are written here by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks.goals import GOALS
from benchmarks.readme import BEGIN, END, between_markers
from benchmarks.report import full_report, readme_table, with_spread
from benchmarks.results import best_astropy, ratios, write_json
from click.testing import CliRunner

from benchmarks import readme

ENTRY = {"n_fits": 100, "evaluations": 9.5, "success": 1.0, "valid": True, "cost": 50.0, "failed": 0}


@pytest.fixture
def results() -> dict[str, Any]:
    return {
        "smoke": False,
        "repeats": 2,
        "machine": "2 cores, AVX2",
        "versions": {"python": "3.11"},
        "peers": {
            "ndfit": "ndfit",
            "astropy-processes": "processes",
            "astropy-synchronous": "synchronous",
            "lmfit": "lmfit",
        },
        "workloads": {
            "spectra": {
                "title": "many spectra",
                "n_fits": 100,
                "n_samples": 53,
                "n_params": 3,
                "peers": {
                    "ndfit": ENTRY | {"seconds": [0.1, 0.2]},
                    "astropy-processes": ENTRY | {"seconds": [200.0, 300.0]},
                    "astropy-synchronous": ENTRY | {"seconds": [1.0, 1.0], "success": 0.5, "valid": False},
                    "lmfit": {"skipped": "not installed: lmfit"},
                },
            },
            "l1448-part": {"title": "L1448", "skipped": "needs a file", "peers": {}},
        },
        "probes": {
            "cores": {"title": "cores", "values": {"1": [2.0, 2.0], "2": [1.0, 1.6]}},
            "cpufit": {"title": "Cpufit", "skipped": "needs a library"},
            "guess": {
                "title": "many spectra, seconds",
                "values": {
                    "parallel_fit_dask": [1.0, 2.0],
                    "fit, guess=None": [1.0, 1.0],
                    'fit, guess="auto"': [1.4, 1.4],
                    'fit, guess="also"': [3.0, 6.0],
                },
            },
        },
    }


def test_ratio_is_taken_repeat_by_repeat(results: dict[str, Any]) -> None:
    assert ratios(results, "spectra", "astropy-processes") == pytest.approx([2000, 1500])


def test_wrong_answers_are_never_the_best(results: dict[str, Any]) -> None:
    assert best_astropy(results, "spectra") == "astropy-processes"
    assert ratios(results, "spectra", "astropy-synchronous") == []


def test_goals_are_judged_by_the_median(results: dict[str, Any]) -> None:
    rows = [line for line in full_report(results).splitlines() if line.startswith("| ")]
    verdicts = {row.split(" | ")[0][2:]: row.split(" | ")[-1].rstrip(" |") for row in rows}
    assert verdicts['Gaussian and a constant, `fit, guess="auto"`, against the drop-in call'] == "holds"
    assert verdicts["what the guess there adds to the fit of the same positions"] == "holds"
    assert verdicts['Gaussian and a constant, `fit, guess="also"`, against the drop-in call'] == "falls short"
    assert verdicts[GOALS[0].what] == "falls short"
    assert verdicts["2 cores against 1, whole call"] == "falls short"
    assert verdicts["one core, Gaussian and a constant, against Cpufit in single precision"] == "not measured"
    assert verdicts["cube of 53 x 105 x 105 with WCS and units, whole call, warm"] == "not measured"


@pytest.mark.parametrize("vectors", ["AVX2", "AVX-512"])
def test_goals_of_other_processors_are_not_judged(results: dict[str, Any], vectors: str) -> None:
    record = results["workloads"]["spectra"]
    results |= {"machine": f"2 cores, {vectors}", "workloads": {"three-lines": record}}
    measured = [goal.what for goal in GOALS if "three Gaussians" in goal.what and goal.measure(results)]
    assert measured == [f"three Gaussians and a line (11 parameters), against astropy, with {vectors}"]


@pytest.mark.parametrize(
    "text", ["1,750 (1,500 to 2,000)", "skipped: not installed: lmfit", "needs a file", "Skipped: needs a library"]
)
def test_report_says(results: dict[str, Any], text: str) -> None:
    assert text in full_report(results)


def test_wrong_answers_are_shown_without_a_time(results: dict[str, Any]) -> None:
    row = next(line for line in full_report(results).splitlines() if line.startswith("| synchronous"))
    assert "not counted" in row
    assert "50.00 %" in row


def test_spread() -> None:
    assert with_spread([1.0, 3.0, 2.0], "s") == "2 s (1 to 3)"
    assert with_spread([12345.6]) == "12,300"
    assert with_spread([]) == "not measured"


def test_documents_are_written_from_the_summary(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/index.md"):
        (tmp_path / name).write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_json(results, tmp_path / "run.json")
    monkeypatch.setattr(readme, "ROOT", tmp_path)
    monkeypatch.setattr(readme, "SUMMARY", tmp_path / "summary.json")
    done = CliRunner().invoke(readme.main, ["--take", str(tmp_path / "run.json")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "README.md").read_text()
    assert text == f"before\n{BEGIN}\n{readme_table(results)}\n{END}\nafter\n"
    assert "| many spectra: fit, guess=None | 1 (1 to 1) |" in text
    first_page = (tmp_path / "docs" / "index.md").read_text()
    assert first_page == text.replace("docs/benchmarks.md", "benchmarks.md")
    assert (tmp_path / "docs" / "benchmarks.md").read_text().startswith("# Benchmarks")


def test_text_without_markers() -> None:
    with pytest.raises(ValueError, match="markers"):
        between_markers("nothing", "table")
