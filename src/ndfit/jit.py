"""How ndfit compiles: the calls between compiled parts, and a cache on disk that outlives the process.

Flows in: Python functions to compile, with a signature and a key for whatever else their code depends on. Flows out:
numba functions, loaded from the cache where it has them. Everything compiled runs without the GIL and follows IEEE
arithmetic, divisions by zero included.

The cache is keyed by the caller's key, the version of numba, the function's bytecode and the processor. A directory
that cannot be read or written only costs the compilation.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba import njit, types
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

__all__ = [
    "LANES",
    "POINTER",
    "PREPARE",
    "TABLE",
    "TILE",
    "WRITE_ROWS",
    "cache_directory",
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


def cache_directory() -> Path:
    """Where compiled code is kept: $NDFIT_CACHE_DIR, else the platform's place for a user's caches."""
    chosen = os.environ.get("NDFIT_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ndfit"


def processor_features() -> str:
    """What numba compiles for: LLVM's names of the features of the processor, each with a + or -."""
    features: str = cpu_target.target_context.codegen().magic_tuple()[-1]
    return features


@cache
def files_key(*directories: Path) -> str:
    """Hash of the Python files in directories: a key for code that is compiled from them."""
    digest = hashlib.sha256()
    for path in sorted(path for directory in directories for path in directory.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def compile_cached(function: Callable[..., Any], signature: Any, key: str, **flags: Any) -> Any:
    """Compile a function for one signature, or load what an earlier process compiled.

    Parameters
    ----------
    function : what to compile.
    signature : numba signature.
    key : changes whenever code that `function` calls changes.
    **flags : options of `numba.njit`.
    """
    dispatcher = njit(nogil=True, error_model="numpy", **flags)(function)
    # A home directory that is not known or an unreadable cache are no reason to fail.
    with suppress(OSError, RuntimeError):
        dispatcher._cache = _DiskCache(function, hashlib.sha256(f"{numba.__version__} {key}".encode()).hexdigest())
    dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


class _Place:
    """The directory and the stamp that numba's cache asks for."""

    _py_file = "<ndfit>"

    def __init__(self, key: str) -> None:
        self._path = cache_directory() / "compiled"
        self._key = key

    def ensure_cache_path(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        return str(self._path)

    def get_source_stamp(self) -> str:
        return self._key

    def get_disambiguator(self) -> str:
        return self._key[:24]


class _Reduction(CompileResultCacheImpl):  # type: ignore[misc]
    """numba's way to store a compiled function, in ndfit's place."""

    def __init__(self, function: Callable[..., Any], key: str) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Place(key)
        self._filename_base = self.get_filename_base(function.__name__, getattr(sys, "abiflags", ""))


class _DiskCache(FunctionCache):  # type: ignore[misc]
    """numba's cache, in ndfit's directory, silent about a directory that cannot be used."""

    def __init__(self, function: Callable[..., Any], key: str) -> None:
        self._impl_class = lambda function: _Reduction(function, key)
        super().__init__(function)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        # A file that was cut short or damaged may raise anything. Its index would also stop what is compiled now from
        # being stored.
        try:
            # numba's own method first gets ready to compile, which takes 0.3 s and can wait until it must; but of that,
            # what it calls at run time is needed to run.
            rtsys.initialize(target_context)
            return self._load_overload(sig, target_context)
        except Exception:
            with suppress(OSError):
                self.flush()
            return None

    @contextmanager
    def _guard_against_spurious_io_errors(self) -> Iterator[None]:
        with suppress(OSError):
            yield
