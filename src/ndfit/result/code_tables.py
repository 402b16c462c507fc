"""The STATUS and FLAGS tables as astropy tables.

Flows in: maps of statuses and flags. Flows out: tables with a row a code, and how many positions have it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from ndfit.status import FLAGS, STATUS

__all__ = ["flag_table", "status_table"]


def status_table(status: NDArray[Any]) -> Table:
    """Every status, with what it means, what to do about it, and at how many positions it is found."""
    return Table(
        {
            "code": np.array(list(STATUS), dtype=np.int16),
            "name": [row.status.name for row in STATUS.values()],
            "positions": [int(np.count_nonzero(status == code)) for code in STATUS],
            "converged": [row.converged for row in STATUS.values()],
            "usable": [row.usable for row in STATUS.values()],
            "meaning": [row.meaning for row in STATUS.values()],
            "remedy": [row.remedy for row in STATUS.values()],
        }
    )


def flag_table(flags: NDArray[Any]) -> Table:
    """Every flag, with what it means, what to do about it, and at how many positions it is found."""
    return Table(
        {
            "bit": np.array(list(FLAGS), dtype=np.int64),
            "name": [row.flag.name for row in FLAGS.values()],
            "positions": [int(np.count_nonzero(flags & bit)) for bit in FLAGS],
            "disqualifies": [row.disqualifies for row in FLAGS.values()],
            "meaning": [row.meaning for row in FLAGS.values()],
            "remedy": [row.remedy for row in FLAGS.values()],
        }
    )
