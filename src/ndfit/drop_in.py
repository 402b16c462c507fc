"""The call of astropy's own name and signature, and the order of its steps.

Flows in: the caller's arguments. Flows out: the fitted astropy model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ndfit.call_types import (
    Arrays,
    Axes,
    Bounds,
    DiagnosticsKind,
    Equivalencies,
    FitterLike,
    ModelLike,
    PathLike,
    SchedulerLike,
    UnitLike,
    World,
)
from ndfit.engines.base import EngineChoice
from ndfit.engines.fitters import parse_fitter
from ndfit.engines.loss import Loss
from ndfit.engines.select import select_engine, select_own_model, solve_options
from ndfit.fitting import solved, tell_of
from ndfit.functions.as_model import model_of_call
from ndfit.options import Data, Execution
from ndfit.pipeline.clipping import clip_beside
from ndfit.pipeline.model_rules import with_sign_symmetry
from ndfit.problem.arguments import check_flag
from ndfit.problem.constraints import check_starts
from ndfit.problem.labelled import placed_maps
from ndfit.problem.normalize import normalize
from ndfit.result.diagnostics import parse_diagnostics
from ndfit.result.fit_info import gather_fit_info
from ndfit.result.fitted_model import fitted_model
from ndfit.result.standard_errors import error_maps
from ndfit.result.summary import IN_FOLDERS
from ndfit.run.inspect import look_up_position
from ndfit.run.notices import warn_of_bounds
from ndfit.run.region_pipeline import Pipeline

__all__ = ["parallel_fit_dask"]


def parallel_fit_dask(
    *,
    model: ModelLike,
    fitter: FitterLike,
    data: Arrays,
    data_unit: UnitLike | None = None,
    weights: Arrays | None = None,
    mask: Arrays | None = None,
    fitting_axes: Axes | None = None,
    world: World | None = None,
    chunk_n_max: int | None = None,
    diagnostics: DiagnosticsKind | None = None,
    diagnostics_path: PathLike | None = None,
    diagnostics_callable: Callable[..., Any] | None = None,
    scheduler: SchedulerLike | None = None,
    fitter_kwargs: Mapping[str, Any] | None = None,
    preserve_native_chunks: bool = False,
    equivalencies: Equivalencies | None = None,
    bounds: Bounds | None = None,
    fit_info: bool | str | Iterable[str] = False,
    engine: str = "auto",
    progress: bool | None = None,
) -> Any:
    """Fit a model at every position of an N-dimensional data set.

    The call and its meaning are those of `astropy.modeling.fitting.parallel_fit_dask`; where the two differ is listed
    in the documentation's page on differences.

    Parameters
    ----------
    model : astropy.modeling.Model, function, lmfit.Model or sympy.Lambda
        A model with as many inputs as there are fitting axes. Its parameters are the starting values: numbers, or maps
        that broadcast to the iterating shape. fixed, tied and bounds hold at every position.
    fitter : astropy.modeling.fitting.Fitter
        A fitter, or any object that is called in the same way. If it was made with `calc_uncertainties=True`, standard
        errors are on the `std` of the returned model's parameters.
    data : numpy.ndarray, numpy.ma.MaskedArray, astropy.units.Quantity, dask.array.Array or astropy.nddata.NDData
        Real numbers of any dtype and byte order. Of NDData, the wcs, mask, unit and uncertainty are used.
    data_unit : astropy.units.Unit or str, optional
        Unit of the data where these carry none.
    weights : array or astropy.nddata.NDUncertainty, optional
        1/sigma, of the shape of the data, of the fitting axes, of the iterating axes, or broadcastable. Samples whose
        weight is zero or not finite are left out.
    mask : array, optional
        True = ignore the sample; shapes as for weights.
    fitting_axes : int or sequence of int
        Axes of the data that the model runs along, in the order of its inputs. The others are iterated over.
    world : None, tuple of arrays, or WCS
        None for pixel coordinates; one array a fitting axis, 1-D or broadcastable to the data; or an APE-14 WCS of the
        whole data.
    chunk_n_max : int, optional
        Most fits in one chunk.
    diagnostics : None, 'error', 'error+warn' or 'all'
        Positions for which a folder is written in `diagnostics_path`.
    diagnostics_path : path, optional
        Folder that holds one folder for each such position.
    diagnostics_callable : callable(path, world, data, weights, model, fitter_kwargs), optional
        Called for each such position, in the caller's process and thread. `model` is None where the fit failed.
    scheduler : None, 'synchronous', 'threads', 'processes', 'default', or what dask accepts
        'default' is whatever dask would use now, an active distributed client included. None lets ndfit choose.
    fitter_kwargs : dict, optional
        Keywords for each fit, such as `maxiter`, `acc`, `filter_non_finite`.
    preserve_native_chunks : bool
        Keep the chunks of the dask array.
    equivalencies : dict, optional
        For converting coordinates to the units of the model's inputs, by the name of the input.
    bounds : dict, optional
        Name of a parameter -> (lower, upper), in addition to those of the model, where astropy's cannot hold them: maps
        of the iterating shape, and Quantities, which are converted to the parameter's unit. None is no bound.
    fit_info : bool, str or iterable of str
        What to keep of each fit's report, on `fitter.fit_info`.
    engine : 'auto', 'compiled' or 'reference'
        How fits are made: 'reference' calls the astropy fitter for each of them.
    progress : bool, optional
        Show a progress bar; by default where standard error is a terminal or a notebook.

    Returns
    -------
    astropy.modeling.Model
        Copy of `model` with parameters of the iterating shape, with units. Positions without an answer are NaN.

    Raises
    ------
    TypeError, ValueError, astropy.units.UnitsError
        Before the first fit, with what was expected, what arrived and what to do.
    ndfit.errors.AllFitsFailed
        Every position failed for one cause.

    Warns
    -----
    ndfit.errors.FitWarning
        Once, with the counts by status, if fits failed or did not converge.

    See Also
    --------
    fit : the whole result, with a status, flags and errors at every position.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.modeling.fitting import TRFLSQFitter
    >>> from astropy.modeling.models import Gaussian1D
    >>> import ndfit
    >>> x = np.linspace(-5, 5, 50)
    >>> data = np.array([[2.0], [3.0]]) * np.exp(-0.5 * x**2)
    >>> fitted = ndfit.parallel_fit_dask(
    ...     model=Gaussian1D(1.0, 0.2, 1.5), fitter=TRFLSQFitter(), data=data, fitting_axes=1, world=(x,)
    ... )
    >>> fitted.amplitude.value.round(6)
    array([2., 3.])
    """
    place = placed_maps(data, fitting_axes)
    model, bounds = model_of_call(model, fitting_axes, None, None, bounds, None, None, place)
    execution = Execution(engine, scheduler, chunk_n_max, progress=progress)
    native = check_flag(preserve_native_chunks, "preserve_native_chunks")
    call = parse_fitter(fitter, fitter_kwargs)
    wanted = _parse_fit_info(fit_info)
    problem = normalize(
        model,
        Data(data, fitting_axes, world, data_unit, None, weights, mask),
        equivalencies=equivalencies,
        bounds=bounds,
        linear=call.linear,
        filter_non_finite=call.filter_non_finite,
        preserve_native_chunks=native,
    )
    check_starts(problem.params)
    folders = parse_diagnostics(
        diagnostics, diagnostics_path, diagnostics_callable, problem.axes.iterating_shape, dict(fitter_kwargs or {})
    )
    keep_info = wanted != ()
    choice = select_engine(problem, call, execution.engine, wanted)
    problem = with_sign_symmetry(problem, choice.engine)

    def pipeline_of(choice: EngineChoice) -> Pipeline:
        options = replace(solve_options(choice, call, wanted), absolute_sigma=problem.absolute_sigma)
        clip = clip_beside(choice, call.fitter, len(problem.params.free))
        return Pipeline.of(problem, choice.engine, options, clip=clip)

    warn_of_bounds(problem)
    choice, _, maps = solved(
        problem,
        choice,
        pipeline_of,
        execution,
        partial(select_own_model, problem, call, execution.engine, wanted, Loss()),
        native=native,
        keep_info=keep_info,
        on_region=None if folders is None else partial(folders.write, look_up=partial(look_up_position, problem)),
    )
    if keep_info:
        reporting: Any = fitter
        reporting.fit_info = gather_fit_info(maps, wanted, problem.absolute_sigma)
    tell_of(problem, maps, IN_FOLDERS)
    covariance = maps.scaled_covariance(problem.absolute_sigma) if call.calc_uncertainties else None
    return fitted_model(problem, maps, None if covariance is None else error_maps(problem, maps, covariance))


def _parse_fit_info(fit_info: Any) -> tuple[str, ...] | None:
    """Names to keep: none for False, None for all."""
    if fit_info is True:
        return None
    if fit_info is None or fit_info is False:
        return ()
    names = (fit_info,) if isinstance(fit_info, str) else fit_info
    if not isinstance(names, Iterable) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"fit_info should be True, False, a name or names, got {fit_info!r}")
    return tuple(names)
