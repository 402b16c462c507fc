"""Widths come out positive and angles reduced, with what depends on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.modeling.models import Gaussian1D, Gaussian2D, Voigt1D
from numpy.testing import assert_array_equal

from ndfit.engines.base import BlockResult
from ndfit.pipeline.signs import Canonical, update_ties
from ndfit.pipeline.symmetries import Symmetries, symmetries_of
from ndfit.problem.types import Block, ParamTable
from ndfit.status import Status


def table(tied: tuple[bool, ...] = (False, False, False), even: tuple[bool, ...] = (False, False, True)) -> ParamTable:
    nothing = (np.zeros(1),) * 3
    return ParamTable(("amplitude", "mean", "stddev"), nothing, nothing, nothing, (False,) * 3, tied, even)


def fits(parameters: Any, n_free: int = 3) -> BlockResult:
    values = np.array(parameters, dtype=float)
    ended = np.full(len(values), Status.GTOL, np.int16)
    covariance = np.arange(1.0, 1.0 + len(values) * n_free**2).reshape(len(values), n_free, n_free)
    return BlockResult(values, ended, np.ones(len(values), np.int32), np.ones(len(values)), covariance)


def block_of(found: BlockResult, start: Any = 0.0, lower: Any = -np.inf, upper: Any = np.inf) -> Block:
    n_fits, n_params = found.parameters.shape
    low, high = (np.broadcast_to(np.asarray(bound, float), (1, n_params)) for bound in (lower, upper))
    starts = np.broadcast_to(np.asarray(start, float), (n_fits, n_params))
    data = np.zeros((n_fits, 4))
    return Block(data, None, None, (np.arange(4.0),), starts, low, high, np.full(n_fits, -1, np.int16), (4,))


def positive_widths(found: BlockResult, params: ParamTable, model: Any) -> BlockResult:
    return Canonical(params, model, Symmetries())(found, block_of(found))


def canonical(model: Any, parameters: Any, **keywords: Any) -> BlockResult:
    """Fits of a model that is even in nothing, all of whose parameters are free or tied."""
    names, tied = model.param_names, tuple(bool(model.tied[name]) for name in model.param_names)
    nothing = (np.zeros(1),) * len(names)
    params = ParamTable(tuple(names), nothing, nothing, nothing, (False,) * len(names), tied, (False,) * len(names))
    x = np.linspace(0.0, 3.0, 7)
    symmetries = symmetries_of(model, params.free, (x, 0.5 * x)[: model.n_inputs])
    around_start = keywords.pop("around_start", False)
    found = fits(parameters, len(params.free))
    return Canonical(params, model, symmetries)(found, block_of(found, **keywords), around_start=around_start)


def test_negative_widths_are_turned_and_their_covariances_with_others() -> None:
    found = fits([[-1.0, -2.0, -3.0], [-1.0, 2.0, 3.0]])
    turned = positive_widths(found, table(), Gaussian1D())
    assert_array_equal(turned.parameters, [[-1.0, -2.0, 3.0], [-1.0, 2.0, 3.0]])
    assert_array_equal(
        turned.covariance, found.covariance * np.array([[[1, 1, -1], [1, 1, -1], [-1, -1, 1]], np.ones((3, 3))])
    )


def test_covariance_of_the_free_parameters_alone() -> None:
    model = Gaussian1D()
    model.mean.tied = lambda m: m.amplitude
    found = fits([[5.0, 5.0, -3.0]], n_free=2)
    turned = positive_widths(found, table(tied=(False, True, False)), model)
    assert_array_equal(turned.covariance, found.covariance * np.array([[1, -1], [-1, 1]]))


def test_ties_follow_the_sign_where_it_turned_and_stay_elsewhere() -> None:
    model = Gaussian1D(1.0, 0.0, 1.0)
    model.amplitude.tied = lambda m: 10.0 * m.stddev
    found = fits([[-20.0, 1.0, -2.0], [7.0, 1.0, 3.0]], n_free=2)
    turned = positive_widths(found, table(tied=(True, False, False)), model)
    assert_array_equal(turned.parameters, [[20.0, 1.0, 2.0], [7.0, 1.0, 3.0]])
    assert_array_equal(found.parameters[0], [-20.0, 1.0, -2.0])
    assert_array_equal(model.parameters, [1.0, 0.0, 1.0])


def test_nothing_to_turn() -> None:
    found = fits([[-1.0, -2.0, 3.0], [1.0, 0.0, 0.0]])
    assert positive_widths(found, table(), Gaussian1D()) is found


def test_no_covariance_to_turn() -> None:
    found = fits([[1.0, 2.0, -3.0]])
    plain = BlockResult(found.parameters, found.status, found.nfev, found.cost)
    assert positive_widths(plain, table(), Gaussian1D()).covariance is None


def test_ties_of_ties_are_set_in_the_order_of_the_parameters() -> None:
    model = Gaussian1D()
    model.mean.tied = lambda m: 2.0 * m.amplitude
    model.stddev.tied = lambda m: 2.0 * m.mean
    values = np.array([[1.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    update_ties(values, table(tied=(False, True, True)), model)
    assert_array_equal(values, [[1.0, 2.0, 4.0], [3.0, 6.0, 12.0]])


def test_both_widths_of_a_voigt_profile_are_turned_at_once() -> None:
    parameters = [[1.0, 2.0, -0.5, -0.7], [1.0, 2.0, -0.5, 0.7], [1.0, 2.0, 0.5, 0.7], [np.nan] * 4]
    turned = canonical(Voigt1D(), parameters)
    assert_array_equal(turned.parameters, [[1.0, 2.0, 0.5, 0.7], *parameters[1:]])
    signs = np.array([1.0, 1.0, -1.0, -1.0])
    assert_array_equal(turned.covariance[0], fits(parameters, 4).covariance[0] * np.outer(signs, signs))
    assert_array_equal(turned.covariance[1:3], fits(parameters, 4).covariance[1:3])


def test_widths_whose_bounds_do_not_hold_the_other_sign_stay() -> None:
    parameters = [[1.0, 2.0, -0.5, -0.7]]
    assert_array_equal(canonical(Voigt1D(), parameters, upper=[9, 9, 9, 0.6]).parameters, parameters)
    assert_array_equal(canonical(Voigt1D(), parameters, lower=[-9, -9, -9, -0.7]).parameters, parameters)
    assert_array_equal(canonical(Voigt1D(), parameters, upper=[9, 9, 9, 0.8]).parameters, [[1.0, 2.0, 0.5, 0.7]])


def test_a_width_that_is_fixed_does_not_turn() -> None:
    params = ParamTable(
        Voigt1D.param_names, *(((np.zeros(1),) * 4,) * 3), (False,) * 3 + (True,), *(((False,) * 4,) * 2)
    )
    symmetries = symmetries_of(Voigt1D(), params.free, (np.arange(4.0),))
    found = fits([[1.0, 2.0, -0.5, -0.7]])
    assert Canonical(params, Voigt1D(), symmetries)(found, block_of(found)) is found


def test_angles_are_reduced_to_half_a_period_on_either_side_of_zero() -> None:
    angles = np.array([0.3, 1.5, 1.7, -1.7, 46.0, -5.6e2, np.inf, np.nan])
    parameters = np.tile([1.0, 2.0, 3.0, 2.0, 1.0, 0.0], (angles.size, 1))
    parameters[:, 5] = angles
    found = canonical(Gaussian2D(), parameters).parameters
    assert_array_equal(found[:, :5], parameters[:, :5])
    assert_array_equal(found[:2, 5], angles[:2])
    assert np.all(np.abs(found[:6, 5]) <= 0.5 * np.pi)
    np.testing.assert_allclose(np.cos(2.0 * found[:6, 5]), np.cos(2.0 * angles[:6]), atol=1e-12)
    assert_array_equal(found[6:, 5], angles[6:])


def test_angles_are_reduced_inside_their_bounds_alone() -> None:
    parameters = [[1.0, 2.0, 3.0, 2.0, 1.0, 3.0]]
    ((*_, within),) = canonical(Gaussian2D(), parameters, lower=[-9] * 5 + [-0.5]).parameters
    assert within == 3.0 - np.pi
    assert_array_equal(canonical(Gaussian2D(), parameters, lower=[-9] * 5 + [0.0]).parameters, parameters)
    assert_array_equal(canonical(Gaussian2D(), parameters, upper=[9] * 5 + [3.0]).parameters, parameters)


def test_angles_of_drawn_fits_stay_beside_the_solution_they_start_from() -> None:
    parameters = [[1.0, 2.0, 3.0, 2.0, 1.0, angle] for angle in (1.5, 1.6, 1.6 - np.pi)]
    found = canonical(Gaussian2D(), parameters, start=[0] * 5 + [1.5], around_start=True).parameters[:, 5]
    np.testing.assert_allclose(found, [1.5, 1.6, 1.6], rtol=1e-14)


def test_ties_follow_an_angle_and_may_forbid_its_change() -> None:
    model = Gaussian2D() + Gaussian2D()
    model.theta_1.tied = lambda m: m.theta_0 + 0.1
    ((*_, angle, tied),) = canonical(model, [[1, 0, 0, 2, 1, 4.0, 1, 0, 0, 2, 1, 4.1]]).parameters[:, [0, 5, 11]]
    np.testing.assert_allclose((angle, tied), (4.0 - np.pi, 4.1 - np.pi), rtol=1e-14)
    model.theta_1.tied = False
    model.x_mean_1.tied = lambda m: 2.0 * m.theta_0
    parameters = [[1, 0, 0, 2, 1, 4.0, 1, 8.0, 0, 2, 1, 0.3]]
    assert_array_equal(canonical(model, parameters).parameters, parameters)
