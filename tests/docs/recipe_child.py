"""Follows the recipes of docs/contributing.md for an operator and a loss, in a process and a cache of its own.

Prints the worst differences from scipy, in standard errors, and which engine fitted.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from astropy.modeling import custom_model
from astropy.modeling.models import Gaussian1D
from scipy import special
from scipy.optimize import least_squares

import ndfit
from ndfit import loss_functions
from ndfit.compiler.functions.basic import function, operator
from ndfit.compiler.functions.faddeeva import faddeeva_real
from ndfit.compiler.values import Lanes
from ndfit.model import ops
from ndfit.model.special import ScipySpecial

X = np.linspace(0.0, 4.0, 50)
NAME = "geman_mcclure"


def add_operator() -> None:
    @operator
    @function
    def erfcx(x: Lanes) -> Lanes:
        """exp(x**2) erfc(x), which is w(i x)."""
        return faddeeva_real(0.0, x)

    def partials(b: Any, a: Any, out: int) -> tuple[int]:
        return (b.sub(b.mul(b.constant(2.0), b.mul(a[0], out)), b.constant(2.0 / math.sqrt(math.pi))),)

    ops.OPS["erfcx"] = ops._row("erfcx", partials, ops._POSITIVE, numpy=ScipySpecial("erfcx"))


def add_loss() -> None:
    def ratio_and_slope(u: Any, of: Any) -> tuple[Any, Any]:
        share = 1.0 / (1.0 + u * u)
        return share, share * share

    def curvature(u: Any, of: Any) -> Any:
        return (1.0 - 3.0 * u**2) / (1.0 + u**2) ** 3

    row = loss_functions.RobustLoss(ratio_and_slope, curvature, redescending=True)
    loss_functions.ROBUST[NAME] = row  # type: ignore[index]


@custom_model
def decay(x: Any, amplitude: float = 1.0, rate: float = 1.0) -> Any:
    return amplitude * special.erfcx(rate * x)


def rho(z: Any) -> Any:
    return np.array([z / (1.0 + z), (1.0 + z) ** -2, -2.0 * (1.0 + z) ** -3])


def scipys_best(data: Any, loss: str, starts: Any, evaluate: Any) -> Any:
    """The lowest of the minima that scipy finds: a redescending loss has several."""
    found = [
        least_squares(
            lambda p: (evaluate(X, *p) - data) / 0.05, start, loss="linear" if loss == "linear" else rho, x_scale="jac"
        )
        for start in starts
    ]
    return min(found, key=lambda one: one.cost).x


def compared(model: Any, data: Any, loss: str, starts: Any, evaluate: Any) -> dict[str, Any]:
    """A fit of each position beside scipy's."""
    result = ndfit.fit(model, data, fitting_axes=0, world=(X,), uncertainty=np.full(50, 0.05), loss=loss, guess=None)
    found = np.stack([result.parameters[name] for name in result.param_names])
    errors = np.stack([result.errors[name] for name in result.param_names])
    scipys = np.stack([scipys_best(column, loss, starts, evaluate) for column in data.T], axis=1)
    return {
        "engine": result.engine,
        "converged": bool(result.success.all()),
        "off": float(np.max(abs(found - scipys) / errors)),
    }


def main() -> None:
    """Follow both, and say how they went."""
    rng = np.random.default_rng(1)
    add_operator()  # `ndfit.fit` is imported when it is called, and reads the tables then
    add_loss()
    data = 2.0 * special.erfcx(1.3 * X)[:, None] + rng.normal(0.0, 0.05, (50, 6))
    said = {"operator": compared(decay(), data, "linear", [(1.0, 1.0)], lambda x, a, r: a * special.erfcx(r * x))}
    line = Gaussian1D(1.8, 2.1, 0.6)
    data = Gaussian1D(2.0, 2.0, 0.5)(X)[:, None] + rng.normal(0.0, 0.05, (50, 6))
    data[rng.random(data.shape) < 0.05] += 1.0
    said["loss"] = compared(line, data, NAME, [line.parameters, (2.0, 2.0, 0.5)], Gaussian1D.evaluate)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
