"""Fits through instruments give the same answers however a problem is written: units, order, chunks, engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Const2D, Gaussian1D, Gaussian2D
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import ndfit
from ndfit import Instrument

FloatArray = NDArray[np.float64]

CHANGE = 2e-3  # of the standard errors
N_FITS, M = 6, 36
EVEN = np.arange(float(M))
UNEVEN = np.cumsum(np.where(EVEN < 15.0, 0.7, 1.3))
TRUE = np.array([10.0, 18.3, 2.0, 1.0])
POWERS = ((1, 0), (0, 1), (0, 1), (1, 0))  # of the units of the data and of the coordinates


class Written(NamedTuple):
    """One way to write a problem."""

    unit: float = 1.0
    length: float = 1.0
    falling: bool = False
    chunk: int | None = None
    engine: str = "compiled"

    def of_samples(self, values: FloatArray) -> FloatArray:
        """What belongs to the samples, along the last axis, in their order."""
        return values[..., ::-1].copy() if self.falling else values


WIDTHS = 0.8 + 0.3 * np.sin(EVEN / 6.0)
OF_EACH = np.linspace(0.4, 1.5, N_FITS)
KERNEL = np.array([1.0, 4.0, 2.0])
BAND = np.random.default_rng(0).uniform(0.2, 1.0, (N_FITS, 4, M))
OFFSETS = np.array([2, 0, -1, -2])


def edges_of(x: FloatArray) -> FloatArray:
    middle = 0.5 * (x[1:] + x[:-1])
    return np.concatenate([2.0 * x[:1] - middle[:1], middle, 2.0 * x[-1:] - middle[-1:]])


def band(written: Written, diagonals: FloatArray) -> Instrument:
    """Of falling samples, diagonals change sides."""
    return Instrument.matrix(written.of_samples(diagonals), offsets=tuple(-OFFSETS if written.falling else OFFSETS))


def table(written: Written) -> Instrument:
    values = KERNEL[::-1] if written.falling else KERNEL
    return Instrument.kernel(values, centre=2 if written.falling else 0)


def spread(written: Written, sigma: Any) -> Instrument:
    return Instrument.gaussian(sigma=sigma * written.length)


INSTRUMENTS: Mapping[str, Callable[[Written, FloatArray], Instrument]] = {
    "spread": lambda how, _: spread(how, 1.2),
    "of each sample": lambda how, _: spread(how, how.of_samples(WIDTHS)),
    "of each position": lambda how, _: spread(how, OF_EACH),
    "of both": lambda how, _: spread(how, OF_EACH[:, np.newaxis] * how.of_samples(WIDTHS)),
    "resolving power": lambda _, __: Instrument.gaussian(resolving_power=15.0),
    "bins": lambda _, __: Instrument.bins(),
    "edges and spread": lambda how, x: Instrument.bins(edges_of(x) * how.length) @ spread(how, OF_EACH),
    "kernel and bins": lambda how, _: table(how) @ Instrument.bins(),
    "matrix": lambda how, _: band(how, BAND[0]),
    "matrices, bins and spread": lambda how, _: band(how, BAND) @ Instrument.bins() @ spread(how, 0.7),
    "noise": lambda how, _: Instrument.correlated_noise(length=2.0) @ spread(how, 0.7),
}


@dataclass(frozen=True)
class Drawn:
    """The same for each way."""

    name: str
    seed: int
    noise: float
    uneven: bool
    gaps: bool

    def result(self, written: Written, instrument: Instrument | None = None) -> ndfit.FitResult:
        rng = np.random.default_rng(self.seed)
        x = UNEVEN if self.uneven else EVEN
        sigma = self.noise * rng.uniform(0.7, 1.5, M)
        data = TRUE[0] * np.exp(-0.5 * ((x - TRUE[1]) / 2.4) ** 2) + TRUE[3] + sigma * rng.normal(size=(N_FITS, M))
        if self.gaps:
            data[1:4, 5] = data[2, 17:19] = np.nan
        start = Gaussian1D(9.0 * written.unit, 18.0 * written.length, 2.2 * written.length) + Const1D(written.unit)
        own_x = written.of_samples(x)
        return ndfit.fit(
            start,
            written.of_samples(data) * written.unit,
            fitting_axes=1,
            world=(own_x * written.length,),
            uncertainty=written.of_samples(sigma) * written.unit,
            instrument=instrument or INSTRUMENTS[self.name](written, own_x),
            guess=None,
            engine=written.engine,  # type: ignore[arg-type]
            chunk_n_max=written.chunk,
            progress=False,
        )

    def answers(self, written: Written, instrument: Instrument | None = None) -> tuple[FloatArray, FloatArray]:
        """Parameters and errors in the units of the plain problem."""
        units = np.array([written.unit**one * written.length**other for one, other in POWERS])
        result = self.result(written, instrument)
        assert result.success.all()
        parameters, errors = (
            np.stack([kind[name] for name in result.param_names], axis=1) / units
            for kind in (result.parameters, result.errors)
        )
        parameters[:, 2] = np.abs(parameters[:, 2])
        return parameters, errors


def assert_same_answers(drawn: Drawn, written: Written) -> None:
    plain, errors = drawn.answers(Written())
    other, other_errors = drawn.answers(written)
    assert np.abs((other - plain) / errors).max() < CHANGE
    np.testing.assert_allclose(other_errors, errors, rtol=CHANGE)


def assert_same_bits(drawn: Drawn, written: Written) -> None:
    for one, other in zip(drawn.answers(Written()), drawn.answers(written), strict=True):
        assert_array_equal(other, one)


def drawn_problems(function: Any) -> Any:
    names, flag = st.sampled_from(sorted(INSTRUMENTS)), st.booleans()
    drawn = given(
        drawn=st.builds(Drawn, names, st.integers(0, 10_000), st.floats(0.02, 0.3), flag, flag), draw=st.data()
    )
    return settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])(drawn(function))


pytestmark = pytest.mark.filterwarnings("ignore::ndfit.FitWarning")


@drawn_problems
def test_units_of_data_and_coordinates(drawn: Drawn, draw: Any) -> None:
    unit, length = (10.0 ** draw.draw(st.floats(-12.0, 12.0)) for _ in range(2))
    assert_same_answers(drawn, Written(unit=unit, length=length))


@drawn_problems
def test_a_power_of_two_in_the_unit_of_the_data_changes_no_bit(drawn: Drawn, draw: Any) -> None:
    assert_same_bits(drawn, Written(unit=2.0 ** draw.draw(st.integers(-60, 60))))


@drawn_problems
def test_samples_the_other_way_round(drawn: Drawn, draw: Any) -> None:
    assert_same_answers(drawn, Written(falling=True))


@drawn_problems
def test_chunks_change_no_bit(drawn: Drawn, draw: Any) -> None:
    assert_same_bits(drawn, Written(chunk=draw.draw(st.integers(1, N_FITS))))


@drawn_problems
def test_engines(drawn: Drawn, draw: Any) -> None:
    assert_same_answers(drawn, Written(engine="reference"))


IDENTITIES: Mapping[str, Callable[[FloatArray], Instrument]] = {
    "no stage": lambda _: Instrument(),
    "kernel": lambda _: Instrument.kernel([1.0]),
    "a value beside": lambda _: Instrument.kernel([0.0, 3.0, 0.0, 0.0], centre=1),
    "matrix": lambda _: Instrument.matrix(np.ones((1, M))),
    "matrices": lambda _: Instrument.matrix(np.ones((N_FITS, 1, M))),
    "a narrow spread": lambda _: Instrument.gaussian(sigma=1e-9),
    "narrow spreads": lambda _: Instrument.gaussian(sigma=np.geomspace(1e-300, 1e-7, N_FITS)),
    "resolving power": lambda _: Instrument.gaussian(resolving_power=1e12),
    "a short correlation": lambda _: Instrument.correlated_noise(length=1e-3),
    "no correlation": lambda _: Instrument.correlated_noise(correlation=np.eye(M)),
}


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("identity", IDENTITIES)
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), uneven=st.booleans(), gaps=st.booleans())
def test_what_changes_nothing(identity: str, engine: str, seed: int, uneven: bool, gaps: bool) -> None:
    drawn, written = Drawn("bins", seed, 0.1, uneven, gaps), Written(engine=engine)
    plain, errors = drawn.answers(written, Instrument())
    other, other_errors = drawn.answers(written, IDENTITIES[identity](UNEVEN if uneven else EVEN))
    assert np.abs((other - plain) / errors).max() < CHANGE
    np.testing.assert_allclose(other_errors, errors, rtol=CHANGE)


STAR = (5.0, 5.3, 4.8, 1.4, 1.9, 0.3, 1.0)
STAR_POWERS = ((1, 0), (0, 1), (0, 1), (0, 1), (0, 1), (0, 0), (1, 0))
PLANE = (np.arange(11.0), np.cumsum(np.where(np.arange(10) < 6, 0.8, 1.3)))
PLANES: Mapping[str, Callable[[float], Instrument]] = {
    "spread": lambda length: Instrument.gaussian(sigma=(0.6 * length, 0.9 * length)),
    "bins": lambda _: Instrument.bins(nodes=5),
    "bins and spread": lambda length: Instrument.bins(nodes=3) @ Instrument.gaussian(sigma=0.7 * length),
    "kernel": lambda _: Instrument.kernel([[1.0, 2.0, 1.0], [2.0, 5.0, 2.0], [1.0, 2.0, 1.0]]),
}


def star(name: str, seed: int, unit: float, length: float, falling: bool, engine: str) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    truth = Gaussian2D(*STAR[:6]) + Const2D(STAR[6])
    order = slice(None, None, -1) if falling else slice(None)
    data = (truth(*np.meshgrid(*PLANE, indexing="ij")) + 0.05 * rng.normal(size=(2, 11, 10)))[:, order, order]
    units = np.array([unit**one * length**other for one, other in STAR_POWERS])
    start = truth.copy()
    start.parameters = np.array(STAR) * rng.uniform(0.95, 1.05, len(STAR)) * units
    result = ndfit.fit(
        start,
        data * unit,
        fitting_axes=(1, 2),
        world=tuple(axis[order] * length for axis in PLANE),
        uncertainty=0.05 * unit,
        instrument=PLANES[name](length),
        guess=None,
        engine=engine,  # type: ignore[arg-type]
        progress=False,
    )
    assert result.success.all()
    parameters, errors = (
        np.stack([kind[each] for each in result.param_names], axis=1) / units
        for kind in (result.parameters, result.errors)
    )
    return parameters, errors


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(PLANES)),
    seed=st.integers(0, 10_000),
    powers=st.tuples(st.floats(-12.0, 12.0), st.floats(-12.0, 12.0)),
    falling=st.booleans(),
    engine=st.sampled_from(["compiled", "reference"]),
)
def test_planes(name: str, seed: int, powers: tuple[float, float], falling: bool, engine: str) -> None:
    plain, errors = star(name, seed, 1.0, 1.0, falling=False, engine="compiled")
    other, other_errors = star(name, seed, 10.0 ** powers[0], 10.0 ** powers[1], falling, engine)
    assert np.abs((other - plain) / errors).max() < CHANGE
    np.testing.assert_allclose(other_errors, errors, rtol=CHANGE)
