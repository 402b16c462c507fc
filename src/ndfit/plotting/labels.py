"""What stands at the axes of a picture.

Flows in: FitProblem, names and units. Flows out: text for matplotlib and for pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from astropy import units as u

from ndfit.options import CASH
from ndfit.problem.types import FitProblem
from ndfit.untrusted import printable

if TYPE_CHECKING:
    from ndfit.fit_result import FitResult

__all__ = ["coordinate_names", "coordinate_units", "in_picture", "label", "quality_name", "sky_name", "unit_text"]

# Physical type of a unit -> what a coordinate with that unit is.
KINDS = {"speed": "velocity", "frequency": "frequency", "energy": "energy"}
_BEGINNING, _SPACE = r"$\mathrm{", r"\,"
_ONE_TIMES = _BEGINNING + r"1 \times 10"  # a power of ten does without that factor
_ANGSTROM = r"\mathring{A}", "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}"  # which matplotlib draws with a dot
WAVELENGTH = "em.wl"  # beginning of the physical type of a WCS
SKY_NAMES = {"pos.eq.ra": "RA", "pos.eq.dec": "Dec", "pos.galactic.lon": "l", "pos.galactic.lat": "b"}


def label(text: str, unit: Any, power: int = 0) -> str:
    """Text and unit, for an axis or a colour bar; `power` of ten that the numbers are to be multiplied by."""
    text, factor = in_picture(text), f"10^{{{power}}}" if power else ""
    if _is_unitless(unit):
        return f"{text} [${factor}$]" if factor else text
    if any(isinstance(base, u.UnrecognizedUnit) for base in getattr(unit, "bases", ())):
        return f"{text} [{f'${factor}$ ' if factor else ''}{in_picture(str(unit))}]"
    latex = unit.to_string("latex_inline").replace(_ONE_TIMES, _BEGINNING + "10", 1).replace(*_ANGSTROM)
    return f"{text} [{latex.replace(_BEGINNING, _BEGINNING + factor + _SPACE, 1) if factor else latex}]"


def in_picture(text: str) -> str:
    """Text from a file, or a name, as matplotlib shows it: a dollar sign begins no formula."""
    return printable(text).replace("$", r"\$")


def unit_text(unit: Any) -> str:
    """The unit in plain characters, empty where there is none."""
    return "" if _is_unitless(unit) else str(unit.to_string("unicode"))


def coordinate_units(problem: FitProblem) -> tuple[Any, ...]:
    """Unit of the coordinates of each fitting axis, None where they are plain numbers."""
    model = problem.original
    has_units = any(unit is not None for unit in (*problem.units, problem.data_unit))
    units = (model.input_units if has_units else None) or {}
    return tuple(units.get(name) for name in model.inputs)


def coordinate_names(problem: FitProblem) -> tuple[str, ...]:
    """What each fitting axis is, as far as units and WCS tell; else the name of the model's input."""
    types = () if problem.wcs is None else problem.wcs.world_axis_physical_types
    is_spectral = any((kind or "").startswith(WAVELENGTH) for kind in types)
    kinds = KINDS | ({"length": "wavelength"} if is_spectral else {})
    return tuple(
        name if _is_unitless(unit) else next((kinds[kind] for kind in unit.physical_type if kind in kinds), name)
        for name, unit in zip(problem.original.inputs, coordinate_units(problem), strict=True)
    )


def quality_name(result: FitResult) -> tuple[str, Any]:
    """What chi-square over the degrees of freedom is, and its unit: a variance where no uncertainties were given."""
    problem = result._problem
    if problem.absolute_sigma or result._call.options.get("statistic") == CASH:
        return "reduced chi-square", None
    unit = problem.data_unit
    return "residual variance", None if unit is None else unit**2


def sky_name(physical_type: str | None, name: str = "") -> str:
    """Short name of a world axis."""
    kind = physical_type or ""
    return SKY_NAMES.get(kind) or name or kind.split(".")[-1] or "world"


def _is_unitless(unit: Any) -> bool:
    return unit is None or unit == u.dimensionless_unscaled
