"""How many workers there are.

Flows in: a number, or None for one a core. Flows out: a context in which runs use that many.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dask

__all__ = ["using_workers"]


@contextmanager
def using_workers(count: int | None) -> Iterator[None]:
    """Within the context, local schedulers use `count` threads or processes."""
    with dask.config.set({} if count is None else {"num_workers": count}):
        yield
