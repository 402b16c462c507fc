"""The front door: the call, and the order of the steps.

Flows in: the caller's arguments. Flows out: the fitted astropy model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from astropy.modeling.fitting import TRFLSQFitter

from ndfit.call_types import (
    Arrays,
    Axes,
    Bounds,
    DiagnosticsKind,
    Equivalencies,
    FitterLike,
    GuessKind,
    LossKind,
    ModelLike,
    PathLike,
    Refinement,
    ResampleKind,
    SchedulerLike,
    StatisticKind,
    UnitLike,
    World,
)
from ndfit.engines.base import EngineChoice
from ndfit.engines.fitters import innermost, parse_fitter
from ndfit.engines.loss import Loss
from ndfit.engines.select import select_engine, select_own_model, solve_options
from ndfit.fit_result import FitResult
from ndfit.fitting import Description, fit_described, solved, tell_of
from ndfit.options import MEMORY_LIMIT, Data, Errors, Execution, Objective, Starts
from ndfit.pipeline.clipping import clip_beside
from ndfit.pipeline.model_rules import with_sign_symmetry
from ndfit.problem.arguments import check_choice, check_flag, check_number, check_path
from ndfit.problem.constraints import check_starts
from ndfit.problem.normalize import normalize
from ndfit.result.diagnostics import parse_diagnostics
from ndfit.result.fit_info import gather_fit_info
from ndfit.result.fitted_model import fitted_model
from ndfit.result.standard_errors import error_maps
from ndfit.result.summary import IN_FOLDERS
from ndfit.run.chi_square_rounding import rounding_everywhere
from ndfit.run.inspect import look_up_position
from ndfit.run.notices import warn_of_bounds
from ndfit.run.work import Work
from ndfit.selection import CRITERIA, Selection

__all__ = ["fit", "parallel_fit_dask", "select"]


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
    model : astropy.modeling.Model
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
    """
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

    def work_of(choice: EngineChoice) -> Work:
        options = replace(solve_options(choice, call, wanted), absolute_sigma=problem.absolute_sigma)
        clip = clip_beside(choice, call.fitter, len(problem.params.free))
        return Work.of(problem, choice.engine, options, clip=clip)

    warn_of_bounds(problem)
    choice, _, maps = solved(
        problem,
        choice,
        work_of,
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


def fit(
    model: ModelLike,
    data: Arrays,
    *,
    fitting_axes: Axes,
    world: World | None = None,
    data_unit: UnitLike | None = None,
    uncertainty: Arrays | None = None,
    weights: Arrays | None = None,
    mask: Arrays | None = None,
    bounds: Bounds | None = None,
    equivalencies: Equivalencies | None = None,
    fitter: FitterLike | None = None,
    fitter_kwargs: Mapping[str, Any] | None = None,
    loss: LossKind = "linear",
    f_scale: float = 1.0,
    statistic: StatisticKind = "chi2",
    clip: float | None = None,
    covariance: bool = True,
    absolute_sigma: bool | None = None,
    bootstrap: int = 0,
    resample: ResampleKind | None = None,
    guess: GuessKind | None = "also",
    starts: int = 1,
    seed: int = 0,
    refine: Refinement | None = None,
    engine: str = "auto",
    scheduler: SchedulerLike | None = None,
    chunk_n_max: int | None = None,
    checkpoint: PathLike | None = None,
    memory_limit: int | str = MEMORY_LIMIT,
    progress: bool | None = None,
) -> FitResult:
    """Fit a model at every position of an N-dimensional data set, and keep what is known of each fit.

    Masked samples, and those that are not finite, are left out.

    Parameters
    ----------
    model, data, fitting_axes, world, data_unit, mask, bounds, equivalencies, engine, scheduler, chunk_n_max, progress
        As in `parallel_fit_dask`.
    uncertainty : array, astropy.units.Quantity or astropy.nddata.NDUncertainty, optional
        Uncertainty of the samples; an array or Quantity holds standard deviations. Shapes as for weights.
    weights : array, optional
        1/sigma, instead of `uncertainty`.
    fitter : astropy.modeling.fitting.Fitter, optional
        Least squares with bounds (`TRFLSQFitter`) by default.
    fitter_kwargs : dict, optional
        Keywords for each fit, such as `maxiter` and `acc`.
    loss : 'linear', 'huber', 'soft_l1', 'cauchy' or 'arctan'
        Loss function, as in `scipy.optimize.least_squares`.
    f_scale : float
        Residual at which the loss departs from the square (scipy's `f_scale`), in standard deviations if uncertainties
        are given, else in data units.
    statistic : 'chi2' or 'cash'
        'cash' takes the data for counts and maximises their Poisson likelihood. It cannot be combined with
        uncertainties.
    clip : float, optional
        Sigma-clip the weighted residuals: samples more than `clip` standard deviations from the median residual are
        excluded and the fit is repeated, at most ten times.
    covariance : bool
        Compute the covariance, from which standard errors come.
    absolute_sigma : bool, optional
        Take uncertainties as they are; False scales the covariance by the reduced chi-square, as
        `scipy.optimize.curve_fit` does. By default True where uncertainties or weights are given.
    bootstrap : int
        Number of fits of drawn data at each position, from which the covariance is computed. With 0 it is that of the
        linearised model at the solution.
    resample : None, 'parametric' or 'residual'
        How data are drawn: from the fitted model and the distribution of the errors, the default where their size is
        known; or from the residuals of the position, the default elsewhere.
    guess : 'also', 'auto' or None
        Starting values estimated from each position's own samples, for sums of line profiles and backgrounds. 'also'
        starts from the model's values and, where the model can be guessed, from the guess, and keeps the better fit:
        that from the model's values unless its chi-square is more than 4 above the other's, in units of the noise
        variance. Where the two are different minima that are closer than that, the position has the flag AMBIGUOUS.
        'auto' starts from the guess alone; None from the model's values alone, as astropy does. See the
        documentation's page on starting values.
    starts : int
        Number of starting points at each position, of which the best fit is kept. The first is the guess, or the
        model's values, or both; the others are drawn between finite bounds or around the guess, or around the model's
        values where nothing is guessed.
    seed : int
        Seed of the random starts and of the bootstrap. Draws depend on the seed and the position only.
    refine : None or 'neighbours'
        Positions whose cost stands out are fitted again, from the solutions of their neighbours, until nothing
        improves.
    checkpoint : path, optional
        Folder in which finished regions are kept. The same call resumes where an earlier one stopped; its result is
        identical, bit for bit, to that of an uninterrupted run. It reads all data once more to see that they are the
        same. The folder is not removed.
    memory_limit : int or str
        Bytes that the fits in work may take, all workers together, beside the results and the data that are in memory
        already; '2 GB' and the like. Data that are mapped from a file or lazy are loaded a chunk at a time.

    Returns
    -------
    FitResult

    Raises
    ------
    TypeError, ValueError, astropy.units.UnitsError
        Before the first fit, with what was expected, what arrived and what to do.
    ndfit.errors.AllFitsFailed
        Every position failed for one cause.
    ndfit.errors.CheckpointError
        The checkpoint is another run's: the message names what differs.

    Warns
    -----
    ndfit.errors.FitWarning
        Once, with the counts by status, if fits failed or did not converge.
    """
    return fit_described(
        Description(
            model,
            Data(data, fitting_axes, world, data_unit, uncertainty, weights, mask),
            Objective(loss, f_scale, statistic, clip, absolute_sigma),
            Starts(guess, refine, starts, seed),
            Errors(covariance, bootstrap, resample),
            Execution(engine, scheduler, chunk_n_max, checkpoint, memory_limit, progress),
            bounds,
            equivalencies,
            TRFLSQFitter() if fitter is None else fitter,
            fitter_kwargs,
        )
    )


def select(
    models: Iterable[ModelLike],
    data: Arrays,
    *,
    criterion: Literal["aic", "bic"] = "bic",
    margin: float = 6.0,
    **keywords: Any,
) -> Selection:
    """Fit several models, and find which of them describes each position best.

    Parameters
    ----------
    models : iterable of astropy.modeling.Model
        The candidates, such as one with no line, one with one line and one with two.
    data, **keywords
        As in `fit`, for every candidate; each has a folder of its own in `checkpoint`.
    criterion : 'bic' or 'aic'
        The criterion that is lowest for the best model: Schwarz's, which finds the right model as the number of samples
        grows, or Akaike's, which prefers more complicated models more often.
    margin : float
        How much lower the criterion of a model with more free parameters has to be for it to be chosen. 6 is strong
        evidence; with 0 the lowest criterion decides, and lines are found in noise.

    Returns
    -------
    Selection

    Raises
    ------
    ValueError
        No candidates, an unknown criterion, a negative margin, or `clip` or a fitter that leaves out outliers, which
        would compare fits of different samples; and what `fit` raises.
    """
    candidates = tuple(models)
    if not candidates:
        raise ValueError("select needs at least one model to choose from, got none")
    check_choice(criterion, "criterion", CRITERIA)
    check_number(margin, "margin", "a number that is not negative")
    clip, fitter = keywords.get("clip"), keywords.get("fitter")
    if clip is not None or fitter is not innermost(fitter):
        name = "the fitter" if clip is None else "clip"
        raise ValueError(
            f"{name} leaves out other samples for other models, which cannot be compared: mask them instead"
        )
    results = tuple(fit(model, data, **_of_candidate(number, keywords)) for number, model in enumerate(candidates))
    first = results[0]
    return Selection(results, criterion, margin, 0.0 if first._absolute_sigma else rounding_everywhere(first._problem))


def _of_candidate(number: int, keywords: Mapping[str, Any]) -> dict[str, Any]:
    if keywords.get("checkpoint") is None:
        return dict(keywords)
    folder = check_path(keywords["checkpoint"], "checkpoint")
    return {**keywords, "checkpoint": folder and folder / f"model-{number}"}


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
