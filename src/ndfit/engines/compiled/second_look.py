"""A second look at fits that stalled: Newton's method with the whole second derivative of the cost.

Flows in: where some fits of a block stopped. Flows out: where they are at last, and their estimated distance to the
minimum (EDM, `ndfit.engines.certificate`) times the noise variance.

The kernel's steps and its EDM come from J^T J. That is not the second derivative H of the cost where residuals are
large or a valley is curved, and means nothing at a kink, where derivatives jump. Here H is found by differences of the
gradient g, over a hundredth of what moves the residuals by the noise: beside a kink it holds the jump. The step h
minimises g^T h + h^T H h / 2 within the bounds; along directions in which the cost is curved downwards, the sign of H
is turned (Y. N. Dauphin et al., NeurIPS 27 (2014)). What it takes off the cost is the EDM, or what a step with J^T J
in place of H does, where that is less. It is never more than the cost itself, of which no more can be taken away. The
lowest of some points along both steps is where the next begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.box import within
from ndfit.engines.compiled.some_fits import Fits
from ndfit.engines.decomposed import eigenvectors, singular_vectors

__all__ = ["Settled", "settle"]

_NUMBERS_AT_ONCE = 2**22
# Of the noise, and of all samples together: what differences move the residuals by.
_DIFFERENCE, _LEAST_DIFFERENCE = 1e-2, 1e-7
# A fit that has this EDM, in noise variances, goes on no more.
_ENOUGH = 1e-4
_ROUNDS = 12
# Of the step, that are tried.
_PARTS = tuple(4.0**-power for power in range(8))
# Of the largest curvature: less is none.
_FLAT = 1e-12


@dataclass(frozen=True)
class Settled:
    """Of n fits.

    Attributes
    ----------
    parameters : shape (n, P)
    cost : shape (n,)
    distance : shape (n,), EDM times the noise variance; infinite where derivatives are not finite
    nfev : shape (n,), evaluations that this took
    """

    parameters: FloatArray
    cost: FloatArray
    distance: FloatArray
    nfev: NDArray[np.int32]


def settle(fits: Fits, parameters: FloatArray, variance: FloatArray, left: FloatArray) -> Settled:
    """Go on from where fits stalled.

    Parameters
    ----------
    fits : n fits of a block
    parameters : shape (n, P), where they stopped
    variance : shape (n,), of the noise
    left : shape (n,), evaluations that they may still take
    """
    size = max(1, _NUMBERS_AT_ONCE // (fits.data.shape[1] * max(len(fits.free), 1)))
    parts = []
    for first in range(0, len(parameters), size):
        part = np.arange(first, min(first + size, len(parameters)))
        with np.errstate(all="ignore"):
            parts.append(_settled(fits.take(part), parameters[part], variance[part], left[part]))
    return Settled(*(np.concatenate([getattr(part, name) for part in parts]) for name in Settled.__annotations__))


def _settled(fits: Fits, parameters: FloatArray, variance: FloatArray, left: FloatArray) -> Settled:
    cost, distance = fits.costs(parameters), np.full(len(parameters), np.inf)
    # Of gradients, of the model's derivatives, and of points along both steps.
    a_round = 2 * len(fits.free) + 1 + 2 * len(_PARTS)
    nfev, some, gained = np.zeros(len(parameters), dtype=np.int32), np.arange(len(parameters)), np.zeros(0)
    for _ in range(_ROUNDS):
        some = some[nfev[some] + a_round <= left[some]]
        if not some.size:
            break
        before, here = cost[some], fits.take(some)
        steps, falls = _steps(here, parameters[some], variance[some])
        distance[some] = np.minimum(falls, before)
        parameters[some], cost[some] = _lowest_along(here, parameters[some], steps, before)
        nfev[some] += a_round
        gained = before - cost[some]
        enough = _ENOUGH * variance[some]
        # What was gained says more than what was foretold: derivatives may be nothing but rounding.
        goes_on = (gained > 0.0) & (np.maximum(distance[some], gained) > enough)
        some, gained = some[goes_on], gained[goes_on]
    else:
        # A valley: as many rounds again would gain as much.
        distance[some] = np.maximum(distance[some], _ROUNDS * gained)
    return Settled(parameters, cost, distance, nfev)


def _lowest_along(
    fits: Fits, parameters: FloatArray, ways: Sequence[FloatArray], cost: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The lowest of some points along the steps, and its cost."""
    tried = fits.moved(parameters, np.stack([part * steps for steps in ways for part in _PARTS]))
    found = fits.costs(tried)
    lowest, rows = np.argmin(found, axis=0), np.arange(len(parameters))
    lower = found[lowest, rows] < cost
    return (
        np.where(lower[:, np.newaxis], tried[lowest, rows], parameters),
        np.where(lower, found[lowest, rows], cost),
    )


