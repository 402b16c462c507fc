"""What the kernel works on: the structure of a model's derivatives, views of a block, and the scratch of one solve.

Flows in: numpy arrays. Flows out: tables of integers that compiled code reads, next to the arrays they point to.

LANES fits advance together. Every scratch array has rows of LANES values, lanes contiguous.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.compiler.memory import LANES
from ndfit.problem.places import Places

_LEAST_TILE, _MOST_TILE, _TILE_VALUES = 4, 32, 128

Table = NDArray[np.int64]


# Where things are in the table of a structure: the counts P, L, F and D, where the lists of basis, variable, ranks and
# widths start, and from PLACES on the list of free parameters.
PARAMS, LINEAR, FREE, ROWS, BASIS, VARIABLE, RANKS, WIDTHS, PLACES = range(9)


@dataclass(frozen=True)
class Structure:
    """How the rows that the model function writes make up its derivatives.

    Row 0 is the value. Rows 1 to L are the basis functions: derivatives by the linear parameters. Each of the D rows
    after them is the derivative by a nonlinear parameter of one basis function, or of the part without linear
    parameters.

    Attributes
    ----------
    n_params : P
    n_linear : L
    free : indices of the F free parameters, the L linear ones first.
    basis : one a derivative row: which basis function, -1 for the part without linear parameters.
    variable : one a derivative row: which free parameter, counted in `free`.
    widths : one a free parameter: its sign says nothing, and no step leads through zero.
    """

    n_params: int
    n_linear: int
    free: tuple[int, ...]
    basis: tuple[int, ...]
    variable: tuple[int, ...]
    widths: tuple[bool, ...]

    @property
    def n_rows(self) -> int:
        return 1 + self.n_linear + len(self.basis)

    @property
    def ranks(self) -> Table:
        """How many free parameters come before each of `free` in the order of the parameters."""
        return np.argsort(np.argsort(self.free))

    def table(self) -> Table:
        n_free, n_rows, basis = len(self.free), len(self.basis), PLACES + len(self.free)
        ranks = basis + 2 * n_rows
        header = (self.n_params, self.n_linear, n_free, n_rows, basis, basis + n_rows, ranks, ranks + n_free)
        lists = (self.free, self.basis, self.variable, self.ranks, self.widths)
        return np.array([*header, *(int(item) for items in lists for item in items)], np.int64)


class View(IntEnum):
    """Rows of the table of views: (address, bytes from fit to fit, bytes from sample or parameter to the next)."""

    DATA = 0
    WEIGHTS = 1  # address 0 where absent
    VALID = 2  # address 0 where absent
    START = 3
    LOWER = 4
    UPPER = 5
    SCALE = 6  # natural scale of a parameter; that of a place is negative
    OUTCOME = 7  # status, evaluations, cost, EDM times the noise variance, ROUNDED, parameters
    COEFFICIENTS = 8  # of the response; address 0 where absent
    COORDS = 9  # the first of K


VIEW_COLUMNS, FIT_TO_FIT = 3, 1  # how many there are, and which tells how far fits are apart: 0 where they share values


# What is done with linear parameters at a trial point: they are set to their best values; they stay as they are, at the
# caller's start; they are stepped like the others, where the loss is not the square; they are set to their best values
# with the signs of the caller's, at the start of a second attempt.
ELIMINATE, START, KEEP, SIGNED = 0.0, 1.0, 2.0, 3.0

OUTCOME_COLUMNS = 5  # before the parameters

_PAGE = 4096  # bytes
_MOST_WIDTH = 8  # lanes in a group


class Job(IntEnum):
    """What is where in the table of a call: addresses of the other tables, and numbers."""

    STRUCTURE = 0
    WORKSPACE = 1
    VIEWS = 2
    FITS = 3
    SAMPLES = 4
    INPUTS = 5
    WEIGHTED = 6  # whether there are weights or samples left out
    ROBUST = 7  # whether the loss is not the square
    SINGLE = 8  # whether the data are float32
    ABSOLUTE = 9  # whether weights are one over the errors
    COUNTS = 10  # whether the cost is the likelihood of counts
    PLACES = 11  # at which the model of a fit is evaluated
    TAPS = 12  # coefficients of a fit's response; 0 where samples are the places
    OWN = 13  # whether each fit has its own


def samples_of_tile(n_rows: int) -> int:
    """Samples whose rows are in scratch at a time: as many as stay next to the processor."""
    return max(_LEAST_TILE, min(_MOST_TILE, _TILE_VALUES // n_rows))


def job_table(job: Mapping[Job, int]) -> Table:
    """Return the table of a call; what is not given is zero."""
    return np.array([job.get(field, 0) for field in Job], np.int64)


class Limit(IntEnum):
    """What is where among the numbers that say when a fit has ended; the last is the scale of the loss."""

    FTOL = 0
    XTOL = 1
    GTOL = 2
    EVALUATIONS = 3
    SCALE = 4


def view_table(arrays: Sequence[NDArray[Any] | None]) -> Table:
    """Return the table of views of 2-D arrays, which must be kept alive as long as it is used."""
    rows = [(0, 0, 0) if array is None else (array.ctypes.data, *array.strides) for array in arrays]
    return np.array(rows, np.int64)


def sight_arrays(places: Places, n_fits: int) -> tuple[NDArray[Any] | None, ...]:
    """The views of a block's places: of coefficients, None where all fits share them, and of K inputs."""
    response, own = places.response, None
    if response is not None and not response.is_shared:
        own = response.coefficients.reshape(n_fits, -1)
    return own, *(np.broadcast_to(axis, (n_fits, places.n_places)) for axis in places.inputs)


