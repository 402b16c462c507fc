"""The second fuzz: one start for many positions whose lines are elsewhere, and which minimum the default call ends in.

    python -m tests.fuzz.lines              a table of shares

Flows in: a kind of scene, how many positions. Flows out: Shares of positions at a false minimum, flagged or not.

An answer is at a false minimum where chi-square is lower by more than 4 from a start at the truth: a difference that
the noise does not make. Two lines at half their width apart have several minima within that, none of which is false.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.modeling.models import Const1D, Gaussian1D
from numpy.typing import NDArray

import ndfit
from ndfit.errors import FitWarning
from ndfit.status import FLAGS, converged

__all__ = ["SCENES", "Scene", "Shares", "faint_lines_missed", "shares_of"]

FloatArray = NDArray[np.float64]

WORSE = 4.0
N_CHANNELS = 80
X = np.arange(float(N_CHANNELS))
FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))
# Nothing is yet called so in version 0.1.
AMBIGUOUS = sum(flag for flag, row in FLAGS.items() if row.flag.name == "AMBIGUOUS")
DISQUALIFYING = sum(flag for flag, row in FLAGS.items() if getattr(row, "disqualifies", True))


@dataclass(frozen=True)
class Scene:
    """True parameters of N positions, and the one start for all of them.

    Attributes
    ----------
    build : parameters -> model
    truth : shape (N, P)
    start : shape (P,)
    """

    build: Callable[..., Any]
    truth: FloatArray
    start: tuple[float, ...]


@dataclass(frozen=True)
class Shares:
    """Of all positions."""

    false_unflagged: float
    false_flagged: float
    ambiguous: float
    not_converged: float


def _one(*p: Any) -> Any:
    return Gaussian1D(*p[:3]) + Const1D(p[3])


def _two(*p: Any) -> Any:
    return Gaussian1D(*p[:3]) + Gaussian1D(*p[3:6]) + Const1D(p[6])


def one_line(rng: np.random.Generator, n_fits: int) -> Scene:
    """A line up to 20 channels away from where it is looked for."""
    truth = np.stack(
        [
            rng.uniform(5.0, 30.0, n_fits),
            40.0 + rng.uniform(-20.0, 20.0, n_fits),
            rng.uniform(2.0, 4.0, n_fits),
            rng.uniform(-5.0, 5.0, n_fits),
        ],
        axis=1,
    )
    return Scene(_one, truth, (10.0, 40.0, 3.0, 0.0))


def two_lines(rng: np.random.Generator, n_fits: int) -> Scene:
    """Two lines 0.5 to 3 FWHM apart, the fainter at S/N 5 or more, somewhere within 10 channels of the start."""
    sigma = rng.uniform(2.0, 4.0, n_fits)
    middle, apart = 40.0 + rng.uniform(-10.0, 10.0, n_fits), FWHM * sigma * rng.uniform(0.5, 3.0, n_fits)
    truth = np.stack(
        [
            rng.uniform(5.0, 30.0, n_fits),
            middle - 0.5 * apart,
            sigma,
            rng.uniform(5.0, 30.0, n_fits),
            middle + 0.5 * apart,
            sigma * rng.uniform(0.8, 1.25, n_fits),
            rng.uniform(-5.0, 5.0, n_fits),
        ],
        axis=1,
    )
    return Scene(_two, truth, (10.0, 35.0, 3.0, 10.0, 45.0, 3.0, 0.0))


SCENES: Mapping[str, Callable[[np.random.Generator, int], Scene]] = {"one line": one_line, "two lines": two_lines}


def shares_of(name: str, n_fits: int, seed: int, known_noise: bool = True, **keywords: Any) -> Shares:
    """Fit the default call of `ndfit.fit`, or what keywords make of it, and compare with a start at the truth."""
    rng = np.random.default_rng(seed)
    scene = SCENES[name](rng, n_fits)
    clean = scene.build(*scene.start).evaluate(X, *scene.truth.T[:, :, np.newaxis])
    data = clean + rng.standard_normal(clean.shape)
    sigma = {"uncertainty": np.ones(N_CHANNELS)} if known_noise else {}

    def fit(model: Any, **more: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            return ndfit.fit(model, data, fitting_axes=1, world=(X,), progress=False, **sigma, **more)

    found = fit(scene.build(*scene.start), **keywords)
    from_truth = fit(scene.build(*scene.truth.T), guess=None)
    # The noise is 1 where nothing is said of it, too.
    false = ~(found.chi_square <= from_truth.chi_square + WORSE)
    flagged = (found.flags & DISQUALIFYING) > 0
    silent = converged(found.status) & ~flagged
    return Shares(
        float(np.mean(false & silent)),
        float(np.mean(false & ~silent)),
        float(np.mean((found.flags & AMBIGUOUS) > 0)),
        float(np.mean(~converged(found.status))),
    )


def faint_lines_missed(ratio: float, n_fits: int, seed: int, noise: float = 0.05, **keywords: Any) -> float:
    """Share of positions at which a line beside one that is `ratio` times as bright is not found.

    Both lines have the same width and are 8.6 of it apart; the start is exact but for the sizes. The bright one is
    `ratio` times 10 to 80 times the noise.
    """
    rng = np.random.default_rng(seed)
    x = np.linspace(6480.0, 6640.0, 200)
    faint = noise * rng.uniform(10.0, 80.0, n_fits)
    shift = rng.uniform(-1.0, 1.0, n_fits)
    profile = [np.exp(-0.5 * ((x - centre - shift[:, np.newaxis]) / 2.4) ** 2) for centre in (6562.8, 6583.45)]
    data = faint[:, np.newaxis] * (ratio * profile[0] + profile[1]) + noise * rng.standard_normal((n_fits, len(x)))
    model = Gaussian1D(20.0, 6562.0, 2.4) + Gaussian1D(3.0, 6583.0, 2.4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        result = ndfit.fit(model, data, fitting_axes=1, world=(x,), progress=False, **keywords)
    means = np.stack([result.parameters["mean_0"], result.parameters["mean_1"]])
    wanted = np.stack([6562.8 + shift, 6583.45 + shift])
    return float(np.mean(~(np.abs(means - wanted) < 2.4).all(axis=0)))


def main() -> None:
    print("| lines | guess | false, unflagged | false, flagged | AMBIGUOUS | not converged |")
    print("|---|---|---|---|---|---|")
    for name in SCENES:
        for known in (True, False):
            for keywords in ({}, {"guess": None}, {"guess": "auto"}):
                shares = shares_of(name, 4000, 7, known, **keywords)
                told = [keywords.get("guess", "default"), *(f"{share:.2%}" for share in vars(shares).values())]
                print(f"| {name}{'' if known else ', noise unknown'} | {' | '.join(map(str, told))} |", flush=True)
    for keywords in ({}, {"guess": "auto"}):
        missed = [f"{ratio}:1 {faint_lines_missed(ratio, 2000, 3, **keywords):.2%}" for ratio in (2, 4, 6, 10, 20, 50)]
        print(f"faint lines missed, {keywords or 'default'}: {', '.join(missed)}", flush=True)


if __name__ == "__main__":
    main()
