"""Factors of the Jacobian itself, for where its products have lost the digits.

Flows in: JACOBIAN, the columns of J and the residuals at the trial point of each lane. Flows out: R of J = Q R, and
z = Q^T r.

J is factored by the modified Gram-Schmidt method, whose R is as accurate as Householder's, and whose z is with the
residual as one more column (A. Bjorck, BIT 7 (1967) 1): the condition of J counts, not its square.

A step solves the least-squares problem of R over sqrt(mu) D, with z over zeros, which is factored in the same way. As
in `propose`, D is zero for eliminated parameters, and for the others the length of what these leave of a column.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.compiler.flow import loop, subroutine
from ndfit.compiler.functions.basic import root
from ndfit.compiler.memory import load, store
from ndfit.compiler.values import Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import at_group, entry
from ndfit.engines.compiled.kernel.algebra import MOST_KNOWN
from ndfit.engines.compiled.kernel.workspace import ELIMINATE, FREE, KEEP, LINEAR, Field

SINGULAR = float(np.finfo(float).eps)  # of a column's length, times the number of samples


@subroutine()
def orthogonalise(columns: Any, factor: Any, n_columns: Any, n_all: Any, n_rows: Any) -> None:
    """Factor the first `n_columns` of `n_all` columns, which are overwritten.

    R is written to `factor`, transposed and packed; its diagonal is zero where a column depends on those before it.
    """
    with loop(n_columns) as k:
        before, square = Local(Lanes.of(0.0)), Local(Lanes.of(0.0))
        with loop(k) as j:
            before += load(factor, entry(k, j)) * load(factor, entry(k, j))
        with loop(n_rows) as m:
            value = load(columns, k * n_rows + m)
            square += value * value
        limit = SINGULAR * SINGULAR * n_rows * n_rows * (before.value + square.value)
        usable = square.value > limit
        inverse = choose(usable, 1.0 / root(choose(usable, square.value, 1.0)), 0.0)
        store(factor, entry(k, k), choose(usable, square.value * inverse, 0.0))
        with loop(k + 1, n_all) as i:
            product = Local(Lanes.of(0.0))
            with loop(n_rows) as m:
                product += load(columns, k * n_rows + m) * load(columns, i * n_rows + m)
            along = product.value * inverse
            store(factor, entry(i, k), along)
            step = along * inverse
            with loop(n_rows) as m:
                to = i * n_rows + m
                store(columns, to, load(columns, to) - step * load(columns, k * n_rows + m))


@subroutine()
def assemble_rows(structure: Any, workspace: Any, group: Any, n_samples: Any) -> None:
    """Set cost, J^T r, and R with z in its last row, of the trial point, in lanes that go by rows.

    Where nothing is eliminated the cost is known already, and may be another than the sum of squares.
    """
    columns, n_free = at_group(workspace, Field.JACOBIAN, group), structure[FREE]
    cost, by_rows = at_group(workspace, Field.TRIAL_COST, group), load(at_group(workspace, Field.BY_ROWS, group), 0)
    gradient, total = at_group(workspace, Field.TRIAL_GRADIENT, group), Local(Lanes.of(0.0))
    here = by_rows > 0.0
    with loop(n_samples) as m:
        value = load(columns, n_free * n_samples + m)
        total += value * value
    counted = here & (load(at_group(workspace, Field.MODE, group), 0) == ELIMINATE)
    store(cost, 0, choose(counted, total.value, load(cost, 0)))
    with loop(n_free) as k:
        product = Local(Lanes.of(0.0))
        with loop(n_samples) as m:
            product += load(columns, k * n_samples + m) * load(columns, n_free * n_samples + m)
        store(gradient, k, choose(here, product.value, load(gradient, k)))
    orthogonalise(columns, at_group(workspace, Field.TRIAL_R, group), n_free, n_free + 1, n_samples)


@subroutine(Lanes)
def solve_step_by_rows(structure: Any, workspace: Any, group: Any) -> Any:
    """As `propose.solve_step`, from R and z of the best point. FACTOR becomes L with L L^T = B + mu D^2."""
    known, small = at_group(workspace, Field.R, group), at_group(workspace, Field.SMALL, group)
    scale, pinned = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.PINNED, group)
    reduced, solved = at_group(workspace, Field.SMALL_R, group), at_group(workspace, Field.SMALL_STEP, group)
    n_free = structure[FREE]
    n_rows = 2 * n_free
    set_metric(structure, workspace, group)
    metric, root_mu = at_group(workspace, Field.METRIC, group), root(load(at_group(workspace, Field.DAMPING, group), 0))
    with loop((n_free + 1) * n_rows) as i:
        store(small, i, 0.0)
    with loop(n_free) as k:
        right = Local(load(known, entry(n_free, k)))
        with loop(k, n_free) as i:
            store(small, i * n_rows + k, load(known, entry(i, k)) * load(scale, i))
            right -= load(known, entry(i, k)) * load(pinned, i)
        store(small, n_free * n_rows + k, right.value)
        store(small, k * n_rows + n_free + k, root_mu * root(load(metric, k)) * load(scale, k))
    orthogonalise(small, reduced, n_free, n_free + 1, n_rows)
    gained = Local(Lanes.of(0.0))
    with loop(n_free) as turn:
        i = n_free - 1 - turn
        z, own = Local(load(reduced, entry(n_free, i))), load(reduced, entry(i, i))
        gained += z.value * z.value
        with loop(i + 1, n_free) as k:
            z -= load(reduced, entry(k, i)) * load(solved, k)
        inverse = choose(own > 0.0, 1.0 / choose(own > 0.0, own, 1.0), 0.0)
        store(reduced, entry(i, i), inverse)
        store(solved, i, z.value * inverse)
    take_solution(structure, workspace, group)
    return gained.value


def set_metric(structure: Any, workspace: Any, group: Any) -> None:
    """Make D^2 as large as the squares of the columns of R, of what is left of them where parameters are eliminated."""
    known, metric = at_group(workspace, Field.R, group), at_group(workspace, Field.METRIC, group)
    eliminated = load(at_group(workspace, Field.MODE, group), 0) != KEEP
    here, n_linear = load(at_group(workspace, Field.BY_ROWS, group), 0) > 0.0, structure[LINEAR]
    with loop(structure[FREE]) as i:
        left = Local(Lanes.of(0.0))
        with loop(n_linear, i + 1) as k:
            left += load(known, entry(i, k)) * load(known, entry(i, k))
        whole = Local(left.value)
        with loop(choose(i < n_linear, i + 1, n_linear)) as k:
            whole += load(known, entry(i, k)) * load(known, entry(i, k))
        found = choose(eliminated, choose(i < n_linear, Lanes.of(0.0), left.value), whole.value)
        now, most = load(metric, i), MOST_KNOWN * found
        limited = choose(now > found, choose(now < most, now, most), found)
        store(metric, i, choose(here, limited, now))


def take_solution(structure: Any, workspace: Any, group: Any) -> None:
    """Hand step, factor and lengths to the lanes that go by rows."""
    scale, pinned = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.PINNED, group)
    metric, along = at_group(workspace, Field.METRIC, group), at_group(workspace, Field.ALONG, group)
    factor, step = at_group(workspace, Field.FACTOR, group), at_group(workspace, Field.STEP, group)
    reduced, solved = at_group(workspace, Field.SMALL_R, group), at_group(workspace, Field.SMALL_STEP, group)
    here = load(at_group(workspace, Field.BY_ROWS, group), 0) > 0.0
    n_free, length = structure[FREE], Local(Lanes.of(0.0))
    with loop(entry(n_free, 0)) as i:
        store(factor, i, choose(here, load(reduced, i), load(factor, i)))
    with loop(n_free) as i:
        own, given, weight = load(solved, i) * load(scale, i), load(pinned, i), load(metric, i)
        length += (own * own + given * given) * weight
        store(along, i, choose(here, own * weight * load(scale, i), load(along, i)))
        store(step, i, choose(here, own + given, load(step, i)))
    norm2 = at_group(workspace, Field.METRIC_STEP_NORM2, group)
    store(norm2, 0, choose(here, length.value, load(norm2, 0)))
