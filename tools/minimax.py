"""The polynomial coefficients of ndfit.compiler.functions: names of polynomials in, their coefficients out.

    python tools/minimax.py _EXP_TAIL _LOG_TAIL      (all of them without arguments, some minutes)

Each polynomial minimises the largest weighted error on its interval: Remez's exchange algorithm (E. W. Cheney,
"Introduction to Approximation Theory", 1966, chapter 3), in Chebyshev polynomials and 90 digits. Needs mpmath.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp  # type: ignore[import-not-found, import-untyped, unused-ignore]

mp.mp.dps = 90

Real = Any
Function = Callable[[Real], Real]
ROUNDS = 12
GRID_PER_REFERENCE = 40


@dataclass(frozen=True)
class Fit:
    """What to approximate, by which degree, where, and how errors are weighted."""

    function: Function
    degree: int
    low: Real
    high: Real
    weight: Function = lambda x: mp.mpf(1)


def _solve(fit: Fit, weight: Function, points: list[Real], scaled: Function) -> tuple[list[Real], Real]:
    """Chebyshev coefficients whose weighted errors at the points alternate, and the size of these errors."""
    size = fit.degree + 2
    matrix, values = mp.matrix(size, size), mp.matrix(size, 1)
    for row, x in enumerate(points):
        for column in range(fit.degree + 1):
            matrix[row, column] = mp.chebyt(column, scaled(x))
        matrix[row, size - 1] = (-1) ** row / weight(x)
        values[row] = fit.function(x)
    solution = mp.lu_solve(matrix, values)
    return [solution[i] for i in range(size - 1)], abs(solution[size - 1])


def _extrema(errors: list[Real], count: int) -> list[int]:
    """Where the error is largest between its changes of sign: `count` places, the smallest ends dropped."""
    runs = [[0]]
    for i in range(1, len(errors)):
        if mp.sign(errors[i]) == mp.sign(errors[runs[-1][-1]]):
            runs[-1].append(i)
        else:
            runs.append([i])
    places = [max(run, key=lambda i: abs(errors[i])) for run in runs]
    while len(places) > count:
        places.pop(0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1)
    return places


def minimax(fit: Fit) -> tuple[list[float], float]:
    """Ascending coefficients and the largest weighted error."""
    low, high = mp.mpf(fit.low), mp.mpf(fit.high)
    # A weight of zero at an end would leave the system singular.
    floor = max(fit.weight(low), fit.weight(high)) * mp.mpf("1e-4")
    count = fit.degree + 2

    def weight(x: Real) -> Real:
        return max(fit.weight(x), floor)

    def scaled(x: Real) -> Real:
        return (2 * x - low - high) / (high - low)

    def chebyshev_points(number: int) -> list[Real]:
        return [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / (number - 1)) for i in range(number)]

    points, grid = chebyshev_points(count), chebyshev_points(GRID_PER_REFERENCE * count + 1)
    for _ in range(ROUNDS):
        series, level = _solve(fit, weight, points, scaled)
        errors = [weight(x) * (fit.function(x) - _chebyshev_sum(series, scaled(x))) for x in grid]
        places = _extrema(errors, count)
        largest = max(abs(errors[i]) for i in places)
        if len(places) < count or largest < level * mp.mpf("1.02"):
            break
        points = [grid[i] for i in places]
    return _ascending(series, low, high), float(largest)


def _chebyshev_sum(series: list[Real], t: Real) -> Real:
    return mp.fsum(c * mp.chebyt(k, t) for k, c in enumerate(series))


def _ascending(series: list[Real], low: Real, high: Real) -> list[float]:
    """Coefficients of powers of x, from those of Chebyshev polynomials on [low, high], by their recurrence."""
    slope, shift = 2 / (high - low), -(low + high) / (high - low)

    def times_scaled(polynomial: list[Real]) -> list[Real]:
        return [shift * c + slope * b for c, b in zip([*polynomial, mp.mpf(0)], [mp.mpf(0), *polynomial], strict=True)]

    previous, current = [mp.mpf(1)], times_scaled([mp.mpf(1)])
    total = [mp.mpf(0)] * len(series)
    for coefficient in series:
        for i, c in enumerate(previous):
            total[i] += coefficient * c
        doubled = [2 * c for c in times_scaled(current)]
        for i, c in enumerate(previous):
            doubled[i] -= c
        previous, current = current, doubled
    return [float(c) for c in total]


def _of_root(function: Function) -> Function:
    """The function of sqrt(z), kept from z = 0, where quotients are undefined; 90 digits stand the cancellation."""
    return lambda z: function(mp.sqrt(max(z, mp.mpf("1e-22"))))


def _away_from_zero(function: Function) -> Function:
    return lambda x: function(x if abs(x) > 1e-20 else mp.mpf("1e-20"))


def _scaled_erfc(t: Real) -> Real:
    """(1 + 2 x) exp(x**2) erfc(x); its limit from x = 1e9 on."""
    if t > 1 - mp.mpf("1e-8"):
        return 2 / mp.sqrt(mp.pi)
    x = mp.mpf("3.75") * (1 + t) / (1 - t)
    if x < 60:
        return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)
    return (1 + 2 * x) / (x * mp.sqrt(mp.pi)) * mp.fsum((-1) ** k * mp.rf(0.5, k) / x ** (2 * k) for k in range(20))


def _stirling_tail(inverse: Real) -> Real:
    x = 1 / inverse
    return x * (mp.loggamma(x) - (x - 0.5) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)


def _digamma_tail(inverse: Real) -> Real:
    x = 1 / inverse
    return x**2 * (mp.log(x) - inverse / 2 - mp.digamma(x))


def _hankel_wave(order: int, inverse: Real) -> Real:
    """Pn + i Qn at 8 / x."""
    x = 8 / inverse
    hankel = mp.besselj(order, x) + 1j * mp.bessely(order, x)
    return hankel * mp.sqrt(mp.pi * x / 2) * mp.expj(-(x - order * mp.pi / 2 - mp.pi / 4))


def _hankel_p(order: int) -> Function:
    return _of_root(lambda inverse: mp.re(_hankel_wave(order, inverse)))


def _hankel_q(order: int) -> Function:
    return _of_root(lambda inverse: mp.im(_hankel_wave(order, inverse)) / inverse)


HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.0001")
LARGEST_S_SQUARE = mp.mpf("0.029438") * mp.mpf("1.001")  # of (m - 1) / (m + 1) for m up to sqrt(2)
SQUARE_OF_PI_OVER_4 = (mp.pi / 4 * mp.mpf("1.001")) ** 2
TAN_PI_OVER_8_SQUARE = (mp.sqrt(2) - 1) ** 2 * mp.mpf("1.001")
DIGAMMA_ZERO = mp.findroot(mp.digamma, 1.46)
ERFC_START = (mp.mpf("0.45") - mp.mpf("3.75")) / (mp.mpf("0.45") + mp.mpf("3.75"))

_exp_tail = _away_from_zero(lambda r: (mp.expm1(r) - r) / r**2)
_gammaln_near_two = _away_from_zero(lambda t: mp.loggamma(2 + t) / (t * (1 + t)))
_digamma_middle = _away_from_zero(lambda t: mp.digamma(t + 1.5) / (t + 1.5 - DIGAMMA_ZERO))

FITS = {
    "_EXP_TAIL": Fit(_exp_tail, 9, -HALF_LN2, HALF_LN2, lambda r: r * r * mp.exp(-r)),
    "_LOG_TAIL": Fit(_of_root(lambda s: (mp.atanh(s) / s - 1) / s**2), 6, 0, LARGEST_S_SQUARE, lambda z: z),
    "_ATANH_TAIL": Fit(
        _of_root(lambda s: (3 * mp.atanh(s) / s - 3 - s**2) / s**4), 7, 0, LARGEST_S_SQUARE, lambda z: z * z
    ),
    "_CBRT_START": Fit(mp.cbrt, 5, 0.7071, 1.41422, lambda x: 1 / mp.cbrt(x)),
    "_SIN_TAIL": Fit(_of_root(lambda r: (mp.sin(r) / r - 1) / r**2), 5, 0, SQUARE_OF_PI_OVER_4, lambda z: z),
    "_COS_TAIL": Fit(_of_root(lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4), 5, 0, SQUARE_OF_PI_OVER_4, lambda z: z * z),
    "_ARCTAN_TAIL": Fit(_of_root(lambda t: (mp.atan(t) / t - 1) / t**2), 10, 0, TAN_PI_OVER_8_SQUARE, lambda z: z),
    "_ERF_NEAR_ZERO": Fit(_of_root(lambda x: mp.erf(x) / x), 11, 0, 1),
    "_SCALED_ERFC": Fit(_scaled_erfc, 23, ERFC_START, 1, lambda t: 1 / _scaled_erfc(t)),
    "_GAMMALN_NEAR_TWO": Fit(_gammaln_near_two, 17, -0.5, 0.5, lambda t: 1 / _gammaln_near_two(t)),
    "_STIRLING_TAIL": Fit(_of_root(_stirling_tail), 12, 0, 0.16),
    "_DIGAMMA_MIDDLE": Fit(_digamma_middle, 21, -0.5, 0.5, lambda t: 1 / _digamma_middle(t)),
    "_DIGAMMA_TAIL": Fit(_of_root(_digamma_tail), 16, 0, 0.25),
    "_J0_NEAR": Fit(lambda t: mp.besselj(0, mp.sqrt(32 * (1 + t))), 15, -1, 1),
    "_J1_OVER_X_NEAR": Fit(lambda t: _of_root(lambda x: mp.besselj(1, x) / x)(32 * (1 + t)), 15, -1, 1),
    "_P0": Fit(_hankel_p(0), 12, 0, 1),
    "_Q0": Fit(_hankel_q(0), 12, 0, 1),
    "_P1": Fit(_hankel_p(1), 12, 0, 1),
    "_Q1": Fit(_hankel_q(1), 12, 0, 1),
}


def main() -> None:
    """Print the fits that the command line names, or all."""
    for name in sys.argv[1:] or FITS:
        coefficients, error = minimax(FITS[name])
        print(f"{name}: largest weighted error {error:.2e}", *map(repr, coefficients), sep="\n    ", flush=True)


if __name__ == "__main__":
    main()
