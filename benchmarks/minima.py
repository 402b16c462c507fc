"""How often the compiled engine ends in a higher minimum than scipy's TRF does from the same start, and how often in a
lower one: `python -m benchmarks.minima` prints the table of docs/architecture.md.

TRF is `scipy.optimize.least_squares(method="trf")`, called once a fit with its own tolerances, the bounds of the
model, the derivatives of astropy's classes where they have them, and astropy's limit of evaluations; nothing of ndfit's
is about it, no other start and no second call. Its evaluations are scipy's count, in which differences do not appear.

Each model is fitted to simulated positions at a peak signal-to-noise of 5 to 20, from starts that are off by one to two
widths in place and by up to 30 % in width. "Bounded" is the same with bounds of the linear parameters that are far
away: they should change nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.modeling.models import (
    Const1D,
    Const2D,
    Gaussian1D,
    Gaussian2D,
    Linear1D,
    Moffat2D,
    Sersic2D,
    Voigt1D,
)
from numpy.typing import NDArray
from scipy.optimize import least_squares

import ndfit
from ndfit.errors import FitWarning

__all__ = ["CASES", "compare", "main"]

FloatArray = NDArray[np.float64]

N_FITS = 600
SEED = 20261125
WORSE = 1e-9
MOST_EVALUATIONS = 100  # astropy's
FAR = 1e30
X = np.linspace(-10.0, 10.0, 100)
PLANE = tuple(axis.astype(float) - 7.0 for axis in np.mgrid[:15, :15])


@dataclass(frozen=True)
class Case:
    """A model, and the positions that it is fitted to.

    Attributes
    ----------
    title : str
        Its row in the table.
    model : callable
        Parameters -> model.
    truth : tuple of float
        What starts are drawn about: the true values, where the samples are the model's.
    roles : str
        What each parameter is: Linear, Place, Width, Other.
    coords : tuple of ndarray
        Coordinates of the samples.
    sky : model, optional
        What the samples are where they are not the model's.
    """

    title: str
    model: Callable[..., Any]
    truth: tuple[float, ...]
    roles: str
    coords: tuple[FloatArray, ...] = (X,)
    sky: Any = None


CASES = (
    Case(
        "Gaussian1D + Const1D",
        lambda *p: Gaussian1D(*p[:3]) + Const1D(p[3]),
        (1.0, 0.0, 1.0, 0.5),
        "LPWL",
    ),
    Case(
        "Gaussian1D + Linear1D",
        lambda *p: Gaussian1D(*p[:3]) + Linear1D(*p[3:]),
        (1.0, 0.0, 1.0, 0.02, 0.5),
        "LPWLL",
    ),
    Case(
        "Gaussian2D + Const2D",
        lambda *p: Gaussian2D(*p[:6]) + Const2D(p[6]),
        (1.0, 0.0, 0.0, 1.5, 2.5, 0.4, 0.5),
        "LPPWWOL",
        PLANE,
    ),
    Case(
        "two Gaussian1D + Const1D",
        lambda *p: Gaussian1D(*p[:3]) + Gaussian1D(*p[3:6]) + Const1D(p[6]),
        (1.0, -2.0, 1.0, 1.0, 2.0, 1.0, 0.5),
        "LPWLPWL",
    ),
    Case(
        "Voigt1D + Const1D",
        lambda *p: Voigt1D(*p[:4]) + Const1D(p[4]),
        (0.0, 1.0, 0.8, 1.2, 0.5),
        "PLWWL",
    ),
    Case(
        "Moffat2D + Const2D, on stars that are Gaussian",
        lambda *p: Moffat2D(*p[:5]) + Const2D(p[5]),
        (1.0, 0.0, 0.0, 2.5, 2.2, 0.5),
        "LPPWOL",
        PLANE,
        Gaussian2D(1.0, 0.0, 0.0, 2.4, 2.0) + Const2D(0.5),
    ),
    Case(
        "Moffat2D + Const2D",
        lambda *p: Moffat2D(*p[:5]) + Const2D(p[5]),
        (1.0, 0.0, 0.0, 2.5, 2.2, 0.5),
        "LPPWOL",
        PLANE,
    ),
    Case(
        "Sersic2D",
        lambda *p: Sersic2D(*p),
        (0.1, 2.0, 1.5, 0.3, -0.2, 0.4, 0.6),
        "LWOPPOO",
        PLANE,
    ),
)


def _starts(case: Case, n_fits: int, rng: np.random.Generator) -> list[FloatArray]:
    """Starting values of each parameter, off by one to two widths in place and by up to 30 % in width."""
    width = float(np.mean([value for value, role in zip(case.truth, case.roles, strict=True) if role == "W"]))
    starts = []
    for value, role in zip(case.truth, case.roles, strict=True):
        off = width * rng.uniform(1.0, 2.0, n_fits) * rng.choice((-1.0, 1.0), n_fits)
        stretched = value * rng.uniform(0.7, 1.3, n_fits)
        starts.append({"P": value + off, "W": stretched}.get(role, np.full(n_fits, value)))
    return starts


def _derivatives(model: Any, coords: tuple[FloatArray, ...]) -> Any:
    """Of a sum of components, (M, P) at given parameters; scipy's differences where a class has none."""
    parts = list(model) if model.n_submodels > 1 else [model]
    if any(part.fit_deriv is None and not isinstance(part, Const2D) for part in parts):
        return "2-point"
    ends = np.cumsum([len(part.param_names) for part in parts])[:-1]

    def _columns(part: Any, own: FloatArray) -> Any:
        return [1.0] if isinstance(part, Const2D) else part.fit_deriv(*coords, *own)

    def jacobian(values: FloatArray) -> FloatArray:
        own = zip(parts, np.split(values, ends), strict=True)
        columns = [column for part, each in own for column in _columns(part, each)]
        return np.stack([np.broadcast_to(column, coords[0].shape).ravel() for column in columns], axis=1)

    return jacobian


