"""Whether an answer is a minimum: scipy is started there and a little beside it, and sees how much lower it gets.

Flows in: a set-up, a position, the parameters that a fit returned. Flows out: Verdict.

Nothing here is ndfit's. The model is astropy's own, in double precision; derivatives are central differences over steps
that suit each parameter; costs are in units of the variance of the noise: sigma^2 where it is known, chi-square over
the degrees of freedom where it is not, never less than the rounding of samples, model values and parameters amounts to.
Robust losses and the likelihood of counts are counted on their own scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize
from tests.fuzz.recipes import PLACES
from tests.fuzz.setups import Setup

__all__ = ["ENOUGH", "Judge", "Verdict"]

FloatArray = NDArray[np.float64]
EPS = np.finfo(float).eps

ENOUGH = 0.1
"""A cost lower by this many variances of the noise shows that an answer is no minimum."""

NUDGE = 0.1
"""How far from the answer the second attempt starts, in standard errors."""

ROUNDINGS = 16.0 * EPS
"""To how many units in their last place samples, models and parameters count as known."""

LOW_ENOUGH = 10.0
"""A search ends where the cost is lower by so many variances: nothing more is to be shown."""

STEP = 1e-5
"""Steps of differences, in units of the change of a parameter that matters."""

SEEN, FURTHEST = 1e5 * EPS, 1e3
"""A step changes the model by so much of itself, or rounding is all that differences see; up to so many steps."""

TOLD_APART = 1e-6
"""Of the largest singular value: directions below it are those of the rounding of derivatives."""

AT_BOUND = 1e-5
"""In units of the change of a parameter that matters, how near to a bound is at it."""


@dataclass(frozen=True)
class Verdict:
    """What scipy found.

    Attributes
    ----------
    cost : half of chi-square, of the losses or of the likelihood ratio at the answer
    lowest : that at the best point that was found
    doubt : how much rounding may change a cost
    floor : what the cost would be if residuals were nothing but rounding
    drop : the difference of the costs in variances of the noise, less what rounding may make of it
    at : the best point, all parameters
    errors : standard errors of the free parameters at the answer; infinite where there are none
    errors_held : the same with those that are at a bound held there; infinite for these
    edm : how far the Gauss-Newton model of the cost falls, those at a bound held there, in variances of the noise
    weakest : smallest over largest singular value of the derivatives, their columns brought to one length
    outlying : share of the samples that are further from the answer than twice the scale of a loss that turns down
    """

    cost: float
    lowest: float
    doubt: float
    floor: float
    drop: float
    at: FloatArray
    errors: FloatArray
    errors_held: FloatArray
    edm: float
    weakest: float
    outlying: float = 0.0

    @property
    def minimum(self) -> bool:
        return not self.drop > ENOUGH


class Proven(Exception):
    """A point that is low enough has been found."""


class Judge:
    """One position of a set-up: its cost as a function of the free parameters."""

    def __init__(self, setup: Setup, position: int) -> None:
        data, weights, used = setup.samples.row(position)
        self.setup, self.free = setup, np.array(setup.free)
        self.unit = setup.unit[self.free]
        self.is_place = np.isin(setup.roles, PLACES)
        self.data = data[used]
        self.weights = np.ones(used.sum()) if weights is None else weights[used]
        self.known = weights is not None
        self.coords = tuple(axis[used] for axis in setup.coords)
        lower, upper = setup.limits()
        self.lower, self.upper = lower[self.free], upper[self.free]
        self.loss = "cash" if setup.samples.statistic == "cash" else setup.samples.loss
        self._model = setup.assembly.build(setup.truth[0])
        self._at_once, self._proof = True, -np.inf

    def full(self, free: FloatArray, answer: FloatArray) -> FloatArray:
        """All parameters: free ones as given, shape (..., F), tied ones as these say, the others as answered."""
        values = dict(zip(self.setup.names, answer, strict=True))
        values |= {self.setup.names[index]: free[..., column] for column, index in enumerate(self.free)}
        for name, tie in self.setup.ties.items():
            values[name] = tie.factor * values[tie.source] + tie.offset
        return np.stack([np.broadcast_to(values[name], free.shape[:-1]) for name in self.setup.names], axis=-1)

    def values(self, free: FloatArray, answer: FloatArray) -> FloatArray:
        """The model at the samples that are used."""
        with np.errstate(all="ignore"):
            found = self._model.evaluate(*self.coords, *self.full(free, answer))
        return np.broadcast_to(np.asarray(found, float), self.data.shape)

    def values_of_many(self, free: FloatArray, answer: FloatArray) -> FloatArray:
        """The same for many sets of parameters, shape (K, F) -> (K, M)."""
        if self._at_once:
            try:
                with np.errstate(all="ignore"):
                    found = self._model.evaluate(*self.coords, *self.full(free, answer).T[:, :, np.newaxis])
                if np.shape(found) == (len(free), len(self.data)):
                    return np.asarray(found, float)
            except (TypeError, ValueError, IndexError):
                pass
            # The code of this class takes one set at a time.
            self._at_once = False
        return np.stack([self.values(row, answer) for row in free])

    def derivatives(self, free: FloatArray, answer: FloatArray) -> FloatArray:
        """Shape (M, F); from one side at a bound and where the model is not finite on the other; zero where on both.

        A step that changes the model by little more than its rounding is made longer: of faint lines on bright
        constants, and of polynomials far from zero, whose terms are large and cancel.
        """
        step = STEP * np.minimum(self.unit, np.maximum(np.abs(free), 1e-3 * self.unit))
        step = np.maximum(step, 64.0 * np.spacing(np.abs(free)))
        # That of a centre far from zero says nothing of how far it can move.
        extent = np.where(self.is_place, self.unit, np.maximum(self.unit, np.abs(free)))
        furthest = np.maximum(step, FURTHEST * STEP * extent)
        columns, changes, size = self._differences(free, step, answer)
        for _ in range(3):
            size = max(size, float((np.abs(columns) @ np.abs(free)).max(initial=0.0)))
            short = (changes < 0.1 * SEEN * size) & (step < furthest)
            if not short.any():
                break
            longer = SEEN * size / np.maximum(changes, EPS * size + np.finfo(float).tiny)
            step = np.where(short, np.minimum(step * longer, furthest), step)
            columns, changes, size = self._differences(free, step, answer)
        return columns

    def _differences(
        self, free: FloatArray, step: FloatArray, answer: FloatArray
    ) -> tuple[FloatArray, FloatArray, float]:
        """Derivatives (M, F), the largest changes that they come from (F,), and the largest value of the model."""
        above, below = np.minimum(free + step, self.upper), np.maximum(free - step, self.lower)
        moved = np.tile(free, (2 * len(free) + 1, 1))
        each = np.arange(len(free))
        moved[each, each], moved[len(free) + each, each] = above, below
        found = self.values_of_many(moved, answer)
        here = found[-1]
        columns, changes = np.zeros((len(self.data), len(free))), np.full(len(free), np.inf)
        for index in each:
            sides = [
                (place[index], value)
                for place, value in ((above, found[index]), (below, found[len(free) + index]))
                if np.isfinite(value).all() and place[index] != free[index]
            ]
            if sides:
                (first, one), (second, other) = sides if len(sides) == 2 else (*sides, (free[index], here))
                columns[:, index] = (one - other) / (first - second)
                changes[index] = np.abs(one - other).max(initial=0.0)
        return np.where(np.isfinite(columns), columns, 0.0), changes, float(np.abs(here).max(initial=0.0))

    def cost(self, model: FloatArray) -> float:
        """Half of what is minimised; infinite where the model is no expectation of counts or not finite."""
        if not np.isfinite(model).all():
            return np.inf
        if self.loss == "cash":
            return deviance(self.data, model)
        scale = self.setup.samples.f_scale
        with np.errstate(all="ignore"):
            residual = self.weights * (model - self.data)
            return 0.5 * float(np.sum(rho(self.loss, residual, scale)))

    def rounding(self, free: FloatArray, model: FloatArray, columns: FloatArray) -> FloatArray:
        """How far from the exact one each weighted residual may be, its sample taken as exact; shape (M,)."""
        of_parameters = np.abs(columns) @ np.abs(free)
        return self.weights * ROUNDINGS * (np.abs(self.data) + np.abs(model) + of_parameters)

    def variance(self, lowest: float, rounding: FloatArray) -> float:
        """Of the noise, in the units of squared weighted residuals."""
        if self.loss == "cash" or self.known:
            return 1.0
        degrees = max(1, len(self.data) - len(self.free))
        return max(2.0 * lowest / degrees, float(np.mean(rounding**2)), np.finfo(float).tiny)

    def __call__(self, answer: FloatArray, rng: np.random.Generator, thoroughly: bool = False) -> Verdict:
        """Look for something lower than the answer; `thoroughly` for the lowest there is, however much lower."""
        free = np.clip(answer[self.free], self.lower, self.upper)
        model, columns = self.values(free, answer), self.derivatives(free, answer)
        cost = self.cost(model)
        if not np.isfinite(cost):
            nothing = np.full(len(free), np.inf)
            return Verdict(cost, cost, 0.0, 0.0, np.inf, answer, nothing, nothing, np.inf, 0.0)
        rounding = self.rounding(free, model, columns)
        first = self.variance(cost, rounding)
        residual = np.abs(self.weights * (model - self.data))
        doubt = float(residual @ rounding) * EPS / ROUNDINGS + EPS * float(residual @ residual)
        errors, directions, weakest = self.spread(columns, model, first)
        at_bound = np.minimum(free - self.lower, self.upper - free) <= AT_BOUND * self.unit + 1e-9 * np.abs(free)
        held = np.full(len(free), np.inf)
        if not at_bound.all():
            held[~at_bound] = self.spread(columns[:, ~at_bound], model, first, self.unit[~at_bound])[0]
        lowest, best = cost, free
        self._proof = -np.inf if thoroughly else cost - LOW_ENOUGH * first
        nudged = np.clip(free + NUDGE * directions @ rng.standard_normal(directions.shape[1]), self.lower, self.upper)
        for start in (free, nudged):
            found = self.search(start, errors, directions, answer, np.sqrt(first))
            reached = self.cost(self.values(found, answer))
            if reached < lowest:
                lowest, best = reached, found
            drop = (cost - lowest - doubt) / self.variance(lowest, rounding)
            if drop > ENOUGH:
                break
        edm = self.fall(free, model, columns) / first
        floor, at = 0.5 * float(rounding @ rounding), self.full(best, answer)
        beyond = 0.0
        if self.loss in ("cauchy", "arctan"):
            beyond = float(np.mean(residual > 2.0 * self.setup.samples.f_scale))
        return Verdict(cost, lowest, doubt, floor, drop, at, errors, held, edm, weakest, beyond)

    def fall(self, free: FloatArray, model: FloatArray, columns: FloatArray) -> float:
        """By how much a Gauss-Newton step lowers the cost; parameters at a bound that it pushes beyond are held."""
        residual, slope = self.rows(model)
        scaled = slope[:, np.newaxis] * columns * self.unit
        downhill, near = -(residual @ scaled), AT_BOUND * self.unit + 1e-9 * np.abs(free)
        beyond = ((free - self.lower <= near) & (downhill < 0.0)) | ((self.upper - free <= near) & (downhill > 0.0))
        norms = np.linalg.norm(scaled, axis=0)
        kept = (norms > 0.0) & ~beyond
        if not kept.any() or not np.isfinite(norms).all():
            return 0.0
        along, sizes, _ = np.linalg.svd(scaled[:, kept] / norms[kept], full_matrices=False)
        return 0.5 * float(np.sum((residual @ along)[sizes > TOLD_APART * sizes.max()] ** 2))

    def rows(self, model: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Residuals whose gradient is that of the cost, and their derivatives by the model; each of shape (M,)."""
        with np.errstate(all="ignore"):
            if self.loss == "cash":
                slope = np.where(model > 0.0, 1.0 / np.sqrt(model), 0.0)
                return (model - self.data) * slope, slope
            residual, scale = self.weights * (model - self.data), self.setup.samples.f_scale
            if self.loss == "linear":
                return residual, self.weights
            step = 1e-6 * (np.abs(residual) + scale)
            below, here, above = (
                np.sign(moved) * np.sqrt(rho(self.loss, moved, scale))
                for moved in (residual - step, residual, residual + step)
            )
            return here, self.weights * (above - below) / (2.0 * step)

    def spread(
        self, columns: FloatArray, model: FloatArray, variance: float, unit: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray, float]:
        """Standard errors, a square root of the covariance of F rows, and `Verdict.weakest`."""
        unit = self.unit if unit is None else unit
        if self.loss == "cash":
            weights = 1.0 / np.sqrt(np.maximum(model, 1e-3 * max(float(np.abs(self.data).mean()), 1e-3)))
        else:
            weights = self.weights / np.sqrt(variance)
        scaled = weights[:, np.newaxis] * columns * unit
        norms = np.linalg.norm(scaled, axis=0)
        norms[~(norms > 0.0)] = np.inf
        _, sizes, turned = np.linalg.svd(scaled / norms, full_matrices=False)
        kept = sizes > 1e-9 * max(sizes.max(initial=0.0), 1e-300)
        root = (turned[kept] / sizes[kept, np.newaxis]).T / norms[:, np.newaxis]
        # Where the data determine little, the second attempt starts no further away than by what matters.
        length = np.linalg.norm(root, axis=1)
        errors = np.where(np.isfinite(norms), length, np.inf) * unit
        largest = np.linalg.norm(root, axis=0)
        root = root * np.minimum(1.0, 1.0 / np.maximum(largest, 1e-300))
        least = float(sizes.min()) if len(sizes) == columns.shape[1] else 0.0
        return errors, unit[:, np.newaxis] * root, least / max(float(sizes.max(initial=0.0)), 1e-300)

    def search(
        self, start: FloatArray, errors: FloatArray, directions: FloatArray, answer: FloatArray, noise: float
    ) -> FloatArray:
        """Where scipy gets to from there."""
        scale = np.clip(errors, 1e-9 * self.unit, self.unit)
        scale = np.maximum(scale, 64.0 * np.spacing(np.abs(start)))
        try:
            if self.loss == "cash":
                return self._likelihood(start, scale, directions, answer)
            return self._squares(start, scale, answer, noise)
        except Proven as proof:
            return np.clip(proof.args[0], self.lower, self.upper)
        except (ValueError, np.linalg.LinAlgError):
            # scipy met an infinity on its way and gave up.
            return start

    def _squares(self, start: FloatArray, scale: FloatArray, answer: FloatArray, noise: float) -> FloatArray:
        def residual(moved: FloatArray) -> FloatArray:
            values = self.values(start + moved * scale, answer)
            if self.cost(values) < self._proof:
                raise Proven(start + moved * scale)
            return self.weights / noise * (values - self.data)

        def jacobian(moved: FloatArray) -> FloatArray:
            columns = self.derivatives(np.clip(start + moved * scale, self.lower, self.upper), answer)
            return (self.weights / noise)[:, np.newaxis] * columns * scale

        if not np.isfinite(residual(np.zeros(len(start)))).all():
            return start
        with np.errstate(all="ignore"):
            found = least_squares(
                residual,
                np.zeros(len(start)),
                jacobian,
                bounds=((self.lower - start) / scale, (self.upper - start) / scale),
                loss=self.loss,
                f_scale=self.setup.samples.f_scale / noise,
                x_scale="jac",
                ftol=1e-11,
                xtol=1e-11,
                gtol=1e-11,
                max_nfev=200,
            )
        return np.clip(start + found.x * scale, self.lower, self.upper)

    def _likelihood(
        self, start: FloatArray, scale: FloatArray, directions: FloatArray, answer: FloatArray
    ) -> FloatArray:
        bounded = bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())
        # Along the axes of the error ellipse where that leaves no bound.
        by = np.diag(scale) if bounded or not directions.size else directions

        def cost(moved: FloatArray) -> float:
            found = self.cost(self.values(start + by @ moved, answer))
            if found < self._proof:
                raise Proven(start + by @ moved)
            return min(found, 1e300)

        def at(moved: FloatArray) -> tuple[FloatArray, FloatArray]:
            here = np.clip(start + by @ moved, self.lower, self.upper)
            return self.values(here, answer), self.derivatives(here, answer) @ by

        def gradient(moved: FloatArray) -> FloatArray:
            model, columns = at(moved)
            with np.errstate(all="ignore"):
                found = np.where(self.data > 0.0, 1.0 - self.data / model, 1.0) @ columns
            return np.where(np.isfinite(found), found, 0.0)

        def fisher(moved: FloatArray) -> FloatArray:
            model, columns = at(moved)
            expected = np.where(model > 0.0, model, np.inf)
            return np.nan_to_num((columns.T / expected) @ columns, posinf=1e300, neginf=-1e300)

        bounds = None
        if bounded:
            bounds = list(zip((self.lower - start) / scale, (self.upper - start) / scale, strict=True))
        downhill = {"jac": gradient, "method": "L-BFGS-B", "options": {"maxiter": 40, "ftol": 1e-12, "gtol": 1e-4}}
        newton = {"jac": gradient, "hess": fisher, "method": "trust-exact", "options": {"maxiter": 40, "gtol": 1e-4}}
        simplex = {"method": "Nelder-Mead", "options": {"maxfev": 40 * by.shape[1], "fatol": 1e-3, "xatol": 1e-2}}
        best = np.zeros(by.shape[1])
        with np.errstate(all="ignore"):
            for how in (downhill, simplex) if bounded else (newton, downhill, simplex):
                found = minimize(cost, best, bounds=None if how is newton else bounds, **how)
                if found.fun < cost(best):
                    best = np.asarray(found.x)
        return np.clip(start + by @ best, self.lower, self.upper)


def deviance(counts: FloatArray, model: FloatArray) -> float:
    """Half of the likelihood ratio of Poisson counts: sum of m - d + d ln(d / m)."""
    some = counts > 0.0
    if (model[some] <= 0.0).any() or (model[~some] < 0.0).any():
        return np.inf
    seen, expected = counts[some], model[some]
    return float(np.sum(model - counts) + np.sum(seen * np.log(seen / expected)))


def rho(loss: str, residual: FloatArray, scale: float) -> FloatArray:
    """What a residual counts, as scipy's `least_squares` has it."""
    if loss == "linear":
        return residual**2
    z = (residual / scale) ** 2
    counted = {
        "huber": lambda: np.where(z <= 1.0, z, 2.0 * np.sqrt(z) - 1.0),
        "soft_l1": lambda: 2.0 * (np.sqrt(1.0 + z) - 1.0),
        "cauchy": lambda: np.log1p(z),
        "arctan": lambda: np.arctan(z),
    }[loss]()
    return scale**2 * counted
