"""What ndfit raises and warns with, beside the built-in ValueError and TypeError. Imports nothing of ndfit."""

from __future__ import annotations

__all__ = ["AllFitsFailed", "FitWarning"]


class FitWarning(UserWarning):
    """Some fits failed or stopped early; the message gives the counts by status and how to see more."""


class AllFitsFailed(ValueError, RuntimeError):
    """Every position failed for one and the same cause, which the message names together with its remedy."""
