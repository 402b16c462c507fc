"""Machine code: kept on disk for the next process, compiled again where that is damaged or not to be trusted."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.children import python
from tests.compiler.arrays import PLAIN

from ndfit.compiler import machine_code
from ndfit.compiler.flow import loop
from ndfit.compiler.machine_code import Function, Loaded, assembly, load, object_code, text_of
from ndfit.compiler.memory import pointer
from ndfit.compiler.target import Target, host
from ndfit.compiler.values import Float, Int

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs owners and modes")


def adding(number: float, name: str = "add") -> Function:
    """Code that adds a number to values at an address."""

    def body(address: Int, count: Int) -> None:
        with loop(count) as i:
            pointer(address)[i] = pointer(address)[i] + number

    return Function(name, body, (Int, Int))


def loaded(number: float, target: Target | None = None) -> Loaded:
    return load((adding(number),), target or host(), number)


def added(code: Loaded) -> float:
    values = np.zeros(3)
    code["add"](values.ctypes.data, 2)
    assert values[0] == values[1] != values[2]
    return float(values[0])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where code is kept on disk."""
    monkeypatch.setenv("NDFIT_CACHE_DIR", str(tmp_path))
    return tmp_path / "code"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are compiled from here on."""
    texts: list[str] = []

    def record(text: str, target: Target) -> bytes:
        texts.append(text)
        return object_code(text, target)

    monkeypatch.setattr(machine_code, "object_code", record)
    return texts


def test_what_an_earlier_process_compiled_is_loaded(folder: Path, compiled: list[str]) -> None:
    assert [added(loaded(number)) for number in (1.5, 2.5, 1.5)] == [1.5, 2.5, 1.5]
    assert len(compiled) == 2


def test_code_for_another_processor_is_other_code(folder: Path, compiled: list[str]) -> None:
    assert [added(loaded(1.5, target)) for target in (host(), PLAIN, host())] == [1.5, 1.5, 1.5]
    assert len(compiled) == len({host(), PLAIN})


def test_functions_of_one_name_are_told_apart_by_their_text(folder: Path) -> None:
    """Only a source that is given stands for the text."""
    assert [added(load((adding(number),), host())) for number in (1.0, 2.0, 1.0)] == [1.0, 2.0, 1.0]


def test_another_version_of_the_package_compiles_what_has_changed_alone(
    folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(machine_code, "text_of", lambda *given: written.append("") or text_of(*given))
    for version in ("one", "one", "other", "other"):
        monkeypatch.setattr(machine_code, "_own_files", lambda version=version: version)
        assert added(loaded(1.5)) == 1.5
    assert len(written) == 2
    assert len(compiled) == 1


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def let_others_write(path: Path) -> None:
    path.chmod(0o666)


DAMAGE = [flip_a_byte, cut, Path.unlink, pytest.param(let_others_write, marks=POSIX)]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("which", ["all", "largest", "smallest"])
def test_what_is_damaged_is_compiled_again(damage: Any, which: str, folder: Path, compiled: list[str]) -> None:
    """The largest file is the code, the smallest tells where it is."""
    assert added(loaded(1.5)) == 1.5
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_size)
    assert len(files) == 2
    for path in {"all": files, "largest": files[-1:], "smallest": files[:1]}[which]:
        damage(path)
    gc.collect()
    assert added(loaded(1.5)) == 1.5
    assert len(compiled) == (1 if which == "smallest" else 2)
    assert added(loaded(1.5)) == 1.5
    assert len(compiled) == (1 if which == "smallest" else 2)


@POSIX
def test_code_of_somebody_else_is_not_run(folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(1.5)
    for path in folder.iterdir():
        if os.geteuid() == 0:
            os.chown(path, 65534, -1)
    if os.geteuid() != 0:
        monkeypatch.setattr(os, "geteuid", lambda: -1)
    assert added(loaded(1.5)) == 1.5
    assert len(compiled) == 2


def test_a_folder_that_cannot_be_written_costs_time_alone(
    folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    assert [added(loaded(1.5)) for _ in range(2)] == [1.5, 1.5]
    assert len(compiled) == 2
    assert not list(folder.iterdir())


def test_code_stays_as_long_as_anything_refers_to_it(folder: Path) -> None:
    first, same = loaded(1.5), loaded(1.5)
    assert same is first
    assert first.addresses == same.addresses
    call = first["add"]
    del first, same
    gc.collect()
    again, values = loaded(1.5), np.zeros(1)
    for each in (call, again["add"], call):
        each(values.ctypes.data, 1)
    assert values[0] == 4.5


def test_several_functions_of_one_library(folder: Path) -> None:
    code = load((adding(1.0, "one"), adding(2.0, "two")), host(), "one and two")
    values = np.zeros(1)
    code["one"](values.ctypes.data, 1)
    code["two"](values.ctypes.data, 1)
    assert values[0] == 3.0
    assert set(code.addresses) == {"one", "two"}


def test_threads_load_at_once(folder: Path) -> None:
    found: list[tuple[float, float]] = []
    start = threading.Barrier(4)

    def work(first: int) -> None:
        start.wait()
        found.extend((number, added(loaded(number))) for number in np.arange(first, first + 5) + 0.5)

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 2, 4, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert all(number == result for number, result in found)


def test_numbers_are_passed_as_they_are() -> None:
    def body(address: Int, whole: Int, number: Float) -> None:
        pointer(address)[0] = number * whole

    code = load((Function("multiply", body, (Int, Int, Float)),), host(), "multiply")
    values = np.zeros(1)
    code["multiply"](values.ctypes.data, -(2**40), 0.1)
    assert values[0] == 0.1 * -(2**40)


def test_the_text_does_not_depend_on_what_was_written_before() -> None:
    """It is what code on disk is found by."""
    text = text_of((adding(1.5),), host())
    text_of((adding(2.5),), host())
    assert text_of((adding(1.5),), host()) == text
    assert "add" in assembly(text, host())


SOLVE = """
import numpy as np
from astropy.modeling import models
from ndfit.engines.base import SolveOptions
from tests.engines.problems import block_for, engine_for
x = np.linspace(-5, 5, 40)
rng = np.random.default_rng(0)
data = 3 * np.exp(-0.5 * (x - rng.uniform(-1, 1, (40, 1)))**2) + 0.2 * rng.standard_normal((40, 40))
model = models.Gaussian1D(2.0, 0.0, 1.2)
print(engine_for(model)(block_for(model, data, (x,)), SolveOptions()).parameters.tobytes().hex())
"""
ON_PLAIN = """
import ndfit.compiler.target
from tests.compiler.arrays import PLAIN
ndfit.compiler.target.host = lambda: PLAIN
"""


def solved(script: str, cache: Path) -> np.ndarray:
    done = python("-c", script, variables={"NDFIT_CACHE_DIR": str(cache)})
    return np.frombuffer(bytes.fromhex(done.stdout))


def files(cache: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*.code")}


def test_a_plain_processor_gives_the_same_answer(tmp_path: Path) -> None:
    """From the same cache, which tells processors apart; the next process compiles nothing."""
    usual = solved(SOLVE, tmp_path)
    kept = files(tmp_path)
    assert kept
    np.testing.assert_array_equal(solved(SOLVE, tmp_path), usual)
    assert files(tmp_path) == kept
    plain = solved(ON_PLAIN + SOLVE, tmp_path)
    np.testing.assert_allclose(plain, usual, rtol=1e-10, atol=1e-10)
    assert files(tmp_path).keys() > kept.keys()


def test_the_cache_may_be_unusable(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    assert solved(SOLVE, blocked).shape == (120,)
