"""Runs that were cut off go on where they stopped, with the same bits; other runs are told apart by name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy.modeling import custom_model
from astropy.modeling.fitting import LevMarLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D
from numpy.testing import assert_array_equal

import ndfit
from ndfit.run import stages
from ndfit.run.checkpoint import Checkpoint
from ndfit.run.digest import digests_of

pytestmark = pytest.mark.filterwarnings("ignore:.* fits did not converge:ndfit.FitWarning")

CHANNELS = np.arange(40.0)
SHAPE = (9, 10)
MODEL = Gaussian1D(3.0, 20.0, 3.0) + Const1D(0.0)


def cube() -> np.ndarray:
    """Lines, a position without data, one with a gap, and one that cannot be fitted."""
    rng = np.random.default_rng(0)
    mean = 20.0 + rng.normal(size=SHAPE)
    data = 5.0 * np.exp(-0.5 * ((CHANNELS[:, None, None] - mean) / 3.0) ** 2) + 0.3 * rng.normal(size=(40, *SHAPE))
    data[:, 0, 0] = np.nan
    data[5:9, 4, 4] = np.nan
    data[3:, 8, 8] = np.nan
    return data


def fit(data: Any, **keywords: Any) -> ndfit.FitResult:
    keywords = {"model": MODEL, "scheduler": "synchronous", "chunk_n_max": 20} | keywords
    return ndfit.fit(data=data, fitting_axes=0, **keywords)


def assert_same(one: ndfit.FitResult, other: ndfit.FitResult) -> None:
    for name in one.param_names:
        assert_array_equal(one.parameters[name], other.parameters[name])
    for name in ("covariance", "status", "nfev", "flags", "n_samples", "chi_square"):
        assert_array_equal(getattr(one, name), getattr(other, name))


class Stopped(BaseException):
    """What stops a run from outside."""


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Stop the next run once it has saved so many regions."""
    save = Checkpoint.save

    def set_limit(limit: int) -> None:
        left = iter(range(limit))

        def limited(self: Checkpoint, *arguments: Any) -> None:
            if next(left, None) is None:
                monkeypatch.setattr(Checkpoint, "save", save)
                raise Stopped
            save(self, *arguments)

        monkeypatch.setattr(Checkpoint, "save", limited)

    return set_limit


def files(path: Path) -> list[Path]:
    return sorted(path.glob("*/*.npz"))


WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "threads": {"scheduler": "threads"},
    "guess and starts": {"guess": "auto", "starts": 3, "seed": 7},
    "clip and bootstrap": {"clip": 4.0, "bootstrap": 3},
    "weights and mask": {"uncertainty": np.full((40, 1, 1), 0.3), "mask": np.arange(40) > 36},
    "linear": {"model": Const1D(0.0)},
    "reference": {"engine": "reference"},
    "other workers": {"scheduler": "threads", "chunk_n_max": 7},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_run_goes_on_where_it_stopped(way: dict[str, Any], tmp_path: Path, stop_after: Callable[[int], None]) -> None:
    data, path = cube(), tmp_path / "run"
    whole = fit(data, **way)
    stop_after(2)
    with pytest.raises(Stopped):
        ndfit.fit(data=data, fitting_axes=0, checkpoint=path, **({"model": MODEL, "chunk_n_max": 20} | way))
    kept = {file: file.stat().st_mtime_ns for file in files(path)}
    assert len(kept) == 2
    assert_same(fit(data, checkpoint=path, **way), whole)
    assert all(file.stat().st_mtime_ns == time for file, time in kept.items())


@pytest.mark.parametrize("clip", [None, 4.0])
@pytest.mark.parametrize("limit", [3, 6, 8])
def test_a_refinement_goes_on_where_it_stopped(
    limit: int, clip: float | None, tmp_path: Path, stop_after: Callable[[int], None]
) -> None:
    data, path = cube(), tmp_path / "run"
    start = Gaussian1D(3.0, np.where(np.arange(90).reshape(SHAPE) % 7, 20.0, 2.0), 3.0) + Const1D(0.0)
    way = {"model": start, "refine": "neighbours", "clip": clip}
    whole = fit(data, **way)
    stop_after(limit)
    with pytest.raises(Stopped):
        ndfit.fit(data=data, fitting_axes=0, checkpoint=path, chunk_n_max=20, **way)
    assert len(files(path)) == limit
    assert_same(fit(data, checkpoint=path, **way), whole)


