"""What is measured of ndfit alone, or beside something that is no peer on the workloads: the table of probes.

Flows in: how often to repeat. Flows out: lists of numbers, one a repeat.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.probes.cpufit import beside_cpufit
from benchmarks.probes.engine import cores, evaluation
from benchmarks.probes.instrument import through_a_matrix
from benchmarks.probes.memory import most_memory
from benchmarks.probes.processes import command_line, first_fit, new_model
from benchmarks.probes.relaxometry import beside_curve_fit
from benchmarks.probes.small_calls import few_spectra, many_parameters
from benchmarks.probes.templates import beside_nnls
from benchmarks.probes.turns import Values
from benchmarks.probes.whole_calls import guess, million

__all__ = ["PROBES", "Probe"]


class Probe(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    run : called with the number of repeats and whether this is a smoke run; raises Absent where something is missing
    """

    name: str
    title: str
    run: Callable[[int, bool], Values]


PROBES: dict[str, Probe] = {
    row.name: row
    for row in (
        Probe("guess", "200,000 spectra of 60 channels, Gaussian and a constant, seconds", guess),
        Probe(
            "million", "a million spectra of 60 channels, Gaussian and a constant, with uncertainties, seconds", million
        ),
        Probe("cores", "the whole call on 1 and 2 cores, seconds", cores),
        Probe("exp", "nanoseconds a sample and evaluation, and a value of the engine's `exp` in a loop", evaluation),
        Probe("cpufit", "fits a second on one core, Gaussian and a constant, beside Cpufit", beside_cpufit),
        Probe("templates", "25 templates >= 0, 300 channels, 20,000 spectra, one core, seconds", beside_nnls),
        Probe("relaxometry", "T2* of 2 million voxels x 8 echoes from a DataArray, seconds", beside_curve_fit),
        Probe("instrument", "100,000 lines through 11 diagonals, one core, CPU seconds", through_a_matrix),
        Probe("first-fit", "first fit in a new process over importing astropy, seconds", first_fit),
        Probe("new-model", "a new model in a process that has fitted another, seconds", new_model),
        Probe("command-line", "whole commands, a cube of 200 spectra, seconds", command_line),
        Probe("few-spectra", "whole call of a known model, milliseconds", few_spectra),
        Probe("many-parameters", "one spectrum, 25 Gaussians and a constant, whole call, CPU seconds", many_parameters),
        Probe("memory", "memory over the output, cube on disk, MB", most_memory),
    )
}