def sight_numbers(places: Places) -> Mapping[Job, int]:
    """What a job tells of the places."""
    response = places.response
    return {
        Job.INPUTS: len(places.inputs),
        Job.PLACES: places.n_places,
        Job.TAPS: 0 if response is None else response.columns.size,
        Job.OWN: response is not None and not response.is_shared,
    }


class Field(IntEnum):
    """What is where in the scratch of one solve, with the number of rows where there are more than one."""

    X = 0  # K * L
    Y = 1  # M
    WEIGHT = 2  # M
    ROWS = 3  # (1 + L + D) * samples of a tile
    GRAM = 4  # packed products of the rows
    PARAMS = 5  # P, the best point so far
    TRIAL = 6  # P, the point to evaluate next
    LOWER = 7  # F
    UPPER = 8  # F
    NORMAL = 9  # packed J^T J at the best point
    TRIAL_NORMAL = 10
    GRADIENT = 11  # F, J^T r at the best point
    TRIAL_GRADIENT = 12
    FACTOR = 13  # packed Cholesky factor
    SCALE = 14  # F, one over the length of each Jacobian column; 0 drops the parameter
    STEP = 15  # F
    PINNED = 16  # F, steps of the parameters that a bound stops
    COST = 17  # sums of squared residuals
    TRIAL_COST = 18
    DAMPING = 19  # mu
    RADIUS = 20  # of the trust region, squared
    PREDICTED = 21  # reduction of the cost by the step
    RESIDUAL_STEP_NORM2 = 22  # h^T J^T J h
    MAX_GRADIENT_COSINE = 23  # the largest square of J_k^T r / |J_k|
    STEP_NORM2 = 24  # of the step, each parameter times the length of its column
    PARAMS_NORM2 = 25  # of the parameters, in the same way
    DATA_NORM2 = 26  # sum of squared data
    NFEV = 27
    SECANT_AD = 28  # F, A d / sqrt(d^T A d) for the last step d
    SECANT_Y = 29  # F, change of the gradient over the last step, over sqrt(its product with the step)
    TRACE_JTJ = 30
    MODE = 31  # how linear parameters are treated
    FIT = 32  # which fit of the block, -1 in an idle lane
    CODE = 33  # how the fit ended, READY while it goes on
    PREVIOUS_STEP_NORM2 = 34  # of residuals, of the last step; 0 where not taken, or where it gained another amount
    METRIC = 35  # F, D^2 for columns of length one
    ALONG = 36  # F, D^2 h
    METRIC_STEP_NORM2 = 37  # |D h|^2
    EDM = 38  # estimated distance to the minimum, infinite where it is not known
    NATURAL = 39  # F, natural scale of a parameter; that of a place is negative
    CAP_SHARE = 40  # part of it that a step may be
    MARK = 41  # cost that was last worth noting,
    MARK_NFEV = 42  # and how many evaluations it took
    PIVOT = 43  # the least of the last factor
    BY_ROWS = 44  # whether steps are taken from the rows of J, and not from their products
    JACOBIAN = 45  # (F + 1) * M, columns of J and the residuals
    R = 46  # packed R^T of J = Q R at the best point, with z = Q^T r in its last row
    TRIAL_R = 47
    SMALL = 48  # 2 F * (F + 1), R over sqrt(mu) D, with z over zeros
    SMALL_R = 49  # packed, as R
    SMALL_STEP = 50  # F, the step in scaled parameters
    REPEATS = 51  # how often the trial point has been asked for again, at better linear parameters
    RESTART = 52  # whether it was the last time
    CLAMPED = 53  # F, one where a bound stops a linear parameter,
    CLAMPED_TO = 54  # F, and its change up to there
    UNSETTLED = 55  # 3, whether it is not known yet which linear parameters a bound stops, whether that was never
    # known, and whether any has been stopped
    ATTEMPT = 56  # FIRST, SECOND_SIGNED or SECOND
    ROUNDED = 57  # sum of squares of what rounding is a part of: data and parameters
    LEFT_DOMAIN = 58  # whether a step has led to where the cost is not a number
    PSEUDO = 59  # pseudo-counts a sample
    FINAL = 60  # how the last fit to pseudo-counts ended, READY before,
    FINAL_COST = 61  # and its cost,
    FINAL_EDM = 62  # and its EDM
    LATEST = 63  # evaluation after which the fit ends if it gains nothing
    CONSTANTS = 64  # of the model, each the same in all lanes
    TAKEN = 65  # F, changes of linear parameters,
    LEFT = 66  # F, and the slopes that are left after them
    SEEN = 67  # (1 + L + D) rows at all places, as many numbers as a group has lanes each
    TAPS = 68  # M * n, coefficients of the response of each lane


