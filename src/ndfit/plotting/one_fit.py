"""One fit: its samples, the model with its components, and the residual.

Flows in: FitResult and a position. Flows out: matplotlib axes. Samples that were left out are hollow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.plotting.figure import given_axes, new_figure
from ndfit.plotting.labels import coordinate_names, coordinate_units, in_picture, label
from ndfit.plotting.map_pictures import draw_map
from ndfit.plotting.scale import whole_scale
from ndfit.problem.types import FitProblem
from ndfit.result.fitted_model import reported_model
from ndfit.result.model_band import model_errors
from ndfit.result.model_terms import terms_of
from ndfit.status import STATUS

if TYPE_CHECKING:
    from ndfit.fit_result import FitResult
    from ndfit.single_fit import OneFit

__all__ = ["plot_one"]

FINE = 8  # points of a drawn model for each sample
SAMPLES = "0.35"
MODEL = "#1d4e89"
COMPONENTS = ("#c8553d", "#4f8a5b", "#8d6a9f", "#c29a2f", "#3f9aa8", "#6b6b6b")


def plot_one(result: FitResult, position: tuple[int, ...], axes: Any) -> Any:
    """Draw what `FitResult.plot_fit` describes; its documentation has the arguments."""
    one = result[position]
    draw = {1: _plot_line, 2: _plot_image}.get(len(one.world))
    if draw is None:
        raise ValueError(
            f"fits along one or two axes can be drawn, this one runs along {len(one.world)}: "
            "draw parts of result[position].data and .residual"
        )
    values = np.array([np.asarray(getattr(m, "value", m))[position] for m in result.parameters.values()])
    return draw(result._problem, one, values, _title(position, one), axes)


def _title(position: tuple[int, ...], one: OneFit) -> str:
    place = f"position {', '.join(str(index) for index in position)}" if position else "the fit"
    row = STATUS[one.status]
    return place if row.converged else f"{place}: {row.meaning}"


def _plot_line(problem: FitProblem, one: OneFit, values: FloatArray, title: str, axes: Any) -> Any:
    if axes is None:
        figure = new_figure(6.4, 4.8)
        targets = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    else:
        targets = given_axes(axes, (2,), "one for the fit and one for the residual")
    upper, lower = targets
    _draw_samples(upper, one, one.data, "data")
    if one.residual is not None:
        _draw_seen(upper, problem, one)
        if not problem.samples.known:
            _draw_model(upper, problem, one, values)
            _draw_band(upper, problem, one, values)
        _draw_samples(lower, one, one.residual, "residual")
        _limit_to_used(lower, one)
    lower.axhline(0.0, color=MODEL, linewidth=0.8, zorder=0)
    (name,), (unit,) = coordinate_names(problem), coordinate_units(problem)
    upper.set(title=title, ylabel=label("data", problem.data_unit))
    lower.set(xlabel=label(name, unit), ylabel="residual")
    known = one.world[0][np.isfinite(one.world[0])]
    if known.size > 1:
        margin = 0.02 * np.ptp(known)
        lower.set_xlim(known.min() - margin, known.max() + margin)
        upper.set_xlim(lower.get_xlim())
    if upper.get_legend_handles_labels()[0]:
        upper.legend(frameon=False, fontsize="small")
    return targets


def _draw_samples(axes: Any, one: OneFit, values: Any, text: str) -> None:
    """Steps through the samples; those used with error bars where there are weights, the others hollow."""
    (x,) = one.world
    used, out = one.used, ~one.used & np.isfinite(values) & np.isfinite(x)
    axes.step(x, np.where(used, values, np.nan), where="mid", color=SAMPLES, linewidth=0.7, alpha=0.6)
    style = {"fmt": "o", "markersize": 3, "linewidth": 0.7, "color": SAMPLES}
    if used.any():
        bars = None if one.weights is None else 1.0 / one.weights[used]
        axes.errorbar(x[used], values[used], bars, label=text, **style)
    if out.any():
        axes.errorbar(x[out], values[out], label=f"{text}, left out", markerfacecolor="none", **style)


def _limit_to_used(axes: Any, one: OneFit) -> None:
    """Leave samples that do not enter the fit outside, where they would hide how well it describes the others."""
    used = one.residual[one.used] if one.residual is not None else np.zeros(0)
    reach = 1.3 * np.max(np.abs(used), initial=0.0)
    if reach > 0.0:
        axes.set_ylim(-reach, reach)


def _draw_seen(axes: Any, problem: FitProblem, one: OneFit) -> None:
    """What samples see of the model, where that is not the model itself, or where it has more inputs than it is drawn
    against.
    """
    samples = problem.samples
    if samples.instrument is not None or samples.known:
        text = "model" if samples.instrument is None else "model through the instrument"
        axes.step(one.world[0], one.fitted, where="mid", color=MODEL, linewidth=1.6, label=text)


def _draw_model(axes: Any, problem: FitProblem, one: OneFit, values: FloatArray) -> None:
    model = reported_model(problem)
    terms = terms_of(model)
    fine = _fine(one.world[0])
    with np.errstate(all="ignore"):
        if len(terms) > 1:
            for number, term in enumerate(terms):
                part = np.broadcast_to(term.evaluate((fine,), values), fine.shape)
                colour = COMPONENTS[number % len(COMPONENTS)]
                name = in_picture(f"{term.name} {number}")
                axes.plot(fine, part, color=colour, linewidth=1.0, linestyle="--", label=name)
        whole = np.broadcast_to(model.evaluate(fine, *values), fine.shape)
    style = {"linewidth": 1.6} if problem.samples.instrument is None else {"linewidth": 0.9, "linestyle": ":"}
    axes.plot(fine, whole, color=MODEL, label="model", **style)


def _draw_band(axes: Any, problem: FitProblem, one: OneFit, values: FloatArray) -> None:
    """One standard error of the model's values on either side of it."""
    if one.covariance is None or not one.free_names:
        return
    model, fine = reported_model(problem), _fine(one.world[0])

    def values_at(parameters: FloatArray) -> Any:
        return np.broadcast_to(model.evaluate(fine, *parameters), fine.shape)

    with np.errstate(all="ignore"):
        middle, errors = values_at(values), model_errors(problem, values, one.covariance, values_at)
    axes.fill_between(fine, middle - errors, middle + errors, color=MODEL, alpha=0.2, linewidth=0, zorder=1.5)