def _steps(
    fits: Fits, parameters: FloatArray, variance: FloatArray
) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
    """Newton's steps and those of Gauss and Newton, shape (n, F), and the less that they take off the cost, (n,)."""
    room = fits.room(parameters)
    columns, residual = fits.weighted(parameters)
    sound = np.isfinite(columns).all(axis=(1, 2)) & np.isfinite(residual).all(axis=1)
    columns, residual = (np.where(sound.reshape(-1, *[1] * (each.ndim - 1)), each, 0.0) for each in (columns, residual))
    lengths = np.linalg.norm(columns, axis=2)
    unit = np.where(lengths > 0.0, 1.0 / np.where(lengths > 0.0, lengths, 1.0), 0.0)
    size = np.maximum(_DIFFERENCE * np.sqrt(variance), _LEAST_DIFFERENCE * fits.powers())
    limits = _scaled(room, unit)
    columns = columns * unit[:, :, np.newaxis]
    short, by_products = _least(*_of_jacobian(columns, residual), limits)
    curvature = _curvatures(fits, parameters, unit * size[:, np.newaxis], room)
    curvature = curvature * unit[:, :, np.newaxis] * unit[:, np.newaxis, :]
    # Of what is larger, not even the squares are numbers.
    whole = np.isfinite(np.sum(curvature**2, axis=(1, 2)))
    gradient = np.einsum("nfm,nm->nf", columns, residual)
    steps, falls = _least(*_of_curvature(np.where(whole[:, None, None], curvature, 0.0), gradient), limits)
    falls = np.where(whole, np.minimum(falls, by_products), by_products)
    steps = np.where(whole[:, np.newaxis], steps, 0.0)
    return (steps * unit, short * unit), np.where(sound, falls, np.inf)


def _scaled(room: tuple[FloatArray, FloatArray], unit: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Room in units in which columns of J have length one."""
    below, above = (np.where(unit > 0.0, side / unit, 0.0) for side in room)
    return below, above


def _curvatures(
    fits: Fits, parameters: FloatArray, sizes: FloatArray, room: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Second derivatives of the cost by the free parameters, shape (n, F, F), by differences over `sizes`."""
    n_fits, n_free = sizes.shape
    back, forth = (np.minimum(sizes, side) for side in room)
    changes = np.zeros((2, n_free, n_fits, n_free))
    own = np.arange(n_free)
    changes[0, own, :, own], changes[1, own, :, own] = -back.T, forth.T
    before, after = fits.gradients(fits.moved(parameters, changes))
    apart = (back + forth).T[:, :, np.newaxis]
    found = np.where(apart > 0.0, (after - before) / apart, 0.0).swapaxes(0, 1)
    return 0.5 * (found + found.swapaxes(1, 2))


def _of_jacobian(columns: FloatArray, residual: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Directions (n, F, F) in rows, the square root of the curvature along each, and what is downhill along it (n, F).

    The cost changes by |root (direction s)|^2 / 2 - downhill (direction s) over a step s. Directions that J does not
    determine have no curvature and no slope.
    """
    turned, sizes, rows = singular_vectors(columns)
    kept = sizes > columns.shape[2] * np.finfo(float).eps * sizes[:, :1]
    root = np.where(kept, sizes, 0.0)
    return turned.swapaxes(1, 2), root, -root * np.einsum("nkm,nm->nk", rows, residual)


def _of_curvature(curvature: FloatArray, gradient: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The same of second derivatives, with the sign of those below zero turned."""
    values, vectors = eigenvectors(curvature)
    size = np.abs(values)
    least = _FLAT * size.max(axis=1, initial=np.finfo(float).tiny, keepdims=True)
    return vectors.swapaxes(1, 2), np.sqrt(np.maximum(size, least)), -np.einsum("nfk,nf->nk", vectors, gradient)


def _least(
    directions: FloatArray, root: FloatArray, downhill: FloatArray, limits: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """The step of least cost within the limits, shape (n, F), and how far the cost falls over it, shape (n,)."""
    some = root > 0.0
    target = np.where(some, downhill / np.where(some, root, 1.0), 0.0)
    steps = np.einsum("nkf,nk->nf", directions, np.where(some, target / np.where(some, root, 1.0), 0.0))
    falls = 0.5 * np.sum(target**2, axis=1)
    below, above = limits
    sound = np.isfinite(steps).all(axis=1) & np.isfinite(target).all(axis=1)
    for row in np.flatnonzero(sound & ((steps < -below) | (steps > above)).any(axis=1)):
        matrix = root[row][:, np.newaxis] * directions[row]
        steps[row] = within(matrix, target[row], below[row], above[row])
        along = matrix @ steps[row]
        falls[row] = max(0.0, float(target[row] @ along - 0.5 * along @ along))
    return np.where(sound[:, np.newaxis], steps, 0.0), np.where(sound, falls, np.inf)
