"""Lines on the axis of a cube.

Flows in: a LineSet, the Source and its World. Flows out: Asked: the same as had been typed for --model, --start,
--bounds, --fixed and --tied; what is typed there comes first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from ndfit.cli.bad_input import BadInput
from ndfit.cli.expression import Expression, parse_expression, sum_of
from ndfit.cli.messages import message_of
from ndfit.cli.parameters import Constraints, resolved_name
from ndfit.cli.settings import Settings
from ndfit.cli.source import Source
from ndfit.cli.world import CONVENTIONS, World, rest_of
from ndfit.io.images import mirror
from ndfit.lines.axis import Axis
from ndfit.lines.line_plan import Plan, plan_of
from ndfit.lines.line_set import LineSet, within

__all__ = ["Asked", "put_lines"]

_VELOCITY = u.km / u.s

# What the first letters of CTYPE say.
_MEDIA = {"AWAV": "air", "WAVE": "vacuum"}
_VELOCITIES = {"VRAD": "radio", "VOPT": "optical"}

_NO_MEDIUM = (
    "The header does not say whether wavelengths are in air or in vacuum (CTYPE AWAV or WAVE): vacuum is assumed; see "
    "--medium."
)


@dataclass(frozen=True)
class Asked:
    """What is to be fitted, as options.

    Attributes
    ----------
    window : range around all that is fitted, as --window takes it; None for the whole axis
    left_out : samples that are not fitted, as `cut_out` takes them; None where there are none
    notes : what had to be assumed
    """

    expression: Expression
    constraints: Constraints
    window: str | None
    left_out: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()


def put_lines(line_set: LineSet | None, settings: Settings, source: Source, world: World) -> Asked:
    """Plan the fit of the lines.

    Raises
    ------
    BadInput
        The coordinates are none in which lines can lie, or no line does.
    """
    assert line_set is not None  # one of both is given, see `open_lines`
    unit = world.units[0]
    if unit is None or len(world.units) != 1:
        raise BadInput(
            "Lines are fitted along one axis of wavelengths, frequencies or velocities, and the coordinates are pixels "
            "or plain numbers: give --world or --world-unit."
        )
    notes: tuple[str, ...] = ()
    medium = settings.lines.medium or _MEDIA.get(_ctype(source)[:4])
    if medium is None:
        medium = "vacuum"
        notes = (_NO_MEDIUM,) if unit.is_equivalent(u.AA) and _in_air(line_set) else ()
    try:
        axis = _axis(unit, medium, settings, source, world)
        plan = plan_of(line_set.lines, axis, settings.lines.profile or "Gaussian1D", line_set.limits)
        kept, left_out = line_set.ranges(axis)
    except (ValueError, u.UnitsError) as error:
        raise BadInput(message_of(error)) from error
    _check_inside(line_set, axis, world)
    expression = sum_of([(term.kind, term.name) for term in plan.terms], _continuum(line_set, settings))
    return Asked(
        expression,
        _merged(plan, expression, settings.constraints),
        settings.window or f"{float(min(low for low, _ in kept))!r}:{float(max(high for _, high in kept))!r}",
        _outside(world, kept if settings.window is None else None, left_out),
        notes,
    )


def _axis(unit: u.UnitBase, medium: str, settings: Settings, source: Source, world: World) -> Axis:
    redshift = 0.0 if world.redshift is None else float(np.nanmean(world.redshift))
    rest, convention = None, None
    if unit.is_equivalent(_VELOCITY):
        rest = rest_of(source, settings.coordinates)
        convention = settings.coordinates.convention or _VELOCITIES.get(_ctype(source)[:4])
        if convention is None:
            own = source.stated_units[source.fitting[0]]
            convention = "radio" if own is not None and own.is_equivalent(u.Hz) else "optical"
        assert convention in CONVENTIONS
    kind = medium if unit.is_equivalent(u.AA) or convention == "optical" else "vacuum"
    return Axis(unit, redshift, kind, world.redshift is not None, rest, convention, _channel(source, world))


def _channel(source: Source, world: World) -> float:
    values = np.asarray(world.values[0])
    steps = np.abs(np.diff(values, axis=source.fitting[0]))
    steps = steps[np.isfinite(steps)]
    return float(np.median(steps)) if steps.size else 0.0


def _ctype(source: Source) -> str:
    if source.wcs is None:
        return ""
    return str(source.wcs.wcs.ctype[mirror(source.data.ndim, source.fitting[0])]).upper()


def _in_air(line_set: LineSet) -> bool:
    """Whether any line is where wavelengths are often given in air."""
    return any(2000.0 < line.wavelength < 25000.0 for line in line_set.lines)


def _check_inside(line_set: LineSet, axis: Axis, world: World) -> None:
    values = world.values[0]
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    places = {line.name: axis.centre(line.wavelength) + 0.0 for line in line_set.lines}
    outside = [name for name, place in places.items() if not low <= place <= high]
    if len(outside) == len(places):
        raise BadInput(
            f"No line lies in the data: '{outside[0]}' is at {places[outside[0]]:.6g} {axis.unit}, and the coordinate "
            f"runs from {low:.6g} to {high:.6g}{'' if axis.at_rest else ', with no --redshift'}."
        )
    if outside:
        raise BadInput(
            f"'{outside[0]}' lies outside of the data, at {places[outside[0]]:.6g} {axis.unit}, and the coordinate "
            f"runs from {low:.6g} to {high:.6g}: leave it out of the lines."
        )


def _continuum(line_set: LineSet, settings: Settings) -> Expression | None:
    text = settings.lines.continuum
    if text is None:
        degree = line_set.continuum
    elif text.strip() == "none":
        degree = None
    elif text.strip().isdigit():
        degree = int(text)
    else:
        under = parse_expression(text)
        if under.build().n_inputs != 1:
            raise BadInput(f"--continuum should be a model of one input, got '{text}'.")
        return under
    if degree is None:
        return None
    return parse_expression(f"Polynomial1D({degree})" if degree else "Const1D(0)")


def _merged(plan: Plan, expression: Expression, typed: Constraints) -> Constraints:
    """What the plan says of parameters of which nothing was typed, and what was typed."""
    names = tuple(expression.build().param_names)
    own = (lambda name: name) if len(plan.terms) > 1 or len(names) > len(plan.terms[0].values) else _unnumbered
    given = {kind: _named(getattr(typed, kind), names) for kind in ("start", "fixed", "tied", "bounds")}
    ruled = given["fixed"] | given["tied"]
    starts = {
        own(f"{name}_{number}"): value
        for number, term in enumerate(plan.terms)
        for name, value in term.values.items()
        if f"{name}_{number}" not in plan.ties and f"{name}_{number}" not in plan.fixed
    }
    fixed = {
        own(f"{name}_{number}"): value
        for number, term in enumerate(plan.terms)
        for name, value in term.values.items()
        if f"{name}_{number}" in plan.fixed
    }
    ties = {own(name): str(tie) for name, tie in plan.ties.items()}
    bounds = {own(name): f"{low!r}:{high!r}" for name, (low, high) in plan.bounds.items()}
    return Constraints(
        (*_written(starts, given["start"] | ruled), *typed.start),
        (*_written(fixed, given["fixed"]), *typed.fixed),
        (*_written(ties, ruled | given["start"]), *typed.tied),
        (*_written(bounds, given["bounds"] | ruled), *typed.bounds),
    )


def _named(entries: Iterable[str], names: tuple[str, ...]) -> set[str]:
    return {resolved_name(entry.partition("=")[0].strip(), entry, 0, names) for entry in entries}


def _written(values: dict[str, Any], without: set[str]) -> tuple[str, ...]:
    return tuple(
        f"{name}={value if isinstance(value, str) else repr(value)}"
        for name, value in values.items()
        if name not in without
    )


def _unnumbered(name: str) -> str:
    return name.rpartition("_")[0]


def _outside(
    world: World, kept: list[tuple[float, float]] | None, left_out: list[tuple[float, float]]
) -> NDArray[np.bool_] | None:
    """Samples that are not fitted; where --window is typed, it says which part is."""
    outside = np.zeros(np.shape(world.values[0]), dtype=bool)
    if kept is not None:
        outside |= ~within(world.values[0], kept)
    if left_out:
        outside = outside | within(world.observed, left_out)
    return outside if outside.any() else None
