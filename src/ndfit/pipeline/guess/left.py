"""What a background and lines leave of the data.

Flows in: a Tile, functions of the background by their columns, lines, and a table of parameters. Flows out: residuals
(M, n), and half their weighted squares (n,).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ndfit.arrays import FloatArray
from ndfit.engines.availability import why_not_compiled
from ndfit.pipeline.guess.background import sum_of
from ndfit.pipeline.guess.refit import Found, value_of
from ndfit.pipeline.guess.tile import Tile, total

__all__ = ["left_over", "left_with_arrays"]


def left_over(
    tile: Tile, background: Mapping[int, FloatArray], lines: Sequence[Found], table: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Residuals and their cost."""
    if why_not_compiled() or not all(line.term.is_line for line in lines):
        return left_with_arrays(tile, background, lines, table)
    from ndfit.pipeline.guess.code import lane_lines as compiled

    return compiled.left_over(
        tile.data,
        tile.weights,
        tile.coords,
        [(table[:, column], function) for column, function in background.items()],
        [(line.term.kind, [table[:, column] for column in line.term.columns], line.signs) for line in lines],
    )


def left_with_arrays(
    tile: Tile, background: Mapping[int, FloatArray], lines: Sequence[Found], table: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The same by numpy."""
    left = tile.data - sum_of(list(background.values()), table[:, list(background)], tile.data.shape)
    for line in lines:
        left = left - value_of(line, table, tile)
    return left, 0.5 * total(tile.weights * left * left)
