"""The progress bar of a run.

Flows in: the status of the positions that were done. Flows out: a bar on standard error, on runs of over a second, with
the count of failed fits; nothing where standard error is not a terminal or notebook.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.status import failed

__all__ = ["Progress"]

SECONDS_BEFORE_SHOWN = 1.0
SECONDS_BETWEEN_DRAWINGS = 0.1


class Progress:
    """Progress of `n_fits` fits.

    Parameters
    ----------
    n_fits : positions in all
    show : True or False, or None for a bar where somebody can see it
    """

    def __init__(self, n_fits: int, show: bool | None) -> None:
        self._failed = 0
        self._bar = _bar(n_fits) if (_is_watched() if show is None else show) else None

    def update(self, status: NDArray[np.int16]) -> None:
        """Count finished fits."""
        if self._bar is None:
            return
        self._failed += int(failed(status).sum())
        if self._failed:
            self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
        self._bar.update(status.size)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()


def _bar(n_fits: int) -> Any:
    from tqdm.auto import tqdm  # for those who see one

    when = {"delay": SECONDS_BEFORE_SHOWN, "mininterval": SECONDS_BETWEEN_DRAWINGS}
    return tqdm(total=n_fits, unit="fit", unit_scale=True, leave=False, **when)


def _is_watched() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules
