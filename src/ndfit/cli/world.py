"""The coordinates that a fit is made in.

Flows in: a Source and what was typed of its coordinates. Flows out: World: the coordinates for `ndfit.fit`, their units
in the fit, and their values for windows.

The unit of the fit is the one asked for, else the one that the header states (Angstrom, where wcslib would change it to
m), else the coordinate's own. Frequencies and wavelengths become velocities by the Doppler convention and the rest
frequency or wavelength that are given or stand in the header.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.wcs import WCS
from numpy.typing import NDArray

from ndfit.cli.bad_input import BadInput
from ndfit.cli.quantities import Amount, parse_amount, parse_unit
from ndfit.cli.source import Source, amount_or_plane, open_plane
from ndfit.derived.component_quantities import CONVENTIONS
from ndfit.io.images import mirror
from ndfit.problem.axes import Axes
from ndfit.problem.coords import Coordinate, coordinates

__all__ = ["CONVENTIONS", "World", "WorldOptions", "open_world", "rest_of"]

_VELOCITY = u.km / u.s


@dataclass(frozen=True)
class WorldOptions:
    """What was typed of the coordinates.

    Attributes
    ----------
    hdu : array of the coordinate of the fitting axis, in place of the WCS
    unit : of the fit
    shift : a number or an array; it is subtracted from the coordinates
    redshift : a number or an array; wavelengths are divided by one plus it, frequencies multiplied
    rest : rest frequency or wavelength
    convention : key of CONVENTIONS
    """

    hdu: str | None = None
    unit: str | None = None
    shift: str | None = None
    redshift: str | None = None
    rest: str | None = None
    convention: str | None = None


@dataclass(frozen=True)
class World:
    """Coordinates of the fitting axes.

    Attributes
    ----------
    given : what `ndfit.fit` takes for `world`
    values : of each fitting axis, in its unit of the fit, with the data's number of axes and broadcastable to it
    units : of the fit, None for plain numbers
    equivalencies : that convert what is given to those units, empty where none are needed
    converted : what is given is in other units
    redshift : by which the coordinates were taken to rest, with the data's number of axes and broadcastable to it; None
        where they were not
    """

    given: Any
    values: tuple[NDArray[np.float64], ...]
    units: tuple[u.UnitBase | None, ...]
    equivalencies: tuple[Any, ...] = ()
    converted: bool = False
    redshift: NDArray[np.float64] | None = None

    @property
    def observed(self) -> NDArray[np.float64]:
        """Values along the first fitting axis as they were before --redshift."""
        if self.redshift is None:
            return self.values[0]
        return np.asarray(self.values[0] * (1.0 + self.redshift) ** -_power_at_rest(self.units[0]))


def open_world(source: Source, options: WorldOptions) -> World:
    """Find the coordinates.

    Raises
    ------
    BadInput
        There are none of the shape of the data, or their unit cannot be converted.
    """
    axes = Axes(source.data.shape, source.fitting)
    given: Any = source.wcs
    if options.hdu is not None:
        given = _from_hdu(source, options.hdu)
    found = _found(given, axes)
    if options.shift is not None or options.redshift is not None:
        corrected = _corrected(source, axes, found, options)
        found = _found(corrected, axes)
        given = _scaled_wcs(given, axes, options, found) or corrected
    equivalencies = _equivalencies(source, found, options)
    units = tuple(
        _unit_of_fit(coordinate, source.stated_units[axis] if options.hdu is None else None, options, equivalencies)
        for coordinate, axis in zip(found, source.fitting, strict=True)
    )
    values = tuple(
        coordinate.values
        if coordinate.unit is None or unit is None
        else coordinate.unit.to(unit, coordinate.values, equivalencies=list(equivalencies))
        for coordinate, unit in zip(found, units, strict=True)
    )
    converted = any(coordinate.unit not in (None, unit) for coordinate, unit in zip(found, units, strict=True))
    return World(given, values, units, equivalencies, converted, _redshift(source, axes, options))


def _found(given: Any, axes: Axes) -> tuple[Coordinate, ...]:
    try:
        return coordinates(given, axes)
    except (TypeError, ValueError) as error:
        raise BadInput(f"The coordinates cannot be used: {error}.") from error


def _from_hdu(source: Source, reference: str) -> Any:
    if len(source.fitting) != 1:
        raise BadInput("--world holds the coordinate of one axis, and the model has several inputs.")
    plane = open_plane(reference, source)
    return (_with_unit(np.asarray(plane.values, dtype=float), plane.unit),)


def _corrected(source: Source, axes: Axes, found: tuple[Coordinate, ...], options: WorldOptions) -> Any:
    """Coordinates less the shift, at rest, as arrays."""
    if len(found) != 1:
        raise BadInput("--shift and --redshift are for models with one input.")
    (coordinate,) = found
    if coordinate.name == "pixel":
        raise BadInput("The coordinates are pixels, and --shift and --redshift are for coordinates of the world.")
    values = coordinate.values
    stated = source.stated_units[source.fitting[0]] if options.hdu is None else None
    of_plain_numbers = parse_unit(options.unit) if options.unit is not None else stated or coordinate.unit
    if options.shift is not None:
        shift, unit = _number_or_map(source, axes, options.shift, "--shift")
        values = values - shift * _scale(unit or of_plain_numbers, coordinate.unit or of_plain_numbers, "--shift")
    if options.redshift is not None:
        factor = 1.0 + _redshift(source, axes, options)
        values = values * factor ** _power_at_rest(coordinate.unit or of_plain_numbers)
    return (_with_unit(values, coordinate.unit),)


def _scaled_wcs(given: Any, axes: Axes, options: WorldOptions, wanted: tuple[Coordinate, ...]) -> WCS | None:
    """The WCS of coordinates at rest, where one number takes them there: the maps keep the other axes of theirs."""
    if (
        not isinstance(given, WCS)
        or options.shift is not None
        or wanted[0].values.size != wanted[0].values.shape[axes.fitting[0]]
    ):
        return None
    scaled, number = given.deepcopy(), mirror(len(axes.shape), axes.fitting[0])
    (before,) = _found(given, axes)
    usable = np.flatnonzero(before.values.ravel())
    factor = float(wanted[0].values.ravel()[usable[0]] / before.values.ravel()[usable[0]]) if usable.size else 1.0
    scaled.wcs.crval = [value * (factor if axis == number else 1.0) for axis, value in enumerate(scaled.wcs.crval)]
    if scaled.wcs.has_cd():
        scaled.wcs.cd = (
            np.asarray(scaled.wcs.cd) * np.where(np.arange(scaled.naxis) == number, factor, 1.0)[:, np.newaxis]
        )
    else:
        scaled.wcs.cdelt = [value * (factor if axis == number else 1.0) for axis, value in enumerate(scaled.wcs.cdelt)]
    (after,) = _found(scaled, axes)
    same = after.unit == wanted[0].unit and after.values.shape == wanted[0].values.shape
    return scaled if same and np.allclose(after.values, wanted[0].values, rtol=1e-13, atol=0.0) else None


def _redshift(source: Source, axes: Axes, options: WorldOptions) -> Any:
    if options.redshift is None:
        return None
    redshift, unit = _number_or_map(source, axes, options.redshift, "--redshift")
    return np.asarray(redshift * _scale(unit, None, "--redshift"), dtype=float)


def _power_at_rest(unit: u.UnitBase | None) -> int:
    """Of (1 + z), by which coordinates are multiplied at rest; those without a unit are taken for wavelengths."""
    kinds = set() if unit is None else set(unit.physical_type)
    if not kinds or "length" in kinds:
        return -1
    if kinds & {"frequency", "energy", "wavenumber"}:
        return 1
    raise BadInput(f"--redshift is for wavelengths and frequencies, and the coordinates are in '{unit}'.")


def _scale(unit: u.UnitBase | None, target: u.UnitBase | None, option: str) -> float:
    """What turns numbers in one unit into numbers in another."""
    if unit is None:
        return 1.0
    try:
        return float(unit.to(u.one if target is None else target))
    except u.UnitConversionError:
        expected = "plain numbers are expected" if target is None else f"the coordinates are in '{target}'"
        raise BadInput(f"{option} is in '{unit}', and {expected}; without a unit, it is in that of the fit.") from None


def _with_unit(values: Any, unit: u.UnitBase | None) -> Any:
    return values if unit is None else u.Quantity(values, unit)


def _number_or_map(source: Source, axes: Axes, text: str, option: str) -> tuple[Any, u.UnitBase | None]:
    """One number, or one a position on the data's axes, and its unit."""
    given = amount_or_plane(text, source)
    if isinstance(given, Amount):
        return given.value, given.unit
    if given.values.shape != axes.iterating_shape:
        raise BadInput(
            f"{option} {text} has shape {given.values.shape}, and the positions have {axes.iterating_shape}."
        )
    return np.expand_dims(np.asarray(given.values, dtype=float), source.fitting[0]), given.unit


