"""`ndfit.read`: a file of results -> FitResult.

Flows in: a path, and what a file does not hold (data, and a model of the reader's own). Flows out: the FitResult that
was written: maps, units, constraints and uncertainties bit for bit. No code is read or run.

The data are not in the file. Once they are given back, they pass through `normalize` as in the call that was made, and
the result can look up single fits, evaluate and take residuals again.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ndfit.atomic import standing
from ndfit.call_types import Arrays, Equivalencies, ModelLike, PathLike, UnitLike, World
from ndfit.derived.detection import Detection
from ndfit.engines.select import calls_own_model
from ndfit.errors import UnreadableFile
from ndfit.fit_result import FitResult
from ndfit.functions.as_model import opened_model
from ndfit.io.formats import FORMATS
from ndfit.io.layers import Contents, alarms_of, derived_of, maps_of
from ndfit.io.record import Call
from ndfit.options import Data
from ndfit.problem.instrument import Instrument
from ndfit.problem.types import FitProblem
from ndfit.reading.given_back import with_data
from ndfit.reading.rebuild import problem_of, refuse_another
from ndfit.result.maps import Maps
from ndfit.run.evaluate import Values, evaluate_everywhere, values_of_model
from ndfit.run.inspect import look_up_fit, used_everywhere
from ndfit.single_fit import OneFit
from ndfit.untrusted import reading

__all__ = ["read"]

_RESULTS = "results of ndfit"


def read(
    path: PathLike,
    *,
    data: Arrays | None = None,
    data_unit: UnitLike | None = None,
    world: World | None = None,
    mask: Arrays | None = None,
    uncertainty: Arrays | None = None,
    weights: Arrays | None = None,
    inputs: Mapping[str, Arrays] | None = None,
    instrument: Instrument | None = None,
    equivalencies: Equivalencies | None = None,
    model: ModelLike | None = None,
) -> FitResult:
    """Read a result that `FitResult.write`, `to_fits` or `to_zarr` wrote.

    Parameters
    ----------
    path : str or path
        Of a file or store of one of the formats that `FitResult.write` knows; its content says which.
    data : array, astropy.units.Quantity, dask.array.Array or astropy.nddata.NDData, optional
        The data as they were given to `ndfit.fit`. Without them the result has no single fits, values or residuals.
    data_unit : astropy.units.Unit or str, optional
        As it was given to `ndfit.fit`.
    world : tuple of arrays, or WCS, optional
        As it was given to `ndfit.fit`.
    mask, uncertainty, weights : array, optional
        As they were given to `ndfit.fit`.
    inputs : dict, optional
        As they were given to `ndfit.fit`.
    instrument : ndfit.Instrument, optional
        As it was given to `ndfit.fit`.
    equivalencies : dict, optional
        As they were given to `ndfit.fit`.
    model : astropy.modeling.Model or function, optional
        The model that was fitted, where it is one of your own making, or has ties that are Python functions: files
        hold no code. Its values and constraints are replaced by those of the file; a tie of its own is kept.

    Returns
    -------
    FitResult
        Maps of shape B with their units, bit for bit those that were written.

    Raises
    ------
    FileNotFoundError
        There is nothing at `path`.
    UnreadableFile
        The file is damaged, none of ndfit's, or of a newer layout; it is a ValueError.
    ValueError
        Data or model are not those of the fit by their shape, units or parameters; data are given, but the model is
        neither in the file nor given.

    Warns
    -----
    UserWarning
        Data, coordinates, weights or mask are not those of the fit; or the file was damaged.

    See Also
    --------
    fit : the call whose result is read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from astropy.modeling.models import Gaussian1D
    >>> import ndfit
    >>> x = np.linspace(-5, 5, 50)
    >>> data = np.array([[2.0], [3.0]]) * np.exp(-0.5 * x**2)
    >>> path = Path(tempfile.mkdtemp()) / "lines.fits"
    >>> ndfit.fit(Gaussian1D(), data, fitting_axes=1, world=(x,)).to_fits(path)
    >>> ndfit.read(path).parameters["amplitude"].round(6)
    array([2., 3.])
    """
    path = Path(path)
    contents = _read_contents(path)
    if model is not None:
        model = opened_model(model, len(contents.record["axes"]["fitting_axes"]), tuple(inputs or ()))
        refuse_another(model, contents)
    with reading(path, _RESULTS):
        problem = problem_of(contents, model)
        maps, uncertainties = maps_of(contents, problem.params)
        derived = derived_of(contents)
    evaluable = data is not None
    if evaluable:
        given = Data(data, None, world, data_unit, uncertainty, weights, mask, inputs, instrument)
        problem = with_data(problem, contents.record, given, equivalencies)
    engine = contents.record["engine"]
    together = not calls_own_model(engine["name"])
    values = values_of_model(problem, None, together=together) if evaluable else _NeedsData(path.name)
    return FitResult(
        problem,
        maps,
        engine["name"],
        engine["reason"],
        contents.record["absolute_sigma"],
        partial(_look_up, problem, maps, values) if evaluable else _NeedsData(path.name),
        partial(evaluate_everywhere, problem, maps, values) if evaluable else _NeedsData(path.name),
        _call=Call.of_record(contents.record),
        _reported=uncertainties,
        _derived=derived,
        _detection=_detection(contents),
        _samples_used=partial(used_everywhere, problem, maps) if evaluable else None,
    )


def _detection(contents: Contents) -> Detection | None:
    row = contents.record.get("detection")
    return None if row is None else Detection(row["rate"], row["simulations"], row["seed"], alarms_of(contents))


def _look_up(problem: FitProblem, maps: Maps, values: Values, position: tuple[int, ...]) -> OneFit:
    one = look_up_fit(problem, maps, position, values)
    if maps.usable[position] and np.count_nonzero(one.used) != maps.n_samples[position]:
        warnings.warn(
            f"{maps.n_samples[position]} samples entered the fit at {position}, and the mask and weights given leave "
            f"{np.count_nonzero(one.used)}: which were left out as outliers, a file does not tell",
            UserWarning,
            stacklevel=3,
        )
    return one


@dataclass(frozen=True)
class _NeedsData:
    """Stands where a result without data would look at them."""

    name: str

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError(
            f"the data that were fitted are not in {self.name}: give them back, ndfit.read(path, data=..., world=...), "
            "to look at single fits, model values and residuals"
        )


def _read_contents(path: Path) -> Contents:
    titles = [row.title for row in FORMATS.values()]
    if not standing(path).exists():
        raise FileNotFoundError(f"there is nothing at {path}: expected {' or '.join(titles)} written by ndfit")
    for row in FORMATS.values():
        if row.recognises(path):
            with reading(path, _RESULTS):
                return row.read(path)
    raise UnreadableFile(f"{path} is neither {' nor '.join(titles)}: ndfit reads the results it has written")
