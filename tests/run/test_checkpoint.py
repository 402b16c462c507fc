"""Runs that were cut off go on where they stopped, with the same bits; other runs are told apart by name."""

from __future__ import annotations

import copy
import errno
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy.modeling import custom_model
from astropy.modeling.fitting import LevMarLSQFitter, TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D
from numpy.testing import assert_array_equal
from tests.children import python
from tests.normalized import normalize

import ndfit
from ndfit.engines.base import BlockResult
from ndfit.engines.fitters import parse_fitter
from ndfit.engines.select import select_engine, solve_options
from ndfit.run import checkpoint, stages
from ndfit.run.checkpoint import Checkpoint
from ndfit.run.digest import ResultWithChecksums, digests_of
from ndfit.run.identity import differences, identity_of, processor
from ndfit.run.region_pipeline import Pipeline

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
    "tie": ({"model": tied(0.15)}, {"model": tied(0.16)}, "solving.decides.computes was"),
    "tie of reference": (
        {"model": tied(0.15), "engine": "reference"},
        {"model": tied(0.16), "engine": "reference"},
        "parameters.stddev.tied was",
    ),
    "custom": ({"model": line()}, {"model": other_line()}, "solving.decides.computes was"),
    "custom of reference": (
        {"model": line(), "engine": "reference"},
        {"model": other_line(), "engine": "reference"},
        "solving.decides.computes.leaves was",
    ),
    "tolerance": ({}, {"fitter_kwargs": {"acc": 1e-9}}, "solving.options.xtol was 1e-07 and is 1e-09"),
    "loss": ({}, {"loss": "huber"}, 'solving.options.loss was "linear" and is "huber"'),
    "engine": ({}, {"engine": "reference"}, 'solving.engine was "compiled" and is "reference"'),
    "fitter": (
        {"engine": "reference"},
        {"engine": "reference", "fitter": LevMarLSQFitter()},
        "solving.decides.fitter.*type was",
    ),
    "starts": ({}, {"starts": 2}, "solving.starting.count was 1 and is 2"),
    "clip": ({}, {"clip": 3.0}, "solving.clip was null"),
    "refine": ({}, {"refine": "neighbours"}, 'solving.asked.refine was null and is "neighbours"'),
    "weights": ({}, {"weights": np.ones(40)}, "data.weights was null"),
    "unit": ({}, {"data_unit": ""}, "data.unit was null"),
    "dtype": ({}, {"data": cube().astype(np.float32)}, 'data.dtype was "float64" and is "float32"'),
    "shape": ({}, {"data": cube()[:, :, :9]}, "data.shape"),
    "data": ({}, {"data": cube() + 1e-15}, "the numbers of data in the region \\[0:2, 0:10\\]"),
    "numbers of weights": ({"weights": np.ones(40)}, {"weights": np.full(40, 1.1)}, "the numbers of weights in"),
    "world": ({}, {"world": CHANNELS + 1}, "coordinate 0 at position \\[0, 0\\] was"),
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
    with pytest.warns(ndfit.FitWarning, match="1 regions of the checkpoint .* are damaged.*solved again"):
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


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"layout": 1}', "[" * 100_000, "\udcff"])
def test_a_checkpoint_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    fit(cube(), checkpoint=tmp_path)
    (tmp_path / "run.json").write_text(text, errors="surrogateescape")
    with pytest.raises(ndfit.CheckpointError, match="cannot be read: remove"):
        ndfit.fit(MODEL, cube(), fitting_axes=0, checkpoint=tmp_path)


def edit(path: Path, change: Callable[[Any], None], whole: bool) -> None:
    """Change run.json; `whole`: its checksum as well."""
    file = path / "run.json"
    content = json.loads(file.read_text())
    change(content)
    if whole:
        content["sha256"] = checkpoint._checksum({name: content[name] for name in content if name != "sha256"})
    file.write_text(json.dumps(content))


