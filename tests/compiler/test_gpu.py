"""Text for GPUs goes through NVIDIA's assembler, which says how many registers a thread takes, and what spills.

It comes with the extra `gpu-test`, and needs no GPU: `make test-gpu`.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
from tests.compiler.test_targets import MODELS
from tests.engines.problems import in_code

from ndfit.compiler.machine_code import Function, assembly, text_of
from ndfit.compiler.target import TARGETS, Target
from ndfit.engines.compiled.kernel.accumulate import model_functions
from ndfit.engines.compiled.kernel.driver import SOLVE

GPUS = {name: target for name, target in TARGETS.items() if name.startswith("nvptx")}


def assembler() -> Path | None:
    """Where the package has it."""
    package = importlib.util.find_spec("nvidia")
    folders = [] if package is None else list(package.submodule_search_locations or [])
    return next((found for folder in folders for found in Path(folder).glob("cuda_nvcc/bin/ptxas*")), None)


pytestmark = pytest.mark.skipif(assembler() is None, reason="needs NVIDIA's assembler: the extra gpu-test")


def assembled(functions: tuple[Function, ...], target: Target, folder: Path) -> str:
    """What the assembler says of the text."""
    (folder / "code.ptx").write_text(assembly(text_of(functions, target), target), encoding="utf-8")
    command = [str(assembler()), "-v", f"-arch={target.processor}", "code.ptx", "-o", "code.cubin"]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stderr


@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize("model", MODELS)
def test_a_model_fits_into_the_registers_of_a_gpu(model: str, gpu: str, tmp_path: Path) -> None:
    said = assembled(model_functions(in_code(MODELS[model])), GPUS[gpu], tmp_path)
    names, registers = (re.findall(pattern, said) for pattern in (r"entry function '(\w+)'", r"Used (\d+) registers"))
    spilled = sum(map(int, re.findall(r"(\d+) bytes spill stores", said)))
    for name, used in zip(names, registers, strict=True):
        print(f"{gpu}, {model}: {name} takes {used} registers; {spilled} bytes are spilled in all")
    assert set(names) == {"accumulate", "differentiate"}
    assert spilled == 0


@pytest.mark.parametrize("gpu", GPUS)
def test_the_driver_is_assembled(gpu: str, tmp_path: Path) -> None:
    """It calls the model by address, so that its registers are known only with the model's."""
    assert "Compiling entry function 'solve'" in assembled((SOLVE,), GPUS[gpu], tmp_path)
