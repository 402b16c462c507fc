"""Which lines are found together."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.modeling.models import Const1D, Gaussian1D
from numpy.testing import assert_allclose, assert_array_equal
from tests.engines.problems import engine_for, free_of

from ndfit.pipeline.guess.groups import Group, Setting, groups_of
from ndfit.pipeline.guess.search import Scales
from ndfit.pipeline.guess.split import is_splittable, split, splits
from ndfit.pipeline.guess.terms import parse_terms
from ndfit.pipeline.guess.tile import Tile


def setting_of(model: Any) -> Setting:
    n_params, x = len(model.param_names), np.linspace(0.0, 60.0, 61)[:, np.newaxis]
    tile = Tile(np.zeros((61, 2)), np.ones((61, 1)), (x,), (61,))
    start = np.tile(model.parameters, (2, 1))
    free = np.isin(np.arange(n_params), free_of(model))
    set_tied = engine_for(model).model.set_tied if any(model.tied.values()) else None
    low, high = np.full((2, n_params), -np.inf), np.full((2, n_params), np.inf)
    return Setting(Scales(tile), parse_terms(model), start, low, high, free, set_tied)


def groups(model: Any) -> list[Group]:
    setting = setting_of(model)
    return groups_of(setting, setting.start)


def test_lines_are_groups_of_their_own_unless_their_centres_are_tied() -> None:
    model = Gaussian1D(1, 20, 2) + Const1D() + Gaussian1D(1, 30, 2) + Gaussian1D(1, 40, 2)
    model.mean_0.tied = lambda m: 0.5 * m.mean_3
    model.stddev_2.tied = lambda m: m.stddev_3
    first, second = groups(model)
    assert [term.columns[0] for term in first.terms] == [4]
    assert [term.columns[0] for term in second.terms] == [7, 0]
    assert not list(first.ties(6))
    ((free, slope),) = second.ties(1)
    assert free == 8
    assert_allclose(slope, 0.5)


def test_a_group_of_which_nothing_is_free_is_known() -> None:
    model = Gaussian1D(1, 20, 2, fixed=dict.fromkeys(("amplitude", "mean", "stddev"), True)) + Gaussian1D()
    assert [group.free for group in groups(model)] == [False, True]


def test_a_line_is_split_where_both_halves_are_free() -> None:
    model = Gaussian1D(8, 20, 4) + Gaussian1D(1, 30, 2)
    setting = setting_of(model)
    one, other = groups(model)
    assert is_splittable(one.terms[0], other, setting)
    halves = split(setting.start, one.terms[0], other.terms[0], setting.start)
    x = setting.tile.coords[0][:, 0]
    model.parameters = halves[0]
    assert_allclose(model(x), Gaussian1D(8, 20, 4)(x), atol=0.8)
    assert_array_equal(halves[:, 2], halves[:, 5])
    assert halves[0, 1] < 20 < halves[0, 4]
    held = Gaussian1D(8, 20, 4) + Gaussian1D(1, 30, 2, fixed={"stddev": True})
    assert not is_splittable(groups(held)[0].terms[0], groups(held)[1], setting_of(held))


def test_a_line_is_split_either_way_where_heights_are_tied() -> None:
    model = Gaussian1D(8, 20, 4) + Gaussian1D(1, 30, 2)
    model.amplitude_1.tied = lambda m: 2.0 * m.amplitude_0
    model.stddev_1.fixed = True
    setting = setting_of(model)
    one, other = groups(model)
    assert is_splittable(one.terms[0], other, setting)
    found = list(splits(setting.start, one.terms[0], other.terms[0], setting))
    assert [bool(table[0, 1] < 20 < table[0, 4]) for table in found] == [True, False]
    for table in found:
        assert_array_equal(table[:, 5], 2)
        assert_allclose(table[:, 3], 2.0 * table[:, 0])
    model.mean_1.fixed = True
    assert not is_splittable(one.terms[0], other, setting_of(model))
