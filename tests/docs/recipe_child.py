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
from ndfit.compiler.functions import OPERATORS
from ndfit.compiler.functions.basic import function
from ndfit.compiler.functions.faddeeva import faddeeva_real
from ndfit.compiler.values import Lanes
from ndfit.engines import loss as losses_in_numpy
from ndfit.engines.compiled.kernel import losses
from ndfit.model import ops
from ndfit.model.special import scipy_special
from ndfit.model.trace import node_functions as functions
from ndfit.options import Objective, options_of

X = np.linspace(0.0, 4.0, 50)
NAME = "geman_mcclure"


def add_operator() -> None:
    @function
    def erfcx(x: Lanes) -> Lanes:
        """exp(x**2) erfc(x), which is w(i x)."""
        return faddeeva_real(0.0, x)

    def partials(b: Any, a: Any, out: int) -> tuple[int]:
        return (b.sub(b.mul(b.constant(2.0), b.mul(a[0], out)), b.constant(2.0 / math.sqrt(math.pi))),)

    OPERATORS["erfcx"] = erfcx
    ops.OPS["erfcx"] = ops._row("erfcx", partials, ops._POSITIVE, numpy=scipy_special("erfcx"))
    functions.UFUNCS["erfcx"] = functions._operator("erfcx")


def add_loss() -> None:
    def compiled(residual: Lanes, data: Lanes, scale: Any) -> losses.Counted:
        size = residual / scale
        share = 1.0 / (1.0 + size * size)
        return losses._counted(residual, share, share * share)

    losses.LOSSES[NAME] = compiled  # type: ignore[index]
    losses_in_numpy._RHO[NAME] = lambda z: z / (1.0 + z)  # type: ignore[index]
    losses_in_numpy._PSI[NAME] = lambda z: ((1.0 + z) ** -2, (1.0 - 3.0 * z) / (1.0 + z) ** 3)  # type: ignore[index]
    (choice,) = [option.check for each, option in options_of(Objective) if each.name == "loss"]
    object.__setattr__(choice, "words", (*choice.words, NAME))


@custom_model
def decay(x: Any, amplitude: float = 1.0, rate: float = 1.0) -> Any:
    return amplitude * special.erfcx(rate * x)


def rho(z: Any) -> Any:
    return np.array([z / (1.0 + z), (1.0 + z) ** -2, -2.0 * (1.0 + z) ** -3])


def compared(model: Any, data: Any, loss: str, start: Any, evaluate: Any) -> dict[str, Any]:
    """A fit of each position beside scipy's."""
    result = ndfit.fit(model, data, fitting_axes=0, world=(X,), uncertainty=np.full(50, 0.05), loss=loss, guess=None)
    found = np.stack([result.parameters[name] for name in result.param_names])
    errors = np.stack([result.errors[name] for name in result.param_names])
    scipys = np.stack(
        [
            least_squares(
                lambda p, column=column: (evaluate(X, *p) - column) / 0.05,
                start,
                loss="linear" if loss == "linear" else rho,
                x_scale="jac",
            ).x
            for column in data.T
        ],
        axis=1,
    )
    return {
        "engine": result.engine,
        "converged": bool(result.success.all()),
        "off": float(np.max(abs(found - scipys) / errors)),
    }


def main() -> None:
    """Follow both, and say how they went."""
    rng = np.random.default_rng(1)
    add_operator()
    data = 2.0 * special.erfcx(1.3 * X)[:, None] + rng.normal(0.0, 0.05, (50, 6))
    said = {"operator": compared(decay(), data, "linear", (1.0, 1.0), lambda x, a, r: a * special.erfcx(r * x))}
    add_loss()
    line = Gaussian1D(1.8, 2.1, 0.6)
    data = Gaussian1D(2.0, 2.0, 0.5)(X)[:, None] + rng.normal(0.0, 0.05, (50, 6))
    data[rng.random(data.shape) < 0.05] += 1.0
    said["loss"] = compared(line, data, NAME, line.parameters, Gaussian1D.evaluate)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
