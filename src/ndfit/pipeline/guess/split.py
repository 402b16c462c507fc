"""One line made into two that overlap.

Flows in: parameters of a line. Flows out: those of two, on either side of it. A curve is made into one that is half as
long and one that is twice as long.

Two equal Gaussians that are 1.2 standard deviations apart, each 0.75 times as wide as one and 0.7 times as high, add up
to nearly that one; fitting them together moves them from there to where the data want them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.pipeline.guess.curves import CURVES
from ndfit.pipeline.guess.groups import Group, Setting
from ndfit.pipeline.guess.profiles import PROFILES
from ndfit.pipeline.guess.terms import Term

__all__ = ["is_splittable", "split", "splits"]

_APART, _NARROWER, _LOWER = 0.6, 0.75, 0.7


def is_splittable(line: Term, group: Group, setting: Setting) -> bool:
    """Whether a line can give away half of itself to a new one: both can move, and there is a direction.

    What else of lines is tied stays so. Of what is fixed nothing can be given away; of curves all is free.
    """
    (new, *others) = group.terms
    if others or new.kind != line.kind or new.sign != line.sign:
        return False
    every = [*line.columns, *new.columns]
    if line.is_curve:
        return CURVES[line.kind].divided is not None and bool(setting.free[every].all())
    profile = PROFILES[line.kind]
    has_direction = profile.angle is not None or len(setting.tile.grid) == 1
    centres = [term.columns[place] for term in (line, new) for place in profile.centre]
    needed = every if setting.set_tied is None else centres
    return has_direction and bool(setting.free[needed].all())


def splits(table: FloatArray, line: Term, new: Term, setting: Setting) -> Iterator[FloatArray]:
    """Ways to have the line in two, (n, P): one, or two where lines are not alike and may not be exchanged."""
    columns = [*line.columns, *new.columns]
    apart = (1.0,) if setting.free[columns].all() else (1.0, -1.0)
    for side in apart:
        found = np.where(setting.free, split(table, line, new, setting.start, side), table)
        if setting.set_tied is not None:
            setting.set_tied(found)
        yield found


def split(table: FloatArray, line: Term, new: Term, start: FloatArray, side: float = 1.0) -> FloatArray:
    """Parameters (n, P) with the line in two, along its longer axis.

    Parameters
    ----------
    start : as the caller started them, shape (n, P)
    side : 1 for the new one after the other, -1 for before
    """
    if line.is_curve:
        return _divided(table, line, new)
    table, profile = table.copy(), PROFILES[line.kind]
    one, other = list(line.columns), list(new.columns)
    table[:, other] = table[:, one]
    width = table[:, [one[place] for place in profile.widths]] / profile.per_sigma(start[:, one])[:, np.newaxis]
    longer = np.argmax(np.abs(width), axis=1)
    distance = side * _APART * np.abs(width[np.arange(len(width)), longer])
    angle = 0.0 if profile.angle is None else table[:, one[profile.angle]] + longer * 0.5 * np.pi
    for place, direction in zip(profile.centre, (np.cos(angle), np.sin(angle)), strict=False):
        table[:, one[place]] -= distance * direction
        table[:, other[place]] += distance * direction
    for columns in (one, other):
        for number, place in enumerate(profile.widths):  # without an angle they are widths along the same axis
            narrower = np.where((longer == number) | (profile.angle is None), _NARROWER, 1.0)
            table[:, columns[place]] *= narrower
        table[:, columns[profile.amplitude]] *= _LOWER
    return table


def _divided(table: FloatArray, curve: Term, new: Term) -> FloatArray:
    table, place = table.copy(), CURVES[curve.kind].divided
    table[:, list(new.columns)] = table[:, list(curve.columns)]
    for term, factor in ((curve, 0.5), (new, 2.0)):
        table[:, term.columns[0]] *= 0.5
        table[:, term.columns[place or 0]] *= factor
    return table
