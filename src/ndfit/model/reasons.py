"""Why a model is not compiled: exceptions whose message is one line for a person to read."""

__all__ = ["Mismatch", "NotCompilable", "NotDifferentiable", "Untraceable"]


class NotCompilable(Exception):
    """The model cannot be solved by the compiled engine. `str(error)` is the reason, in one line."""


class Untraceable(NotCompilable):
    """The model does something that an expression graph cannot say."""


class NotDifferentiable(NotCompilable):
    """An operator of the graph has no derivative rule."""


class Mismatch(NotCompilable):
    """The graph and the model disagree."""