def _equivalencies(source: Source, found: tuple[Coordinate, ...], options: WorldOptions) -> tuple[Any, ...]:
    """What turns frequencies or wavelengths into velocities, where that is asked for."""
    own = found[0].unit
    target = None if options.unit is None else parse_unit(options.unit)
    wanted = options.rest is not None or options.convention is not None
    if target is not None and own is not None and not own.is_equivalent(target) and target.is_equivalent(_VELOCITY):
        wanted = True
    if not wanted:
        return ()
    if target is None or not target.is_equivalent(_VELOCITY):
        raise BadInput("--rest and --convention are for velocities: give --world-unit km/s as well.")
    if own is None or not own.is_equivalent(u.Hz, u.spectral()):
        raise BadInput(f"The coordinate is in '{own or 'plain numbers'}', and has no velocity: see --world-unit.")
    rest = rest_of(source, options)
    convention = options.convention or ("radio" if own.is_equivalent(u.Hz) else "optical")
    return tuple(CONVENTIONS[convention](rest))


def rest_of(source: Source, options: WorldOptions) -> u.Quantity:
    """The rest frequency or wavelength that velocities are about.

    Raises
    ------
    BadInput
        None is given, and none is in the header.
    """
    if options.rest is not None:
        amount = parse_amount(options.rest)
        if amount.unit is None or not amount.unit.is_equivalent(u.Hz, u.spectral()):
            raise BadInput(f"--rest expects a frequency or wavelength, such as 115.27GHz, got '{options.rest}'.")
        return u.Quantity(amount.value, amount.unit)
    wcs = source.wcs
    if wcs is not None and wcs.wcs.restfrq:
        return u.Quantity(wcs.wcs.restfrq, u.Hz)
    if wcs is not None and wcs.wcs.restwav:
        return u.Quantity(wcs.wcs.restwav, u.m)
    raise BadInput("A velocity needs the line's rest frequency or wavelength: give --rest, such as --rest 115.27GHz.")


def _unit_of_fit(
    coordinate: Coordinate, stated: u.UnitBase | None, options: WorldOptions, equivalencies: tuple[Any, ...]
) -> u.UnitBase | None:
    own = coordinate.unit
    if options.unit is not None:
        unit = parse_unit(options.unit)
        if own is None and coordinate.name == "pixel":
            raise BadInput(f"The coordinates are pixels, and cannot be in '{unit}' (--world-unit).")
        if own is not None and not own.is_equivalent(unit, list(equivalencies)):
            raise BadInput(f"The coordinate is in '{own}', which cannot be converted to '{unit}' (--world-unit).")
        return unit
    return stated if stated is not None and own is not None and own.is_equivalent(stated) else own
