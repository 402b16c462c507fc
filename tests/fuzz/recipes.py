"""What a class of models needs to be drawn: what each parameter is, and on which coordinates the class is defined.

Flows in: a class by name, coordinates, a random generator. Flows out: Part, a model with true values whose largest
variation is about 1, which `Part.scaled` brings to any other size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import custom_model, models
from numpy.typing import NDArray
from tests.fuzz.axes import Axis

__all__ = ["ANYWHERE", "PLACES", "RECIPES", "Part", "Recipe", "draw_part"]

FloatArray = NDArray[np.float64]
Rng = np.random.Generator
Drawn = tuple[float, float]

ANYWHERE = ("pixels", "centred", "irregular", "large", "small", "far from zero", "positive")
NEAR_ZERO = ("pixels", "centred", "irregular", "large", "small", "positive")
POSITIVE = ("positive", "decades", "far from zero")
RADII = ("positive", "decades")


@custom_model
def thick(x, tau=2.0, center=0.0, width=1.0):
    return 1.0 - np.exp(-tau * np.exp(-0.5 * ((x - center) / width) ** 2))


@custom_model
def onset(x, amplitude=1.0, start=0.0, power=1.5):
    return amplitude * (x - start) ** power


@custom_model
def damped_wave(x, amplitude=1.0, rate=0.3, frequency=0.25, phase=0.2):
    return amplitude * np.exp(-rate * x) * np.cos(2.0 * np.pi * frequency * x + phase)


@custom_model
def logistic(x, amplitude=1.0, middle=0.0, width=1.0):
    return amplitude / (1.0 + np.exp(-(x - middle) / width))


def _black_body(temperature: Any = 5000.0, scale: Any = 1.0) -> Any:
    made = models.BlackBody(temperature=temperature * u.K, scale=scale)
    return made.without_units_for_data(x=1.0 * u.Hz, y=1.0 * u.erg / (u.cm**2 * u.s * u.Hz * u.sr))


def _nfw(mass: Any = 1e12, concentration: Any = 10.0, redshift: Any = 0.0) -> Any:
    made = models.NFW(mass=mass * u.M_sun, concentration=concentration, redshift=redshift)
    return made.without_units_for_data(x=1.0 * u.kpc, y=1.0 * u.M_sun / u.kpc**3)


def _template(*ignored: Any) -> Any:
    grid = np.linspace(-1e3, 1e3, 4001)
    values = np.exp(-0.5 * (grid / 30.0) ** 2) + 0.1 * np.sin(grid / 5.0)
    return models.Tabular1D(grid, values, bounds_error=False, fill_value=0.0)


def _amplitude(rng: Rng, axis: Axis, plane: Axis) -> Drawn:
    value = rng.uniform(0.5, 2.0) * (1.0 if rng.random() < 0.8 else -1.0)
    return value, abs(value)


def _place(rng: Rng, axis: Axis, plane: Axis) -> Drawn:
    return axis.low + axis.span * rng.uniform(0.25, 0.75), 0.08 * axis.span


def _width(rng: Rng, axis: Axis, plane: Axis) -> Drawn:
    value = min(axis.span, plane.span) * np.exp(rng.uniform(np.log(0.04), np.log(0.3)))
    return value, value


def _uniform(low: float, high: float, unit: float) -> Callable[[Rng, Axis, Axis], Drawn]:
    return lambda rng, axis, plane: (rng.uniform(low, high), unit)


ROLES: Mapping[str, Callable[[Rng, Axis, Axis], Drawn]] = {
    "A": _amplitude,
    "P": _place,
    "Q": lambda rng, axis, plane: _place(rng, plane, axis),
    "W": _width,
    "R": lambda rng, axis, plane: (axis.values[-1] * rng.uniform(0.8, 1.6), 0.3 * axis.values[-1]),
    "K": lambda rng, axis, plane: (axis.values[-1] * rng.uniform(0.1, 0.4), 0.1 * axis.values[-1]),
    "B": lambda rng, axis, plane: (float(np.quantile(axis.values, rng.uniform(0.3, 0.7))), 0.08 * axis.span),
    "F": lambda rng, axis, plane: (rng.uniform(0.5, 3.0) / axis.span, 0.1 / axis.span),
    "D": lambda rng, axis, plane: (axis.span * rng.uniform(0.2, 2.0) * rng.choice((-1.0, 1.0)), 0.3 * axis.span),
    "L": lambda rng, axis, plane: (axis.low * rng.uniform(0.3, 0.9), 0.2 * axis.low),
    "H": _uniform(-0.5, 0.5, 0.1),
    "I": _uniform(-2.0, 2.0, 0.3),
    "J": _uniform(0.2, 2.5, 0.3),
    "S": _uniform(0.7, 4.0, 0.5),
    "M": _uniform(1.2, 5.0, 1.0),
    "T": _uniform(-1.5, 1.5, 0.3),
    "E": _uniform(0.05, 0.7, 0.1),
    "G": _uniform(-0.8, 0.8, 0.2),
    "Z": _uniform(0.0, 0.02, 0.01),
    "X": _uniform(0.2, 0.8, 0.1),
}
"""Role of a parameter -> its true value, and the size of a change that matters.

