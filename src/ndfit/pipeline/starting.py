"""Which points the fits of a block start from.

Flows in: a Block. Flows out: tables of starting values (N, P), of which `ndfit.pipeline.multistart`
keeps what fits best.

The first is the caller's, or the guess from the data, or both are (`ndfit.pipeline.either` says which of their fits is
kept). The others are drawn around the guess, or the caller's where there is none, each parameter by its rule:

==================  =================================================================================
finite bounds       uniform between them
centre of a line    uniform over the coordinates of the samples used, in the bound there is
width of a line     the first start times 2^u, u uniform in [-2, 2]
position angle      uniform in [-pi/2, pi/2]
any other           the first start plus u times its magnitude, u uniform in [-1, 1]; plus u where it is 0
==================  =================================================================================

and clipped into its bounds. What is a centre, width or angle is known for the models that can be guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult, Engine, EngineChoice, SolveOptions
from ndfit.options import ALSO, Starts
from ndfit.pipeline import draws
from ndfit.pipeline.clipping import Clip
from ndfit.pipeline.draws import uniform
from ndfit.pipeline.either import caller_or_guess
from ndfit.pipeline.guess.groups import SetTied
from ndfit.pipeline.guess.guess import Guess
from ndfit.pipeline.guess.profiles import PROFILES
from ndfit.pipeline.guess.terms import Term, depends_on_start, parse_terms
from ndfit.pipeline.multistart import best_of, better, from_start
from ndfit.pipeline.signs import update_ties
from ndfit.problem.constraints import check_starts
from ndfit.problem.types import Block, FitProblem

__all__ = ["Starting", "starting_of"]

_CENTRE, _WIDTH, _ANGLE, _OTHER = range(4)
_OCTAVES = 2.0


@dataclass(frozen=True)
class Starting:
    """How one problem's fits start.

    Attributes
    ----------
    guess : None for the caller's starting values alone
    count : starting points a position
    seed : of those that are drawn
    free : places of the free parameters
    roles : place of a parameter -> its role and, of a centre, the axis
    also : start from the caller's values as well as from the guess
    limit : standard deviations beyond which samples will be left out, None where none will
    """

    guess: Guess | None = None
    count: int = 1
    seed: int = 0
    free: tuple[int, ...] = ()
    roles: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    also: bool = False
    limit: float | None = None

    @property
    def fits(self) -> int:
        """Fits a position, about."""
        return self.count + (self.also and self.guess is not None)

    def make_ready(self) -> None:
        """Import, compile or load, in this thread, what guessing and drawing take."""
        if self.guess is not None:
            self.guess.make_ready()
        if self.count > 1:
            draws.make_ready()

    def fit(self, engine: Engine, block: Block, options: SolveOptions) -> BlockResult:
        """The best fit of each position from all of its starts, with the flags that are known from these."""
        if self.guess is None or not self.also:
            return best_of(engine, block, options, self(block))
        caller = engine(block, options)
        guesses = [self.guess.in_the_callers_order(table, block) for table in self.guess(block)]
        guessed = best_of(engine, block, options, guesses)
        best = caller_or_guess(engine, block, options, caller, guessed, len(self.free), self.limit)
        around = np.where(np.isfinite(guesses[0]), guesses[0], block.start)
        for table in self._all_drawn(around, block):
            best = better(best, from_start(engine, block, options, table))
        return best

    def __call__(self, block: Block) -> Iterator[FloatArray]:
        """Tables of starting values."""
        tables = iter((block.start,) if self.guess is None else self.guess(block))
        first = next(tables)
        yield first
        yield from tables
        yield from self._all_drawn(first, block)

    def _all_drawn(self, first: FloatArray, block: Block) -> Iterator[FloatArray]:
        """Those that are drawn around the first."""
        if self.count > 1:
            lower, upper = (np.broadcast_to(bound, first.shape) for bound in (block.lower, block.upper))
            spans = [_span(axis, block) for axis in block.coords]
            for start in range(1, self.count):
                yield self._drawn(first, lower, upper, spans, start, block.positions)

    def _drawn(
        self,
        first: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        spans: list[tuple[FloatArray, FloatArray]],
        start: int,
        positions: NDArray[np.int64],
    ) -> FloatArray:
        numbers = uniform(self.seed, positions, start, len(self.free))
        drawn = first.copy()
        for index, number in zip(self.free, numbers.T, strict=True):
            low, high = lower[:, index], upper[:, index]
            role, axis = self.roles.get(index, (_OTHER, 0))
            bounded = np.isfinite(low) & np.isfinite(high)
            with np.errstate(invalid="ignore"):  # no bounds, and positions without samples
                around = _RULES[role](first[:, index], 2.0 * number - 1.0, spans[axis])
                between = low + number * (high - low)
            drawn[:, index] = np.clip(np.where(bounded, between, around), low, high)
        return drawn


Span = tuple[FloatArray, FloatArray]


def _over_the_span(value: FloatArray, number: FloatArray, span: Span) -> FloatArray:
    low, high = span
    return np.asarray(low + 0.5 * (number + 1.0) * (high - low))


def _by_octaves(value: FloatArray, number: FloatArray, span: Span) -> FloatArray:
    return np.asarray(value * np.exp2(_OCTAVES * number))


def _any_angle(value: FloatArray, number: FloatArray, span: Span) -> FloatArray:
    return np.asarray(0.5 * np.pi * number)


def _around(value: FloatArray, number: FloatArray, span: Span) -> FloatArray:
    return np.asarray(value + number * np.where(value == 0.0, 1.0, np.abs(value)))


_RULES = {_CENTRE: _over_the_span, _WIDTH: _by_octaves, _ANGLE: _any_angle, _OTHER: _around}


def _span(axis: FloatArray, block: Block) -> Span:
    """Least and greatest coordinate of the samples that are used, shape (N,)."""
    used = True if block.valid is None else block.valid
    low, high = (np.where(used, axis, fill) for fill in (np.inf, -np.inf))
    whole = (block.n_fits,)
    return np.broadcast_to(low.min(axis=-1), whole), np.broadcast_to(high.max(axis=-1), whole)


def starting_of(
    wanted: Starts, problem: FitProblem, choice: EngineChoice, robust: bool = False, clip: Clip | None = None
) -> Starting:
    """Where the fits of a problem start.

    Parameters
    ----------
    robust : the loss counts outliers for less
    clip : they are left out

    Raises
    ------
    ValueError
        A model that cannot be guessed for, or no starting value.
    """
    guess, params = wanted.guess, problem.params
    terms = _terms(problem.model, required=guess == "auto")
    outliers = robust or clip is not None
    guessed = guess == "auto" or (guess == ALSO and depends_on_start(terms, params.free))
    guesser = Guess(terms, params.free, _tied_by(problem, choice), outliers) if guessed else None
    if guesser is None:
        check_starts(params)
    limit = None if clip is None else clip.limit
    return Starting(guesser, wanted.starts, wanted.seed, params.free, _roles(terms), guess == ALSO, limit)


def _terms(model: Any, required: bool) -> tuple[Term, ...]:
    try:
        return parse_terms(model)
    except ValueError:
        if required:
            raise
        return ()


def _tied_by(problem: FitProblem, choice: EngineChoice) -> SetTied | None:
    """How tied parameters follow: all fits at once where the model is compiled, else one by one."""
    if not any(problem.params.tied):
        return None
    return choice.engine.set_tied or partial(update_ties, params=problem.params, model=problem.model)


def _roles(terms: tuple[Term, ...]) -> dict[int, tuple[int, int]]:
    roles: dict[int, tuple[int, int]] = {}
    for term in terms:
        if term.is_line:
            profile = PROFILES[term.kind]
            roles.update({term.columns[i]: (_CENTRE, axis) for axis, i in enumerate(profile.centre)})
            roles.update({term.columns[i]: (_WIDTH, 0) for i in profile.widths})
            if profile.angle is not None:
                roles[term.columns[profile.angle]] = (_ANGLE, 0)
    return roles