def test_a_finished_run_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = cube()
    whole = fit(data, checkpoint=tmp_path / "run")
    asked = []
    solve = stages.solve_regions
    monkeypatch.setattr(
        stages, "solve_regions", lambda task, *rest: asked.append((task, rest[1])) or solve(task, *rest)
    )
    assert_same(fit(data, checkpoint=tmp_path / "run"), whole)
    assert [task for task, regions in asked if regions] == [digests_of]


def test_lazy_data_with_any_chunks(tmp_path: Path, stop_after: Callable[[int], None]) -> None:
    data = cube()
    lazy = da.from_array(data, chunks=(7, 4, 3))
    stop_after(1)
    with pytest.raises(Stopped):
        ndfit.fit(MODEL, lazy, fitting_axes=0, checkpoint=tmp_path / "run", chunk_n_max=20)
    assert_same(fit(data, checkpoint=tmp_path / "run"), fit(data))


@custom_model
def line(x: Any, height: float = 1.0, centre: float = 20.0) -> Any:
    return height * np.exp(-0.5 * ((x - centre) / 3.0) ** 2)


@custom_model
def other_line(x: Any, height: float = 1.0, centre: float = 20.0) -> Any:
    return height * np.exp(-0.5 * ((x - centre) / 4.0) ** 2)


def tied(factor: float) -> Any:
    return Gaussian1D(3.0, 20.0, 3.0, tied={"stddev": lambda model: factor * model.mean})


DIFFERENCES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "start": ({}, {"model": Gaussian1D(3.0, 21.0, 3.0) + Const1D(0.0)}, "parameters.mean_0.start was 20.0 and is 21.0"),
    "map": ({}, {"model": Gaussian1D(np.full(SHAPE, 3.0), 20.0, 3.0) + Const1D()}, "parameters.amplitude_0.start was"),
    "model": ({}, {"model": Gaussian1D(3.0, 20.0, 3.0)}, 'model.expression was "Gaussian1D \\+ Const1D"'),
    "bounds": ({}, {"bounds": {"mean_0": (0.0, 40.0)}}, "parameters.mean_0.lower"),
    "fixed": ({}, {"model": Gaussian1D(3.0, 20.0, 3.0, fixed={"mean": True}) + Const1D(0.0)}, "fixed was false"),
    "tie": ({"model": tied(0.15)}, {"model": tied(0.16)}, "model.computes was"),
    "tie of reference": (
        {"model": tied(0.15), "engine": "reference"},
        {"model": tied(0.16), "engine": "reference"},
        "parameters.stddev.tied was",
    ),
    "custom": ({"model": line()}, {"model": other_line()}, "model.computes was"),
    "custom of reference": (
        {"model": line(), "engine": "reference"},
        {"model": other_line(), "engine": "reference"},
        "model.computes.leaves was",
    ),
    "tolerance": ({}, {"fitter_kwargs": {"acc": 1e-9}}, "solving.options.xtol was 1e-07 and is 1e-09"),
    "loss": ({}, {"loss": "huber"}, 'solving.options.loss was "linear" and is "huber"'),
    "engine": ({}, {"engine": "reference"}, 'solving.engine was "compiled" and is "reference"'),
    "fitter": ({"engine": "reference"}, {"engine": "reference", "fitter": LevMarLSQFitter()}, "solving.fitter was"),
    "starts": ({}, {"starts": 2}, "solving.starting.count was 1 and is 2"),
    "clip": ({}, {"clip": 3.0}, "solving.clip was null"),
    "refine": ({}, {"refine": "neighbours"}, "solving.refine was false and is true"),
    "weights": ({}, {"weights": np.ones(40)}, "data.weights was null"),
    "unit": ({}, {"data_unit": ""}, "data.unit was null"),
    "dtype": ({}, {"data": cube().astype(np.float32)}, 'data.dtype was "float64" and is "float32"'),
    "shape": ({}, {"data": cube()[:, :, :9]}, "data.shape"),
    "data": ({}, {"data": cube() + 1e-15}, "the numbers of data in the region \\[0:2, 0:10\\]"),
    "numbers of weights": ({"weights": np.ones(40)}, {"weights": np.full(40, 1.1)}, "the numbers of weights in"),
    "world": ({}, {"world": CHANNELS + 1}, "the numbers of coordinate 0 in"),
}


