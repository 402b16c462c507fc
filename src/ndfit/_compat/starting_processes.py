"""What Python's processes do not tell by public names.

Flows in: nothing. Flows out: what this process is doing.
"""

from __future__ import annotations

import multiprocessing

__all__ = ["is_starting"]


def is_starting() -> bool:
    """Whether this process is a spawned one that still imports the caller's script."""
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))
