"""What to say of a run's failures.

Flows in: the status of every position. Flows out: nothing where all went well, one FitWarning with the counts where
some did not, AllFitsFailed where none did for one cause.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ndfit.errors import AllFitsFailed, FitWarning
from ndfit.result.maps import Maps
from ndfit.status import FLAGS, NOTHING_TO_DO, STATUS, Status, counts_of

__all__ = ["IN_FOLDERS", "IN_THE_RESULT", "report_failures", "summary_text"]

IN_FOLDERS = "diagnostics='error' with a diagnostics_path writes a folder for each of them"
IN_THE_RESULT = "diagnostics() of the result says where, and why"


def report_failures(maps: Maps, *, masked: bool, see: str, coordinates: Callable[[], str]) -> None:
    """Raise or warn, once for the whole run.

    Parameters
    ----------
    maps : of the run
    see : where there is more to see
    masked : the caller gave a mask or weights; a run in which these leave nothing is a mistake
    coordinates : tells what they are, where models that do not react make one wonder

    Raises
    ------
    AllFitsFailed
        Every position that was to be fitted failed for the same cause.
    """
    found = {STATUS[code]: count for code, count in counts_of(maps.status).items()}
    counted = {row: count for row, count in found.items() if row.counted}
    failed = {row: count for row, count in counted.items() if not row.converged}
    if masked and found and all(row.status == Status.ALL_MASKED for row in found):
        raise AllFitsFailed("the mask and weights leave no sample at any position (mask is True = ignore)")
    if len(counted) == 1 and failed and not next(iter(failed)).usable:
        row = next(iter(failed))
        where = f" ({coordinates()})" if row.status == Status.INSENSITIVE else ""
        raise AllFitsFailed(f"all {failed[row]} fits failed: {row.meaning}. {row.remedy}{where}{_first(maps.messages)}")
    if failed:
        parts = "; ".join(f"{count} {row.meaning} ({row.remedy})" for row, count in failed.items())
        warnings.warn(
            f"{sum(failed.values())} of {sum(counted.values())} fits did not converge: {parts}. {see}",
            FitWarning,
            stacklevel=3,
        )


def summary_text(maps: Maps, parameters: Mapping[str, Any], free: Sequence[str], title: str) -> str:
    """What happened to how many positions, and where the parameters lie, for people.

    Parameters
    ----------
    parameters : name -> map
    free : names of the free parameters
    title : first line
    """
    size = maps.status.size
    lines = [f"{size} position{'' if size == 1 else 's'}, {title}"]
    for code, count in sorted(counts_of(maps.status).items(), key=lambda pair: -pair[1]):
        lines += _count_line(count, size, STATUS[code].meaning, STATUS[code].remedy)
    for flag, row in FLAGS.items():
        count = int(np.count_nonzero(maps.flags & flag))
        lines += [*_count_line(count, size, row.meaning, row.remedy), *_flagged_line(maps, free, flag)] if count else []
    return "\n".join([*lines, *_distribution_lines(parameters)])


def _count_line(count: int, total: int, meaning: str, remedy: str) -> list[str]:
    advice = [] if remedy == NOTHING_TO_DO else [f"{'':>19}-> {remedy}"]
    return [f"{count:>9} {100 * count / total:6.2f} %  {meaning}", *advice]


def _flagged_line(maps: Maps, free: Sequence[str], flag: int) -> list[str]:
    """Which parameters a flag is about, and at how many positions."""
    if maps.parameter_flags is None:
        return []
    counts = {name: int(np.count_nonzero(own & flag)) for name, own in zip(free, maps.parameter_flags, strict=True)}
    counted = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    return [f"{'':>22}{counted}"] if counted else []


def _distribution_lines(parameters: Mapping[str, Any]) -> list[str]:
    """Median and the middle two thirds of each parameter."""
    lines = []
    for name, values in parameters.items():
        numbers = np.asarray(getattr(values, "value", values), dtype=float)
        finite = numbers[np.isfinite(numbers)]
        if finite.size:
            low, middle, high = np.percentile(finite, (16, 50, 84))
            spread = f" ({low:.6g} to {high:.6g})" if finite.size > 1 else ""
            lines.append(f"{name:>19}  {middle:.6g}{spread} {getattr(values, 'unit', None) or ''}".rstrip())
    return lines


def _first(messages: Mapping[tuple[int, ...], str]) -> str:
    if not messages:
        return ""
    last_line = next(iter(messages.values())).strip().splitlines()[-1]
    return f"\nThe first of them said: {last_line}"
