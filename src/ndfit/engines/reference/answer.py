"""The answer of one fit: the fitter's, and what is done where that is not at a minimum.

Flows in: how to call the fitter, the start, and what is minimised. Flows out: the answer with its certificate.

Where the certificate is wanting, up to three steps to the minimum that the derivatives point to are made; data without
noise are fitted to their rounding by such steps. If that does not do, the fitter goes on from there with parameters
counted anew, until there is a certificate, nothing lowers the cost, or the evaluations that the caller allows are used
up. A fit that stopped at the fitter's own limit, which nobody chose, goes on too, and so does one that ended where
chi-square is many times what the noise explains: the certificate goes by the curvature of small residuals, and a
fitter's tolerances by parts of chi-square. Of what that finds, another minimum is kept, or one with its certificate;
where the sum of squares is lower by less than a tenth and still at no minimum, the fitter's answer stands as it is. One
that is at a minimum though it stopped at that limit is FINISHED.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from astropy.modeling.fitting import NonFiniteValueError

from ndfit.arrays import FloatArray
from ndfit.engines.certificate import CONVERGED_EDM
from ndfit.engines.reference.calling import Caller, Found
from ndfit.engines.reference.objective import Certificate, Objective
from ndfit.status import Status

__all__ = ["Answer", "answer_of"]

# How often a fit goes on, at most.
_FURTHER = 6
# A sum of squares below this part of another one's belongs to another answer; a change of less is rounding.
_ANOTHER_ANSWER, _ROUNDING = 0.9, 1e-13
# Chi-square over the number of samples, of which half is the cost, that no noise explains.
_UNEXPLAINED = 10.0
# Of an EDM: an answer that is further away is a thousandth of its errors from the minimum.
_FINE = 1e-7
# Steps that are made beside the fitter, at most.
_STEPS = 3
# Parts of the step to the minimum that derivatives point to.
_PARTS = tuple(4.0**-power for power in range(13))
# Of its start, from where on a parameter has run away; of the data, that is rounding.
_AWAY, _NOTHING = 100.0, 64.0 * float(np.finfo(float).eps)
# In lengths: a parameter that close to a bound may be put on it.
_NEAR_A_BOUND = 1e-3


@dataclass(frozen=True)
class Answer:
    """What is known of a fit.

    Attributes
    ----------
    found : by the fitter
    certificate : of that, over the samples that the fitter did not leave out
    cost : half the sum of squared weighted residuals, of all samples
    n_samples : that were handed to the fitter
    moved : the values are not those that the fitter ended with
    status : FINISHED where the fitter stopped at a limit that nobody chose, and is at a minimum; else the fitter's
    """

    found: Found
    certificate: Certificate
    cost: float
    n_samples: int
    moved: bool = False
    status: Status | None = None


class _Fit:
    """One fit that goes on as long as it helps."""

    def __init__(self, call: Caller, given: FloatArray, objective: Objective, absolute: bool) -> None:
        self.call, self.given, self.objective, self.absolute = call, given, objective, absolute

    def judged(self, found: Found, moved: bool = False) -> Answer:
        """What the fitter found, or somewhere else that it was `moved` to, with its certificate."""
        if not np.isfinite(found.values).all():
            raise NonFiniteValueError("the fitter returned parameters that are not finite")
        used = self.objective if found.left_out is None else self.objective.restricted(~found.left_out)
        certificate = used.certify(found.values, found.lengths, self.absolute)
        if self._has_run_away(found.values, certificate.distance.lengths):
            certificate = replace(certificate, edm=np.inf)
        cost = certificate.cost if used is self.objective else self.objective.cost(found.values)
        return Answer(found, certificate, cost, self.objective.data.size, moved)

    def _has_run_away(self, values: FloatArray, columns: FloatArray) -> bool:
        """Whether a parameter became so large that nothing depends on it any more: no minimum, but none in sight."""
        free = self.objective.parameters.free
        before, after = np.abs(self.given[free]), np.abs(values[free])
        far = after > _AWAY * np.where(before > 0.0, before, 1.0)
        whole = np.sqrt(self.objective.data.size) * self.objective.size
        return bool((far & (columns * after <= _NOTHING * whole)).any())

    def may_go_on(self, answer: Answer) -> bool:
        found, limit = answer.found, self.call.limit
        if limit is not None and limit - found.spent < 2:
            return False
        if found.status == Status.EVALUATION_LIMIT:
            return limit is None
        return self.is_wanting(answer) or self.is_doubtful(answer)

    def is_doubtful(self, answer: Answer) -> bool:
        """The certificate says that it is at a minimum, and something else speaks against it."""
        if not self.is_certain(answer) or answer.found.left_out is not None:
            return False
        unexplained = answer.cost > _UNEXPLAINED * answer.n_samples * answer.certificate.variance
        return unexplained or answer.found.status == Status.EVALUATION_LIMIT

    def is_certain(self, answer: Answer) -> bool:
        return self.call.least_squares and answer.certificate.converged

    def is_wanting(self, answer: Answer) -> bool:
        """The fitter says that it converged, and the certificate that it did not."""
        edm, known = answer.certificate.edm, self.call.least_squares and answer.found.left_out is None
        stopped = answer.found.status == Status.EVALUATION_LIMIT
        return known and not stopped and not answer.certificate.converged and bool(np.isfinite(edm))

    def polished(self, answer: Answer) -> Answer:
        """After some of the steps that the derivatives point to, each of which has to lower the cost.

        Data without noise are fitted to their rounding, where a fitter's tolerances have long been met.
        """
        for _ in range(_STEPS):
            moved = None
            if self.is_wanting(answer):
                moved = self._improved(answer)
            elif self.may_be_closer(answer):
                moved = self._improved(answer, parts=(1.0,))
            if moved is None:
                break
            answer = self.judged(replace(answer.found, values=moved), moved=True)
        return answer

    def may_be_closer(self, answer: Answer) -> bool:
        """It is at a minimum, and one more step leads closer: data without noise, or a fitter of coarse tolerances."""
        certificate = answer.certificate
        coarse = certificate.edm > _FINE and answer.found.left_out is None
        return self.is_certain(answer) and (certificate.exact or coarse)

    def further(self, answer: Answer) -> Answer | None:
        """A better answer from where one ended, None where there is none."""
        start = self._improved(answer)
        start = answer.found.values if start is None else start
        try:
            again = self._again(start, answer)
        except Exception:  # the caller's model or fitter, where they went further than they had to
            return None
        moved = self.call.linear or self.objective.cost(start) < self.objective.cost(again.values)
        further = self.polished(self.judged(replace(again, values=start) if moved else again, moved))
        converged, stopped = self.is_certain(further), answer.found.status == Status.EVALUATION_LIMIT
        enough = _ANOTHER_ANSWER if stopped and not converged else 1.0 - _ROUNDING
        if further.cost < enough * answer.cost or (converged and further.cost <= answer.cost * (1.0 + _ROUNDING)):
            return further
        return None

    def _improved(self, answer: Answer, parts: tuple[float, ...] = _PARTS) -> FloatArray | None:
        """Where the derivatives say that the minimum is, or a part of the way, if the cost is lower there."""
        if self.call.least_squares:
            for part in parts:
                step = part * answer.certificate.distance.step
                lower = self.objective.lower_at(answer.found.values, step, answer.cost)
                if lower is not None:
                    return lower
        return None

    def _again(self, start: FloatArray, answer: Answer) -> Found:
        if self.call.linear:  # it would give the same again
            return replace(answer.found, values=start)
        estimate = answer.certificate.accuracy > 0.0
        return self.call(start, self.objective, again=True, earlier=answer.found, estimate=estimate)

    def on_bounds(self, answer: Answer) -> Answer:
        """With the parameters that the cost pushes over a bound on it, where they stopped just off it."""
        found, step = answer.found, answer.certificate.distance.step
        if found.lengths is None or not self.call.least_squares:
            return answer
        index = self.objective.parameters.free
        free, lower, upper = found.values[index], self.objective.lower, self.objective.upper
        close = (step != 0.0) & (np.abs(step) <= _NEAR_A_BOUND * found.lengths)
        on = [close & (np.abs(free + step - bound) <= 0.01 * np.abs(step)) for bound in (lower, upper)]
        if not np.any(on):
            return answer
        put = np.where(on[0], lower, np.where(on[1], upper, free))
        values = self.objective.parameters.complete(found.values, put)
        cost = self.objective.cost(values)
        if cost > answer.cost * (1.0 + _ROUNDING):
            return answer
        return replace(answer, found=replace(found, values=values), cost=cost, moved=True)


def answer_of(call: Caller, given: FloatArray, start: FloatArray, objective: Objective, absolute: bool) -> Answer:
    """Fit, and go on as long as it helps.

    Parameters
    ----------
    given : shape (P,), the caller's start
    start : shape (P,), where the fit starts
    absolute : weights are 1 / sigma

    Raises
    ------
    NonFiniteValueError
        The model is not finite at the start, or the fitter returned what is no number.
    """
    fit = _Fit(call, given, objective, absolute)
    answer = fit.polished(fit.judged(call(start, objective)))
    for _ in range(_FURTHER):
        further = fit.further(answer) if fit.may_go_on(answer) else None
        if further is None:
            break
        gained = answer.cost - further.cost > CONVERGED_EDM * further.certificate.variance
        dispelled = fit.is_doubtful(answer) and fit.is_certain(further) and not gained
        answer = further
        if dispelled:
            break
    if call.limit is None and answer.found.status == Status.EVALUATION_LIMIT and fit.is_certain(answer):
        answer = replace(answer, found=replace(answer.found, messages=()), status=Status.FINISHED)
    return fit.on_bounds(answer)
