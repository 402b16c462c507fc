"""Values and derivatives of lines and curves, for many fits at once.

Flows in: coordinates (M, n) or (M, 1) and the parameters of a profile, (n,) each. Flows out: values (M, n), and their
derivatives by each parameter in the model's order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ndfit.arrays import FloatArray
from ndfit.pipeline.guess.curves import CURVES, curve_rows
from ndfit.pipeline.guess.formulas import NUMPY
from ndfit.pipeline.guess.lines import LINES, Line

__all__ = ["OF_SCIPY", "SHAPES", "Shape"]

Coords = tuple[FloatArray, ...]
Shape = Callable[[Coords, Sequence[FloatArray]], tuple[FloatArray, list[FloatArray]]]


def _of_line(line: Line, coords: Coords, parameters: Sequence[FloatArray]) -> tuple[FloatArray, list[FloatArray]]:
    return line(coords, parameters, NUMPY)


SHAPES: Mapping[str, Shape] = {
    **{kind: partial(_of_line, line) for kind, line in LINES.items()},
    **{kind: partial(curve_rows, kind) for kind in CURVES},
}
"""Name of the model's class -> values and derivatives."""

OF_SCIPY = frozenset({"Voigt1D", "AiryDisk2D"})
"""Those that take scipy's functions, which are imported late."""
