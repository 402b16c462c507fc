"""Many set-ups: fit each, judge every answer, count.

Flows in: integers and an engine. Flows out: an Outcome a position, and tables of them.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.fuzz.due import SINGULAR_BELOW, due
from tests.fuzz.judge import Judge, Verdict
from tests.fuzz.setups import Setup, draw

import ndfit
from ndfit.engines.certificate import CONVERGED_EDM
from ndfit.errors import AllFitsFailed, FitWarning
from ndfit.status import FLAGS, converged, usable

__all__ = ["WRONG_ERRORS", "Answers", "Outcome", "fitted", "judged", "outcomes_of", "summary", "table"]

FloatArray = NDArray[np.float64]

OTHERS = 4
"""Of the answers that do not claim to be right, one in so many is judged."""

FEW = 3.0
"""Of the changes of a parameter that matter: with larger errors than that a minimum is hardly one."""

WRONG_ERRORS = 0.1
"""Logarithm of the factor by which a standard error may differ from that of the derivatives."""

# Version 0.1 has no column that says which flags disqualify an answer: each does.
DISQUALIFYING = sum(flag for flag, row in FLAGS.items() if getattr(row, "disqualifies", True))


@dataclass(frozen=True)
class Answers:
    """What `ndfit.fit` returned for N positions.

    Attributes
    ----------
    parameters : shape (N, P)
    chi_square, status, flags, nfev : shape (N,)
    errors : shape (N, P), standard errors
    engine : that made the fits
    said : messages beside statuses; why there are no fits at all
    """

    parameters: FloatArray
    errors: FloatArray
    chi_square: FloatArray
    status: NDArray[Any]
    flags: NDArray[Any]
    nfev: NDArray[Any]
    engine: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one position.

    Attributes
    ----------
    answered : there are parameters
    minimum : scipy finds nothing lower; None where it was not asked
    converged : the status says so
    flags : bits
    undue : those of them that their definitions do not call for
    drop : how many variances of the noise scipy lowers the cost by
    misreported : chi-square is not that of the parameters
    determined : the data tell every parameter to within a few of the changes of it that matter
    errors_off : largest factor, as a logarithm, between standard errors and those of the derivatives at a minimum
    kinds : of the set-up
    distant : by its definition it has not converged: scipy lowers the cost by more than converged fits may have left,
        or the distance to the minimum that the judge estimates is larger than that, or a parameter has run away
    """

    seed: int
    position: int
    answered: bool
    minimum: bool | None
    converged: bool
    status: int
    flags: int
    undue: int
    nfev: int
    drop: float
    misreported: bool
    determined: bool
    errors_off: float
    kinds: Mapping[str, str]
    distant: bool = False

    @property
    def plain(self) -> bool:
        """An answer that claims to be right: converged, without a flag that disqualifies it."""
        return self.answered and self.converged and not self.flags & DISQUALIFYING

    @property
    def wrong(self) -> bool:
        """It claims to be right and is no minimum."""
        return self.plain and self.minimum is False

    @property
    def stands_for(self) -> int:
        """How many positions: of those that do not claim to be right, only some are judged."""
        return 1 if self.plain else OTHERS

    @property
    def needlessly_careful(self) -> bool:
        """It is a minimum, and has a status or a flag that is not due by its definition."""
        return bool(self.minimum) and ((not self.converged and not self.distant) or self.undue != 0)

    @property
    def careful(self) -> bool:
        """It is a minimum, and says that it is none or has a flag that is not due."""
        return bool(self.minimum) and (not self.converged or self.undue != 0)


