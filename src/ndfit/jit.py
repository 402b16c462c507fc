"""How ndfit compiles: the calls between compiled parts, and code on disk that outlives the process.

Flows in: Python functions to compile, with a signature and a key for whatever else their code depends on. Flows out:
compiled functions, loaded from the disk where they are there. Everything compiled runs without the GIL and follows IEEE
arithmetic, divisions by zero included.

numba keeps registries of types that it extends while it compiles, loads or is imported, and reads when one of its
functions is called from Python. In several threads at once that ends runs at random. So everything that numba does here
is done by one thread at a time, and a `Compiled` is called without looking anything up in these registries.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba import njit, types
from numba.core import config
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

# Functions that are handed to compiled ones need it, and it registers types: compiled code imports it where it is not
# there, in whichever thread that happens to run.
from numba.experimental import function_type as _function_type  # noqa: F401

from ndfit import code_cache
from ndfit.once import LOADING

if config.DISABLE_JIT:
    raise ImportError("numba is told not to compile, by NUMBA_DISABLE_JIT")

__all__ = [
    "LANES",
    "POINTER",
    "PREPARE",
    "TABLE",
    "TILE",
    "WRITE_ROWS",
    "Compiled",
    "compile_cached",
    "files_key",
    "inlined",
    "processor_features",
]

LANES = 32
"""Fits that advance together. Fewer, and LLVM unrolls the loops over them before it looks for packed instructions."""

TILE = 8
"""Samples that a model function writes the rows of before their products are summed."""

POINTER = types.CPointer(types.float64)
TABLE = types.CPointer(types.int64)

inlined = njit(inline="always", nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""For functions that are not called from Python and have one caller, which they become part of before it is typed."""

PREPARE = types.void(POINTER, POINTER)
"""(parameters, prepared): compute what depends on parameters alone."""

WRITE_ROWS = types.void(POINTER, POINTER, POINTER, types.int64, types.int64)
"""(coordinates, prepared, rows, samples from one coordinate to the next, count): evaluate `count` samples.

All arrays have LANES values a row. The coordinates of a sample are rows `sample` and `samples + sample` and so on. Row
`r * TILE + i` of `rows` receives output r at sample i.
"""

# Settings of numba's, from variables of the environment, that change what comes out.
_SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_AVX", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "NRT_STATS")


def processor_features() -> str:
    """What numba compiles for: LLVM's names of the features of the processor, each with a + or -."""
    features: str = cpu_target.target_context.codegen().magic_tuple()[-1]
    return features


@cache
def files_key(*directories: Path) -> str:
    """Hash of the Python files in directories: a key for code that is compiled from them."""
    digest = sha256()
    for path in sorted(path for directory in directories for path in directory.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Compiled:
    """A compiled function, to call from Python or to hand to another one that calls it.

    Arguments are of the types that it was compiled for: nothing is checked or converted.

    Attributes
    ----------
    dispatcher : numba's, for functions that numba compiles and that call this one.
    """

    def __init__(self, dispatcher: Any, entry: Callable[..., Any]) -> None:
        self.dispatcher, self._entry = dispatcher, entry

    def __call__(self, *arguments: Any) -> Any:
        return self._entry(*(each.dispatcher if isinstance(each, Compiled) else each for each in arguments))


def compile_cached(function: Callable[..., Any], signature: Any, key: str, **flags: Any) -> Compiled:
    """Compile a function for one signature, or load what an earlier process compiled.

    Parameters
    ----------
    function : what to compile.
    signature : numba signature.
    key : changes whenever code that `function` calls changes.
    **flags : options of `numba.njit`.
    """
    options = {"nogil": True, "error_model": "numpy", **flags}
    with LOADING:
        dispatcher = njit(**options)(function)
        dispatcher._cache = _OnDisk(f"{function.__qualname__} {signature} {sorted(options.items())} {key}")
        entry = dispatcher.compile(signature)
        dispatcher.disable_compile()
        return Compiled(dispatcher, entry)


class _OnDisk:
    """What numba asks of a function's cache."""

    def __init__(self, key: str) -> None:
        self._key = key

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        content = code_cache.load(self._name(target_context.codegen()))
        if content is None:
            return None
        # numba's own cache first gets ready to compile, which takes 0.3 s and can wait until it must; but of that, what
        # compiled code calls is needed to run it.
        rtsys.initialize(target_context)
        return CompileResult._rebuild(target_context, *pickle.loads(content))

    def save_overload(self, sig: Any, result: Any) -> None:
        if not result.library.has_dynamic_globals:  # addresses in this process
            code_cache.store(self._name(result.codegen), dumps(result._reduce()))

    def _name(self, codegen: Any) -> str:
        numbas = (numba.__version__, llvmlite.__version__, [getattr(config, name, None) for name in _SETTINGS])
        whole = (self._key, numbas, codegen.magic_tuple(), sys.version)
        return sha256(repr(whole).encode()).hexdigest()
