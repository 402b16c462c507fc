"""The calls `fit` and `select`: what a caller writes, as groups of options.

Flows in: the caller's arguments. Flows out: the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from astropy.modeling.fitting import TRFLSQFitter

from ndfit.call_types import (
    Arrays,
    Axes,
    Bounds,
    Equivalencies,
    FitterLike,
    GuessKind,
    ModelLike,
    PathLike,
    Refinement,
    ResampleKind,
    SchedulerLike,
    Starting,
    StatisticKind,
    UnitLike,
    World,
)
from ndfit.engines.fitters import innermost
from ndfit.fit_result import FitResult
from ndfit.fitting import Description, fit_described
from ndfit.functions.as_model import model_of_call
from ndfit.loss_functions import LossKind
from ndfit.options import MEMORY_LIMIT, Data, Errors, Execution, Objective, Starts
from ndfit.problem.arguments import check_choice, check_number, check_path
from ndfit.problem.instrument import Instrument
from ndfit.problem.labelled import placed_maps
from ndfit.run.chi_square_rounding import rounding_everywhere
from ndfit.selection import CRITERIA, Selection

__all__ = ["fit", "select"]


def fit(
    model: ModelLike,
    data: Arrays,
    *,
    fitting_axes: Axes | None = None,
    world: World | None = None,
    data_unit: UnitLike | None = None,
    uncertainty: Arrays | None = None,
    weights: Arrays | None = None,
    mask: Arrays | None = None,
    inputs: Mapping[str, Arrays] | None = None,
    instrument: Instrument | None = None,
    p0: Starting | None = None,
    bounds: Bounds | None = None,
    fixed: Iterable[str] | Mapping[str, bool] | None = None,
    tied: Mapping[str, Callable[[Any], Any]] | None = None,
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
    model : astropy.modeling.Model, function, lmfit.Model or sympy.Lambda
        A model with as many inputs as there are fitting axes. Its parameters are the starting values: numbers, or maps
        that broadcast to the iterating shape B. fixed, tied and bounds hold at every position. Of a function, the first
        arguments are the coordinates, one for each fitting axis, and the others the parameters; see `as_model`.
    data : array, astropy.units.Quantity, dask.array.Array, astropy.nddata.NDData or xarray.DataArray
        Real numbers of any dtype and byte order. Of NDData, the wcs, mask, unit and uncertainty are used; of a
        DataArray, the coordinates and units.
    fitting_axes : int, str, or sequence of these
        Axes of the data that the model runs along, in the order of its inputs, by number or by the name of a dimension.
        The others are iterated over. Objects that tell their spectral axis or their signal axes need none.
    world : None, tuple of arrays, WCS or 'pixels'
        None for the coordinates of the data, or pixels where they have none; one array a fitting axis, 1-D or
        broadcastable to the data; or an APE-14 WCS of the whole data. 'pixels' for pixels in any case.
    data_unit : astropy.units.Unit or str, optional
        Unit of the data where these carry none.
    uncertainty : array, astropy.units.Quantity or astropy.nddata.NDUncertainty, optional
        Uncertainty of the samples; an array or Quantity holds standard deviations. Shapes as for weights.
    weights : array, optional
        1/sigma, instead of `uncertainty`; of the shape of the data, of the fitting axes, of B, or broadcastable.
        Samples whose weight is zero or not finite are left out.
    mask : array, optional
        True = ignore the sample; shapes as for weights.
    inputs : dict, optional
        Inputs of the model that are no coordinates of the samples, by name: arrays or Quantities, one number, one a
        sample, one a position, or both. The other inputs are the fitting axes, in their order.
    instrument : ndfit.Instrument, optional
        What the data are taken with. The model that is fitted is then that of the object, and what samples see of it
        through the instrument is compared with the data.
    p0 : sequence or dict, optional
        Starting values in the order of the parameters, or by name, instead of the model's: numbers, or maps that
        broadcast to B.
    bounds : dict, or pair, optional
        Name of a parameter -> (lower, upper), in addition to those of the model, where astropy's cannot hold them: maps
        of shape B, and Quantities, which are converted to the parameter's unit. None is no bound. Or scipy's pair
        (lower, upper) of all parameters, each one number or one for each.
    fixed : iterable of str, or dict, optional
        Names of parameters that keep their starting values.
    tied : dict, optional
        Name of a parameter -> function of the model that returns its value.
    equivalencies : dict, optional
        For converting coordinates to the units of the model's inputs, by the name of the input.
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
    engine : 'auto', 'compiled' or 'reference'
        How fits are made: 'reference' calls the astropy fitter for each of them.
    scheduler : None, 'synchronous', 'threads', 'processes', 'default', or what dask accepts
        'default' is whatever dask would use now, an active distributed client included. None lets ndfit choose.
    chunk_n_max : int, optional
        Most fits in one chunk.
    checkpoint : path, optional
        Folder in which finished regions are kept. The same call resumes where an earlier one stopped; its result is
        identical, bit for bit, to that of an uninterrupted run. It reads all data once more to see that they are the
        same. The folder is not removed.
    memory_limit : int or str
        Bytes that the fits in work may take, all workers together, beside the results and the data that are in memory
        already; '2 GB' and the like. Data that are mapped from a file or lazy are loaded a chunk at a time.
    progress : bool, optional
        Show a progress bar; by default where standard error is a terminal or a notebook.

    Returns
    -------
    FitResult
        Maps of shape B, in the units of the parameters, and what is known of each fit.

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

    See Also
    --------
    parallel_fit_dask : the same fits with astropy's own signature and answer.
    select : fits several models and chooses one of them at each position.
    read : reads a result that was written.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.modeling.models import Const1D, Gaussian1D
    >>> import ndfit
    >>> x = np.linspace(-5, 5, 50)
    >>> line = np.array([[2.0], [3.0]]) * np.exp(-0.5 * (x - 0.5) ** 2)
    >>> data = line + 1.0 + 0.01 * np.random.default_rng(1).normal(size=line.shape)
    >>> result = ndfit.fit(Gaussian1D() + Const1D(), data, fitting_axes=1, world=(x,), uncertainty=0.01)
    >>> result.success
    array([ True,  True])
    >>> result.parameters["amplitude_0"].round(1)
    array([2., 3.])
    >>> result.errors["amplitude_0"].round(4)
    array([0.0044, 0.0044])
    """
    place = placed_maps(data, fitting_axes)
    model, bounds = model_of_call(model, fitting_axes, inputs, p0, bounds, fixed, tied, place)
    return fit_described(
        Description(
            model,
            Data(data, fitting_axes, world, data_unit, uncertainty, weights, mask, inputs, instrument),
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
    **keywords: Any,  # Any: of as many types as `fit` has options
) -> Selection:
    """Fit several models, and find which of them describes each position best.

    Parameters
    ----------
    models : iterable of astropy.modeling.Model, or of functions
        The candidates, such as one with no line, one with one line and one with two.
    data : array, astropy.units.Quantity, dask.array.Array or astropy.nddata.NDData
        As in `fit`, for every candidate.
    criterion : 'bic' or 'aic'
        The criterion that is lowest for the best model: Schwarz's [2]_, which finds the right model as the number of
        samples grows, or Akaike's [1]_, which prefers more complicated models more often.
    margin : float
        How much lower the criterion of a model with more free parameters has to be for it to be chosen. 6 is strong
        evidence; with 0 the lowest criterion decides, and lines are found in noise.
    **keywords : dict
        As in `fit`, for every candidate; each has a folder of its own in `checkpoint`.

    Returns
    -------
    Selection
        A map of shape B of the candidate that is chosen, and the FitResult of each.

    Raises
    ------
    ValueError
        No candidates, an unknown criterion, a negative margin, or `clip` or a fitter that leaves out outliers, which
        would compare fits of different samples; and what `fit` raises.

    See Also
    --------
    fit : fits one model.

    References
    ----------
    .. [1] Akaike, H. 1974, IEEE Transactions on Automatic Control, 19, 716.
    .. [2] Schwarz, G. 1978, The Annals of Statistics, 6, 461.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.modeling.models import Const1D, Gaussian1D
    >>> import ndfit
    >>> x = np.linspace(-5, 5, 50)
    >>> line = np.array([[0.0], [3.0]]) * np.exp(-0.5 * (x - 0.5) ** 2)
    >>> data = line + 1.0 + 0.1 * np.random.default_rng(1).normal(size=line.shape)
    >>> models = [Const1D(), Gaussian1D() + Const1D()]
    >>> selection = ndfit.select(models, data, fitting_axes=1, world=(x,), uncertainty=0.1)
    >>> selection.choice
    array([0, 1], dtype=int16)
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