def _fine(x: FloatArray) -> FloatArray:
    """Coordinates between the samples, in increasing order."""
    known = np.sort(x[np.isfinite(x)])
    index = np.arange(known.size)
    fine: FloatArray = np.interp(np.linspace(0, known.size - 1, FINE * (known.size - 1) + 1), index, known)
    return fine


def _plot_image(problem: FitProblem, one: OneFit, values: FloatArray, title: str, axes: Any) -> Any:
    if axes is None:
        targets = new_figure(10.5, 3.9).subplots(1, 3, sharex=True, sharey=True)
    else:
        targets = given_axes(axes, (3,), "for data, model and residual")
    data = np.where(np.isfinite(one.data), one.data, np.nan)
    scale = whole_scale(data)
    draw_map(targets[0], data, "data", problem.data_unit, scale)
    if one.residual is not None:
        draw_map(targets[1], one.fitted, "model", problem.data_unit, scale)
        residual_scale = whole_scale(np.where(one.used, one.residual, np.nan), around_zero=True)
        draw_map(targets[2], one.residual, "residual", problem.data_unit, residual_scale)
    out = np.argwhere(~one.used & np.isfinite(data))
    if out.size:
        targets[0].plot(out[:, 1], out[:, 0], "o", markersize=4, markerfacecolor="none", color="white")
    # Images are drawn by sample: the model's first input runs along the first axis, upwards.
    for target in targets:
        target.set(xlabel=f"sample along {coordinate_names(problem)[1]}")
    targets[0].set(ylabel=f"sample along {coordinate_names(problem)[0]}")
    targets[0].figure.suptitle(title)
    return targets
