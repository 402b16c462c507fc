"""Reading a report as its script does."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {
    "Float64Array": "<f8",
    "Float32Array": "<f4",
    "Int32Array": "<i4",
    "Uint32Array": "<u4",
    "Int16Array": "<i2",
    "Uint8Array": "u1",
}
VOID = {"meta", "br", "link", "img", "input"}


class Page(HTMLParser):
    """A page: its elements, the text that people read, its JSON and its arrays."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.text = ""
        self._open: list[tuple[str, str]] = []
        self.feed(self.source)
        self.close()
        assert not self._open, f"never closed: {self._open}"
        self.content: Any = json.loads(self.scripts["content"])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in VOID:
            self._open.append((tag, attributes.get("id") or ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self._open.pop()
        assert opened == tag

    def handle_data(self, data: str) -> None:
        tag, identifier = self._open[-1] if self._open else ("", "")
        if tag == "script":
            self.scripts[identifier] = self.scripts.get(identifier, "") + data
        elif tag != "style":
            self.text += data

    def array(self, described: Any) -> np.ndarray:
        values = np.frombuffer(base64.b64decode(self.scripts[described["element"]]), KINDS[described["kind"]])
        return values.reshape(described["shape"])

    def map(self, name: str, what: str = "values") -> np.ndarray:
        entry = next(entry for entry in self.content["maps"] if entry["name"] == name)
        return self.array(entry[what])
