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
    "WrongArgument",
    "WrongArgumentType",
]


class _OfArgument(Exception):
    """An argument that is not what it should be.

    Attributes
    ----------
    argument : its name
    expected, got : what it should be, in words, and what it is
    remedy : what to do, where that is more than to give what is expected
    """

    def __init__(self, argument: str, expected: str, got: object, remedy: str = "") -> None:
        self.argument, self.expected, self.got, self.remedy = argument, expected, got, remedy
        super().__init__(argument, expected, got, remedy)

    def __str__(self) -> str:
        return self.told(self.argument)

    def told(self, name: str) -> str:
        """The sentence, with the name that the argument has where it was given."""
        return f"{name} should be {self.expected}, got {self.got!r}{f': {self.remedy}' if self.remedy else ''}"


class WrongArgument(_OfArgument, ValueError):
    """The value of an argument is not one that it can have."""


class WrongArgumentType(_OfArgument, TypeError):
    """An argument is not of a kind that it can be."""


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