EDITS: dict[str, Callable[[Any], None]] = {
    "one digit of a cut": lambda run: run["cuts"][0][0].__setitem__(1, 1),
    "an overlap": lambda run: run["cuts"][0][1].__setitem__(0, 1),
    "a gap": lambda run: run["cuts"][0].pop(1),
    "the end": lambda run: run["cuts"][0].pop(),
    "no cuts": lambda run: run.update(cuts=[]),
    "an axis less": lambda run: run["cuts"].pop(),
    "an axis more": lambda run: run["cuts"].append([[0, 1]]),
    "a float": lambda run: run["cuts"][1][0].__setitem__(1, 10.0),
    "true": lambda run: run["cuts"][0].insert(0, [False, True]),
    "backwards": lambda run: run["cuts"][0].reverse(),
    "empty": lambda run: run["cuts"][0].insert(0, [0, 0]),
}


@pytest.mark.parametrize("edit_", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("whole", [False, True], ids=["checksum of before", "checksum made again"])
def test_cuts_that_somebody_changed(edit_: Callable[[Any], None], whole: bool, tmp_path: Path) -> None:
    fit(cube(), checkpoint=tmp_path)
    edit(tmp_path, edit_, whole)
    with pytest.raises(ndfit.CheckpointError, match="do not cover the data" if whole else "checksum tells: remove"):
        fit(cube(), checkpoint=tmp_path)


def test_cuts_of_another_shape_of_json(tmp_path: Path) -> None:
    for cuts in ([[0, 9], [0, 10]], {"0": 1}, "all", [[["0", "9"]], [["0", "10"]]], None):
        path = tmp_path / str(cuts)[:10].replace("/", "")
        fit(cube(), checkpoint=path)
        edit(path, lambda run, cuts=cuts: run.update(cuts=cuts), True)  # type: ignore[misc]
        with pytest.raises(ndfit.CheckpointError, match="do not cover the data"):
            fit(cube(), checkpoint=path)


def test_every_digit_of_the_cuts_counts(tmp_path: Path) -> None:
    """Whichever is changed, nothing is taken."""
    fit(cube(), checkpoint=tmp_path)
    text = (tmp_path / "run.json").read_text()
    digits = [place for place in range(text.index('"cuts"'), text.index('"sha256"')) if text[place].isdigit()]
    for place in digits:
        changed = str((int(text[place]) + 1) % 10)
        (tmp_path / "run.json").write_text(text[:place] + changed + text[place + 1 :])
        with pytest.raises(ndfit.CheckpointError, match="remove"):
            checkpoint._read(tmp_path)
    assert len(digits) >= 12


def test_a_checkpoint_of_an_earlier_version(tmp_path: Path) -> None:
    """One sentence, whatever else is in it."""
    fit(cube(), checkpoint=tmp_path)
    run = {"layout": 1, "identity": {"versions": {"ndfit": "0.1.0"}}, "cuts": [[[0, 9]], [[0, 10]]]}
    (tmp_path / "run.json").write_text(json.dumps(run, indent=1))
    expected = "was begun by ndfit 0.1.0, whose checkpoints this version cannot go on with: finish it there, or remove"
    with pytest.raises(ndfit.CheckpointError, match=expected):
        fit(cube(), checkpoint=tmp_path)


def test_another_kind_of_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit(cube(), checkpoint=tmp_path)
    monkeypatch.setattr(checkpoint, "processor", lambda: "Darwin arm64 with NEON")
    expected = r"begun on another kind of processor \(.* with .*\) than this one \(Darwin arm64 with NEON\)"
    with pytest.warns(ndfit.FitWarning, match=expected):
        again = fit(cube(), checkpoint=tmp_path)
    assert_same(again, whole)


def test_the_kind_of_processor_is_what_numpy_uses() -> None:
    """Another process that is told to use less has another kind."""
    code = "from ndfit.run.identity import processor; print(processor())"
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    if not found:
        pytest.skip("this processor has nothing beyond the least that numpy needs")
    less = {"NPY_DISABLE_CPU_FEATURES": " ".join(found)}
    told = [python("-W", "ignore", "-c", code, variables=variables).stdout for variables in ({}, less)]
    assert told[0].strip() == processor()
    assert told[0] != told[1]


def test_the_last_digit_of_another_processor_is_no_difference(tmp_path: Path) -> None:
    """What the model computes is compared to 1e-10."""
    whole = fit(cube(), checkpoint=tmp_path)

    def round_off(run: Any) -> None:
        values = run["identity"]["model"]["values"]
        for numbers in values.values():
            if isinstance(numbers, list):  # else it is told in words why there are none
                numbers[:] = [value * (1 + 4e-16) if isinstance(value, float) else value for value in numbers]

    (tmp_path / "fit" / "000000.npz").unlink()
    edit(tmp_path, round_off, True)
    with pytest.warns(ndfit.FitWarning, match="damaged"):  # the regions belong to the file of before
        assert_same(fit(cube(), checkpoint=tmp_path), whole)


REFINED = {
    "model": Gaussian1D(3.0, np.where(np.arange(90).reshape(SHAPE) % 7, 20.0, 2.0), 3.0) + Const1D(0.0),
    "guess": None,  # so that something is left to refine
    "refine": "neighbours",
    "bootstrap": 3,
    "starts": 2,
}


def stages_of(path: Path) -> list[str]:
    return sorted({file.parent.name for file in files(path)})


def test_each_stage_knows_its_data(tmp_path: Path) -> None:
    """A region of the first stage is lost, and its data are others now: later stages do not take what is theirs."""
    data, path = cube(), tmp_path / "run"
    fit(data, checkpoint=path, **REFINED)
    assert {"fit", "from-solutions", "refine-01"} <= set(stages_of(path))
    region = path / "fit" / "000001.npz"
    region.write_bytes(region.read_bytes()[:-100])
    changed = data.copy()
    changed[:, 2:4] += 0.5
    with (
        pytest.warns(ndfit.FitWarning, match="damaged"),
        pytest.raises(ndfit.CheckpointError, match=r"the numbers of data in the region \[2:4, 0:10\]"),
    ):
        fit(changed, checkpoint=path, **REFINED)


@pytest.mark.parametrize("stage", ["fit", "refine-01"])
def test_each_stage_knows_the_solutions_it_started_from(stage: str, tmp_path: Path) -> None:
    """Solutions of an earlier stage are others now, as on another processor: later ones are made again, to the bit."""
    data, path = cube(), tmp_path / "run"
    whole = fit(data, checkpoint=path, **REFINED)
    file = next(file for file in files(path) if file.parent.name == stage)
    with np.load(file) as stored:
        arrays = dict(stored)
    right = arrays["parameters"].copy()
    arrays["parameters"] = right * (1.0 + 1e-15)
    np.savez(file, **arrays)
    with pytest.warns(ndfit.FitWarning, match="were made from others that are"):
        fit(data, checkpoint=path, **REFINED)
    arrays["parameters"] = right
    np.savez(file, **arrays)
    with pytest.warns(ndfit.FitWarning, match="were made from others that are"):
        assert_same(fit(data, checkpoint=path, **REFINED), whole)


def test_every_region_tells_what_it_was_made_from(tmp_path: Path) -> None:
    fit(cube(), checkpoint=tmp_path, **REFINED)
    found = {}
    for file in files(tmp_path):
        with np.load(file, allow_pickle=False) as arrays:
            told = json.loads(arrays["told"].tobytes())
            assert told["place"]["stage"] == file.parent.name
            found.setdefault(file.parent.name, set()).update(told["digests"])
    samples = {"data", "coordinate 0"}
    assert found.pop("fit") == samples
    assert set(found) == {"from-solutions", "refine-01", "refine-02"} | {name for name in found if "refine" in name}
    assert all(names == {*samples, "solutions"} for names in found.values())


def test_regions_that_are_not_where_they_belong(tmp_path: Path) -> None:
    """Of the same data, at another place, where other random numbers are drawn; in another stage; of another run."""
    data, path, other = np.repeat(cube()[:, :1, :], 9, axis=1), tmp_path / "run", tmp_path / "other"
    way = {"bootstrap": 3, "chunk_n_max": 10}
    whole = fit(data, checkpoint=path, **way)
    fit(data, checkpoint=other, **way, seed=1)
    for number, source in ((3, path / "fit" / "000004.npz"), (5, other / "fit" / "000005.npz")):
        (path / "fit" / f"{number:06d}.npz").write_bytes(source.read_bytes())
    with pytest.warns(ndfit.FitWarning, match="2 regions of the checkpoint"):
        assert_same(fit(data, checkpoint=path, **way), whole)


def test_whatever_fields_results_have_are_kept() -> None:
    """Each array and each note of a result comes back as it was."""
    result = BlockResult(
        **{
            field.name: np.arange(3, dtype=np.float32 if field.name == "edm" else np.uint32)
            for field in fields(BlockResult)
            if field.name not in ("errors", "warnings", "info")
        },
        errors={2: "no\n"},
        warnings={0: ("one", "two"), 1: ()},
    )
    place = {"run": "a", "stage": "fit", "region": [[0, 3]]}
    packed = checkpoint._packed(ResultWithChecksums(result, {"data": "b"}), place)
    again = checkpoint._unpacked(dict(packed), place)
    assert again is not None
    assert again.digests == {"data": "b"}
    for field in fields(BlockResult):
        one, other = getattr(result, field.name), getattr(again.result, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            assert_array_equal(one, other)
        else:
            assert one == other


def no_room(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


FOLDERS: dict[str, tuple[int, str]] = {
    "full": (errno.ENOSPC, "No space left on device; make room"),
    "read-only": (errno.EROFS, "Read-only file system; choose a folder that you may write to"),
    "of somebody else": (errno.EACCES, "Permission denied; choose a folder that you may write to"),
}


@pytest.mark.parametrize("begun", [False, True], ids=["new", "begun"])
@pytest.mark.parametrize(("code", "told"), FOLDERS.values(), ids=FOLDERS)
def test_folders_that_cannot_be_written_to(
    code: int, told: str, begun: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    if begun:
        fit(cube(), checkpoint=path)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "mkdir", refuse)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match=f"the checkpoint {path} cannot be used: {told}") as caught:
        fit(cube(), checkpoint=path)
    assert caught.value.errno == code


def test_a_path_that_leads_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="a part of its path is a file: choose another name"):
        fit(cube(), checkpoint=tmp_path / "file" / "run")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    """In a child that gives up its rights: one sentence, and nothing is changed."""
    path, data = tmp_path / "run", cube()
    fit(data, checkpoint=path)
    for folder in (path, path / "fit"):
        folder.chmod(0o555)
    before = sorted(path.rglob("*"))
    code = (
        "import os, sys, ndfit, numpy as np\n"
        "from astropy.modeling.models import *\n"
        "model, how = Const1D(0.0), {'fitting_axes': 0, 'scheduler': 'synchronous'}\n"
        "ndfit.fit(model, np.ones((5, 3)), **how)\n"
        "if os.getuid() == 0: os.setegid(65534); os.seteuid(65534)\n"
        "try: ndfit.fit(model, np.ones((5, 3)), **how, checkpoint=sys.argv[1])\n"
        "except OSError as error: print(error)\n"
    )
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    done = python("-W", "ignore", "-c", code, str(path))
    for folder in (path, path / "fit"):
        folder.chmod(0o755)
    assert f"the checkpoint {path} cannot be used: Permission denied" in done.stdout, done.stderr
    assert sorted(path.rglob("*")) == before


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    """In a folder that looks unused."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    path = tmp_path / "run"
    path.mkdir()
    (path / ".partial-run.json").symlink_to(precious)
    (path / "options.toml").symlink_to(precious)
    fit(cube(), checkpoint=path)
    assert precious.read_text() == "mine"
    path = tmp_path / "other"
    path.mkdir()
    (path / "lock").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ndfit.CheckpointError, match=r"lock is a link, and a file is needed there\. Move it away"):
        fit(cube(), checkpoint=path)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
@pytest.mark.parametrize("kind", ["a folder", "a named pipe", "a device"])
@pytest.mark.parametrize("name", ["lock", "run.json", "fit/000001.npz"])
def test_what_stands_where_a_file_belongs(name: str, kind: str, tmp_path: Path) -> None:
    """It is told before the first fit, and not opened."""
    fit(cube(), checkpoint=tmp_path)
    place = tmp_path / name
    place.unlink()
    if kind == "a folder":
        place.mkdir()
    elif kind == "a named pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero")
    told = "a link" if (name, kind) == ("lock", "a device") else kind
    with pytest.raises(ndfit.CheckpointError, match=f"{place} is {told}, and a file is needed there. Move it away"):
        fit(cube(), checkpoint=tmp_path)


WHERE_IT_STANDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file in place of a stage": (lambda path: (path / "fit").touch(), "fit is a file, and a folder is needed there"),
    "a link in place of a stage": (
        lambda path: (path / "fit").symlink_to("nowhere"),
        "fit is a link that leads nowhere, and a folder is needed there",
    ),
    "a folder in place of a region": (
        lambda path: (path / "fit" / "000000.npz").mkdir(parents=True),
        "000000.npz is a folder, and a file is needed there",
    ),
}


@pytest.mark.parametrize(("put", "told"), WHERE_IT_STANDS.values(), ids=WHERE_IT_STANDS)
def test_what_gets_in_the_way_while_a_run_lasts(
    put: Callable[[Path], object], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = checkpoint.Checkpoint.save

    def save_later(self: checkpoint.Checkpoint, stage: str, number: int, signed: Any) -> None:
        if not (self.path / stage).exists():
            put(self.path)
        save(self, stage, number, signed)

    monkeypatch.setattr(checkpoint.Checkpoint, "save", save_later)
    with pytest.raises(
        OSError, match=f"cannot be written: .*{told}. .* are whole: move it away and start the same run"
    ):
        fit(cube(), checkpoint=tmp_path, scheduler="synchronous")


def test_a_checkpoint_that_is_removed_while_a_run_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = checkpoint.Checkpoint.save

    def save_nowhere(self: checkpoint.Checkpoint, *arguments: Any) -> None:
        shutil.rmtree(self.path)
        save(self, *arguments)

    monkeypatch.setattr(checkpoint.Checkpoint, "save", save_nowhere)
    with pytest.raises(OSError, match="is no longer there, and what was in it is lost: start the same run again"):
        fit(cube(), checkpoint=tmp_path / "run")


def test_a_lock_by_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without locks, with the file of a process on another machine."""
    monkeypatch.setattr("ndfit.run.lock._lock_of_system", lambda: None)
    whole = fit(cube(), checkpoint=tmp_path)
    (tmp_path / "lock-node7-0123abcd-4711-0-ab").touch()
    expected = "in use by another run: .*lock-node7-0123abcd-4711-0-ab stands for .* is dead, remove that file"
    with pytest.raises(ndfit.CheckpointError, match=expected):
        fit(cube(), checkpoint=tmp_path)
    (tmp_path / "lock-node7-0123abcd-4711-0-ab").unlink()
    assert_same(fit(cube(), checkpoint=tmp_path), whole)


def test_an_engine_of_somebody_else_has_an_identity() -> None:
    """The recipe for a new engine works with a checkpoint."""
    call = parse_fitter(TRFLSQFitter(), {})
    problem = normalize(model=MODEL, data=cube(), fitting_axes=0)
    choice = select_engine(problem, call, "reference", ())
    pipeline = Pipeline.of(problem, choice.engine, solve_options(choice, call, ()))
    found = []
    for step in (1.0, 2.0):
        engine = copy.copy(choice.engine)
        engine.name, engine.packages = "mine", ("ndfit", "numpy")
        engine.fingerprint = lambda step=step: {"step": step}
        found.append(identity_of(problem, replace(pipeline, engine=engine), {}))
    assert found[0]["versions"].keys() == {"ndfit", "numpy", "python"}
    assert "solving.decides.step was 1.0 and is 2.0" in differences(*found)


@pytest.mark.skipif(os.name == "nt", reason="needs the locks of POSIX")
def test_a_checkpoint_that_is_in_use(tmp_path: Path) -> None:
    import fcntl

    fit(cube(), checkpoint=tmp_path)
    with (tmp_path / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ndfit.CheckpointError, match="in use by another run"):
            ndfit.fit(MODEL, cube(), fitting_axes=0, checkpoint=tmp_path)
