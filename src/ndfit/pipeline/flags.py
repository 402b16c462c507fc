"""Which flags a fit gets: one function a flag.

Flows in: a Block, the answers to it, and the FlagRules of the model. Flows out: for each free parameter the flags that
are about it, (N, F), and for each fit those that are about no free parameter, (N,).

============  =========================================================================================================
UNDERSAMPLED  FWHM / 2.355 of a line, or of the image of a point, is below 0.6 of the distance of the samples at its
              centre: the mean of a Gaussian over one sample then differs from its value at the middle, and the width
              that is fitted, by more than a few per cent. Where an instrument has the model integrated over the
              samples, with q places in each, below 1.2 / q for a Gaussian, and 3.5 / q for others: the integral is
              then wrong by more than a part in a thousand
OUT_OF_RANGE  a centre is more than one range of the samples outside of them, or FWHM is more than five ranges
UNCERTAIN     the standard error of a centre or a width is larger than the range of the samples, that of a centre larger
              than FWHM: within such an error nothing is as it is at the answer. Or that of another
              parameter is larger than itself and than its natural scale (`ndfit.model.dimensions`): the range for
              lengths, one over it for frequencies, ten for exponents and other numbers. Such a parameter is within
              one error of infinity: its inverse is known to the inverse times error over value
AT_ZERO       a width is below a thousandth of the distance of the samples or of FWHM, or below a tenth of its own
              standard error: near zero the model depends on its square alone. So is another parameter whose sign has
              no meaning, or that the model is not defined for below zero
============  =========================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.linearity import linear_columns
from ndfit.once import cached_property
from ndfit.pipeline.components import components_of
from ndfit.pipeline.positive import positive_parameters
from ndfit.pipeline.sampling import Range, mean_step, range_of, spacing_at, spacing_bound
from ndfit.pipeline.shapes import PER_SIGMA, SHAPES, Shape
from ndfit.pipeline.symmetries import Symmetries
from ndfit.problem.types import Block, ParamTable
from ndfit.status import Flag

__all__ = ["Answers", "FlagRules", "Line", "flag_rules", "flags_of_lines", "flags_of_parameters"]

_RESOLVED = 0.6  # standard deviations of a line over the distance of its samples
# The same times the places in each sample, where the model is integrated over it. Poles beside the real axis, as other
# profiles than Gaussians have, take more nodes of Gauss and Legendre.
_NODES_OF_GAUSSIANS, _NODES_OF_OTHERS = 1.2, 3.5
_RANGES_OUTSIDE, _RANGES_WIDE = 1.0, 5.0
_NO_WIDTH = 1e-3
_ERRORS = 0.1
_PURE_NUMBER = 10.0

Flags = NDArray[np.uint32]


class Widths(NamedTuple):
    """FWHM of a line along each of its axes, the least, and the greatest, each of shape (N,)."""

    each: tuple[FloatArray, ...]
    least: FloatArray
    greatest: FloatArray


@dataclass(frozen=True)
class Line:
    """A part of a model that has a place and a width.

    Attributes
    ----------
    kind : key of SHAPES
    columns : places of its parameters among the model's
    """

    kind: str
    columns: tuple[int, ...]

    @property
    def shape(self) -> Shape:
        return SHAPES[self.kind]

    @property
    def centre(self) -> list[int]:
        return [self.columns[place] for place in self.shape.centre]

    @property
    def widths(self) -> list[int]:
        return [self.columns[place] for place in self.shape.widths]

    @property
    def angle(self) -> list[int]:
        return [] if self.shape.angle is None else [self.columns[self.shape.angle]]

    @property
    def resolved_by_nodes(self) -> float:
        """FWHM / 2.355 in samples, times the places in each, from which on the model is integrated well enough."""
        return _NODES_OF_GAUSSIANS if self.kind.startswith("Gaussian") else _NODES_OF_OTHERS

    def fwhm(self, parameters: FloatArray) -> Widths:
        """Of N fits, given (N, P) parameters."""
        widths = self.shape.fwhm([parameters[:, column] for column in self.columns])
        if len(widths) == 1:
            return Widths(widths, *widths, *widths)
        return Widths(widths, np.minimum(*widths), np.maximum(*widths))


@dataclass(frozen=True)
class Scale:
    """What a parameter that is no line's centre or width is counted in.

    Attributes
    ----------
    column : its place among the parameters
    exponents : of the range of each input of the model
    """

    column: int
    exponents: tuple[float, ...]

    def size(self, extents: Sequence[FloatArray]) -> FloatArray:
        """Error above which samples of these extents do not determine it, of shape () or (N,)."""
        if not any(self.exponents):
            return np.asarray(_PURE_NUMBER)
        powers = [extent**exponent for extent, exponent in zip(extents, self.exponents, strict=True)]
        return np.asarray(np.multiply.reduce(np.broadcast_arrays(*powers)))


@dataclass(frozen=True)
class FlagRules:
    """What flags need to know of a model.

    Attributes
    ----------
    free : places of the free parameters
    lines : its lines that are evaluated at the coordinates of the samples
    sign_symmetric : places of the free parameters whose sign has no meaning
    positive : places of other free parameters that can end at zero as a width does
    linear : places of those parameters with bounds that the model is linear in
    scales : of the free parameters that can run away, beside centres and widths of lines, and angles
    """

    free: tuple[int, ...]
    lines: tuple[Line, ...] = ()
    sign_symmetric: tuple[int, ...] = ()
    positive: tuple[int, ...] = ()
    linear: tuple[int, ...] = ()
    scales: tuple[Scale, ...] = ()


class Dimensioned(Protocol):
    """What dimensional analysis tells of P parameters; see `ndfit.model.dimensions.Dimensions`."""

    @property
    def exponents(self) -> tuple[tuple[float, ...] | None, ...]: ...
    @property
    def places(self) -> tuple[bool, ...]: ...


def flag_rules(
    model: Any,
    params: ParamTable,
    symmetries: Symmetries,
    sample: tuple[FloatArray, ...],
    dimensions: Dimensioned | None = None,
) -> FlagRules:
    """The rules of a model.

    Parameters
    ----------
    model : bare model
    params : with its bounds
    symmetries : of the model
    sample : K arrays of coordinates, of one shape
    dimensions : of its parameters, None where nothing is known of them
    """
    parts = [(Line(part.kind, part.columns), part) for part in components_of(model) if part.kind in SHAPES]
    lines = tuple(line for line, part in parts if part.at_coordinates)
    widths = {column for line, _ in parts for column in line.widths}
    turning = {column for turn in symmetries.turns for column in turn.negative if column in widths}
    symmetric = tuple(i for i in params.free if params.sign_symmetric[i] or i in turning)
    positive = {column for line in lines for column in line.widths} | set(positive_parameters(model, params, sample))
    bounded = tuple(i for i in params.free if params.is_bounded(i))
    return FlagRules(
        free=params.free,
        lines=lines,
        sign_symmetric=symmetric,
        positive=tuple(i for i in params.free if i in positive and i not in symmetric),
        linear=linear_columns(model, bounded, sample),
        scales=_scales(lines, params, symmetries, dimensions),
    )


def _scales(
    lines: tuple[Line, ...], params: ParamTable, symmetries: Symmetries, dimensions: Dimensioned | None
) -> tuple[Scale, ...]:
    if dimensions is None:
        return ()
    known = {column for line in lines for column in (*line.centre, *line.widths, *line.angle)}
    known |= {period.column for period in symmetries.periods}
    return tuple(
        Scale(column, exponents[:-1])
        for column, exponents in enumerate(dimensions.exponents)
        if column in params.free
        and column not in known
        and not dimensions.places[column]
        # What goes with the data has no scale that the coordinates tell.
        and exponents is not None
        and exponents[-1] == 0.0
    )


@dataclass(frozen=True)
class Answers:
    """Answers to a block, as flags look at them.

    Attributes
    ----------
    parameters : shape (N, P)
    error : gives the standard errors (N,) of a parameter by its place among the free ones, NaN where there are none;
        None where they were not computed
    at_bound : shape (N, F), free parameters that ended at a bound
    """

    block: Block
    rules: FlagRules
    parameters: FloatArray
    error: Callable[[int], FloatArray | None]
    at_bound: NDArray[np.bool_]

    @cached_property
    def steps(self) -> tuple[FloatArray, ...]:
        """Mean distance of the samples along each coordinate."""
        return tuple(mean_step(self.block, axis) for axis in range(len(self.block.coords)))

    @cached_property
    def ranges(self) -> list[Range]:
        """Of the samples along each coordinate."""
        return [range_of(self.block, axis) for axis in range(len(self.block.coords))]

    @cached_property
    def extents(self) -> list[FloatArray]:
        """How long each of them is."""
        return [high - low for low, high in self.ranges]

    @cached_property
    def extents_of_inputs(self) -> list[FloatArray]:
        """How far each input of the model reaches, those that are known beside the coordinates too."""
        inputs = self.block.places.inputs
        if len(inputs) == len(self.extents):
            return self.extents
        return [np.fmax.reduce(values, axis=-1) - np.fmin.reduce(values, axis=-1) for values in inputs]

    @cached_property
    def extent(self) -> FloatArray:
        """The longest of them."""
        return np.asarray(np.maximum.reduce(np.broadcast_arrays(*self.extents)))

    @cached_property
    def widths(self) -> dict[Line, Widths]:
        return {line: line.fwhm(self.parameters) for line in self.rules.lines}

    @cached_property
    def spacing_bound(self) -> float:
        return spacing_bound(self.block)


def flags_of_parameters(answers: Answers) -> Flags:
    """Flags that are about one free parameter, shape (N, F)."""
    rules = answers.rules
    flags = np.zeros((len(rules.free), len(answers.parameters)), dtype=np.uint32).T  # one parameter after another
    for own, column in enumerate(rules.free):
        bound_flags = Flag.AT_BOUND if column in rules.linear else Flag.AT_BOUND | Flag.NONLINEAR_AT_BOUND
        _set(flags[:, own], answers.at_bound[:, own], bound_flags)
    with np.errstate(all="ignore"):
        for scale in rules.scales:
            own = rules.free.index(scale.column)
            _set(flags[:, own], _ran_away(answers, scale, own), Flag.UNCERTAIN)
        for line in rules.lines:
            for flag, found in ((Flag.OUT_OF_RANGE, _out_of_range), (Flag.UNCERTAIN, _uncertain)):
                for column, where in found(answers, line):
                    _set(flags[:, rules.free.index(column)], where, flag)
        for column in (*rules.sign_symmetric, *rules.positive):
            own = rules.free.index(column)
            # An error of infinity says no more of zero than of anything else.
            certain = (flags[:, own] & np.uint32(Flag.UNCERTAIN)) == 0 if column in rules.positive else True
            _set(flags[:, own], certain & _at_zero(answers, column, own), Flag.AT_ZERO)
    return flags


def flags_of_lines(answers: Answers) -> Flags:
    """Flags that are about a line, whether its parameters are free or not, shape (N,)."""
    flags = np.zeros(len(answers.parameters), dtype=np.uint32)
    with np.errstate(all="ignore"):
        for line in answers.rules.lines:
            if line.shape.is_profile:
                flags[_undersampled(answers, line)] |= np.uint32(Flag.UNDERSAMPLED)
    return flags


def _set(flags: Flags, where: NDArray[np.bool_], flag: Flag) -> None:
    flags |= where * np.uint32(flag)  # which takes a fortieth of the time of an index


def _at_zero(answers: Answers, column: int, own: int) -> NDArray[np.bool_]:
    """Whether a width ended at zero; `own` is its place among the free parameters."""
    width = np.abs(answers.parameters[:, column])
    least: FloatArray | float = 0.0
    for line in answers.rules.lines:
        if column in line.widths:
            step = np.minimum.reduce(np.broadcast_arrays(*answers.steps))
            least = _NO_WIDTH * np.maximum(answers.widths[line].least, step)
    found = width <= least
    error = answers.error(own)
    if error is not None:
        found |= width < _ERRORS * error
    return np.asarray(found & ~answers.at_bound[:, own])


def _out_of_range(answers: Answers, line: Line) -> list[tuple[int, NDArray[np.bool_]]]:
    """Place of each free parameter of a line, and which fits have left the range of the samples by it."""
    free, found = answers.rules.free, []
    for column, (low, high) in zip(line.centre, answers.ranges, strict=True):
        if column in free:
            middle, half = 0.5 * (low + high), 0.5 * (high - low)
            far = np.abs(answers.parameters[:, column] - middle) > (1.0 + 2.0 * _RANGES_OUTSIDE) * half
            found.append((column, far & (half > 0.0)))
    widths = [column for column in line.widths if column in free]
    if widths:
        wide = (answers.widths[line].greatest > _RANGES_WIDE * answers.extent) & (answers.extent > 0.0)
        found += [(column, wide) for column in widths]
    return found


def _uncertain(answers: Answers, line: Line) -> list[tuple[int, NDArray[np.bool_]]]:
    """Place of each free centre and width of a line, and where its error is larger than the samples can tell it."""
    found = []
    width = answers.widths[line].greatest if line.shape.is_profile else np.inf
    largest = [(column, extent, width) for column, extent in zip(line.centre, answers.extents, strict=True)]
    largest += [(column, answers.extent, np.inf) for column in line.widths]
    for column, extent, most in largest:
        if column in answers.rules.free:
            own = answers.rules.free.index(column)
            error = answers.error(own)
            if error is not None:
                certain = (error <= np.fmin(extent, most)) | np.isnan(error)
                found.append((column, ~certain & (extent > 0.0) & ~answers.at_bound[:, own]))
    return found


def _ran_away(answers: Answers, scale: Scale, own: int) -> NDArray[np.bool_]:
    """Whether the data hardly tell a parameter from infinity; `own` is its place among the free ones."""
    error = answers.error(own)
    if error is None:
        return np.zeros(len(answers.parameters), dtype=bool)
    least = np.maximum(np.abs(answers.parameters[:, scale.column]), scale.size(answers.extents_of_inputs))
    return np.asarray((error > least) & ~answers.at_bound[:, own])


def _undersampled(answers: Answers, line: Line) -> NDArray[np.intp]:
    """Fits whose line is narrower than the samples can show."""
    widths, nodes = answers.widths[line], answers.block.places.nodes
    least = PER_SIGMA * (_RESOLVED if nodes == 1 else line.resolved_by_nodes / nodes)
    # Most lines are wider than any distance of the samples, and are not looked at any closer.
    rows = np.flatnonzero(widths.least < least * answers.spacing_bound)
    if not rows.size:
        return rows
    centre = [answers.parameters[rows, column] for column in line.centre]
    along = np.zeros(rows.size)
    if line.shape.angle is not None:
        along = answers.parameters[rows, line.columns[line.shape.angle]]
    spacings = spacing_at(answers.block, rows, centre, (along, along + 0.5 * np.pi))
    axes = [width[rows] for width in widths.each] * len(spacings)  # what is round is as wide along each
    narrow = [width < least * spacing for width, spacing in zip(axes[: len(spacings)], spacings, strict=True)]
    return np.asarray(rows[np.logical_or.reduce(narrow)])
