"""Lines that were found, fitted together.

Flows in: a Tile, the lines found so far and a table of parameters. Flows out: the table with better parameters of those
lines, and half the weighted sum of squares that is left.

A few steps of Levenberg and Marquardt (D. W. Marquardt, J. Soc. Indust. Appl. Math. 11, 431, 1963) with exact
derivatives, all fits of a tile at once, each with its own damping. The background is eliminated: with its functions
orthonormal in the weights, Q^T W Q = 1, the residuals are projected off them, and J^T W J loses (J^T W Q)(Q^T W J)
(variable projection; G. Golub, V. Pereyra, Inverse Problems 19, R1, 2003). Tied parameters enter by the chain rule,
with differences of the ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.availability import why_not_compiled
from ndfit.pipeline.guess.formulas import NUMPY, solved
from ndfit.pipeline.guess.groups import SetTied, Slopes, slopes_of
from ndfit.pipeline.guess.line_shapes import SHAPES
from ndfit.pipeline.guess.profiles import PROFILES
from ndfit.pipeline.guess.terms import Term
from ndfit.pipeline.guess.tile import Tile, total

__all__ = ["Found", "Refit", "orthonormal", "value_of"]

_FIRST_DAMPING = 1e-3
_LEAST_DAMPING = 1e-9
_HARDER, _EASIER = 8.0, 0.1
# Of one: the least that is divided by.
_NOTHING = 1e-12
# A width changes by this factor at most in one step.
_WIDER = 3.0
# Of the mean squared residual, about a noise variance: a step that gains less is the last.
_ENOUGH = 0.01
# Free parameters: sums of the products of more take more than two seconds to compile.
_MOST_COMPILED = 15


@dataclass(frozen=True)
class Found:
    """A line, and which of n fits have it."""

    term: Term
    rows: NDArray[np.bool_]

    @property
    def signs(self) -> FloatArray:
        """What its value counts times, (n,): zero in fits that do not have it."""
        return np.where(self.rows, self.term.sign, 0.0)


@dataclass(frozen=True)
class _System:
    """Normal equations of n fits: cost (n,), gradient (F, n), matrix (F, F, n)."""

    cost: FloatArray
    gradient: FloatArray
    matrix: FloatArray

    def arrays(self) -> tuple[FloatArray, ...]:
        return self.cost, self.gradient, self.matrix

    def where(self, taken: NDArray[np.bool_], other: _System) -> _System:
        """The other's where taken."""
        pairs = zip(other.arrays(), self.arrays(), strict=True)
        return _System(*(np.where(taken, one, two) for one, two in pairs))


