"""Losses with many minima: the fit is made once more from where a loss with few of them leads.

The pull of a sample on a fit falls again beyond the scale of `cauchy` and `arctan`, so that samples which a start
leaves far from the model are hardly heard, and a few that agree make a minimum. That of `soft_l1` never falls: it
hears all of them, and its minimum is nearer to what most samples say. From one to the other is the graduated
non-convexity of A. Blake & A. Zisserman (Visual Reconstruction, 1987) in one stage.

Flows in: an engine, a block and its best fits. Flows out: the better of these and of those by way of the other loss.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ndfit.engines.base import BlockResult, SolveOptions
from ndfit.loss_functions import ROBUST
from ndfit.pipeline.multistart import Solve, from_start, take_rows
from ndfit.problem.types import Block
from ndfit.status import usable

__all__ = ["better_by_way_of_a_convex_loss", "is_redescending", "options_of_all_fits"]

_CONVEX = "soft_l1"
# Of the cost: minima that differ by less are the same one.
_SAME = 1e-6


def is_redescending(loss: str) -> bool:
    """Whether the pull of a sample falls beyond the scale of a loss."""
    return loss in ROBUST and ROBUST[loss].redescending


def options_of_all_fits(options: SolveOptions) -> tuple[SolveOptions, ...]:
    """The options, and those of the fits with the convex loss where there are any."""
    if not is_redescending(options.loss):
        return (options,)
    return options, replace(options, loss=_CONVEX, covariance=False)


def better_by_way_of_a_convex_loss(
    engine: Solve, block: Block, options: SolveOptions, best: BlockResult
) -> BlockResult:
    """The best fits, or those that a fit with a convex loss leads to where they are lower; `nfev` counts all."""
    _, *convex_options = options_of_all_fits(options)
    if not convex_options:
        return best
    start = np.where(usable(best.status)[:, np.newaxis], best.parameters, np.nan)
    convex = from_start(engine, block, convex_options[0], start)
    around = np.where(usable(convex.status)[:, np.newaxis], convex.parameters, np.nan)
    again = from_start(engine, block, options, around)
    one, other = (np.where(usable(each.status), each.cost, np.inf) for each in (best, again))
    counted = replace(again, nfev=best.nfev + convex.nfev + again.nfev)
    return take_rows(best, counted, other < (1.0 - _SAME) * one)
