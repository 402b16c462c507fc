"""What ndfit raises and warns with, beside the built-in ValueError and TypeError. Imports nothing of ndfit."""

from __future__ import annotations

__all__ = [
    "AllFitsFailed",
    "ChangedInputError",
    "CheckpointError",
    "FitWarning",
    "LoadError",
    "UnreadableFile",
    "WorkersLost",
]


class FitWarning(UserWarning):
    """Some fits failed or stopped early; the message gives the counts by status and how to see more."""


class AllFitsFailed(ValueError, RuntimeError):
    """Every position failed for one and the same cause, which the message names together with its remedy."""


class CheckpointError(ValueError):
    """The checkpoint belongs to another run, or to none; the message says what differs and what to do."""


class LoadError(RuntimeError):
    """The data of some positions cannot be read; the message says of which, and why."""


class WorkersLost(RuntimeError):
    """Threads, processes or workers of a cluster could not start or have ended; the message says what to do."""


class ChangedInputError(ValueError):
    """Data, weights, mask, coordinates or model are no longer those of the fit; the message says what to do."""


class UnreadableFile(ValueError):
    """The file is damaged, or is none that can be read here; the message says what is wrong with it."""