@dataclass(frozen=True)
class Refit:
    """How lines of a tile are fitted together.

    Attributes
    ----------
    data : shape (M, n), less what of the background is known
    basis : functions of the background, orthonormal in the weights, (M, n) or (M, 1) each
    free : shape (P,)
    lower, upper : shape (n, P)
    set_tied : None where nothing is tied
    """

    tile: Tile
    data: FloatArray
    basis: Sequence[FloatArray]
    free: NDArray[np.bool_]
    lower: FloatArray
    upper: FloatArray
    set_tied: SetTied | None

    def __call__(self, table: FloatArray, lines: Sequence[Found], steps: int) -> FloatArray:
        """Change the free parameters of the lines in the table, shape (n, P), in place; return their cost, (n,)."""
        columns = [column for line in lines for column in line.term.columns if self.free[column]]
        if why_not_compiled() or not self._is_simple(lines, len(columns)):
            return self.with_arrays(table, lines, columns, steps)
        from ndfit.pipeline.guess.code.lane_refit import Lines, RefitSamples, Steps, refitted

        every = [column for line in lines for column in line.term.columns]
        widths = _widths_of(lines)
        code = Lines(
            tuple((line.term.kind, len(line.term.columns)) for line in lines),
            tuple(place for place, column in enumerate(every) if self.free[column]),
            tuple(column in widths for column in columns),
            len(self.basis),
            len(self.tile.coords),
        )
        cost, values = refitted(
            code,
            RefitSamples(self.data, self.tile.weights, self.tile.coords, self.basis),
            [table[:, column] for column in every],
            [line.signs for line in lines],
            (self.lower[:, columns].T, self.upper[:, columns].T),
            Steps(steps, _FIRST_DAMPING, _LEAST_DAMPING, _HARDER, _EASIER, _WIDER, _ENOUGH),
        )
        table[:, columns] = values.T
        return cost

    def _is_simple(self, lines: Sequence[Found], n_columns: int) -> bool:
        """Whether it can be compiled: no ties, no curves, not too many parameters."""
        return self.set_tied is None and 0 < n_columns <= _MOST_COMPILED and all(line.term.is_line for line in lines)

    def with_arrays(self, table: FloatArray, lines: Sequence[Found], columns: Sequence[int], steps: int) -> FloatArray:
        """The same by numpy, given the free columns of the lines."""
        fit = _Lines(self, tuple(lines), columns, slopes_of(self.set_tied, self.free, table, columns))
        system = fit.system(table)
        fits = _Fits(fit, np.arange(len(table)), table, system, np.full(len(table), _FIRST_DAMPING))
        fits.going = np.isfinite(system.cost)
        for _ in range(steps if columns else 0):
            if not fits.going.any():
                break
            if np.count_nonzero(fits.going) <= 0.5 * fits.going.size:
                fits.put_into(table, system)
                fits = fits.take(fits.going)
            fits.step()
        fits.put_into(table, system)
        return system.cost

    def take(self, rows: NDArray[np.bool_]) -> Refit:
        """The same for some of the fits."""
        tile, bounds = self.tile.take(rows), (self.lower[rows], self.upper[rows])
        basis = [one[:, rows] if one.shape[1] == rows.size else one for one in self.basis]
        return Refit(tile, np.ascontiguousarray(self.data[:, rows]), basis, self.free, *bounds, self.set_tied)


@dataclass(frozen=True)
class _Lines:
    """The lines of one refit; `columns` are their free parameters, F of them."""

    refit: Refit
    lines: tuple[Found, ...]
    columns: Sequence[int]
    slopes: Slopes

    def system(self, table: FloatArray) -> _System:
        """Normal equations at the parameters of a table."""
        refit = self.refit
        weights, left = refit.tile.weights, refit.data
        by_column: dict[int, FloatArray] = {}
        for line in self.lines:
            value, derivatives = _rows_of(line, table, refit.tile)
            left = left - value
            for column, derivative in zip(line.term.columns, derivatives, strict=True):
                for free, slope in self._chain(column):
                    term = derivative if slope is None else derivative * slope
                    by_column[free] = by_column[free] + term if free in by_column else term
        weighted_basis = [weights * one for one in refit.basis]
        along = [total(weighted * left) for weighted in weighted_basis]
        for one, size in zip(refit.basis, along, strict=True):
            left = left - one * size
        rows = [by_column[column] for column in self.columns]
        return _System(0.5 * total(weights * left * left), *_products(rows, left, weights, weighted_basis))

    def _chain(self, column: int) -> list[tuple[int, FloatArray | None]]:
        """The free columns that a parameter depends on, and the derivatives by them."""
        if self.refit.free[column]:
            return [(column, None)] if column in self.columns else []
        return [(free, slope) for (tied, free), slope in self.slopes.items() if tied == column]

    def stepped(self, table: FloatArray, system: _System, damping: FloatArray) -> FloatArray:
        """Parameters after a step, inside the bounds."""
        refit, columns = self.refit, list(self.columns)
        low, high, values = refit.lower[:, columns].T, refit.upper[:, columns].T, table[:, columns].T
        outward = ((values <= low) & (system.gradient < 0)) | ((values >= high) & (system.gradient > 0))
        kept = np.where(outward[:, np.newaxis] & np.eye(len(columns), dtype=bool)[..., np.newaxis], 0.0, system.matrix)
        after = values + np.stack(solved(kept, np.where(outward, 0.0, system.gradient), NUMPY, damping))
        widths = np.isin(columns, _widths_of(self.lines))
        if widths.any():
            near = np.abs(values[widths])
            after[widths] = np.clip(after[widths], near / _WIDER, near * _WIDER)
        stepped = table.copy()
        stepped[:, columns] = np.clip(after, low, high).T
        if refit.set_tied is not None:
            refit.set_tied(stepped)
        return stepped


