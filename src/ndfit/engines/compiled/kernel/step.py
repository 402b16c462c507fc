"""Accepting or rejecting a trial point, and the radius of the trust region.

Flows in: cost, J^T J and J^T r of the trial point, the reduction that was predicted. Flows out: the best point so far,
the radius within which the next step has to stay, and a first value of its damping.

The radius follows the ratio rho of actual and predicted reduction (J. J. More, Lecture Notes in Mathematics 630 (1978)
105): a step that gained less than a quarter of what was predicted, or nothing, makes it smaller, one that gained three
quarters lets the next be twice as long.

The step is that of B, which is A = J^T J, corrected by what the last step d has shown: with y the change of the
gradient over d, B = A - A d d^T A / (d^T A d) + y y^T / (y^T d), the update of Broyden, Fletcher, Goldfarb and Shanno,
so that B d = y and B stays positive definite (for its use with least squares: M. Al-Baali, R. Fletcher, J. Oper. Res.
Soc. 36 (1985) 405).
Where residuals are large, as noise is, J^T J alone converges linearly; with the correction it took a quarter fewer
evaluations on spectra of low signal.
"""

from __future__ import annotations

from typing import Any

from ndfit.compiler.flow import loop, when
from ndfit.compiler.functions.basic import root
from ndfit.compiler.memory import load, none_of, store
from ndfit.compiler.values import Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import at_group, entry
from ndfit.engines.compiled.kernel.workspace import FREE, PLACES, Field

INFINITY = float("inf")
HUGE = 1e308
# A cost that is known to be finite, and nothing else: above HUGE, so that what is evaluated next is accepted.
UNKNOWN = 1.5e308
# Of the first step, and of the first of a second attempt, which is to take another way.
START_DAMPING, SECOND_DAMPING = 0.3, 1.0
# A step is good, or poor, where it gains more, or less, than this part of what was predicted. The next may be so many
# times as long, squared, as a good one, a poor one, and one that was rejected.
GOOD, POOR = 0.75, 0.25
EXPAND2, SHRINK2, REJECTED2 = 4.0, 0.25, 0.25
LEAST_REJECTED = 0.1
# After a good step the next may gain this part of the cost, whatever the length of the last.
LEAST_RADIUS2 = 0.01
FORGET = 0.25
# The change of the gradient over a step is used where the step gained between these multiples of what was predicted,
LEAST_GAIN, MOST_GAIN = 0.25, 2.0
# and where it shows at least this part of the curvature of J^T J, and along no parameter more than this: where linear
# parameters change by orders of magnitude, it is not that of where they are now.
LEAST_CURVATURE, MOST_CURVATURE = 0.03, 30.0
# A step that gained what was predicted, within this part of it, says how far the next will be from the minimum.
MOST_MISPREDICTION = 0.3


def update_secant(structure: Any, workspace: Any, group: Any, good: Any) -> None:
    """Set the correction of J^T J at the best point from the last step, or none where that is no `good`.
    SECANT_AD is A d / sqrt(d^T A d), SECANT_Y is y / sqrt(y^T d).
    """
    normal, gradient = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.GRADIENT, group)
    new_gradient = at_group(workspace, Field.TRIAL_GRADIENT, group)
    params, trial = at_group(workspace, Field.PARAMS, group), at_group(workspace, Field.TRIAL, group)
    secant_ad, secant_y = at_group(workspace, Field.SECANT_AD, group), at_group(workspace, Field.SECANT_Y, group)
    n_free = structure[FREE]
    straight, real = Local(Lanes.of(0.0)), Local(Lanes.of(0.0))
    with loop(n_free) as i:
        total = Local(Lanes.of(0.0))
        with loop(n_free) as j:
            place = structure[PLACES + j]
            total += load(normal, entry(i, j)) * (load(trial, place) - load(params, place))
        place = structure[PLACES + i]
        own, change = load(trial, place) - load(params, place), load(gradient, i) - load(new_gradient, i)
        store(secant_ad, i, total.value)
        store(secant_y, i, change)
        straight += total.value * own
        real += change * own
    good = good & (real.value > LEAST_CURVATURE * straight.value) & (straight.value > 0.0)
    excess = Local(Lanes.of(0.0))
    with loop(n_free) as i:
        most = MOST_CURVATURE * real.value * load(normal, entry(i, i))
        excess += choose(load(secant_y, i) * load(secant_y, i) > most, 1.0, 0.0)
    good = good & (excess.value == 0.0)
    by_ad, by_y = choose(good, 1.0 / root(straight.value), 0.0), choose(good, 1.0 / root(real.value), 0.0)
    with loop(n_free) as i:
        store(secant_ad, i, choose(good, load(secant_ad, i) * by_ad, 0.0))
        store(secant_y, i, choose(good, load(secant_y, i) * by_y, 0.0))


