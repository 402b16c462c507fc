"""LineSet: lines that are fitted together.

Flows in: names, a file or a table. Flows out: an ordinary astropy model with ties and bounds, and what to leave out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import Model
from astropy.table import Table
from numpy.typing import NDArray

from ndfit.errors import UnreadableFile, WrongArgument
from ndfit.lines.air import to_air
from ndfit.lines.axis import Axis
from ndfit.lines.build_model import build_model, continuum_of
from ndfit.lines.entries import OF_LINE, VELOCITIES, entries_of, grouped, read_entries
from ndfit.lines.files import read_file
from ndfit.lines.line import MEDIA, Band, Line
from ndfit.lines.line_plan import PROFILES, Limits, limits_of, plan_of, windows_of
from ndfit.lines.typed_names import lines_typed
from ndfit.problem.arguments import check_choice, check_number

__all__ = ["LineSet"]


@dataclass(frozen=True)
class LineSet:
    """Spectral lines that are fitted together, from which an astropy model is built.

    Make one with `LineSet.of`, `LineSet.read` or `LineSet.from_table`. Wavelengths in it are in vacuum.

    Attributes
    ----------
    lines : tuple of Line
        Name, rest wavelength, ties and side bands of each.
    continuum : int or None
        Degree of the polynomial under all lines; None for no continuum.
    windows : tuple of Band
        What is fitted, at rest; where there are none, a part around each line, and its side bands.
    masks, rest_masks : tuple of Band
        What is left out, such as sky lines, as observed and at rest.
    width, min_width, max_width, max_velocity, window : Quantity or None
        In velocity: the standard deviation at which lines start, the least and the greatest one, how far centres may be
        from where the redshift puts them, and how much is fitted on either side; None for what is usual for their kind.

    See Also
    --------
    fit : fits the model.

    Examples
    --------
    >>> import ndfit
    >>> lines = ndfit.LineSet.of("Ha", "[NII]")
    >>> lines.names
    ('Ha', '[NII] 6584', '[NII] 6548')
    >>> model = lines.model(redshift=0.0858)
    >>> model.submodel_names
    ('Ha', '[NII] 6584', '[NII] 6548', 'continuum')
    >>> model.mean_1.tied.names, model.stddev_1.tied.names
    (frozenset({'mean_0'}), frozenset({'stddev_0'}))
    """

    lines: tuple[Line, ...]
    continuum: int | None = 0
    windows: tuple[Band, ...] = ()
    masks: tuple[Band, ...] = ()
    rest_masks: tuple[Band, ...] = ()
    width: u.Quantity | None = None
    min_width: u.Quantity | None = None
    max_width: u.Quantity | None = None
    max_velocity: u.Quantity | None = None
    window: u.Quantity | None = None

    def __post_init__(self) -> None:
        _check_lines(self.lines)
        for key in VELOCITIES:
            value = getattr(self, key)
            if value is not None and not (value.isscalar and value.unit.is_equivalent(u.km / u.s) and value > 0):
                raise WrongArgument(key, "a positive velocity, such as 150 km/s", str(value))
        continuum_of(self.continuum)

    @classmethod
    def of(cls, *names: str, **settings: Any) -> LineSet:  # Any: the attributes of the class
        """Lines of the list that ships with ndfit, tied in velocity and width.

        Parameters
        ----------
        *names : str
            Such as 'Ha', or 'Ha, [NII]'; `[NII]`, `[OIII]` and the like are doublets with their fixed ratio of fluxes.
            Others are given as name=wavelength, in vacuum: 'mine=6302.05 Angstrom'.
        **settings
            Attributes of the class, such as ``continuum=1``.

        Returns
        -------
        LineSet

        Raises
        ------
        ValueError
            There is no such line; the message says what is near.

        Examples
        --------
        >>> import ndfit
        >>> ndfit.LineSet.of("[OIII], Hb").names
        ('[OIII] 5007', '[OIII] 4959', 'Hb')
        """
        members = [(line, frozenset[str]()) for line in lines_typed(names)]
        return cls(grouped([("", members)]), **settings)

    @classmethod
    def read(cls, path: str | Path) -> LineSet:
        """A line set of a file.

        Parameters
        ----------
        path : str or Path
            TOML or YAML, or a file `elp*.par` of the MaNGA pipeline.

        Returns
        -------
        LineSet

        Raises
        ------
        FileNotFoundError
            There is no such file.
        ndfit.UnreadableFile
            It is no line set; the message says where it is wrong.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import ndfit
        >>> path = Path(tempfile.mkdtemp()) / "lines.yaml"
        >>> path.write_text("medium: air\\nlines: [Ha, {name: mine, rest: 6300.304 Angstrom}]\\n")
        63
        >>> ndfit.LineSet.read(path).names
        ('Ha', 'mine')
        """
        arguments = read_file(Path(path))
        try:
            return cls(**arguments)
        except (TypeError, ValueError) as error:
            raise UnreadableFile(f"{path} cannot be read as a line set: {error}") from error

    @classmethod
    def from_table(cls, table: Table, **settings: Any) -> LineSet:  # Any: the attributes of the class
        """A line set of a table with a row a line.

        Parameters
        ----------
        table : astropy.table.Table
            Columns `name` and, for lines that are not in the list, `rest`, in the unit of the column or as text with
            one; and `group`, `velocity`, `width`, `flux`, `blue` and `red` as texts. Empty values are none.
        **settings
            Attributes of the class; and ``medium="air"`` for wavelengths in air.

        Returns
        -------
        LineSet

        Raises
        ------
        ValueError
            A column or a value that a line set does not have.

        See Also
        --------
        to_table : the way back.

        Examples
        --------
        >>> from astropy.table import Table
        >>> import ndfit
        >>> table = Table({"name": ["A", "B"], "rest": [5000.0, 5010.0]}, units={"rest": "Angstrom"})
        >>> ndfit.LineSet.from_table(table).lines[1].velocity.to
        'A'
        """
        medium = settings.pop("medium", "vacuum")
        unit = table["rest"].unit if "rest" in table.colnames else None
        rows = []
        for row in table:
            values = {key: row[key] for key in table.colnames if row[key] is not np.ma.masked}
            rest = values.get("rest")
            if unit is not None and rest is not None:
                values["rest"] = f"{float(getattr(rest, 'value', rest))!r} {unit}"
            rows.append({key: str(value) for key, value in values.items()})
        return cls(**(read_entries({"medium": medium, "lines": rows}) | settings))

    def to_table(self) -> Table:
        """The lines as a table, with wavelengths in vacuum; `from_table` reads it.

        Returns
        -------
        astropy.table.Table
            A row a line, every column text.

        Examples
        --------
        >>> import ndfit
        >>> print(ndfit.LineSet.of("Ha", "[NII]").to_table()["flux"][2])
        =0.327869 [NII] 6584
        """
        rows = entries_of(self.lines)
        return Table({key: [row.get(key, "") for row in rows] for key in OF_LINE if any(key in row for row in rows)})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the lines, which are those of the parts of the model."""
        return tuple(line.name for line in self.lines)

    def wavelengths(self, *, redshift: float = 0.0, medium: str = "vacuum") -> dict[str, u.Quantity]:
        """Where the lines are at a redshift, which velocities are measured from.

        Parameters
        ----------
        redshift : float
            Of the object; 0 for wavelengths at rest.
        medium : 'vacuum' or 'air'
            In which the wavelengths of the data are.

        Returns
        -------
        dict of str to astropy.units.Quantity
            By the name of the line, in Angstrom: what ``FitResult.derive("velocity", rest=...)`` takes.

        Raises
        ------
        ValueError
            There is no such medium, or the redshift is -1 or less.

        See Also
        --------
        FitResult.derive : velocities, and other quantities of lines.

        Examples
        --------
        >>> import ndfit
        >>> {name: round(place.value, 2) for name, place in ndfit.LineSet.of("Ha").wavelengths(medium="air").items()}
        {'Ha': 6562.8}
        """
        check_choice(medium, "medium", tuple(MEDIA))
        factor = 1.0 + check_number(redshift, "redshift", "a redshift above -1", above=-1.0)
        seen = {line.name: line.wavelength * factor for line in self.lines}
        return {name: float(to_air(value) if medium == "air" else value) * u.AA for name, value in seen.items()}

    def model(
        self,
        redshift: float = 0.0,
        *,
        unit: Any = "Angstrom",  # Any: astropy has no type for what it takes as a unit
        data_unit: Any = None,  # Any: as unit
        medium: str = "vacuum",
        profile: str = "Gaussian1D",
        continuum: int | Model | str | None = "of the set",
        rest: u.Quantity | None = None,
        convention: str | None = None,
    ) -> Any:
        """The model: a sum of lines and the continuum, with ties, bounds and starting values.

        Parameters
        ----------
        redshift : float
            Lines lie at their rest wavelengths times one plus it.
        unit : astropy unit or str
            Of the coordinates: of wavelength, frequency, energy, wavenumber or velocity.
        data_unit : astropy unit or str, optional
            Of the data. Parameters then have units; else they are plain numbers.
        medium : str
            'vacuum' or 'air', in which wavelengths of the coordinates are measured.
        profile : str
            'Gaussian1D', 'Lorentz1D' or 'Voigt1D'.
        continuum : int, model or None
            Degree of a polynomial, or a model, in place of that of the set; None for no continuum.
        rest, convention : Quantity, str, optional
            The rest frequency or wavelength of velocities, and their convention, 'radio' or 'optical'.

        Returns
        -------
        astropy.modeling.Model
            For `ndfit.fit`. Its parts have the names of the lines.

        Raises
        ------
        ValueError
            Coordinates in which lines cannot lie, or a tie that cannot be meant in them.

        Examples
        --------
        >>> import ndfit
        >>> model = ndfit.LineSet.of("[OIII]").model(redshift=0.1, unit="nm")
        >>> print(round(model.mean_0.value, 4), round(model.mean_1.value, 4))
        550.9064 545.6325
        """
        if profile not in PROFILES:
            raise WrongArgument("profile", f"one of {', '.join(PROFILES)}", profile)
        axis = Axis(u.Unit(unit), float(redshift), medium, False, rest, convention)
        plan = plan_of(self.lines, axis, profile, self.limits)
        under = self.continuum if isinstance(continuum, str) and continuum == "of the set" else continuum
        return build_model(plan, under, u.Unit(unit), None if data_unit is None else u.Unit(data_unit))

    def mask(
        self,
        coordinates: Any,  # Any: an array, or a Quantity
        redshift: float = 0.0,
        *,
        unit: Any = "Angstrom",  # Any: astropy has no type for what it takes as a unit
        medium: str = "vacuum",
    ) -> NDArray[np.bool_]:
        """Samples to leave out: those outside of the windows, and those under the masks.

        Parameters
        ----------
        coordinates : array or Quantity
            Wavelengths, frequencies, energies or wavenumbers of the samples.
        redshift : float
            Of the lines.
        unit : astropy unit or str
            Of coordinates that are plain numbers.
        medium : str
            'vacuum' or 'air', in which wavelengths are measured.

        Returns
        -------
        array of bool
            Of the shape of the coordinates, True where samples are left out, as `ndfit.fit` takes it for `mask`.

        Raises
        ------
        ValueError
            Coordinates in which lines cannot lie.

        Examples
        --------
        >>> import numpy as np
        >>> import ndfit
        >>> ndfit.LineSet.of("Ha").mask(np.array([6400.0, 6564.0, 6700.0]))
        array([ True, False,  True])
        """
        given = u.Quantity(coordinates, getattr(coordinates, "unit", None) or unit)
        axis = Axis(given.unit, float(redshift), medium)
        kept, left_out = self.ranges(axis)
        return ~within(given.value, kept) | within(given.value, left_out)

    @property
    def limits(self) -> Mapping[str, Limits]:
        """By the name of each line: widths and velocities, km/s."""
        own = {key: getattr(self, key).to_value(u.km / u.s) for key in VELOCITIES if getattr(self, key) is not None}
        return {line.name: replace(limits_of(line), **own) for line in self.lines}

    def ranges(self, axis: Axis) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """What is fitted in the coordinates of the axis, and what is left out, as observed."""
        if self.windows:
            kept = [axis.range_of(band) for band in self.windows]
        else:
            kept = windows_of(self.lines, self.limits, axis)
        moved = replace(axis, at_rest=False)
        return kept, [*map(axis.observed, self.masks), *map(moved.range_of, self.rest_masks)]


def within(values: Any, ranges: Iterable[tuple[float, float]]) -> NDArray[np.bool_]:
    """Which values lie in one of the ranges."""
    inside = np.zeros(np.shape(values), dtype=bool)
    for low, high in ranges:
        inside |= (values >= low) & (values <= high)
    return inside


def _check_lines(lines: tuple[Line, ...]) -> None:
    """Names that are different, and ties to lines of the set that do not go in a circle."""
    if not lines:
        raise ValueError("a line set needs a line")
    by_name = {line.name: line for line in lines}
    if len(by_name) != len(lines):
        twice = next(line.name for line in lines if sum(each.name == line.name for each in lines) > 1)
        raise ValueError(f"the line '{twice}' is there twice: give it another name")
    for line in lines:
        for what in ("velocity", "width", "flux"):
            path, relation = [line.name], getattr(line, what)
            while relation is not None:
                if relation.to not in by_name:
                    raise ValueError(f"the {what} of '{path[-1]}' is tied to '{relation.to}', which is not in the set")
                if relation.to in path:
                    raise ValueError(f"the {what} of '{relation.to}' is tied to itself")
                path.append(relation.to)
                relation = getattr(by_name[relation.to], what)
