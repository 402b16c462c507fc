"""Data, weights and masks of every kind come out as plain arrays on the data's axes."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import InverseVariance, NDData, StdDevUncertainty, UnknownUncertainty, VarianceUncertainty
from astropy.utils.exceptions import AstropyUserWarning
from astropy.utils.masked import Masked
from numpy.testing import assert_allclose, assert_array_equal

from ndfit.options import Data
from ndfit.problem.axes import Axes
from ndfit.problem.opening import Opened, open_samples
from ndfit.problem.samples import Samples

SHAPE = (5, 3, 4)
AXES = Axes(SHAPE, (0,))


def opened(data: Any, unit: Any = None, weights: Any = None) -> Opened:
    return open_samples(Data(data, 0, None, unit, None, weights), 1)


def place(
    data: Any = None,
    unit: Any = None,
    weights: Any = None,
    mask: Any = None,
    axes: Axes = AXES,
    uncertainty: Any = None,
) -> Samples:
    data = np.zeros(SHAPE) if data is None else data
    return open_samples(Data(data, axes.fitting, None, unit, uncertainty, weights, mask), len(axes.fitting)).samples


@pytest.mark.parametrize(
    ("shape", "placed"),
    [
        ((5, 3, 4), (5, 3, 4)),
        ((5, 1, 1), (5, 1, 1)),
        ((5,), (5, 1, 1)),
        ((3, 4), (1, 3, 4)),
        ((4,), (1, 1, 4)),
        ((), (1, 1, 1)),
    ],
)
def test_shapes_of_weights_and_masks(shape: tuple[int, ...], placed: tuple[int, ...]) -> None:
    samples = place(weights=np.ones(shape), mask=np.zeros(shape, dtype=bool))
    assert samples.weights.shape == samples.mask.shape == placed


def test_shape_of_the_iterating_axes_where_the_fitting_axis_is_last() -> None:
    mask = np.array([[True, False, False], [False, False, True]])
    samples = place(np.zeros((2, 3, 7)), mask=mask, axes=Axes((2, 3, 7), (2,)))
    assert_array_equal(samples.mask[..., 0], mask)


def test_shape_that_could_be_either_is_refused() -> None:
    with pytest.raises(ValueError, match="could belong to the fitting or to the iterating axes"):
        place(np.zeros((4, 4)), weights=np.ones(4), axes=Axes((4, 4), (0,)))


@pytest.mark.parametrize("keyword", ["weights", "mask"])
def test_shape_that_fits_nowhere_is_named(keyword: str) -> None:
    with pytest.raises(ValueError, match=rf"{keyword} of shape \(7,\)"):
        place(**{keyword: np.ones(7, dtype=bool)})


def test_masks_of_data_and_of_the_call_add_up() -> None:
    data = np.ma.array(np.zeros(SHAPE), mask=False)
    data[1] = np.ma.masked
    mask = np.zeros((3, 4), dtype=bool)
    mask[0, 0] = True
    samples = place(data, mask=mask)
    expected = np.zeros(SHAPE, dtype=bool)
    expected[1] = True
    expected[:, 0, 0] = True
    assert_array_equal(samples.mask, expected)
    assert not isinstance(samples.data, np.ma.MaskedArray)


@pytest.mark.parametrize("dtype", [">f4", "<f8", "u2", "i8", "?"])
def test_real_numbers_are_taken_as_they_are(dtype: str) -> None:
    data = np.zeros(SHAPE, dtype=dtype)
    assert place(data).data is data


@pytest.mark.parametrize("data", [np.zeros(SHAPE, dtype=complex), np.full(SHAPE, "a"), np.full(SHAPE, None)])
def test_other_data_are_refused(data: Any) -> None:
    with pytest.raises(TypeError, match="data should be real numbers"):
        place(data)


def test_masks_and_weights_of_other_kinds_are_refused() -> None:
    with pytest.raises(TypeError, match="mask should be boolean"):
        place(mask=np.full(5, 0.5))
    with pytest.raises(TypeError, match="weights should be real numbers"):
        place(weights=np.full(5, "heavy"))


@pytest.mark.parametrize("uncertainty", [StdDevUncertainty, VarianceUncertainty, InverseVariance])
def test_weights_are_one_over_sigma_whatever_the_uncertainty(uncertainty: type) -> None:
    sigma = np.array([0.5, 1.0, 2.0, 4.0, 8.0])
    stored = {StdDevUncertainty: sigma, VarianceUncertainty: sigma**2, InverseVariance: sigma**-2}[uncertainty]
    assert_allclose(place(weights=uncertainty(stored)).weights[:, 0, 0], 1 / sigma)


@pytest.mark.parametrize("lazy", [False, True])
def test_small_sigmas_in_single_precision_keep_their_digits(lazy: bool) -> None:
    sigma = np.full(SHAPE, 3e-23, dtype=np.float32)
    weights = place(weights=StdDevUncertainty(da.from_array(sigma) if lazy else sigma)).weights
    assert_allclose(np.asarray(weights), 1.0 / sigma.astype(float))


@pytest.mark.parametrize("given", [lambda sigma: sigma, da.from_array, Masked], ids=["masked", "lazy", "Masked"])
def test_masked_uncertainties_weigh_nothing(given: Any) -> None:
    sigma = np.ma.array(np.full(SHAPE, 0.5), mask=np.arange(60).reshape(SHAPE) % 7 == 0)
    weights = place(uncertainty=given(sigma)).weights
    assert_array_equal(np.asarray(weights), np.where(sigma.mask, 0.0, 2.0))


def test_masked_uncertainties_may_have_a_unit() -> None:
    sigma = Masked([20.0, 10.0, 5.0, 4.0, 2.0] * u.mJy, mask=[False, True, False, False, False])
    assert_allclose(place(unit=u.Jy, uncertainty=sigma).weights[:, 0, 0], [50, 0, 200, 250, 500])


def test_lazy_masked_data_bring_their_mask() -> None:
    data = np.ma.array(np.arange(60.0).reshape(SHAPE), mask=np.arange(60).reshape(SHAPE) % 7 == 0)
    samples = place(da.from_array(data, chunks=(5, 2, 2)))
    assert_array_equal(samples.mask, data.mask)
    assert_array_equal(samples.data, data.data)
    assert not isinstance(samples.data.compute(), np.ma.MaskedArray)


def test_uncertainty_in_another_unit_than_the_data() -> None:
    weights = place(unit=u.Jy, weights=StdDevUncertainty(np.full(5, 20.0), unit=u.mJy)).weights
    assert_allclose(weights, 50.0)
    with pytest.raises(u.UnitConversionError, match="the uncertainty has unit 's'"):
        place(unit=u.Jy, weights=StdDevUncertainty(np.full(5, 20.0), unit=u.s))


def test_uncertainty_of_unknown_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="unknown kind"):
        place(weights=UnknownUncertainty(np.ones(5)))


def test_weights_with_a_unit() -> None:
    assert_allclose(place(unit=u.Jy, weights=np.full(5, 2.0) / u.mJy).weights, 2000.0)
    assert_allclose(place(unit=u.Jy, weights=np.full(5, 2.0) * u.one).weights, 2.0)
    with pytest.raises(u.UnitConversionError, match="weights has unit"):
        place(unit=u.Jy, weights=np.full(5, 2.0) * u.s)


def test_masked_weights_weigh_nothing() -> None:
    weights = np.ma.array(np.ones(5), mask=[False, True, False, False, False])
    assert_array_equal(place(weights=weights).weights[:, 0, 0], [1, 0, 1, 1, 1])


def test_data_unit_converts_a_quantity() -> None:
    assert_allclose(opened(np.ones(3) * u.Jy, "mJy").samples.data, 1000.0)
    with pytest.raises(u.UnitConversionError, match="cannot be converted to data_unit 's'"):
        opened(np.ones(3) * u.Jy, u.s)
    with pytest.raises(ValueError, match="data_unit should be a unit"):
        opened(np.ones(3), "furlongish")


def test_nddata_is_opened_and_keywords_win() -> None:
    nddata = NDData(
        np.ones(SHAPE), unit=u.K, mask=np.zeros(SHAPE, dtype=bool), uncertainty=StdDevUncertainty(np.full(SHAPE, 2.0))
    )
    found = opened(nddata)
    assert found.unit == u.K
    assert_array_equal(found.samples.weights, np.full(SHAPE, 0.5))
    assert_array_equal(found.samples.mask, nddata.mask)
    with pytest.warns(AstropyUserWarning, match="the NDData has a uncertainty"):
        assert opened(nddata, weights=np.ones(5)).samples.weights.shape == (5, 1, 1)


def test_lazy_arrays_stay_lazy() -> None:
    lazy = da.zeros(SHAPE, chunks=(5, 1, 4))
    samples = place(lazy, weights=da.ones(SHAPE, chunks=(5, 1, 4)), mask=lazy > 1)
    assert all(isinstance(array, da.Array) for array in (samples.data, samples.weights, samples.mask))


def test_bare_uncertainty_holds_standard_deviations() -> None:
    data = Data(np.zeros(SHAPE), 0, uncertainty=np.full(5, 4.0))
    assert_allclose(open_samples(data, 1).samples.weights, 0.25)


def test_uncertainty_and_weights_exclude_each_other() -> None:
    data = Data(np.zeros(SHAPE), 0, uncertainty=np.ones(5), weights=np.ones(5))
    with pytest.raises(ValueError, match="either uncertainty or weights"):
        open_samples(data, 1)


def test_masked_quantities_bring_their_mask() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1, 2, 3] = True
    samples = place(Masked(np.ones(SHAPE), mask=mask))
    assert_array_equal(samples.mask, mask)
    assert_array_equal(samples.data, np.ones(SHAPE))


def test_numbers_and_quantities_serve_as_masks() -> None:
    mask = np.arange(5) % 2
    for given in (mask, u.Quantity(mask == 1)):
        assert_array_equal(place(mask=given).mask[:, 0, 0], [False, True, False, True, False])
