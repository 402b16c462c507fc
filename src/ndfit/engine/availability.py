"""Whether anything can be compiled in this process.

Flows in: nothing. Flows out: the reason why not. What is compiled is imported here first, when a fit needs it, and not
with the package: names of numba's that have no promise of staying may move in any release, and the reference engine
must work all the same.
"""

from __future__ import annotations

from ndfit.once import kept

__all__ = ["why_not_compiled"]


@kept
def why_not_compiled() -> str:
    """Why nothing can be compiled here; empty where it can."""
    try:
        import ndfit.engine.compiled
        import ndfit.engine.kernel.draws  # noqa: F401
    except Exception as error:  # a name that has moved may show itself in any way
        return f"numba cannot be used: {type(error).__name__}: {error}"
    return ""
