"""Models to fit with every engine: a row a problem, and the cubes drawn from them.

Flows in: the name of a row, the name of a variant, how many fits. Flows out: Case, the keywords of the call, and the
same samples arranged fit by fit, for costs that no engine computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import custom_model, models
from numpy.typing import NDArray

import ndfit

__all__ = ["COMBINATIONS", "PROBLEMS", "VARIANTS", "Case", "Problem", "draw", "evaluate"]

FloatArray = NDArray[np.float64]

LEAST_SIGNAL_TO_NOISE, MOST_SIGNAL_TO_NOISE = 5.0, 50.0


@dataclass(frozen=True)
class Problem:
    """A model at its starting values, and what there is to find.

    Attributes
    ----------
    model : makes the model.
    scatter : half the range that each parameter is drawn from, around its start; P values.
    coords : K arrays, of the fitting axes.
    fixed, tied, bounds : what the variants of these names add to the model.
    units : unit of each parameter, for the variant with units; the coordinates are in metres. Empty where the model
        has none.
    """

    model: Callable[[], Any]
    scatter: tuple[float, ...]
    coords: tuple[FloatArray, ...]
    fixed: str
    tied: Mapping[str, Callable[[Any], Any]]
    bounds: Mapping[str, tuple[float | None, float | None]]
    units: Mapping[str, u.UnitBase]


@custom_model
def damped_wave(t, amplitude=1.0, rate=0.3, frequency=0.25, phase=0.2):
    return amplitude * np.exp(-rate * t) * np.cos(2.0 * np.pi * frequency * t + phase)


def _two_lines() -> Any:
    return models.Gaussian1D(10.0, -3.0, 1.2) + models.Gaussian1D(8.0, 3.0, 1.0)


def _power_law() -> Any:
    return models.PowerLaw1D(10.0, 3.0, 1.0, fixed={"x_0": True})


LINE = (np.linspace(-10.0, 10.0, 61),)
FINE_LINE = (np.linspace(-12.0, 12.0, 161),)
RADIUS = (np.linspace(0.2, 10.0, 60),)
CENTRES = np.array([[-3.0], [0.0], [2.0]])
PLANE = (np.linspace(-6.0, 6.0, 13), np.linspace(-5.0, 5.0, 11))

PROBLEMS = {
    "gaussian": Problem(
        lambda: models.Gaussian1D(10.0, 0.0, 1.5),
        (3.0, 3.0, 0.5),
        LINE,
        "stddev",
        {"stddev": lambda m: 0.1 * m.mean + 1.5},
        {"mean": (-1.5, 1.5), "amplitude": (0.0, None)},
        {"amplitude": u.Jy, "mean": u.m, "stddev": u.m},
    ),
    "gaussian and line": Problem(
        lambda: models.Gaussian1D(10.0, 0.0, 1.5) + models.Linear1D(0.1, 1.0),
        (3.0, 3.0, 0.5, 0.1, 1.0),
        LINE,
        "slope_1",
        {"intercept_1": lambda m: 0.1 * m.amplitude_0},
        {"mean_0": (None, 1.5), "slope_1": (0.05, 0.15)},
        {"amplitude_0": u.Jy, "mean_0": u.m, "stddev_0": u.m, "slope_1": u.Jy / u.m, "intercept_1": u.Jy},
    ),
    "two gaussians": Problem(
        _two_lines,
        (3.0, 1.0, 0.3, 2.0, 1.0, 0.3),
        LINE,
        "stddev_1",
        {"mean_1": lambda m: m.mean_0 + 6.0, "stddev_1": lambda m: m.stddev_0},
        {"mean_0": (-3.5, -2.5), "stddev_1": (0.9, 1.2)},
        {f"{name}_{i}": unit for i in (0, 1) for name, unit in (("amplitude", u.Jy), ("mean", u.m), ("stddev", u.m))},
    ),
    "voigt": Problem(
        lambda: models.Voigt1D(x_0=0.0, amplitude_L=15.0, fwhm_L=3.0, fwhm_G=2.5),
        (1.0, 4.0, 0.6, 0.5),
        FINE_LINE,
        "fwhm_L",
        {"fwhm_G": lambda m: 0.8 * m.fwhm_L},
        {"fwhm_L": (2.8, None), "x_0": (-0.5, 0.5)},
        {"x_0": u.m, "amplitude_L": u.Jy, "fwhm_L": u.m, "fwhm_G": u.m},
    ),
    "lorentz": Problem(
        lambda: models.Lorentz1D(10.0, 0.0, 2.0),
        (3.0, 1.0, 0.7),
        LINE,
        "fwhm",
        {"fwhm": lambda m: 0.2 * m.amplitude},
        {"x_0": (-0.5, None), "fwhm": (1.0, 2.3)},
        {"amplitude": u.Jy, "x_0": u.m, "fwhm": u.m},
    ),
    "moffat": Problem(
        lambda: models.Moffat1D(10.0, 0.0, 2.0, 1.5),
        (3.0, 1.0, 0.4, 0.3),
        LINE,
        "alpha",
        {"alpha": lambda m: 0.75 * m.gamma},
        {"alpha": (1.4, 1.6), "x_0": (None, 0.4)},
        {"amplitude": u.Jy, "x_0": u.m, "gamma": u.m},
    ),
    "gaussian 2-D and constant": Problem(
        lambda: models.Gaussian2D(10.0, 0.0, 0.0, 1.5, 2.2, theta=0.3) + models.Const2D(1.0),
        (3.0, 0.7, 0.7, 0.2, 0.3, 0.3, 0.5),
        PLANE,
        "theta_0",
        {"y_mean_0": lambda m: -m.x_mean_0},
        {"x_mean_0": (-0.4, 0.4), "x_stddev_0": (1.4, None)},
        {"amplitude_0": u.Jy, **dict.fromkeys(("x_mean_0", "y_mean_0", "x_stddev_0", "y_stddev_0"), u.m)}
        | {"amplitude_1": u.Jy},
    ),
    "custom model": Problem(
        lambda: damped_wave(10.0, 0.3, 0.25, 0.2),
        (3.0, 0.1, 0.02, 0.3),
        RADIUS,
        "phase",
        {"phase": lambda m: m.rate - 0.1},
        {"frequency": (0.24, 0.26), "rate": (0.25, None)},
        {},
    ),
    "exponential": Problem(
        lambda: models.Exponential1D(10.0, -3.0),
        (3.0, 1.0),
        RADIUS,
        "tau",
        {"tau": lambda m: -0.3 * m.amplitude},
        {"tau": (-3.4, -2.6)},
        {"amplitude": u.Jy, "tau": u.m},
    ),
    "sersic": Problem(
        lambda: models.Sersic1D(5.0, 3.0, 1.5),
        (1.0, 0.7, 0.3),
        RADIUS,
        "n",
        {"n": lambda m: 0.5 * m.r_eff},
        {"n": (1.3, 1.7), "r_eff": (2.5, None)},
        {"amplitude": u.Jy, "r_eff": u.m},
    ),
    "power law": Problem(
        _power_law,
        (3.0, 0.0, 0.4),
        RADIUS,
        "alpha",
        {"alpha": lambda m: 0.1 * m.amplitude},
        {"alpha": (0.8, 1.2), "amplitude": (None, 11.0)},
        {"amplitude": u.Jy, "x_0": u.m},
    ),
    "parabola": Problem(
        lambda: models.Polynomial1D(2, c0=10.0, c1=1.0, c2=0.2),
        (3.0, 0.5, 0.1),
        LINE,
        "c2",
        {"c2": lambda m: 0.1 * m.c1},
        {"c1": (None, 1.1), "c0": (0.0, 11.0)},
        {},
    ),
    "templates": Problem(
        lambda: ndfit.templates(np.exp(-0.5 * (LINE[0] - CENTRES) ** 2), LINE[0] * u.m),
        (3.0, 3.0, 3.0),
        LINE,
        "c1",
        {"c1": lambda m: 0.5 * m.c0},
        {"c0": (0.5, 1.5), "c2": (None, 2.0)},
        {"c0": u.Jy, "c1": u.Jy, "c2": u.Jy},
    ),
}

VARIANTS = ("plain", "bounds", "fixed", "tied", "weights", "mask", "NaN", "units")

COMBINATIONS = tuple(
    (name, variant) for name, problem in PROBLEMS.items() for variant in VARIANTS if variant != "units" or problem.units
)


@dataclass(frozen=True)
class Case:
    """A cube to fit.

    Attributes
    ----------
    keywords : of the call.
    model : without units, at the starting values, with the constraints.
    coords : K arrays (M,).
    data, weights : (N, M); samples that are left out have weight 0.
    """

    keywords: dict[str, Any]
    model: Any
    coords: tuple[FloatArray, ...]
    data: FloatArray
    weights: FloatArray


def evaluate(model: Any, coords: tuple[FloatArray, ...], parameters: FloatArray) -> FloatArray:
    """Values (N, M) of a model for parameters (N, P); NaN for parameters that are NaN."""
    with np.errstate(invalid="ignore"):
        return np.stack([np.broadcast_to(model.evaluate(*coords, *row), coords[0].shape) for row in parameters])


def draw(name: str, variant: str, n_fits: int, seed: int = 0) -> Case:
    """A cube whose signal to noise, by the largest value of each fit, lies between 5 and 50."""
    problem, rng = PROBLEMS[name], np.random.default_rng([seed, *f"{name} {variant}".encode()])
    model = problem.model()
    _constrain(model, problem, variant)
    coords = tuple(axis.ravel() for axis in np.meshgrid(*problem.coords, indexing="ij"))
    clean = evaluate(model, coords, _truth(model, problem, rng, n_fits))
    noise = abs(clean).max(axis=1, keepdims=True) / rng.uniform(
        LEAST_SIGNAL_TO_NOISE, MOST_SIGNAL_TO_NOISE, (n_fits, 1)
    )
    sigma = rng.uniform(0.5, 1.0, clean.shape) if variant == "weights" else np.ones(clean.shape)
    data = clean + noise * sigma * rng.standard_normal(clean.shape)
    used = rng.uniform(size=clean.shape) > (0.1 if variant in {"mask", "NaN"} else 0.0)

    def as_cube(array: NDArray[Any]) -> NDArray[Any]:
        """Fitting axes first."""
        return np.moveaxis(array.reshape(n_fits, *(len(axis) for axis in problem.coords)), 0, -1)

    keywords = {
        "model": model,
        "data": as_cube(data),
        "world": problem.coords,
        "fitting_axes": tuple(range(len(coords))),
    }
    weights = used / sigma
    if variant == "weights":
        keywords["weights"] = as_cube(weights)
    elif variant == "mask":
        keywords["mask"] = as_cube(~used)
    elif variant == "NaN":
        keywords["data"] = as_cube(np.where(used, data, np.nan))
        keywords["fitter_kwargs"] = {"filter_non_finite": True}
    elif variant == "units":
        keywords |= _with_units(problem, keywords)
    return Case(keywords, model, coords, data, weights)


def _constrain(model: Any, problem: Problem, variant: str) -> None:
    if variant == "fixed":
        getattr(model, problem.fixed).fixed = True
    constraints: Mapping[str, Any] = getattr(problem, variant) if variant in {"tied", "bounds"} else {}
    for name, constraint in constraints.items():
        setattr(getattr(model, name), variant, constraint)


def _truth(model: Any, problem: Problem, rng: np.random.Generator, n_fits: int) -> FloatArray:
    """Parameters (N, P) that satisfy what is fixed and tied."""
    offsets = rng.uniform(-1.0, 1.0, (n_fits, len(problem.scatter))) * problem.scatter
    drawn = dict(zip(model.param_names, (model.parameters + offsets).T, strict=True))
    for name in model.param_names:
        if model.fixed[name]:
            drawn[name] = np.full(n_fits, getattr(model, name).value)
    for name in model.param_names:
        if model.tied[name]:
            drawn[name] = model.tied[name](SimpleNamespace(**drawn))
    return np.stack(list(drawn.values()), axis=1)


def _with_units(problem: Problem, keywords: dict[str, Any]) -> dict[str, Any]:
    model = keywords["model"].copy()
    for name, unit in problem.units.items():
        parameter = getattr(model, name)
        parameter.quantity = parameter.value * unit
    return {
        "model": model,
        "data": (keywords["data"] * u.Jy).to(u.mJy),
        "world": tuple((axis * u.m).to(u.cm) for axis in problem.coords),
    }
