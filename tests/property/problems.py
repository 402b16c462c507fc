"""Fit problems drawn by Hypothesis, and the answer of a plain loop over positions.

Flows in: Hypothesis' draws. Flows out: Problem, the keywords of the call together with what each of them means sample
by sample, so that the loop needs none of the rules it checks (axes, broadcasting, chunks, dtypes).
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from astropy.modeling.fitting import LevMarLSQFitter, TRFLSQFitter
from astropy.modeling.models import Gaussian1D, Linear1D, Planar2D
from hypothesis import strategies as st

DTYPES = ("float64", "float32", ">f4", ">f8", "int16", "uint8", ">i4")
FITTERS = (LevMarLSQFitter, TRFLSQFitter)
NOISE = 0.05


class Problem(NamedTuple):
    """`keywords` is what the call is given.

    The rest is arranged for the loop: arrays of shape B + (M,) (data, weights, use), K coordinates of shape (M,), and
    `starts`, a map of shape B for each parameter.
    """

    keywords: dict[str, Any]
    model: Any
    data: np.ndarray
    weights: np.ndarray
    use: np.ndarray
    coords: tuple[np.ndarray, ...]
    starts: dict[str, np.ndarray]


def _gaussian(rng, iterating):
    truth = (rng.uniform(15, 25, iterating), rng.uniform(4.5, 5.5, iterating), rng.uniform(0.8, 1.2, iterating))
    return Gaussian1D, truth, {"amplitude": 18.0, "mean": 5.0, "stddev": 1.0}


def _line(rng, iterating):
    return Linear1D, tuple(rng.uniform(2, 4, (2, *iterating))), {"slope": 1.0, "intercept": 1.0}


def _plane(rng, iterating):
    return Planar2D, tuple(rng.uniform(2, 4, (3, *iterating))), {"slope_x": 1.0, "slope_y": 1.0, "intercept": 1.0}


KINDS = {"gaussian": (_gaussian, 1), "line": (_line, 1), "plane": (_plane, 2)}

CONSTRAINTS = {
    "gaussian": (
        {},
        {"fixed": {"stddev": True}},
        {"bounds": {"mean": (4.9, 5.1)}},
        {"tied": {"stddev": lambda model: model.mean / 5}},
        {"bounds": {"amplitude": (0, 19), "mean": (None, 5.2)}, "fixed": {"stddev": True}},
    ),
    "line": ({}, {"fixed": {"slope": True}}, {"tied": {"intercept": lambda model: model.slope / 2}}),
    "plane": ({}, {"fixed": {"slope_x": True}}, {"tied": {"slope_y": lambda model: 2 * model.slope_x}}),
}


def _evaluate(model, coords, parameters):
    """Values of shape B + fitting shape."""
    shape = parameters[0].shape + (1,) * len(coords)
    return model.evaluate(*np.meshgrid(*coords, indexing="ij"), *(values.reshape(shape) for values in parameters))


@st.composite
def _along(draw, iterating, axes, ndim):
    """The axes that a mask or weights depend on, and whether the other axes are left out of its shape."""
    other = tuple(axis for axis in range(ndim) if axis not in axes)
    choices = [(tuple(range(ndim)), False), (tuple(sorted(axes)), False), (tuple(sorted(axes)), True)]
    if iterating:
        choices += [(other, False), (other, True)]
    return draw(st.sampled_from(choices))


def _spread(values, shape, along, squeeze):
    """The array as given to the call, and at every sample of the data."""
    kept = values[tuple(slice(None) if axis in along else slice(0, 1) for axis in range(len(shape)))]
    given = kept.reshape([shape[axis] for axis in along]) if squeeze else kept
    return given, np.broadcast_to(kept, shape)


@st.composite
def problems(draw, dtypes=DTYPES, fitters=FITTERS):
    kind = draw(st.sampled_from(sorted(KINDS)))
    make, n_inputs = KINDS[kind]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    iterating = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    ndim = len(iterating) + n_inputs
    axes = tuple(draw(st.permutations(range(ndim)))[:n_inputs])
    sizes = tuple(draw(st.integers(16, 22) if n_inputs == 1 else st.integers(5, 7)) for _ in axes)
    coords = tuple(np.linspace(0, 10, size) if kind == "gaussian" else np.linspace(0, 2, size) for size in sizes)

    model_class, truth, start = make(rng, iterating)
    constraints = draw(st.sampled_from(CONSTRAINTS[kind]))
    starts = {name: np.full(iterating, value) for name, value in start.items()}
    if draw(st.booleans()):
        first = next(iter(start))
        starts[first] = starts[first] * rng.uniform(0.9, 1.05, iterating)
    model = model_class(**starts, **constraints)
    values = _evaluate(model_class(), coords, truth)
    values = np.abs(values + NOISE * rng.normal(size=values.shape)).astype(draw(st.sampled_from(dtypes)))

    def placed(array):  # B + fitting axes -> axes of the data
        return np.moveaxis(array, range(len(iterating), ndim), axes)

    def flat(array):  # axes of the data -> B + (M,)
        return np.moveaxis(array, axes, range(len(iterating), ndim)).reshape(*iterating, -1)

    data = np.ascontiguousarray(placed(values)).astype(values.dtype)
    keywords = {
        "model": model,
        "fitter": draw(st.sampled_from(fitters))(),
        "fitting_axes": _spelling(draw, axes, ndim),
        "world": draw(st.sampled_from([tuple, list]))(coords),
        "chunk_n_max": draw(st.sampled_from([None, 1, 2, 5])),
    }
    use, weights = np.ones(data.shape, dtype=bool), np.ones(data.shape)
    if draw(st.booleans()):
        along, squeeze = draw(_along(iterating, axes, ndim))
        mask = rng.random(data.shape) < 0.12
        mask.flat[0] = False
        keywords["mask"], mask = _spread(mask, data.shape, along, squeeze)
        use = ~mask
    if draw(st.booleans()):
        along, squeeze = draw(_along(iterating, axes, ndim))
        values = rng.choice([0.5, 1.0, 2.0], data.shape)
        if set(axes) & set(along):
            values[rng.random(data.shape) < 0.08] = 0
        values = values.astype(draw(st.sampled_from(["float64", "float32", ">f8"])))
        keywords["weights"], weights = _spread(values, data.shape, along, squeeze)
        use = use & (weights > 0)
    keywords["data"] = data
    if draw(st.booleans()):
        chunks = tuple(draw(st.integers(1, size)) for size in data.shape)
        keywords["data"] = da.from_array(data, chunks=chunks)

    mesh = tuple(axis.ravel() for axis in np.meshgrid(*coords, indexing="ij"))
    return Problem(keywords, model, flat(data.astype(float)), flat(np.asarray(weights, float)), flat(use), mesh, starts)


def _spelling(draw, axes, ndim):
    """One of the ways to write the fitting axes."""
    signed = tuple(axis - ndim if draw(st.booleans()) else axis for axis in axes)
    kinds = [tuple, list, np.array]
    if len(signed) == 1:
        kinds.append(lambda only: only[0])
    return draw(st.sampled_from(kinds))(signed)


def scalar_model(problem, position):
    """The problem's model with the starting values of one position."""
    model = problem.model
    constraints = {"fixed": model.fixed, "tied": model.tied, "bounds": model.bounds}
    start = {name: float(values[position]) for name, values in problem.starts.items()}
    return type(model)(**start, **constraints)


def fit_in_a_loop(problem):
    """Parameters, P maps, of the caller's fitter called on one position after the other."""
    iterating = problem.data.shape[:-1]
    maps = np.full((len(problem.starts), *iterating), np.nan)
    for position in np.ndindex(iterating):
        use = problem.use[position]
        if not use.any():
            continue
        weights = {"weights": problem.weights[position][use]} if "weights" in problem.keywords else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = problem.keywords["fitter"](
                scalar_model(problem, position),
                *(values[use] for values in problem.coords),
                problem.data[position][use],
                **weights,
            )
        maps[(slice(None), *position)] = fitted.parameters
    return maps


def cost(problem, maps):
    """Half the sum of squared weighted residuals at every position, for P maps of parameters."""
    values = type(problem.model)().evaluate(*problem.coords, *(parameter[..., np.newaxis] for parameter in maps))
    residual = np.where(problem.use, (values - problem.data) * problem.weights, 0)
    return 0.5 * np.sum(residual**2, axis=-1)
