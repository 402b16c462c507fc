"""The options of a fit: one description of each, checked once.

Flows in: what the caller gives. Flows out: frozen groups of options, which the steps of a fit take.

All else follows from the fields here: the checks and their errors, the options of the command line with their help, the
options in the record of a file, and which of them make another run of a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from numbers import Integral
from typing import Any

from ndfit.errors import WrongArgument
from ndfit.loss_functions import ROBUST
from ndfit.problem.arguments import check_choice, check_flag, check_number, check_path, check_size, check_whole

__all__ = [
    "ALSO",
    "CASH",
    "GROUPS",
    "MEMORY_LIMIT",
    "SQUARE",
    "Choice",
    "Data",
    "Errors",
    "Execution",
    "Flag",
    "Name",
    "Number",
    "Objective",
    "Option",
    "Path",
    "Starts",
    "Whole",
    "deciding",
    "options_of",
    "recorded",
]

SQUARE, CASH = "linear", "cash"
"""The loss that is the square, and that of counts."""

ALSO = "also"
"""The value of `guess` that is the default of `ndfit.fit`."""

MEMORY_LIMIT = "512 MB"

_OPTION = "option"


@dataclass(frozen=True)
class Choice:
    """One of some names, or None where that is one of them."""

    values: tuple[str | None, ...]

    def __call__(self, value: Any, name: str) -> Any:
        return check_choice(value, name, self.values)


@dataclass(frozen=True)
class Name:
    """A name in a table that those who use it have."""

    def __call__(self, value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise WrongArgument(name, "a name", value)
        return value


@dataclass(frozen=True)
class Number:
    """A number, as `expected` says; `optional` ones may be None."""

    expected: str
    above: float = float("-inf")
    optional: bool = False

    def __call__(self, value: Any, name: str) -> float | None:
        return None if value is None and self.optional else check_number(value, name, self.expected, above=self.above)


@dataclass(frozen=True)
class Whole:
    """A whole number from `least` to `most`, without those that are `never` meant; 1e3 is one if it may be `real`."""

    expected: str
    least: int = 0
    most: int = 2**32 - 1
    never: tuple[int, ...] = ()
    optional: bool = False
    real: bool = False

    def __call__(self, value: Any, name: str) -> int | None:
        if value is None and self.optional:
            return None
        if not (self.real or isinstance(value, Integral)):
            raise WrongArgument(name, self.expected, value)
        return check_whole(value, name, self.expected, self.least, self.most, self.never)


@dataclass(frozen=True)
class Flag:
    """True or False; `optional` ones may be None."""

    optional: bool = False

    def __call__(self, value: Any, name: str) -> bool | None:
        return None if value is None and self.optional else check_flag(value, name)


@dataclass(frozen=True)
class Path:
    """Where a folder is, or None."""

    def __call__(self, value: Any, name: str) -> Any:
        return check_path(value, name)


def _size(value: Any, name: str) -> int:
    return check_size(value, name)


def _anything(value: Any, name: str) -> Any:
    """What only those who use it can check."""
    return value


@dataclass(frozen=True)
class Option:
    """What is known of an option beside its name and its default.

    Attributes
    ----------
    about : a sentence, for the command line and the documentation
    check : value, name -> the value as it is used; raises what is wrong with it
    on_command_line : as an option of the same name that `check` describes
    decides : other values give other answers
    recorded : stands in the record of a file
    """

    about: str
    check: Callable[[Any, str], Any] = _anything
    on_command_line: bool = False
    decides: bool = True
    recorded: bool = True


def _option(about: str, check: Callable[[Any, str], Any] = _anything, **known: bool) -> Mapping[str, Option]:
    return {_OPTION: Option(about, check, **known)}


class _Group:
    """A group of options; each is checked when the group is made."""

    def __post_init__(self) -> None:
        for each, option in options_of(type(self)):
            object.__setattr__(self, each.name, option.check(getattr(self, each.name), each.name))


@dataclass(frozen=True)
class Data(_Group):
    """The data, and what belongs to them; `ndfit.problem.normalize` checks them together with the model."""

    data: Any
    fitting_axes: Any
    world: Any = field(
        default=None, metadata=_option("Coordinates of the fitting axes: arrays, or a WCS.", decides=False)
    )
    data_unit: Any = field(
        default=None, metadata=_option("Unit of the data where these carry none.", decides=False, recorded=False)
    )
    uncertainty: Any = field(default=None, metadata=_option("Uncertainties of the samples.", decides=False))
    weights: Any = field(
        default=None, metadata=_option("1/sigma of the samples, instead of uncertainties.", decides=False)
    )
    mask: Any = field(default=None, metadata=_option("Mask: True = ignore the sample.", decides=False))
    inputs: Any = field(
        default=None, metadata=_option("Inputs of the model beyond the coordinates, by name.", decides=False)
    )
    instrument: Any = field(default=None, metadata=_option("What the data are taken with.", decides=False))


@dataclass(frozen=True)
class Objective(_Group):
    """What is minimised."""

    loss: str = field(
        default=SQUARE,
        metadata=_option(
            "Loss function.",
            Choice((SQUARE, *ROBUST)),
            on_command_line=True,
        ),
    )
    f_scale: float = field(
        default=1.0,
        metadata=_option(
            "Residual at which the loss departs from the square, in standard deviations if uncertainties are given, "
            "else in data units.",
            Number("a positive number, in units of weighted residuals", above=0.0),
            on_command_line=True,
        ),
    )
    statistic: str = field(
        default="chi2",
        metadata=_option(
            "Statistic: chi2, or cash for counts, whose Poisson likelihood is maximised.",
            Choice(("chi2", CASH)),
            on_command_line=True,
        ),
    )
    clip: float | None = field(
        default=None,
        metadata=_option(
            "Sigma-clip the residuals: exclude samples more than this many standard deviations from their median, and "
            "fit again.",
            Number("a positive number of standard deviations, or None", above=0.0, optional=True),
            on_command_line=True,
        ),
    )
    absolute_sigma: bool | None = field(
        default=None,
        metadata=_option(
            "Use the uncertainties as given; otherwise the covariance is scaled by the reduced chi-square.",
            Flag(optional=True),
        ),
    )

    @property
    def is_robust(self) -> bool:
        """Whether the loss counts outliers for less."""
        return self.statistic != CASH and self.loss != SQUARE


@dataclass(frozen=True)
class Starts(_Group):
    """Where fits start."""

    guess: str | None = field(
        default=ALSO,
        metadata=_option(
            "Estimate starting values at each position: also (keep the better of the fits from the model's values and "
            "from the estimate), auto (use the estimate alone) or none.",
            Choice((ALSO, "auto", None)),
            on_command_line=True,
        ),
    )
    refine: str | None = field(
        default=None,
        metadata=_option(
            "Fit positions whose cost stands out again, starting from the solutions of their neighbours.",
            Choice(("neighbours", None)),
            on_command_line=True,
        ),
    )
    starts: int = field(
        default=1,
        metadata=_option(
            "Number of starting points at each position; the best fit is kept.",
            Whole("a positive whole number of starting points", least=1),
            on_command_line=True,
        ),
    )
    seed: int = field(
        default=0,
        metadata=_option(
            "Seed of the random starts and of the bootstrap.",
            Whole("a whole number from 0 to 2^64 - 1", most=2**64 - 1),
            on_command_line=True,
        ),
    )


@dataclass(frozen=True)
class Errors(_Group):
    """What is computed of the errors."""

    covariance: bool = field(
        default=True, metadata=_option("Compute the covariance, from which standard errors come.", Flag())
    )
    bootstrap: int = field(
        default=0,
        metadata=_option(
            "Number of fits to resampled data at each position, from which the covariance is computed.",
            Whole("the number of fits a position, 0 or at least 2", never=(1,)),
            on_command_line=True,
        ),
    )
    resample: str | None = field(
        default=None,
        metadata=_option(
            "Resampling of the bootstrap: from the fitted model (parametric) or from the residuals.",
            Choice((None, "parametric", "residual")),
        ),
    )


@dataclass(frozen=True)
class Execution(_Group):
    """How the fits are made; the answer is the same, but for the engine's last digits."""

    engine: str = field(
        default="auto",
        metadata=_option(
            "Engine that makes the fits: auto, compiled or reference (see ndfit models).",
            Name(),
            on_command_line=True,
            decides=False,
        ),
    )
    scheduler: Any = field(
        default=None, metadata=_option("Where the fits run: threads, processes or a dask cluster.", decides=False)
    )
    chunk_n_max: int | None = field(
        default=None,
        metadata=_option(
            "Largest number of fits in one chunk.",
            Whole("a positive whole number of fits", 1, 2**63 - 1, optional=True, real=True),
            decides=False,
        ),
    )
    checkpoint: Any = field(
        default=None,
        metadata=_option(
            "Folder in which finished regions are kept; `ndfit resume FOLDER` continues an interrupted run.",
            Path(),
            on_command_line=True,
            decides=False,
            recorded=False,
        ),
    )
    memory_limit: Any = field(
        default=MEMORY_LIMIT,
        metadata=_option("Memory that all workers together may use, in bytes.", _size, decides=False),
    )
    progress: bool | None = field(default=None, metadata=_option("Show a progress bar.", decides=False, recorded=False))


GROUPS = (Data, Objective, Starts, Errors, Execution)


def options_of(group: Any) -> Iterator[tuple[Field[Any], Option]]:
    """The options of a group, in order."""
    for each in fields(group):
        option = each.metadata.get(_OPTION)
        if option is not None:
            yield each, option


def deciding(*groups: Any) -> Mapping[str, Any]:
    """Values of those options of which other values give other answers, by name."""
    return _chosen(groups, lambda option: option.decides)


def recorded(*groups: Any) -> Mapping[str, Any]:
    """Values of those options that stand in the record of a file, by name."""
    return _chosen(groups, lambda option: option.recorded)


def _chosen(groups: Iterable[Any], chosen: Callable[[Option], bool]) -> Mapping[str, Any]:
    known = ((group, each, option) for group in groups for each, option in options_of(group))
    return {each.name: getattr(group, each.name) for group, each, option in known if chosen(option)}