def accept_or_reject(structure: Any, workspace: Any, group: Any) -> None:
    """Keep the trial points that lower the cost, and set radius and damping for the next step."""
    cost = at_group(workspace, Field.COST, group)
    normal, trial_normal = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.TRIAL_NORMAL, group)
    gradient, former = at_group(workspace, Field.GRADIENT, group), at_group(workspace, Field.PREVIOUS_STEP_NORM2, group)
    trial_gradient = at_group(workspace, Field.TRIAL_GRADIENT, group)
    params, trial = at_group(workspace, Field.PARAMS, group), at_group(workspace, Field.TRIAL, group)
    n_free = structure[FREE]
    old, new = load(cost, 0), load(at_group(workspace, Field.TRIAL_COST, group), 0)
    undefined = Local(Lanes.of(0.0))
    with loop(n_free) as i:
        undefined += (load(trial_normal, entry(i, i)) - load(trial_gradient, i)) * 0.0
    repeated = load(at_group(workspace, Field.REPEATS, group), 0) > 0.0
    keep = (new < old) & (undefined.value == 0.0) & ~repeated
    outside, left = (
        (old < HUGE) & ~((new < HUGE) & (undefined.value == 0.0)),
        at_group(workspace, Field.LEFT_DOMAIN, group),
    )
    store(left, 0, choose(outside, 1.0, load(left, 0)))
    rho = (old - new) / load(at_group(workspace, Field.PREDICTED, group), 0)
    with loop(entry(n_free, 0)) as i:
        store(normal, i, choose(keep, load(trial_normal, i), load(normal, i)))
    by_rows = load(at_group(workspace, Field.BY_ROWS, group), 0) > 0.0
    with when(~none_of(by_rows)):
        r, trial_r = at_group(workspace, Field.R, group), at_group(workspace, Field.TRIAL_R, group)
        with loop(entry(n_free + 1, 0)) as i:
            store(r, i, choose(keep & by_rows, load(trial_r, i), load(r, i)))
    update_secant(structure, workspace, group, keep & (old < HUGE) & (rho > LEAST_GAIN) & (rho < MOST_GAIN))
    set_radius(workspace, group, keep, rho, (old < HUGE) & ~repeated)
    store(cost, 0, choose(keep, new, old))
    foreseen = keep & (rho > 1.0 - MOST_MISPREDICTION) & (rho < 1.0 + MOST_MISPREDICTION)
    store(former, 0, choose(foreseen, load(at_group(workspace, Field.RESIDUAL_STEP_NORM2, group), 0), 0.0))
    metric = at_group(workspace, Field.METRIC, group)
    forget = choose(load(at_group(workspace, Field.RESTART, group), 0) > 0.0, 0.0, FORGET)
    with loop(n_free) as i:
        store(metric, i, choose(keep, forget * load(metric, i), load(metric, i)))
    with loop(n_free) as i:
        store(gradient, i, choose(keep, load(trial_gradient, i), load(gradient, i)))
        place = structure[PLACES + i]
        store(params, place, choose(keep, load(trial, place), load(params, place)))


def set_radius(workspace: Any, group: Any, keep: Any, rho: Any, stepped: Any) -> None:
    """Set the radius from what the step gained, and guess the damping that goes with it."""
    radius, damping = at_group(workspace, Field.RADIUS, group), at_group(workspace, Field.DAMPING, group)
    tried = load(at_group(workspace, Field.METRIC_STEP_NORM2, group), 0)
    good, poor = keep & (rho > GOOD), ~keep | (rho < POOR)
    allowed, mu = load(radius, 0), load(damping, 0)
    longer = choose(EXPAND2 * tried > allowed, EXPAND2 * tried, allowed)
    least = LEAST_RADIUS2 * load(at_group(workspace, Field.TRIAL_COST, group), 0)
    longer = choose(longer > least, longer, least)
    now = choose(good, longer, choose(poor, choose(keep, SHRINK2, REJECTED2) * tried, allowed))
    store(radius, 0, choose(stepped, now, allowed))
    share = at_group(workspace, Field.CAP_SHARE, group)
    grown = choose(load(share, 0) > 0.25, 1.0, 4.0 * load(share, 0))
    store(share, 0, choose(stepped, choose(keep, grown, 0.25 * load(share, 0)), 1.0))
    restart = keep & (load(at_group(workspace, Field.RESTART, group), 0) > 0.0)
    guess = choose(good, 0.0, choose(poor, choose(mu > LEAST_REJECTED, 4.0 * mu, 4.0 * LEAST_REJECTED), mu))
    store(damping, 0, choose(restart, START_DAMPING, choose(stepped, guess, mu)))
    store(radius, 0, choose(restart, INFINITY, load(radius, 0)))
