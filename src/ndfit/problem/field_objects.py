"""Objects of other fields' packages -> labelled arrays or NDData, which say the same and are read elsewhere.

Flows in: the arguments of a call. Flows out: the same, whose data are a DataArray or an NDData, with the fitting axes
and coordinates that the object itself tells. An object is known by the names of its classes, so that nobody's
library is imported; what it says and is not used, a warning names.

    pandas               Series and DataFrame: the index and the columns are coordinates
    spectral-cube        SpectralCube: data, mask, unit, WCS; fitted along the spectral axis
    specutils            Spectrum: flux, mask, uncertainty, spectral axis, which is the fitting axis
    lists of spectra     of any length: each has its own spectral axis, and what is missing at its end is masked
    ndcube               NDCube is an NDData; its extra coordinates are not used
    hyperspy             signals: axes with their units; fitted along the signal axes
    astropy              HDU objects of images: data, unit and WCS of the header
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData, StdDevUncertainty
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS, FITSFixedWarning

from ndfit.caught import warnings_put_back
from ndfit.options import Data
from ndfit.untrusted import read_unit

__all__ = ["is_of", "open_object"]

Opener = Callable[[Data], Data]


def is_of(value: Any, package: str, *names: str) -> bool:
    """Whether one of the object's classes has one of these names in this package."""
    return any(base.__name__ in names and base.__module__.partition(".")[0] == package for base in type(value).__mro__)


def open_object(given: Data) -> Data:
    """The arguments with data that can be read, and what the object tells where the caller does not.

    Raises
    ------
    TypeError, ValueError
        The object holds several arrays, or spectra that have nothing in common.
    ModuleNotFoundError
        xarray is needed to read it, and not installed.
    """
    for is_one, open_one in _OBJECTS:
        if is_one(given.data):
            return open_one(given)
    return given


def _tell(text: str) -> None:
    warnings.warn(text, AstropyUserWarning, stacklevel=2)


def _labelled(values: Any, dims: Sequence[str], coords: dict[str, Any], units: str | None = None) -> Any:
    try:
        import xarray
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'the axes of this object are read by xarray, which is not installed: pip install "ndfit[io]", or pass its '
            "numbers as an array, and world"
        ) from error
    return xarray.DataArray(values, dims=dims, coords=coords, attrs={"units": units} if units else {})


def _of_pandas(given: Data) -> Data:
    data = given.data
    labels = [data.index] if data.ndim == 1 else [data.index, data.columns]
    if any(label.nlevels > 1 for label in labels):
        raise TypeError(
            f"data is a pandas.{type(data).__name__} with an index of several levels: pass data.to_xarray() or an array"
        )
    names = [str(each.name or default) for each, default in zip(labels, ("index", "columns"), strict=False)]
    values = data.to_numpy()
    if values.dtype.kind == "O":
        values = data.to_numpy(dtype=float, na_value=np.nan)
    coords = {name: label.to_numpy() for name, label in zip(names, labels, strict=True) if not _counts(label)}
    return replace(given, data=_labelled(values, names, coords))


def _counts(index: Any) -> bool:
    return type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1


def _of_spectral_cube(given: Data) -> Data:
    cube = given.data
    mask = None if cube.mask is None else ~cube.mask.include()
    opened = NDData(cube.unmasked_data[:], mask=mask, wcs=cube.wcs)
    return replace(given, data=opened, fitting_axes=0 if given.fitting_axes is None else given.fitting_axes)


def _of_spectrum(given: Data) -> Data:
    spectrum = given.data
    axis = int(spectrum.spectral_axis_index)
    opened = NDData(spectrum.data, uncertainty=spectrum.uncertainty, mask=spectrum.mask, unit=spectrum.unit)
    if given.fitting_axes is None:
        given = replace(given, fitting_axes=axis)
    along = given.fitting_axes in (axis, axis - spectrum.data.ndim, (axis,), [axis])
    if not along:
        return replace(given, data=NDData(opened, wcs=spectrum.wcs))
    own = u.Quantity(spectrum.spectral_axis.value, spectrum.spectral_axis.unit)
    return replace(given, data=opened, world=(own,) if given.world is None else given.world)


