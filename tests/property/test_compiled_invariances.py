"""The compiled engine gives the same answers however a problem is written, to the last bit where rounding allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Const2D, Gaussian1D, Gaussian2D, Lorentz1D, Moffat1D, Voigt1D
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import ndfit

FloatArray = NDArray[np.float64]

CHANGE = 1e-3  # of the standard errors
N_FITS = 12
FAR = 1e300

X = np.linspace(-10.0, 10.0, 60)
PLANE = tuple(np.mgrid[:11, :12] - 5.0)


@dataclass(frozen=True)
class Problem:
    """`powers` are those of the unit of the data, and of the coordinates, that each parameter has."""

    truth: Any
    coords: tuple[FloatArray, ...]
    spread: tuple[float, ...]
    powers: tuple[tuple[int, int], ...]


AMPLITUDE, LENGTH, ANGLE = (1, 0), (0, 1), (0, 0)
LINE = (AMPLITUDE, LENGTH, LENGTH)
PROBLEMS: Mapping[str, Problem] = {
    "line": Problem(Gaussian1D(5, 0.4, 1.5) + Const1D(2), (X,), (1, 0.8, 0.4, 0.5), (*LINE, AMPLITUDE)),
    "two lines": Problem(
        Gaussian1D(5, -3, 1.5) + Lorentz1D(3, 4, 2), (X,), (1, 0.8, 0.4, 1, 0.8, 0.4), LINE + LINE
    ),
    "Voigt": Problem(
        Voigt1D(0.3, 8, 1.5, 1.2) + Const1D(1),
        (X,),
        (0.5, 1, 0.3, 0.3, 0.3),
        (LENGTH, AMPLITUDE, LENGTH, LENGTH, AMPLITUDE),
    ),
    "Moffat": Problem(Moffat1D(5, 0.3, 2, 2.5), (X,), (1, 0.5, 0.3, 0.3), (*LINE, ANGLE)),
    "star": Problem(
        Gaussian2D(5, 0.4, -0.3, 1.5, 2.2, 0.5) + Const2D(1),
        PLANE,
        (1, 0.5, 0.5, 0.3, 0.3, 0.2, 0.5),
        (AMPLITUDE, LENGTH, LENGTH, LENGTH, LENGTH, ANGLE, AMPLITUDE),
    ),
}  # fmt: skip


class Written(NamedTuple):
    """One way to write a problem."""

    unit: float = 1.0
    length: float = 1.0
    order: Any = slice(None)
    positions: Any = slice(None)
    bounds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """The same for each way: which samples, and from where the fit starts."""

    name: str
    seed: int
    noise: float
    known: bool

    def fitted(self, written: Written) -> ndfit.FitResult:
        problem, rng = PROBLEMS[self.name], np.random.default_rng(self.seed)
        truth = problem.truth
        exact = truth(*problem.coords)
        sigma = self.noise * rng.uniform(0.7, 1.5, exact.shape)
        data = exact + sigma * rng.standard_normal((N_FITS, *exact.shape))
        units = np.array([written.unit**power * written.length**other for power, other in problem.powers])
        start = truth.copy()
        start.parameters = (truth.parameters + np.array(problem.spread) * rng.uniform(-1.0, 1.0, units.size)) * units
        # Samples in a row, in any order: the second fitting axis of a plane has length one.
        width = [1] * (len(problem.coords) - 1)
        shape = (exact.size, *width)
        return ndfit.fit(
            start,
            _ordered(data.reshape(N_FITS, *shape)[written.positions], written) * written.unit,
            world=tuple(_ordered(axis.reshape(1, *shape), written)[0] * written.length for axis in problem.coords),
            fitting_axes=tuple(range(1, 1 + len(shape))),
            uncertainty=_ordered(sigma.reshape(1, *shape), written) * written.unit if self.known else None,
            bounds=dict.fromkeys(written.bounds, (-FAR, FAR)),
            guess=None,
            engine="compiled",
            progress=False,
        )

    def answers(self, written: Written) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Parameters and errors of each fit in the units of the plain problem, (N, P) each, and who believes them."""
        problem, names = PROBLEMS[self.name], PROBLEMS[self.name].truth.param_names
        units = np.array([written.unit**power * written.length**other for power, other in problem.powers])
        result = self.fitted(written)
        maps = (np.stack([kind[name] for name in names], axis=1) / units for kind in (result.parameters, result.errors))
        return (*maps, result.success & ~ndfit.disqualified(result.flags))


def _ordered(samples: FloatArray, written: Written) -> FloatArray:
    return np.ascontiguousarray(samples[:, written.order])


def assert_same_bits(drawn: Drawn, written: Written) -> None:
    """Where the units of both are powers of two."""
    plain, errors, _ = drawn.answers(Written())
    other, other_errors, _ = drawn.answers(written)
    assert_array_equal(other, plain)
    assert_array_equal(other_errors, errors)


def assert_same_answers(drawn: Drawn, written: Written) -> None:
    """Where both are plain answers; there may be several minima, which rounding chooses among."""
    plain, errors, sure = drawn.answers(Written())
    other, other_errors, also_sure = drawn.answers(written)
    with np.errstate(invalid="ignore"):
        apart = np.abs(other - plain) / errors
        same = (apart <= CHANGE).all(axis=1) & (np.abs(other_errors - errors) <= CHANGE * errors).all(axis=1)
    assert_array_equal(same[sure & also_sure], True)


def drawn_problems(function: Any) -> Any:
    drawn = given(
        drawn=st.builds(
            Drawn, st.sampled_from(sorted(PROBLEMS)), st.integers(0, 10_000), st.floats(0.005, 0.5), st.booleans()
        ),
        draw=st.data(),
    )
    return settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])(drawn(function))


pytestmark = pytest.mark.filterwarnings("ignore::ndfit.FitWarning")


@drawn_problems
def test_a_power_of_two_in_the_unit_of_the_data_changes_no_bit(drawn: Drawn, draw: Any) -> None:
    assert_same_bits(drawn, Written(unit=2.0 ** draw.draw(st.integers(-80, 80))))


@drawn_problems
def test_a_bound_that_nothing_reaches_changes_no_bit(drawn: Drawn, draw: Any) -> None:
    names = PROBLEMS[drawn.name].truth.param_names
    assert_same_bits(drawn, Written(bounds=tuple(draw.draw(st.sets(st.sampled_from(names), min_size=1)))))


@drawn_problems
def test_neighbours_change_no_bit(drawn: Drawn, draw: Any) -> None:
    order = draw.draw(st.permutations(range(N_FITS)))[: draw.draw(st.integers(1, N_FITS))]
    whole, part = drawn.fitted(Written()), drawn.fitted(Written(positions=order))
    assert_array_equal(part.chi_square, whole.chi_square[order])
    assert_array_equal(part.nfev, whole.nfev[order])


@drawn_problems
def test_unit_of_the_data(drawn: Drawn, draw: Any) -> None:
    assert_same_answers(drawn, Written(unit=10.0 ** draw.draw(st.floats(-30.0, 30.0))))


@drawn_problems
def test_unit_of_the_coordinates(drawn: Drawn, draw: Any) -> None:
    assert_same_answers(drawn, Written(length=10.0 ** draw.draw(st.floats(-12.0, 15.0))))


@drawn_problems
def test_order_of_the_samples(drawn: Drawn, draw: Any) -> None:
    size = PROBLEMS[drawn.name].coords[0].size
    assert_same_answers(drawn, Written(order=np.array(draw.draw(st.permutations(range(size))))))
