"""Generated code: what it computes, how it is split by linear parameters, and where compiled code is kept."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.modeling import custom_model, models
from tests.children import python

from ndfit.code_cache import cache_directory
from ndfit.graph.codegen import ModelCode, generate
from ndfit.graph.interpret import evaluate
from ndfit.graph.separate import separate
from ndfit.graph.trace import trace
from ndfit.jit import LANES, POINTER, TILE

GAUSSIANS = models.Gaussian1D(1.0, 0.0, 1.0) + models.Gaussian1D(2.0, 3.0, 0.5) + models.Linear1D(0.1, 1.0)


def run(code: ModelCode, parameters: Any, coords: Any) -> Any:
    """All outputs at up to TILE samples, each lane with its own parameters: (rows, samples, LANES)."""
    prepare, write_rows = code.functions()
    count, n_rows = coords[0].shape[0], 1 + code.n_linear + len(code.basis)
    prepared, rows = np.zeros((code.n_prepared, LANES)), np.full((n_rows, TILE, LANES), np.nan)
    params, inputs = np.ascontiguousarray(parameters.T), np.ascontiguousarray(np.stack(coords))
    pointers = [array.ctypes.data for array in (params, inputs, prepared, rows)]
    _call(prepare.dispatcher, write_rows.dispatcher)(*pointers, count)
    return rows[:, :count]


def _call(prepare: Any, write_rows: Any) -> Any:
    """Compiled functions take pointers, which Python cannot pass."""
    from llvmlite import ir
    from numba import njit, types
    from numba.extending import intrinsic

    @intrinsic
    def pointer(typingctx, address):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return builder.inttoptr(args[0], ir.DoubleType().as_pointer())

        return POINTER(types.int64), codegen

    @njit
    def call(params, inputs, prepared, rows, count):  # type: ignore[no-untyped-def]
        prepare(pointer(params), pointer(prepared))
        write_rows(pointer(inputs), pointer(prepared), pointer(rows), count, count)

    return call


def test_a_model_that_does_not_depend_on_its_parameter_compiles() -> None:
    @custom_model
    def still(x, a=1.0):
        return x**2

    code = generate(trace(still()), (0,), ())
    x = np.arange(2.0 * LANES).reshape(2, LANES)
    rows = run(code, np.ones((LANES, 1)), [x])
    assert np.array_equal(rows, [x**2])


def test_constants_that_are_no_finite_numbers_are_written_as_they_are() -> None:
    @custom_model
    def bounded(x, a=1.0):
        return np.where(x > 1.0, np.inf, np.where(x < -1.0, -np.inf, np.where(np.abs(x) < 0.5, np.nan, a * x)))

    code = generate(trace(bounded()), (0,), ())
    x = np.array([[2.0], [-2.0], [0.0], [0.75], [-0.75]]) + np.zeros(LANES)
    rows = run(code, np.full((LANES, 1), 2.0), [x])
    assert np.array_equal(rows[0, :, 0], [np.inf, -np.inf, np.nan, 1.5, -1.5], equal_nan=True)


@pytest.mark.parametrize("model", [GAUSSIANS, models.Gaussian2D(2.0, 0.1, 0.2, 1.0, 1.5, 0.3)], ids=["1-D", "2-D"])
def test_rows_are_value_and_derivatives(model: Any) -> None:
    graph, rng = trace(model), np.random.default_rng(0)
    free = tuple(range(len(model.param_names)))
    code = generate(graph, free, free)
    parameters = model.parameters + rng.uniform(0.0, 0.2, (LANES, len(free)))
    coords = [rng.uniform(-2.0, 4.0, (5, LANES)) for _ in range(model.n_inputs)]
    rows = run(code, parameters, coords)
    expected = evaluate(separate(graph, free, free).graph, tuple(parameters.T), coords)
    assert np.allclose(rows, np.stack(expected), rtol=1e-12, atol=1e-14)


def test_linear_parameters_are_split_off() -> None:
    rows = separate(trace(GAUSSIANS), tuple(range(8)), tuple(range(8)))
    assert rows.linear == (0, 3, 6, 7)
    assert rows.nonlinear == (1, 2, 4, 5)
    assert list(zip(rows.basis, rows.variable, strict=True)) == [(0, 4), (0, 5), (1, 6), (1, 7)]


def test_a_part_without_linear_parameters_has_its_own_derivatives() -> None:
    graph = trace(GAUSSIANS)
    rows = separate(graph, tuple(range(8)), (0, 6, 7))
    assert rows.linear == (0, 6, 7)
    assert [basis for basis in rows.basis if basis < 0] == [-1, -1, -1]


def test_parameters_with_bounds_are_not_split_off() -> None:
    rows = separate(trace(GAUSSIANS), tuple(range(8)), ())
    assert rows.linear == ()
    assert rows.variable == tuple(range(8))


def test_a_split_with_many_more_derivatives_is_not_made() -> None:
    model = models.Polynomial1D(6) * models.Gaussian1D(1.0, 0.0, 1.0, fixed={"amplitude": True})
    graph = trace(model)
    free = tuple(i for i, name in enumerate(model.param_names) if not model.fixed[name])
    assert separate(graph, free, free).linear == ()


def test_code_is_data() -> None:
    code = generate(trace(GAUSSIANS), tuple(range(8)), ())
    copy = pickle.loads(pickle.dumps(code))
    assert copy == code
    assert copy.functions() is code.functions()


def test_a_lookup_table() -> None:
    model = models.Tabular1D(np.arange(5.0), np.array([0.0, 1.0, 0.5, 2.0, 1.0])) * models.Const1D(2.0)
    graph = trace(model)
    code = generate(graph, (0,), ())
    x = np.linspace(0.2, 3.8, 5 * LANES).reshape(5, LANES)
    rows = run(code, np.full((LANES, 1), 3.0), [x])
    assert np.allclose(rows[0], 3.0 * np.interp(x, np.arange(5.0), [0.0, 1.0, 0.5, 2.0, 1.0]), rtol=1e-13)


PROCESS = """
import numpy as np
from astropy.modeling import models
from ndfit.problem.types import SolveOptions
from tests.engine.problems import block_for, engine_for
x = np.linspace(-5, 5, 40)
rng = np.random.default_rng(0)
data = 3 * np.exp(-0.5 * (x - rng.uniform(-1, 1, (40, 1)))**2) + 0.2 * rng.standard_normal((40, 40))
model = models.Gaussian1D(2.0, 0.0, 1.2)
engine = engine_for(model)
"""
SOLVE = PROCESS + "print(engine(block_for(model, data, (x,)), SolveOptions()).parameters.tobytes().hex())"
COMPILE = PROCESS + "print(len(engine.model.functions()))"


def run_process(script: str, **environment: str) -> str:
    return python("-c", script, variables=environment).stdout


def test_a_plain_processor_gives_the_same_answer() -> None:
    # From the same cache, which tells processors apart.
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    usual, other = (np.frombuffer(bytes.fromhex(run_process(SOLVE, **environment))) for environment in ({}, plain))
    assert np.allclose(other, usual, rtol=1e-10, atol=1e-10)


def test_the_cache_may_be_unusable(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    assert run_process(COMPILE, NDFIT_CACHE_DIR=str(blocked)) == "2\n"


def test_the_cache_is_used_by_the_next_process(tmp_path: Path) -> None:
    run_process(COMPILE, NDFIT_CACHE_DIR=str(tmp_path))
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.code")}
    run_process(COMPILE, NDFIT_CACHE_DIR=str(tmp_path))
    assert len(kept) == 2
    assert kept == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.code")}


def test_the_cache_directory_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NDFIT_CACHE_DIR", str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.delenv("NDFIT_CACHE_DIR")
    assert cache_directory().name == "ndfit"