def _is_list_of_spectra(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(_is_spectrum(each) for each in value)


def _is_spectrum(value: Any) -> bool:
    return is_of(value, "specutils", "Spectrum", "Spectrum1D")


def _of_list(given: Data) -> Data:
    """Spectra of any length, each a row; what is missing at the end of the shorter ones is masked."""
    spectra = given.data
    if any(spectrum.data.ndim != 1 for spectrum in spectra):
        raise ValueError("a list of spectra should hold one spectrum in each, of one axis")
    if given.fitting_axes not in (None, 1, -1, (1,), (-1,)):
        raise ValueError(
            f"a list of spectra is fitted along the spectral axis, fitting_axes=1, got {given.fitting_axes}"
        )
    length = max(spectrum.data.size for spectrum in spectra)
    flux, axis = spectra[0].unit, spectra[0].spectral_axis.unit
    try:
        rows = [(each.flux.to_value(flux), each.spectral_axis.to_value(axis)) for each in spectra]
    except u.UnitConversionError as error:
        raise u.UnitConversionError(f"the spectra of the list have no common unit: {error}") from None
    values, world = (np.stack([_padded(row[part], length, np.nan) for row in rows]) for part in (0, 1))
    masks = [np.zeros(each.data.size, bool) if each.mask is None else np.asarray(each.mask, bool) for each in spectra]
    known = [each.uncertainty is not None for each in spectra]
    if any(known) and not all(known):
        raise ValueError("some spectra of the list have uncertainties, and others have none: give all or none")
    sigma = None
    if all(known):
        deviations = [each.uncertainty.represent_as(StdDevUncertainty).quantity.to_value(flux) for each in spectra]
        sigma = StdDevUncertainty(np.stack([_padded(row, length, np.inf) for row in deviations]), copy=False)
    opened = NDData(values, uncertainty=sigma, mask=np.stack([_padded(row, length, True) for row in masks]), unit=flux)
    own = (world << axis,) if given.world is None else given.world
    return replace(given, data=opened, fitting_axes=1, world=own)


def _is_ragged(value: Any) -> bool:
    """Whether it is a list of arrays of several lengths."""
    sizes = {np.shape(each) for each in value} if _is_list_of_arrays(value) else set()
    return len(sizes) > 1


def _is_list_of_arrays(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(each, np.ndarray) for each in value)


def _of_ragged(given: Data) -> Data:
    lengths = ", ".join(sorted({str(len(each)) if each.ndim else "1" for each in given.data}))
    raise ValueError(
        f"data is a list of arrays of the lengths {lengths}, which have no axis in common: pass specutils' spectra, or "
        "one array with NaN at the end of the shorter ones, and world of the same shape"
    )


def _padded(row: Any, length: int, fill: Any) -> Any:
    return np.concatenate([row, np.full(length - len(row), fill, dtype=np.asarray(row).dtype)])


def _of_ndcube(given: Data) -> Data:
    if not given.data.extra_coords.is_empty:
        _tell(
            "the extra coordinates of the NDCube are not used, its WCS is: give them as world=(...,) or inputs={...} "
            "where they are meant"
        )
    return given


def _of_hyperspy(given: Data) -> Data:
    signal = given.data
    manager = signal.axes_manager
    of_signal = tuple(manager.signal_axes)
    axes = sorted((*manager.navigation_axes, *of_signal), key=lambda axis: axis.index_in_array)
    names = {axis.index_in_array: _text(axis.name) or f"axis_{axis.index_in_array}" for axis in axes}
    if len(set(names.values())) < len(names):
        names = {number: f"axis_{number}" for number in names}
    coords = {names[each.index_in_array]: _hyperspy_coordinate(names[each.index_in_array], each) for each in axes}
    opened = _labelled(signal.data, [names[axis.index_in_array] for axis in axes], coords)
    chosen = given.fitting_axes
    if chosen is None:
        chosen = tuple(names[axis.index_in_array] for axis in of_signal)
    variance = signal.get_noise_variance() if hasattr(signal, "get_noise_variance") else None
    if variance is not None and given.uncertainty is None and given.weights is None:
        _tell("the noise variance of the hyperspy signal is not used: give uncertainty=variance ** 0.5")
    return replace(given, data=opened, fitting_axes=chosen)


def _hyperspy_coordinate(name: str, axis: Any) -> Any:
    units = _text(axis.units)
    return (name, np.asarray(axis.axis), {"units": units} if units else {})


def _text(value: Any) -> str:
    """Text of an attribute that may be undefined, which hyperspy says with an object."""
    return value if isinstance(value, str) and value != "<undefined>" else ""


def _of_hdu(given: Data) -> Data:
    hdu = given.data
    if hdu.data is None:
        raise TypeError("data is an HDU without an array: choose the one that holds the image, such as hdus[1]")
    header, unit = hdu.header, None
    if header.get("BUNIT"):
        try:
            unit = read_unit(str(header["BUNIT"]).strip())
        except ValueError:
            _tell(
                f"BUNIT of the header, {header['BUNIT']!r}, is none that astropy reads: numbers are fitted without unit"
            )
    wcs = None
    if given.world is None:
        with warnings_put_back():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs = WCS(header)
        wcs = wcs if any(wcs.wcs.ctype) else None
    return replace(given, data=NDData(hdu.data, unit=unit if given.data_unit is None else None, wcs=wcs))


def _of_hdus(given: Data) -> Data:
    images = [f"hdus[{number}]" for number, hdu in enumerate(given.data) if getattr(hdu, "is_image", False)]
    raise TypeError(f"data is a list of HDUs: pass the one that holds the image, of {', '.join(images)}")


def _of_table(given: Data) -> Data:
    raise TypeError("data is an HDU of a table: pass a column, hdu.data['NAME'], of one array in each row")


_OBJECTS: tuple[tuple[Callable[[Any], bool], Opener], ...] = (
    (lambda value: is_of(value, "pandas", "Series", "DataFrame"), _of_pandas),
    (lambda value: is_of(value, "spectral_cube", "BaseSpectralCube"), _of_spectral_cube),
    (_is_spectrum, _of_spectrum),
    (_is_list_of_spectra, _of_list),
    (_is_ragged, _of_ragged),
    (lambda value: is_of(value, "ndcube", "NDCubeBase"), _of_ndcube),
    (lambda value: is_of(value, "hyperspy", "BaseSignal"), _of_hyperspy),
    (lambda value: isinstance(value, fits.HDUList), _of_hdus),
    (
        lambda value: isinstance(value, (fits.BinTableHDU, fits.TableHDU)) and not isinstance(value, fits.CompImageHDU),
        _of_table,
    ),
    (lambda value: isinstance(value, (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)), _of_hdu),
)
"""What an object is -> how it is opened."""
