"""What flags and signs need to know of a model, found once for a model that is known.

Flows in: FitProblem, and its engine. Flows out: ModelRules.

An engine with a description of the model is given only where the description has the values of the caller's model. So
what was found for a description, with the same classes in the same places, the same start, bounds and coordinates,
holds for it again, whatever else the caller's objects are.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from astropy.modeling import CompoundModel

from ndfit.arrays import FloatArray
from ndfit.compound import sides
from ndfit.engines.base import Engine
from ndfit.once import Latest
from ndfit.pipeline.flags import FlagRules, flag_rules
from ndfit.pipeline.sign_symmetry import sign_symmetric_parameters
from ndfit.pipeline.symmetries import Symmetries, symmetries_of
from ndfit.problem.arrange import sample_coordinates
from ndfit.problem.types import FitProblem

__all__ = ["ModelRules", "rules_of", "with_sign_symmetry"]

_N_TRIED = 16  # samples


@dataclass(frozen=True)
class ModelRules:
    """What is known of a model.

    Attributes
    ----------
    sign_symmetric : P flags, see ParamTable
    symmetries : beyond these
    flags : what flags need to know
    """

    sign_symmetric: tuple[bool, ...]
    symmetries: Symmetries
    flags: FlagRules


_KNOWN: Latest[ModelRules] = Latest(64)


def rules_of(problem: FitProblem, engine: Engine) -> ModelRules:
    """The rules of a problem's model."""
    sample = sample_coordinates(problem.samples.inputs, problem.axes, _N_TRIED)
    find = partial(_find, problem, engine, sample)
    return _KNOWN.get((engine, *_key(problem, sample)), find) if engine.pointwise else find()


def with_sign_symmetry(problem: FitProblem, engine: Engine) -> FitProblem:
    """The problem with a flag at each parameter that its model is even in."""
    return replace(problem, params=replace(problem.params, sign_symmetric=rules_of(problem, engine).sign_symmetric))


def _find(problem: FitProblem, engine: Engine, sample: tuple[FloatArray, ...]) -> ModelRules:
    model, params = problem.model, problem.params
    params = replace(params, sign_symmetric=sign_symmetric_parameters(problem, engine, sample))
    symmetries = symmetries_of(model, params.free, sample)
    return ModelRules(
        params.sign_symmetric, symmetries, flag_rules(model, params, symmetries, sample, engine.dimensions)
    )


def _key(problem: FitProblem, sample: tuple[FloatArray, ...]) -> tuple[Hashable, ...]:
    params = problem.params
    bounded = tuple(params.is_bounded(i) for i in params.free)
    arrays = (problem.model.parameters, *sample)
    return params.free, bounded, _structure(problem.model), *(np.asarray(array).tobytes() for array in arrays)


def _structure(model: Any) -> Hashable:
    """Which classes are where in a model."""
    if not isinstance(model, CompoundModel):
        return (type(model),)
    return type(model), model.op, *(_structure(side) for side, _ in sides(model))
