"""What machine code takes from elsewhere: the names in an object file, or in the text for a GPU, without a place."""

from __future__ import annotations

import re

import numpy as np

from ndfit.compiler.machine_code import assembly, object_code
from ndfit.compiler.target import Target


def _record(**fields: str) -> np.dtype[np.void]:
    return np.dtype([*fields.items()])


_ELF, _MACH_O = b"\x7fELF", b"\xcf\xfa\xed\xfe"
_HALF, _WORD, _LONG = "<u2", "<u4", "<u8"
_ELF_SECTION = _record(
    name=_WORD, kind=_WORD, flags=_LONG, address=_LONG, begin=_LONG, size=_LONG, link=_WORD, info=_WORD, rest="<2u8"
)
_ELF_SYMBOL = _record(name=_WORD, kind=_HALF, section=_HALF, value=_LONG, size=_LONG)
_MACH_O_SYMBOL = _record(name=_WORD, kind="u1", section="u1", description=_HALF, value=_LONG)
_ELF_SYMBOLS, _MACH_O_SYMBOLS, _MACH_O_HEADER = 2, 2, 32


def taken_from_elsewhere(text: str, target: Target) -> set[str]:
    """Names of functions and data that code uses and does not define."""
    if target.triple.startswith("nvptx"):
        return set(re.findall(r"\.extern\s[^;]*?([\w$]+)\s*(?:\(|;|\[)", assembly(text, target)))
    code = object_code(text, target)
    return {_ELF: _undefined_in_elf, _MACH_O: _undefined_in_mach_o}[code[:4]](code)


def _undefined_in_elf(code: bytes) -> set[str]:
    begin, count = int.from_bytes(code[40:48], "little"), int.from_bytes(code[60:62], "little")
    sections = np.frombuffer(code, _ELF_SECTION, count, begin)
    (table,) = sections[sections["kind"] == _ELF_SYMBOLS]
    _, *symbols = np.frombuffer(code, _ELF_SYMBOL, int(table["size"]) // _ELF_SYMBOL.itemsize, int(table["begin"]))
    names = int(sections[table["link"]]["begin"])
    return {_name(code, names + int(each["name"])) for each in symbols if each["section"] == 0}


def _undefined_in_mach_o(code: bytes) -> set[str]:
    place = _MACH_O_HEADER
    while True:
        command, size, begin, count, names = np.frombuffer(code, "<u4", 5, place).tolist()
        if command == _MACH_O_SYMBOLS:
            symbols = np.frombuffer(code, _MACH_O_SYMBOL, count, begin)
            return {_name(code, names + int(each["name"])) for each in symbols if each["section"] == 0}
        place += size


def _name(code: bytes, place: int) -> str:
    return code[place : code.index(b"\0", place)].decode()
