"""From functions of the language to machine code: optimised by LLVM, kept on disk, loaded, called.

Flows in: functions that write code, a target. Flows out: functions of Python's that call the machine code, without the
GIL and without looking at their arguments.

On disk, machine code is under a digest of the text that it was compiled from, and of what else it depends on. To write
that text takes a tenth of a second for the driver. So entries of a second kind tell that digest, for given files of
this package and a given model.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache as cache_in_process
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import llvmlite
from llvmlite import binding as llvm
from llvmlite import ir

from ndfit.compiler import cache
from ndfit.compiler.building import building
from ndfit.compiler.flow import define
from ndfit.compiler.target import Target
from ndfit.compiler.values import Float, Int, Table, Value
from ndfit.once import LOADING

__all__ = ["Function", "Loaded", "assembly", "load", "object_code", "text_of"]

_SPEED = 1
_PACKAGE = Path(__file__).parents[1]
_C_TYPES: dict[type[Value], Any] = {Int: ctypes.c_int64, Table: ctypes.c_int64, Float: ctypes.c_double}


@dataclass(frozen=True)
class Function:
    """A function without a result, to be called from outside: `body` writes its code, given values of `kinds`."""

    name: str
    body: Callable[..., None]
    kinds: tuple[type[Value], ...]


class Loaded:
    """Machine code that stays where it is as long as this object, or one of its functions, lives.

    Attributes
    ----------
    addresses : where each function is, by name, for other machine code to call.
    """

    def __init__(self, library: Any, functions: Sequence[Function]) -> None:
        self.addresses = {function.name: int(library[function.name]) for function in functions}
        self._functions = {function.name: _from_python(library, function) for function in functions}

    def __getitem__(self, name: str) -> Callable[..., None]:
        """A function, to be called from Python."""
        return self._functions[name]


def _from_python(library: Any, function: Function) -> Callable[..., None]:
    signature = ctypes.CFUNCTYPE(None, *(_C_TYPES[kind] for kind in function.kinds))
    callable_here = signature(library[function.name])
    callable_here.keeps = library  # type: ignore[attr-defined]  # it is not unloaded as long as it is referred to
    return callable_here


def text_of(functions: Sequence[Function], target: Target) -> str:
    """LLVM's text of some functions, before it is optimised."""
    module = ir.Module("ndfit")
    module.triple = target.triple
    with building(ir.IRBuilder(), target):
        for function in functions:
            define(module, function.name, function.body, function.kinds)
    return str(module)


def _optimised(text: str, target: Target) -> tuple[Any, Any]:
    machine = target.machine()
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=_SPEED)
    # Vectors and what is unrolled are written as they are: to look for more takes half of the time.
    options.loop_unrolling = options.loop_vectorization = options.slp_vectorization = False
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return module, machine


def object_code(text: str, target: Target) -> bytes:
    """Machine code, as an object file has it."""
    module, machine = _optimised(text, target)
    code: bytes = machine.emit_object(module)
    return code


def assembly(text: str, target: Target) -> str:
    """The same, to be read."""
    module, machine = _optimised(text, target)
    code: str = machine.emit_assembly(module)
    return code


def load(functions: Sequence[Function], target: Target, source: Hashable = None) -> Loaded:
    """Compile functions for the machine that this runs on, or take what an earlier process compiled.

    Parameters
    ----------
    functions : what to compile.
    target : the machine that this runs on.
    source : what the code of the functions depends on beside this package's own files, as its `repr` tells it; None
        where that is not known, and their text has to be written to find out.

    Raises
    ------
    RuntimeError : the machine does not let code be loaded.
    """
    with LOADING:
        names = [function.name for function in functions]
        entry = None if source is None else _digest(_own_files(), names, source, target)
        key, code = _from_cache(entry) or _compile(functions, target, entry)
        found = _loaded.get(key)
        if found is None:
            found = _loaded[key] = _linked(key, code, functions)
        return found


def _from_cache(entry: str | None) -> tuple[str, bytes] | None:
    """The key of the code that is known for an entry, and the code, where both are on disk."""
    key = None if entry is None else cache.load(entry)
    code = None if key is None else cache.load(key.decode())
    return None if key is None or code is None else (key.decode(), code)


def _compile(functions: Sequence[Function], target: Target, entry: str | None) -> tuple[str, bytes]:
    text = text_of(functions, target)
    key = _digest(text, target)
    code = cache.load(key)
    if code is None:
        code = object_code(text, target)
        cache.store(key, code)
    if entry is not None:
        cache.store(entry, key.encode())
    return key, code


def _linked(key: str, code: bytes, functions: Sequence[Function]) -> Loaded:
    library = llvm.JITLibraryBuilder().add_object_img(code)
    for function in functions:
        library.export_symbol(function.name)
    return Loaded(library.link(_linker(), f"{key}{next(_number)}"), functions)


def _digest(*parts: Any) -> str:
    """A key of the cache: of some parts, and of what else machine code depends on."""
    whole = (*parts, _SPEED, llvmlite.__version__, llvm.llvm_version_info)
    return sha256(repr(whole).encode()).hexdigest()


@cache_in_process
def _own_files() -> str:
    """Digest of the files of this package: whatever writes code is among them."""
    digest = sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


_loaded: WeakValueDictionary[str, Loaded] = WeakValueDictionary()
_number = count()  # the linker takes no name a second time, even of what is unloaded
_linkers: list[Any] = []


def _linker() -> Any:
    """LLVM's linker of this process; it lives as long as the process does."""
    if not _linkers:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        _linkers.append(llvm.create_lljit_compiler())
    return _linkers[0]
