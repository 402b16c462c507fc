"""Arrays as text in a page.

Flows in: numpy arrays. Flows out: script elements that hold little-endian numbers in base64, and what the page's script
needs to know to read them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ndfit.untrusted import printable

__all__ = ["Arrays", "json_element"]

# numpy's type -> the typed array that reads it.
KINDS = {
    "float64": "Float64Array",
    "float32": "Float32Array",
    "int32": "Int32Array",
    "int16": "Int16Array",
    "uint32": "Uint32Array",
    "uint8": "Uint8Array",
}


class Arrays:
    """Collects the arrays of a page."""

    def __init__(self) -> None:
        self._elements: list[str] = []

    def add(self, array: Any) -> Mapping[str, Any] | None:
        """Embed an array, and describe it for the script; None stays None."""
        if array is None:
            return None
        values = np.ascontiguousarray(array)
        kind = KINDS[values.dtype.name]
        number = len(self._elements)
        text = base64.b64encode(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()).decode("ascii")
        self._elements.append(f'<script type="application/octet-stream" id="array-{number}">{text}</script>')
        return {"element": f"array-{number}", "kind": kind, "shape": list(values.shape)}

    @property
    def n_bytes(self) -> int:
        """Length of the text."""
        return sum(map(len, self._elements))

    @property
    def html(self) -> str:
        return "\n".join(self._elements)


def json_element(identifier: str, content: Mapping[str, Any]) -> str:
    """A script element with JSON, in which no text can end the element."""
    text = json.dumps(_printable(content), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{identifier}">{text}</script>'


def _printable(content: Any) -> Any:
    """JSON whose texts have no character that does anything but being shown."""
    if isinstance(content, str):
        return printable(content)
    if isinstance(content, Mapping):
        return {printable(key): _printable(value) for key, value in content.items()}
    return [_printable(value) for value in content] if isinstance(content, list | tuple) else content