def fitted(setup: Setup, engine: str = "auto", **more: Any) -> Answers:
    """Fit all positions, from the caller's starting values alone."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = ndfit.fit(
                **setup.keywords(), guess=None, engine=engine, scheduler="synchronous", progress=False, **more
            )
        except AllFitsFailed as failure:
            n_fits = len(setup.truth)
            nothing, zeros = np.full((n_fits, len(setup.names)), np.nan), np.zeros(n_fits, int)
            said = (str(failure).splitlines()[0],)
            return Answers(nothing, nothing, nothing[:, 0], np.full(n_fits, -18), zeros, zeros, "none", said)
    values, errors = (
        np.stack([np.asarray(maps[name], float).reshape(-1) for name in setup.names], axis=1)
        for maps in (result.parameters, result.errors)
    )
    said = tuple(str(item.message) for item in caught if not issubclass(item.category, FitWarning))
    chi_square = np.asarray(result.chi_square, float)
    return Answers(values, errors, chi_square, result.status, result.flags, result.nfev, result.engine, said)


def judged(
    setup: Setup, answers: Answers, positions: Iterable[int] | None = None, thoroughly: bool = False
) -> Iterator[tuple[Outcome, Verdict | None]]:
    """Each position of a set-up, or some of them.

    Answers that do not claim to be right are judged at one position of OTHERS, if not `thoroughly`.
    """
    has_converged, has_answer = converged(answers.status), usable(answers.status)
    for position in range(len(setup.truth)) if positions is None else positions:
        flags, verdict, undue = int(answers.flags[position]), None, 0
        claims = has_converged[position] and not flags & DISQUALIFYING
        if has_answer[position] and (claims or thoroughly or position % OTHERS == 0):
            judge, answer = Judge(setup, position), answers.parameters[position]
            verdict = judge(answer, np.random.default_rng((setup.seed, position)), thoroughly)
            undue = flags & ~due(setup, answer, verdict, len(judge.data)) if verdict.minimum else 0
        yield (
            Outcome(
                setup.seed,
                position,
                bool(has_answer[position]),
                None if verdict is None else verdict.minimum,
                bool(has_converged[position]),
                int(answers.status[position]),
                flags,
                undue,
                int(answers.nfev[position]),
                0.0 if verdict is None else float(verdict.drop),
                verdict is not None and _misreported(float(answers.chi_square[position]), verdict),
                verdict is not None and _determined(setup, verdict),
                0.0 if verdict is None else _errors_off(setup, answers.errors[position], verdict),
                {**setup.kinds, "engine": answers.engine},
                verdict is not None and _is_distant(verdict),
            ),
            verdict,
        )


def _misreported(chi_square: float, verdict: Verdict) -> bool:
    rounding = 16.0 * verdict.doubt + 2.0 * verdict.floor
    return not abs(chi_square - 2.0 * verdict.cost) <= 1e-6 * abs(chi_square) + rounding


def _is_distant(verdict: Verdict) -> bool:
    # Nothing depends on a parameter that has run away: no minimum, but none in sight.
    return bool(max(verdict.drop, verdict.edm) > CONVERGED_EDM or np.isinf(verdict.errors).any())


def _determined(setup: Setup, verdict: Verdict) -> bool:
    within = verdict.errors <= FEW * setup.unit[setup.free]
    return bool(verdict.weakest > SINGULAR_BELOW and within.all())


def _errors_off(setup: Setup, told: FloatArray, verdict: Verdict) -> float:
    """Of least squares whose derivatives determine every parameter; infinite where one has no error without a reason.

    Parameters without an error at their bound are held there, and the errors of the others are those for that.
    """
    told = told[setup.free]
    # Where residuals are rounding and nothing else, so are the errors that are found from them.
    noisy = verdict.cost > 100.0 * verdict.floor
    if setup.kinds["loss"] != "linear" or verdict.weakest < 1e-4 or not (verdict.minimum and noisy):
        return 0.0
    without = ~np.isfinite(told)
    right = verdict.errors_held if without.any() else verdict.errors
    both = np.isfinite(right) & (right > 0.0)
    if (without & both).any():
        return np.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(np.log(told / right))[both & ~without]
    return float(off.max(initial=0.0))


def outcomes_of(seed: int, engine: str = "auto") -> list[Outcome]:
    """Fit and judge one set-up; nothing of one whose loss the engine has not."""
    setup = draw(seed)
    if engine == "reference" and setup.kinds["loss"] != "linear":
        return []
    return [outcome for outcome, _ in judged(setup, fitted(setup, engine))]


def summary(outcomes: list[Outcome]) -> str:
    """The figures that count."""
    plain = [outcome for outcome in outcomes if outcome.plain]
    wrong = [outcome for outcome in plain if outcome.wrong]
    minima = [outcome for outcome in outcomes if outcome.minimum]
    careful = [outcome for outcome in minima if outcome.careful]
    none = [outcome for outcome in outcomes if not outcome.answered]
    reasons = Counter(
        f"status {outcome.status}" if not outcome.converged else f"flags {outcome.undue}" for outcome in careful
    )
    n_minima, n_careful = (sum(each.stands_for for each in some) for some in (minima, careful))
    lines = [
        f"{len(outcomes)} positions of {len({outcome.seed for outcome in outcomes})} set-ups",
        f"{len(plain)} unflagged answers, {len(wrong)} no minimum: {_share(len(wrong), len(plain))}",
        f"{n_minima} that scipy cannot improve, {n_careful} not converged or with a flag that is not due: "
        f"{_share(n_careful, n_minima)} {dict(reasons.most_common(6))}",
        f"of those that the data determine: {_careful_of([each for each in minima if each.determined])}; "
        f"of the others: {_careful_of([each for each in minima if not each.determined])}",
        f"neither converged nor flagged as their definitions say: {_careful_of(minima, 'needlessly_careful')}",
        f"{sum(each.misreported for each in plain)} unflagged with a chi-square that is another's; "
        f"{sum(each.errors_off > WRONG_ERRORS for each in plain)} with standard errors off by more than a tenth",
        f"{len(none)} without an answer: {dict(Counter(outcome.status for outcome in none).most_common())}",
    ]
    return "\n".join(lines)


def _careful_of(minima: list[Outcome], how: str = "careful") -> str:
    every, careful = (
        sum(each.stands_for for each in some) for some in (minima, [o for o in minima if getattr(o, how)])
    )
    return f"{careful} of {every}, {_share(careful, every)}"


def table(outcomes: list[Outcome], least: int = 2, rows: int = 12) -> str:
    """Unflagged answers that are no minimum, by each kind of set-up, the worst first, with one to look at."""
    lines = ["| kind | | unflagged | no minimum | share | for example |", "|---|---|---|---|---|---|"]
    for kind in sorted({kind for outcome in outcomes for kind in outcome.kinds}):
        groups: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            if outcome.plain:
                groups[outcome.kinds.get(kind, "")].append(outcome)
        found = {value: [outcome for outcome in group if outcome.wrong] for value, group in groups.items()}
        worst = sorted(found, key=lambda value: -len(found[value]))[:rows]
        for value in worst:
            wrong = found[value]
            if len(wrong) >= least:
                largest = max(wrong, key=lambda outcome: outcome.drop)
                example = f"{largest.seed} {largest.position}"
                share = _share(len(wrong), len(groups[value]))
                lines.append(f"| {kind} | {value} | {len(groups[value])} | {len(wrong)} | {share} | {example} |")
    return "\n".join(lines)


def _share(some: int, every: int) -> str:
    return f"{some / every:.2%}" if every else "-"