def trf(
    model: Any, starts: list[FloatArray], data: FloatArray, coords: tuple[FloatArray, ...]
) -> tuple[FloatArray, FloatArray]:
    """Chi-square and evaluations of scipy's TRF alone, for N positions; data have shape (N, ...)."""
    limits = [getattr(model, name).bounds for name in model.param_names]
    low, high = np.array([[-np.inf if a is None else a, np.inf if b is None else b] for a, b in limits], float).T
    jacobian = _derivatives(model, coords)
    chi_square, nfev = np.empty(len(data)), np.empty(len(data))
    for row, start in enumerate(np.stack(starts, axis=1)):
        with np.errstate(all="ignore"):
            found = least_squares(
                lambda values, row=row: (model.evaluate(*coords, *values) - data[row]).ravel(),
                start,
                jacobian,
                bounds=(low, high),
                method="trf",
                max_nfev=MOST_EVALUATIONS,
            )
        chi_square[row], nfev[row] = 2.0 * found.cost, found.nfev
    return chi_square, nfev


def compare(case: Case, n_fits: int) -> tuple[float, float, float, float, float]:
    """Shares of fits that end above TRF's cost, bounded and as they are, and below it; evaluations, and TRF's."""
    rng = np.random.default_rng(SEED)
    model, shape = case.model(*case.truth), case.coords[0].shape
    noise = rng.normal(size=(n_fits, *shape)) / rng.uniform(5.0, 20.0, (n_fits, *(1,) * len(shape)))
    sky = model if case.sky is None else case.sky
    starts = _starts(case, n_fits, rng)
    data, start = sky(*case.coords) + noise, case.model(*starts)
    linear = [name for name, role in zip(model.param_names, case.roles, strict=True) if role == "L"]
    axes = tuple(range(1, data.ndim))

    def fit(**keywords: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            keywords = {"fitting_axes": axes, "guess": None, "covariance": False} | keywords
            return ndfit.fit(start, data, world=case.coords, **keywords)

    ours, (theirs, evaluations) = fit(engine="compiled"), trf(model, starts, data, case.coords)
    bounded = fit(engine="compiled", bounds=dict.fromkeys(linear, (-FAR, FAR)))

    def above(result: Any) -> float:
        return float(np.mean(~(result.chi_square <= theirs * (1.0 + WORSE))))

    below = float(np.mean(ours.chi_square < theirs * (1.0 - WORSE)))
    return above(bounded), above(ours), below, float(ours.nfev.mean()), float(evaluations.mean())


def main() -> None:
    print("| model | bounded, above | as it is: above | below | evaluations | TRF's |")
    print("|---|---|---|---|---|---|")
    for case in CASES:
        bounded, above, below, nfev, of_trf = compare(case, N_FITS)
        print(f"| {case.title} | {bounded:.1%} | {above:.1%} | {below:.1%} | {nfev:.1f} | {of_trf:.1f} |", flush=True)


if __name__ == "__main__":
    main()
