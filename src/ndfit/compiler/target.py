"""What code is compiled for: a processor and its features, and how many lanes its registers hold.

Flows in: the machine this runs on, or the name of another one. Flows out: a Target, which is data, and LLVM's machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from llvmlite import binding as llvm

__all__ = ["TARGETS", "Target", "host", "named"]


@dataclass(frozen=True)
class Target:
    """A kind of processor.

    Attributes
    ----------
    triple, processor, features : LLVM's names.
    width : lanes that are worked on together.
    fuses : a product and a sum are one instruction.
    rounds : so is rounding to an integer.
    convention : LLVM's calling convention of functions that are called from outside.
    lanes : values a row of scratch; 0 for the usual number, see `memory`.
    """

    triple: str
    processor: str
    features: str
    width: int
    fuses: bool = True
    rounds: bool = True
    convention: str = ""
    lanes: int = 0

    def machine(self) -> Any:
        """LLVM's machine, to generate code with.

        Raises
        ------
        ValueError : LLVM here does not know the target.
        """
        _initialize(self.triple == _host_triple())
        try:
            known = llvm.Target.from_triple(self.triple)
        except RuntimeError as error:
            raise ValueError(f"LLVM {_version()} does not know the target {self.triple!r}: {error}") from error
        options = {"opt": 3, "reloc": "pic", "codemodel": "default", "jit": self.triple == _host_triple()}
        return known.create_target_machine(cpu=self.processor, features=self.features, **options)


def _version() -> str:
    return ".".join(map(str, llvm.llvm_version_info))


@cache
def _initialize(native: bool) -> None:
    if native:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()


@cache
def _host_triple() -> str:
    return llvm.get_process_triple()


@cache
def host(width: int | None = None) -> Target:
    """The processor that this runs on; by default of the width that is the fastest there."""
    features = llvm.get_host_cpu_features()
    triple, processor = _host_triple(), llvm.get_host_cpu_name()
    is_x86 = triple.startswith(("x86_64", "i686", "amd64"))
    best = 8 if features.get("avx") else 4
    return Target(
        triple,
        processor,
        features.flatten(),
        best if width is None else width,
        fuses=not is_x86 or bool(features.get("fma")),
        rounds=not is_x86 or bool(features.get("sse4.1")),
    )


TARGETS: dict[str, Target] = {
    "x86-64": Target("x86_64-unknown-linux-gnu", "x86-64", "", 4, fuses=False, rounds=False),
    "x86-64-fma": Target("x86_64-unknown-linux-gnu", "x86-64-v3", "", 8),
    "x86-64-avx512": Target("x86_64-unknown-linux-gnu", "x86-64-v4", "", 8),
    "aarch64": Target("aarch64-unknown-linux-gnu", "generic", "", 4),
    "apple-silicon": Target("arm64-apple-macosx", "apple-m1", "", 4),
    "nvptx-sm70": Target("nvptx64-nvidia-cuda", "sm_70", "", 1, convention="ptx_kernel"),
    "nvptx-sm90": Target("nvptx64-nvidia-cuda", "sm_90", "", 1, convention="ptx_kernel"),
}
"""Processors that code can be emitted for, by a short name."""


def named(name: str) -> Target:
    """One of TARGETS.

    Raises
    ------
    ValueError : there is no such name.
    """
    if name not in TARGETS:
        raise ValueError(f"there is no target {name!r}; choose one of {', '.join(TARGETS)}")
    return TARGETS[name]