@dataclass
class _Fits:
    """Those of n fits that go on.

    Attributes
    ----------
    index : their places among all, shape (m,)
    table, system : parameters and normal equations at the best point so far
    damping : shape (m,)
    going : which of them have not ended
    """

    fit: _Lines
    index: NDArray[np.intp]
    table: FloatArray
    system: _System
    damping: FloatArray
    going: NDArray[np.bool_] = field(init=False)

    def step(self) -> None:
        """One trial for each fit; one that gains next to nothing is the last."""
        trial = self.fit.stepped(self.table, self.system, self.damping)
        tried = self.fit.system(trial)
        taken = self.going & (tried.cost < self.system.cost)
        gain = self.system.cost - tried.cost
        self.going = self.going & ~(taken & (gain <= _ENOUGH / len(self.fit.refit.data) * tried.cost))
        self.table[taken] = trial[taken]
        self.system = self.system.where(taken, tried)
        eased = np.maximum(_EASIER * self.damping, _LEAST_DAMPING)
        self.damping = np.where(taken, eased, _HARDER * self.damping)

    def take(self, rows: NDArray[np.bool_]) -> _Fits:
        fit = self.fit
        lines = tuple(Found(line.term, line.rows[rows]) for line in fit.lines)
        slopes = {pair: slope[rows] for pair, slope in fit.slopes.items()}
        system = _System(*(array[..., rows] for array in self.system.arrays()))
        smaller = _Lines(fit.refit.take(rows), lines, fit.columns, slopes)
        fits = _Fits(smaller, self.index[rows], self.table[rows], system, self.damping[rows])
        fits.going = self.going[rows]
        return fits

    def put_into(self, table: FloatArray, system: _System) -> None:
        """Write parameters and cost to where those of all fits are."""
        table[self.index] = self.table
        system.cost[self.index] = self.system.cost


def _products(
    rows: Sequence[FloatArray], left: FloatArray, weights: FloatArray, weighted_basis: Sequence[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Gradient and matrix of the rows, with the background eliminated."""
    n_rows, n_fits = len(rows), left.shape[1]
    gradient, matrix = np.empty((n_rows, n_fits)), np.empty((n_rows, n_rows, n_fits))
    along = np.array([[total(one * row) for one in weighted_basis] for row in rows]).reshape(n_rows, -1, n_fits)
    for i, row in enumerate(rows):
        weighted = weights * row
        gradient[i] = total(weighted * left)
        for j in range(i + 1):
            shared = total(weighted * rows[j])
            for one, other in zip(along[i], along[j], strict=True):
                shared = shared - one * other
            matrix[i, j] = matrix[j, i] = shared
    return gradient, matrix


def _rows_of(line: Found, table: FloatArray, tile: Tile) -> tuple[FloatArray, list[FloatArray]]:
    """Value and derivatives of a line; zero in fits that do not have it."""
    term = line.term
    value, derivatives = SHAPES[term.kind](tile.coords, [table[:, column] for column in term.columns])
    sign = line.signs
    if np.all(sign == 1.0):
        return value, derivatives
    return np.where(line.rows, sign * value, 0.0), [np.where(line.rows, sign * one, 0.0) for one in derivatives]


def _widths_of(lines: Sequence[Found]) -> list[int]:
    terms = [line.term for line in lines if line.term.is_line]
    return [term.columns[place] for term in terms for place in PROFILES[term.kind].widths]


def value_of(line: Found, table: FloatArray, tile: Tile) -> FloatArray:
    """What a line adds to the model, shape (M, n)."""
    return _rows_of(line, table, tile)[0]


def orthonormal(functions: Sequence[FloatArray], weights: FloatArray) -> list[FloatArray]:
    """The same space with Q^T W Q = 1, by Gram's and Schmidt's procedure, twice; zero where a function adds nothing."""
    basis: list[FloatArray] = []
    for function in functions:
        length = np.sqrt(total(weights * function * function))
        one = function / np.where(length > 0, length, 1.0)
        for other in (*basis, *basis):
            one = one - other * total(weights * one * other)
        left = np.sqrt(total(weights * one * one))
        basis.append(np.where(left > _NOTHING, one / np.where(left > _NOTHING, left, 1.0), 0.0))
    return basis
