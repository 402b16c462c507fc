"""`ndfit demo`: the demonstration, as a command of the group."""

from __future__ import annotations

from ndfit.demo.__main__ import main as demo

__all__ = ["demo"]
