"""How many workers a cluster has: they join and leave while a run goes on.

Flows in: a client. Flows out: the number of threads, whenever it is asked for; a warning where there are none for a
while, and an error where none has come back in time.

The time is `ndfit.no-workers-timeout` of dask's configuration, 10 minutes unless it is set. It counts from when the
last worker has left. A cluster that has had none yet is waited for without end: a batch queue may take hours, and
`client.wait_for_workers(1, timeout=...)` limits that before the call.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from time import monotonic
from typing import Any

import dask
from dask.utils import parse_timedelta

from ndfit.errors import FitWarning, WorkersLost

__all__ = ["NO_WORKERS_TIMEOUT", "Crowd"]

NO_WORKERS_TIMEOUT = "ndfit.no-workers-timeout"
_DEFAULT = "10 minutes"
# Asking costs the scheduler a message.
SECONDS_BETWEEN_QUESTIONS = 0.2
# Workers that end are often started again within seconds, which is nothing to tell.
SECONDS_BEFORE_WARNING = 10.0

NONE_YET = "the cluster has no workers yet: the fits begin when the first has joined"
ALL_GONE = (
    "all workers of the cluster are gone: waiting until others join, for up to {limit:g} s "
    "(ndfit.no-workers-timeout of dask's configuration)"
)
GIVEN_UP = (
    "all workers of the cluster are gone, and none has joined for {limit:g} s (ndfit.no-workers-timeout of dask's "
    "configuration): look into the logs of the workers, and start others. With checkpoint=... the regions that are "
    "done are kept, and the same call goes on from there"
)


class Crowd:
    """The threads of a cluster's workers.

    Parameters
    ----------
    client : of the cluster
    give_up : ends what was submitted; called before the error is raised
    """

    def __init__(self, client: Any, give_up: Callable[[], None]) -> None:
        self._client, self._give_up = client, give_up
        self._limit = parse_timedelta(dask.config.get(NO_WORKERS_TIMEOUT, _DEFAULT))
        self._count, self._asked = 0, -SECONDS_BETWEEN_QUESTIONS
        self._had_some = self._warned = False
        self._alone_since: float | None = None

    def __call__(self) -> int:
        """How many threads there are; 1 where there are none, so that something waits for the first.

        Raises
        ------
        WorkersLost
            There have been none for too long.
        """
        now = monotonic()
        if now - self._asked >= SECONDS_BETWEEN_QUESTIONS:
            self._count, self._asked = sum(self._client.nthreads().values()), now
            self._note(now)
        return max(1, self._count)

    def _note(self, now: float) -> None:
        if self._count:
            self._had_some, self._warned, self._alone_since = True, False, None
            return
        self._alone_since = now if self._alone_since is None else self._alone_since
        alone = now - self._alone_since
        if self._had_some and alone >= self._limit:
            self._give_up()
            raise WorkersLost(GIVEN_UP.format(limit=self._limit))
        if alone >= SECONDS_BEFORE_WARNING and not self._warned:
            self._warned = True
            message = ALL_GONE.format(limit=self._limit) if self._had_some else NONE_YET
            warnings.warn(message, FitWarning, stacklevel=2)
