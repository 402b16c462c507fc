"""How much a residual costs, where that is not its square.

Flows in: the weighted residual r = y - f of a sample, and its data. Flows out: the residual and a factor of the
derivatives, so that the solver, which minimises a sum of squares, minimises another sum; and what the sample costs.

A loss rho(r) becomes the square of s = sign(r) sqrt(rho(r)), and derivatives are multiplied by ds/dr: cost and gradient
are then exact, and J^T J is positive whatever the loss. With z = (r / scale)^2 and rho = scale^2 rho_1(z) this is
s = r sqrt(rho_1 / z) and ds/dr = rho_1' / sqrt(rho_1 / z), where rho_1 is a row of `ndfit.loss_functions`.

cash is the likelihood ratio of counts d with expectation m, 2 (m - d + d ln(d / m)) (W. Cash, ApJ 228 (1979) 939; with
the terms of d alone: Baker & Cousins, Nucl. Instrum. Methods 221 (1984) 437). It is infinite where m is zero and d is
not, and not a number where m is negative; weights say only which samples count. With t = m / d - 1 it is
d t^2 h(t), h = 2 (t - ln(1 + t)) / t^2, where h is summed as a series near 0, because the difference cancels there.
Its rows are those of Fisher's scoring, residuals (d - m) / sqrt(m) and derivatives over sqrt(m): J^T r is then half the
gradient, with its sign turned, and J^T J Fisher's information. The square root of the cost itself would not do: without
counts it is sqrt(2 m), whose square is linear in m, and J^T J would hold it back near zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ndfit.compiler.functions import LANGUAGE
from ndfit.compiler.functions.basic import polynomial, root
from ndfit.compiler.functions.logarithm import log1p
from ndfit.compiler.values import Lanes, choose
from ndfit.loss_functions import ROBUST, RobustLoss
from ndfit.options import CASH, SQUARE

__all__ = ["LOSSES", "Counted", "Loss"]


class Counted(NamedTuple):
    """A sample under a loss.

    Attributes
    ----------
    residual : whose square the solver takes.
    factor : of the derivatives.
    cost : what the sample costs.
    """

    residual: Lanes
    factor: Lanes
    cost: Lanes


Loss = Callable[[Lanes, Lanes, Any], Counted]
"""Of a weighted residual, the data, and the scale."""

_NEAR = 0.03
_DEFICIT = polynomial(tuple((-1.0) ** k * 2.0 / (k + 2.0) for k in range(11)))  # h
# Below this expectation a sample without counts says nothing more about the model.
_FEWEST = 1e-30


def _robust(row: RobustLoss) -> Loss:
    def counted(residual: Lanes, data: Lanes, scale: Any) -> Counted:
        ratio, slope = row.ratio_and_slope(residual / scale, LANGUAGE)
        by = root(ratio)
        changed = residual * by
        return Counted(changed, slope / by, changed * changed)

    return counted


def cash(residual: Lanes, data: Lanes, scale: Any) -> Counted:
    expected = data - residual
    by = 1.0 / root(choose(expected > _FEWEST, expected, _FEWEST))
    excess = expected / data - 1.0
    far = (2.0 * (excess - log1p(excess))) / (excess * excess)
    deviance = data * excess * excess * choose(abs(excess) < _NEAR, _DEFICIT(excess), far)
    without_counts = choose(expected >= 0.0, 2.0 * expected, math.nan)
    return Counted(residual * by, by, choose(data > 0.0, deviance, without_counts))


LOSSES: Mapping[str, Loss | None] = {
    SQUARE: None,
    CASH: cash,
    **{name: _robust(row) for name, row in ROBUST.items()},
}