@pytest.mark.parametrize(("first", "second", "told"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_another_run_is_told_by_name(
    first: dict[str, Any], second: dict[str, Any], told: str, tmp_path: Path, stop_after: Callable[[int], None]
) -> None:
    common = {"model": MODEL, "data": cube(), "fitting_axes": 0, "chunk_n_max": 20, "checkpoint": tmp_path / "run"}
    common["scheduler"] = "synchronous"
    stop_after(1)
    with pytest.raises(Stopped):
        ndfit.fit(**(common | first))
    with pytest.raises(ndfit.CheckpointError, match=rf"belongs to another run: .*{told}.*remove it to start again"):
        ndfit.fit(**(common | second))


def test_each_candidate_of_a_selection_has_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        chosen = ndfit.select([Const1D(0.0), MODEL], cube(), fitting_axes=0, checkpoint=tmp_path / "run")
    assert {folder.name for folder in (tmp_path / "run").iterdir()} == {"model-0", "model-1"}
    assert len(chosen.results) == 2


@pytest.mark.parametrize("damage", ["cut short", "turned bit", "empty"])
def test_a_damaged_region_is_solved_again(damage: str, tmp_path: Path) -> None:
    data, path = cube(), tmp_path / "run"
    whole = fit(data, checkpoint=path)
    file = files(path)[1]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes({"cut short": content[:-100], "turned bit": content, "empty": b""}[damage])
    with pytest.warns(ndfit.FitWarning, match="1 regions of the checkpoint .* are damaged and are solved again"):
        again = fit(data, checkpoint=path)
    assert_same(again, whole)
    assert_same(fit(data, checkpoint=path), whole)


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    data, path = cube(), tmp_path / "run"
    path.mkdir()
    (path / ".partial-run.json").write_text("{")
    (path / "lock").touch()
    fit(data, checkpoint=path)
    (path / "fit" / ".partial-000003.npz").write_bytes(b"PK")
    fit(data, checkpoint=path)
    assert not list(path.rglob(".partial-*"))


def test_only_arrays_and_json_are_kept(tmp_path: Path) -> None:
    fit(cube(), checkpoint=tmp_path / "run")
    assert {file.suffix for file in tmp_path.rglob("*") if file.is_file()} == {".npz", ".json", ""}
    for file in files(tmp_path / "run"):
        with np.load(file, allow_pickle=False) as arrays:
            assert json.loads(arrays["told"].tobytes())["digests"].keys() == {"data", "coordinate 0"}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_no_checkpoint_is_left_alone(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    if kind == "folder":
        path.mkdir()
    (path if kind == "file" else path / "precious").write_text("mine")
    with pytest.raises(ndfit.CheckpointError, match="exists and is no checkpoint: choose another name"):
        ndfit.fit(MODEL, cube(), fitting_axes=0, checkpoint=path)
    assert "mine" in {file.read_text() for file in tmp_path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"layout": 1}'])
def test_a_checkpoint_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    fit(cube(), checkpoint=tmp_path)
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ndfit.CheckpointError, match="cannot be read: remove"):
        ndfit.fit(MODEL, cube(), fitting_axes=0, checkpoint=tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="needs the locks of POSIX")
def test_a_checkpoint_that_is_in_use(tmp_path: Path) -> None:
    import fcntl

    fit(cube(), checkpoint=tmp_path)
    with (tmp_path / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ndfit.CheckpointError, match="in use by another run"):
            ndfit.fit(MODEL, cube(), fitting_axes=0, checkpoint=tmp_path)
