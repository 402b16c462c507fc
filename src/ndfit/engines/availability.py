"""Whether anything can be compiled in this process.

Flows in: nothing. Flows out: the reason why not. What is compiled is imported here first, when a fit needs it, and not
with the package: where LLVM's library cannot be loaded, or a machine does not let code be loaded, the reference engine
works all the same.
"""

from __future__ import annotations

from ndfit.once import kept

__all__ = ["why_not_compiled"]


@kept
def why_not_compiled() -> str:
    """Why nothing can be compiled here; empty where it can."""
    try:
        from ndfit.compiler.machine_code import Function, load
        from ndfit.compiler.target import host
        from ndfit.compiler.values import Int

        load((Function("nothing", lambda _: None, (Int,)),), host(), __name__)
    except Exception as error:  # what a library lacks may show itself in any way
        return f"code cannot be compiled here: {type(error).__name__}: {error}"
    return ""
