"""Elementary and special functions that vectorise: scalar float64 in, float64 out.

Each function is branch-free, so that a loop over 32 or more contiguous values that calls it becomes packed
instructions without fast-math. Every value's arithmetic is its own: neighbours never change a result.
"""

from ndfit.graph.vmath.elementary import exp

__all__ = ["exp"]