class Sight(IntEnum):
    """What is where in the table of a workspace behind the addresses of its arrays: how samples see the model."""

    PLACES = len(Field)  # L
    TAPS = len(Field) + 1  # n, places that a sample sees
    COLUMNS = len(Field) + 2  # address of which ones these are, M * n
    COEFFICIENTS = len(Field) + 3  # address of what they count, M * n, where all fits share them


FIRST, SECOND_SIGNED, SECOND = 0.0, 1.0, 2.0


@dataclass(frozen=True)
class Workspace:
    """Scratch of one solve: one piece of memory, how many rows each array has in the order of Field, and addresses.

    The arrays lie one behind the other in pages of their own. Processors hold memory in lines of 64 bytes. One that two
    threads write to goes back and forth between them, which took a quarter of their time; and a load from two lines
    takes two.
    """

    memory: FloatArray
    rows: NDArray[np.int64]
    table: Table
    lanes: int = LANES

    @classmethod
    def of(cls, rows: NDArray[np.int64], lanes: int = LANES) -> Workspace:
        """Zeroed arrays with so many rows each."""
        ends = np.cumsum(rows) * lanes
        memory = np.zeros(ends[-1] + 2 * _PAGE // 8)
        memory = memory[-memory.ctypes.data % _PAGE // 8 :]
        return cls(memory, rows, memory.ctypes.data + 8 * (ends - rows * lanes), lanes)

    def with_sight(self, sight: Sequence[int]) -> Workspace:
        """The same with the numbers of `Sight` behind the addresses."""
        return replace(self, table=np.append(self.table, np.array(sight, np.int64)))

    @property
    def arrays(self) -> tuple[FloatArray, ...]:
        """Of shape (rows, lanes)."""
        first = (self.table[: len(self.rows)] - self.table[0]) // 8
        pairs = zip(first, self.rows, strict=True)
        return tuple(self.memory[start : start + n * self.lanes].reshape(n, self.lanes) for start, n in pairs)


@dataclass(frozen=True)
class Sizes:
    """Numbers that scratch is measured by.

    Attributes
    ----------
    inputs, samples, constants : K, M, and the constants of the model
    places : L, at which the model is evaluated
    taps : n, places that a sample sees; 0 where the samples are the places
    own : each fit has coefficients of its own
    """

    inputs: int
    samples: int
    constants: int
    places: int
    taps: int = 0
    own: bool = False


def allocate(structure: Structure, n_samples: int, places: Places, constants: Sequence[float] = ()) -> Workspace:
    """Return scratch for a solve, zeroed but for the constants of the model and how samples see it.

    Parameters
    ----------
    n_samples : M
    places : where the model is evaluated, which has to live as long as the scratch
    """
    response = places.response
    taps = 0 if response is None else response.columns.shape[1]
    own = response is not None and not response.is_shared
    sizes = Sizes(len(places.inputs), n_samples, len(constants), places.n_places, taps, own)
    workspace = Workspace.of(_rows(structure, sizes))
    if response is not None:
        coefficients = 0 if own else response.coefficients.ctypes.data
        sight = (places.n_places, taps, response.columns.ctypes.data, coefficients)
        workspace = workspace.with_sight(sight)
    if constants:
        workspace.arrays[Field.CONSTANTS][:] = np.reshape(constants, (-1, 1))
    return workspace


@lru_cache(64)
def _rows(structure: Structure, sizes: Sizes) -> NDArray[np.int64]:
    """How many rows each array of a solve has."""
    # Products are summed two rows by two: an odd row is followed by one that stays zero.
    n_free, n_rows = len(structure.free), structure.n_rows + structure.n_rows % 2
    n_samples = sizes.samples
    triangle = n_free * (n_free + 1) // 2
    rows: dict[Field, int] = {
        Field.X: sizes.inputs * sizes.places,
        Field.Y: n_samples,
        Field.WEIGHT: n_samples,
        Field.ROWS: n_rows * samples_of_tile(structure.n_rows),
        Field.GRAM: n_rows * (n_rows + 1) // 2,
        Field.JACOBIAN: (n_free + 1) * n_samples,
        Field.CONSTANTS: sizes.constants,
        Field.SEEN: -(-n_rows * sizes.places * _MOST_WIDTH // LANES) if sizes.taps else 0,
        Field.TAPS: n_samples * sizes.taps if sizes.own else 0,
        Field.UNSETTLED: 3,
        Field.SMALL: 2 * n_free * (n_free + 1),
        **dict.fromkeys((Field.R, Field.TRIAL_R, Field.SMALL_R), triangle + n_free + 1),
        **dict.fromkeys((Field.PARAMS, Field.TRIAL), structure.n_params),
        **dict.fromkeys((Field.NORMAL, Field.TRIAL_NORMAL, Field.FACTOR), triangle),
        **dict.fromkeys((Field.LOWER, Field.UPPER, Field.GRADIENT, Field.TRIAL_GRADIENT), n_free),
        **dict.fromkeys((Field.SCALE, Field.STEP, Field.PINNED, Field.SECANT_AD, Field.SECANT_Y), n_free),
        **dict.fromkeys((Field.METRIC, Field.ALONG, Field.NATURAL, Field.SMALL_STEP), n_free),
        **dict.fromkeys((Field.CLAMPED, Field.CLAMPED_TO, Field.TAKEN, Field.LEFT), n_free),
    }
    return np.array([rows.get(field, 1) for field in Field], np.int64)
