"""Names of arrays that every file system can hold as names of folders.

Flows in: the name that is wanted, what else it could be called by, and the names that are taken. Flows out: a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain, count

__all__ = ["free_name"]

_LONGEST = 80  # characters, of up to three bytes; file systems allow 255 bytes
_PLAIN = re.compile(r"\w[\w .+-]*(?<![ .])")
# Windows takes these for devices, whatever stands behind a dot, in any folder.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?: *\..*)?")


def free_name(wanted: str, kind: str, taken: Iterable[str]) -> str:
    """The name that is wanted, where it is safe and free; else one that begins with what kind of array it is.

    Names that differ in nothing but capitals are the same to some file systems.

    Examples
    --------
    >>> free_name("mean", "parameter", ["Slope"]), free_name("slope", "parameter", ["Slope"])
    ('mean', 'parameter.slope')
    >>> free_name("aux", "parameter", []), free_name("../mean", "world", [])
    ('parameter.aux', 'world.2')
    """
    folded = {name.casefold() for name in taken}
    candidates = chain((wanted, f"{kind}.{wanted}"), (f"{kind}.{number}" for number in count(2)))
    return next(name for name in candidates if _is_safe(name) and name.casefold() not in folded)


def _is_safe(name: str) -> bool:
    return len(name) <= _LONGEST and bool(_PLAIN.fullmatch(name)) and not _DEVICE.fullmatch(name.casefold())