A amplitude, V inverse of one, P and Q places, W width, R outer radius, K core radius, B break, F frequency, D decay,
L below the coordinates, H phase, I and J indices, S Sersic's, M Moffat's, T angle, E ellipticity, G boxiness or
curvature, Z redshift, X smoothness.
"""

PLACES = ("P", "Q", "B")
"""Roles of parameters that are coordinates."""


@dataclass(frozen=True)
class Recipe:
    """How a class is drawn.

    Attributes
    ----------
    make : parameters -> model
    roles : a letter a parameter, see ROLES; empty where `draw` is given
    where : kinds of axes, see `tests.fuzz.axes.KINDS`
    pinned : parameters that the others leave undetermined, and that are fixed in most problems
    draw : true values and sizes of the parameters, in place of roles
    positive : not negative anywhere while its amplitude is not, so that it may be the expectation of counts
    """

    make: Callable[..., Any]
    roles: str = ""
    where: tuple[str, ...] = ANYWHERE
    pinned: tuple[str, ...] = ()
    draw: Callable[[Rng, Axis, Axis], list[Drawn]] | None = None
    positive: bool = False
    inputs: int = 1


@dataclass(frozen=True)
class Part:
    """A model of one class with its true values.

    Attributes
    ----------
    make : parameters -> model
    truth, unit, default : shape (P,): true values, sizes of changes that matter, the class's own starting values
    scalable : shape (P,), the model is proportional to these together
    pinned : names of parameters to be fixed in most problems
    """

    name: str
    make: Callable[..., Any]
    truth: FloatArray
    unit: FloatArray
    default: FloatArray
    roles: str
    pinned: tuple[str, ...]

    @property
    def scalable(self) -> NDArray[np.bool_]:
        return np.array([role in "AV" for role in self.roles], bool)

    def scaled(self, factor: float) -> Part:
        """The model times a factor, where a parameter or its inverse is one."""
        by = np.array([{"A": factor, "V": 1.0 / factor}.get(role, 1.0) for role in self.roles])
        return replace(self, truth=self.truth * by, unit=self.unit * np.abs(by))


def _polynomial(cls: type, degree: int | tuple[int, int]) -> Recipe:
    degrees = (degree,) if isinstance(degree, int) else degree
    made = cls(*degrees)

    def draw(rng: Rng, axis: Axis, plane: Axis) -> list[Drawn]:
        largest = (np.abs(axis.values).max(), np.abs(plane.values).max())
        powers = [[int(digit) for digit in name[1:].split("_")] for name in made.param_names]
        units = [float(np.prod([by**-power for by, power in zip(largest, each, strict=False)])) for each in powers]
        return [(rng.uniform(-1.0, 1.0) * unit, unit) for unit in units]

    def make(*values: Any) -> Any:
        return cls(*degrees, **dict(zip(made.param_names, values, strict=False)))

    # Linear in all coefficients, each with the role of an amplitude.
    return Recipe(make, "A" * len(made.param_names), ANYWHERE, draw=draw, inputs=made.n_inputs)


def _line(rng: Rng, axis: Axis, plane: Axis) -> list[Drawn]:
    slope = rng.uniform(-1.0, 1.0) / axis.span
    return [(slope, 1.0 / axis.span), (rng.uniform(0.5, 2.0) - slope * axis.middle, 1.0)]


def _planar(rng: Rng, axis: Axis, plane: Axis) -> list[Drawn]:
    slopes = [(rng.uniform(-1.0, 1.0) / each.span, 1.0 / each.span) for each in (axis, plane)]
    middle = slopes[0][0] * axis.middle + slopes[1][0] * plane.middle
    return [*slopes, (rng.uniform(0.5, 2.0) - middle, 1.0)]


def _tangent(rng: Rng, axis: Axis, plane: Axis) -> list[Drawn]:
    frequency = rng.uniform(0.05, 0.2) / axis.span
    phase = rng.uniform(-0.03, 0.03) - frequency * axis.middle
    return [_amplitude(rng, axis, plane), (frequency, 0.03 / axis.span), (phase, 0.03)]


def _arc(reach: float) -> Callable[[Rng, Axis, Axis], list[Drawn]]:
    """Arcsine and arccosine are defined within their amplitude, which is a length; their frequency is their size."""

    def draw(rng: Rng, axis: Axis, plane: Axis) -> list[Drawn]:
        largest = float(np.abs(axis.values).max())
        return [(largest * rng.uniform(reach, 2.0 * reach), 0.3 * largest), (1.0, 1.0), (rng.uniform(-0.3, 0.3), 0.1)]

    return draw


def _onset(rng: Rng, axis: Axis, plane: Axis) -> list[Drawn]:
    power = rng.uniform(0.5, 3.0)
    start = axis.low - axis.span * rng.uniform(0.01, 0.3)
    return [(axis.span**-power, axis.span**-power), (start, 0.1 * axis.span), (power, 0.3)]


def _damped(rng: Rng, axis: Axis, plane: Axis) -> list[Drawn]:
    rate, frequency = rng.uniform(0.2, 3.0) / axis.span, rng.uniform(0.5, 3.0) / axis.span
    return [_amplitude(rng, axis, plane), (rate, rate), (frequency, 0.1 / axis.span), (rng.uniform(-3.0, 3.0), 0.5)]


def _halo(rng: Rng, axis: Axis, plane: Axis) -> list[Drawn]:
    return [(10.0 ** rng.uniform(10.0, 14.0), 1e12), (rng.uniform(4.0, 15.0), 2.0), (0.0, 0.01)]


def _schechter(rng: Rng, axis: Axis, plane: Axis) -> list[Drawn]:
    return [(1.0, 1.0), (rng.uniform(-21.5, -18.5), 0.5), (rng.uniform(-1.5, -0.5), 0.2)]


def _trapezoid(rng: Rng, axis: Axis, plane: Axis) -> list[Drawn]:
    amplitude, width = _amplitude(rng, axis, plane), _width(rng, axis, plane)
    slope = amplitude[0] / (width[0] * rng.uniform(0.3, 1.0))
    places = [ROLES[role](rng, axis, plane) for role in ("P" if plane is axis else "PQ")]
    return [amplitude, *places, width, (slope, abs(slope))]


def _thick(rng: Rng, axis: Axis, plane: Axis) -> list[Drawn]:
    return [(10.0 ** rng.uniform(-1.0, 1.0), 0.5), _place(rng, axis, plane), _width(rng, axis, plane)]


RECIPES: Mapping[str, Recipe] = {
    "AiryDisk2D": Recipe(models.AiryDisk2D, "APQW", inputs=2),
    "ArcCosine1D": Recipe(models.ArcCosine1D, "-V-", where=("centred",), draw=_arc(1.02)),
    "ArcSine1D": Recipe(models.ArcSine1D, "-V-", where=("centred",), draw=_arc(1.02)),
    "ArcTangent1D": Recipe(models.ArcTangent1D, "-V-", where=("centred", "irregular"), draw=_arc(0.1)),
    "BlackBody": Recipe(
        _black_body,
        where=("radiation",),
        draw=lambda rng, axis, plane: [(rng.uniform(3e3, 1e4), 1e3), (rng.uniform(0.5, 2.0), 0.5)],
    ),
    "Box1D": Recipe(models.Box1D, "APW"),
    "Box2D": Recipe(models.Box2D, "APQWW", inputs=2),
    "BrokenPowerLaw1D": Recipe(models.BrokenPowerLaw1D, "ABII", POSITIVE),
    "Chebyshev1D": _polynomial(models.Chebyshev1D, 3),
    "Chebyshev2D": _polynomial(models.Chebyshev2D, (2, 1)),
    "Const1D": Recipe(models.Const1D, "A", positive=True),
    "Const2D": Recipe(models.Const2D, "A", inputs=2, positive=True),
    "Cosine1D": Recipe(models.Cosine1D, "AFH"),
    "Disk2D": Recipe(models.Disk2D, "APQW", inputs=2),
    "Drude1D": Recipe(models.Drude1D, "APW", POSITIVE, positive=True),
    "Ellipse2D": Recipe(models.Ellipse2D, "APQWWT", inputs=2),
    "Exponential1D": Recipe(models.Exponential1D, "AD", NEAR_ZERO, positive=True),
    "ExponentialCutoffPowerLaw1D": Recipe(
        models.ExponentialCutoffPowerLaw1D, "ABIR", POSITIVE, pinned=("x_0",), positive=True
    ),
    "Gaussian1D": Recipe(models.Gaussian1D, "APW", positive=True),
    "Gaussian2D": Recipe(models.Gaussian2D, "APQWWT", inputs=2, positive=True),
    "GeneralSersic2D": Recipe(models.GeneralSersic2D, "AWSPQETG", inputs=2),
    "Hermite1D": _polynomial(models.Hermite1D, 2),
    "Hermite2D": _polynomial(models.Hermite2D, (1, 1)),
    "KingProjectedAnalytic1D": Recipe(models.KingProjectedAnalytic1D, "AKR", RADII),
    "Legendre1D": _polynomial(models.Legendre1D, 4),
    "Legendre2D": _polynomial(models.Legendre2D, (2, 2)),
    "Linear1D": Recipe(models.Linear1D, "AA", draw=_line),
    "LogParabola1D": Recipe(models.LogParabola1D, "ABIG", POSITIVE, pinned=("x_0",)),
    "Logarithmic1D": Recipe(models.Logarithmic1D, "AL", POSITIVE),
    "Lorentz1D": Recipe(models.Lorentz1D, "APW", positive=True),
    "Lorentz2D": Recipe(models.Lorentz2D, "APQW", inputs=2, positive=True),
    "Moffat1D": Recipe(models.Moffat1D, "APWM", positive=True),
    "Moffat2D": Recipe(models.Moffat2D, "APQWM", inputs=2),
    "Multiply": Recipe(models.Multiply, "A"),
    "NFW": Recipe(_nfw, where=RADII, pinned=("redshift",), draw=_halo),
    "Planar2D": Recipe(models.Planar2D, "AAA", draw=_planar, inputs=2),
    "Plummer1D": Recipe(models.Plummer1D, "AK", RADII, positive=True),
    "Polynomial1D": _polynomial(models.Polynomial1D, 2),
    "Polynomial2D": _polynomial(models.Polynomial2D, 2),
    "PowerLaw1D": Recipe(models.PowerLaw1D, "ABI", POSITIVE, pinned=("x_0",), positive=True),
    "RedshiftScaleFactor": Recipe(models.RedshiftScaleFactor, "Z"),
    "RickerWavelet1D": Recipe(models.RickerWavelet1D, "APW"),
    "RickerWavelet2D": Recipe(models.RickerWavelet2D, "APQW", inputs=2),
    "Ring2D": Recipe(lambda *p: models.Ring2D(*p) if p else models.Ring2D(r_in=1, width=1), "APQWW", inputs=2),
    "Scale": Recipe(models.Scale, "A"),
    "Schechter1D": Recipe(models.Schechter1D, "AII", ("magnitudes",), draw=_schechter, positive=True),
    "Sersic1D": Recipe(models.Sersic1D, "AKS", RADII, positive=True),
    "Sersic2D": Recipe(models.Sersic2D, "AWSPQET", inputs=2),
    "Shift": Recipe(models.Shift, "P"),
    "Sine1D": Recipe(models.Sine1D, "AFH"),
    "SmoothlyBrokenPowerLaw1D": Recipe(models.SmoothlyBrokenPowerLaw1D, "ABIIX", POSITIVE, pinned=("delta",)),
    "Tangent1D": Recipe(models.Tangent1D, "AII", NEAR_ZERO, draw=_tangent),
    "Trapezoid1D": Recipe(models.Trapezoid1D, "APWA", draw=_trapezoid),
    "TrapezoidDisk2D": Recipe(models.TrapezoidDisk2D, "APQWA", draw=_trapezoid, inputs=2),
    "Voigt1D": Recipe(models.Voigt1D, "PAWW", positive=True),
    # What people write themselves.
    "damped wave": Recipe(damped_wave, "AFFH", NEAR_ZERO, draw=_damped),
    "logistic": Recipe(logistic, "APW", positive=True),
    "onset": Recipe(onset, "APJ", draw=_onset),
    "thick line": Recipe(thick, "JPW", draw=_thick),
    # Nothing of their own to be fitted: they occur in compounds.
    "Identity": Recipe(lambda: models.Identity(1)),
    "Mapping": Recipe(lambda: models.Mapping((0,))),
    "Tabular1D": Recipe(_template),
}


def draw_part(rng: Rng, name: str, axes: tuple[Axis, ...]) -> Part:
    """A model of the class with true values, brought to a variation of 1 over the coordinates."""
    recipe = RECIPES[name]
    axis, plane = axes[0], axes[-1]
    drawn = recipe.draw(rng, axis, plane) if recipe.draw else [ROLES[role](rng, axis, plane) for role in recipe.roles]
    truth, unit = (np.array(column, float) for column in (zip(*drawn, strict=True) if drawn else ((), ())))
    made = recipe.make()
    default = np.array(made.parameters, float)
    lower = [made.bounds[name][0] for name in made.param_names]
    truth = np.where([low is not None and low >= 0.0 for low in lower], np.abs(truth), truth)
    roles = recipe.roles or "-" * len(truth)
    part = Part(name, recipe.make, truth, unit, default, roles, recipe.pinned)
    if not part.scalable.any():
        return part
    return part.scaled(1.0 / variation(part, axes))


def variation(part: Part, axes: tuple[Axis, ...]) -> float:
    """Largest minus smallest value over the coordinates; the largest magnitude of what does not vary."""
    with np.errstate(all="ignore"):
        values = part.make(*part.truth).evaluate(*flat(axes), *part.truth)
    values = values[np.isfinite(values)] if np.ndim(values) else np.atleast_1d(values)
    size = float(np.ptp(values)) if values.size else 0.0
    largest = float(np.abs(values).max(initial=0.0))
    return size if size > 1e-9 * largest else (largest or 1.0)


def flat(axes: tuple[Axis, ...]) -> tuple[FloatArray, ...]:
    """Coordinates of every sample, in the order of the model's inputs: x runs fastest."""
    if len(axes) == 1:
        return (axes[0].values,)
    x, y = np.meshgrid(axes[0].values, axes[1].values)
    return x.ravel(), y.ravel()
