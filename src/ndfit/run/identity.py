"""What makes two runs the same: everything but the numbers that are fitted, which each region tells.

Flows in: FitProblem, Pipeline and the engine. Flows out: the identity, as strict JSON, and a message of what differs
between two of them.

    data           shape, dtype and unit of the data; dtype and shape of weights, mask and coordinates
    fitting_axes   of the data
    model          expression; and `values`, what model and ties compute at a few points
                   (`ndfit.run.probe_points`), which need be the same to rounding only
    parameters     start, bounds, fixed, tied of each; maps by their digest
    solving        the options that decide the answer, and what came of them: engine, tolerances, starting points,
                   clipping, bootstrap; and what else decides the engine's answers: a digest of the traced graph where
                   the model is compiled, else of the model's arguments and of people's own classes and functions, and
                   of the fitter
    versions       of the packages that decide the last bit

Neither a renamed function nor a comment makes another run. Another kind of processor makes none either, but may give
other last digits: whoever resumes is warned (`processor`).
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from ndfit.io.model_record import describe, expression
from ndfit.problem.samples import Samples
from ndfit.problem.types import FitProblem
from ndfit.run.fingerprint import fingerprint
from ndfit.run.probe_points import computed_values, same_values
from ndfit.run.region_pipeline import Pipeline

__all__ = ["differences", "identity_of", "processor"]

_VALUES = "model.values"
_MOST_TOLD = 4


def identity_of(problem: FitProblem, pipeline: Pipeline, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The identity of a run; see the module's docstring.

    Parameters
    ----------
    asked : options that decide the answer, by name
    """
    identity = {
        "data": _data(problem),
        "fitting_axes": list(problem.axes.fitting),
        "model": _model(problem),
        "parameters": _parameters(problem),
        "solving": {
            "engine": pipeline.engine.name,
            "options": fingerprint(pipeline.options),
            "decides": {name: fingerprint(value) for name, value in sorted(pipeline.engine.fingerprint().items())},
            "filter_non_finite": pipeline.filter_non_finite,
            "starting": fingerprint(pipeline.starting),
            "clip": fingerprint(pipeline.clip),
            "bootstrap": fingerprint(pipeline.bootstrap),
            "asked": {name: fingerprint(value) for name, value in sorted(asked.items())},
        },
        "versions": {name: _version(name) for name in pipeline.engine.packages} | {"python": _python()},
    }
    return dict(json.loads(json.dumps(identity, allow_nan=False)))


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two identities, as a message; empty where nothing does."""
    found = list(_differing(saved, now, ""))
    if not found:
        return ""
    more = len(found) - _MOST_TOLD
    return "; ".join(found[:_MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")


def processor() -> str:
    """The kind of processor, as far as the last digit of a number depends on it."""
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]
    found = [*extensions.get("baseline", ()), *extensions.get("found", ())]
    return f"{platform.system()} {platform.machine()} with {' '.join(found) or 'no extensions'}"


def _differing(saved: Any, now: Any, path: str) -> Iterator[str]:
    if path == _VALUES and isinstance(saved, dict) and isinstance(now, dict):
        yield from _differing_values(saved, now)
    elif isinstance(saved, dict) and isinstance(now, dict):
        for key in sorted(saved.keys() | now.keys()):
            yield from _differing(saved.get(key), now.get(key), f"{path}.{key}" if path else key)
    elif saved != now:
        yield f"{path} was {_short(saved)} and is {_short(now)}"


def _differing_values(saved: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """The first of the values that are others."""
    for what in dict.fromkeys((*now, *saved)):
        one, other = saved.get(what), now.get(what)
        if not same_values(one, other):
            yield f"{what} was {_short(one)} and is {_short(other)}"
            return


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _data(problem: FitProblem) -> dict[str, Any]:
    return {
        "shape": list(problem.axes.shape),
        "dtype": str(problem.samples.data.dtype),
        "unit": None if problem.data_unit is None else str(problem.data_unit),
        "weights": _layout(problem.samples.weights),
        "mask": _layout(problem.samples.mask),
        "coordinates": [_layout(values) for values in problem.samples.coords],
        **_beside(problem.samples),
    }


def _beside(samples: Samples) -> dict[str, Any]:
    """What only some runs have."""
    found: dict[str, Any] = {}
    if samples.known:
        found["inputs"] = {str(own.number): _layout(own.values) for own in samples.known}
    if samples.instrument is not None:
        found["instrument"] = samples.instrument.digest
    return found


def _layout(array: Any) -> str | None:
    return None if array is None else f"{array.dtype} {list(array.shape)}"


def _model(problem: FitProblem) -> dict[str, Any]:
    tree = describe(problem.original)
    return {"expression": expression(tree), "values": computed_values(problem)}


def _parameters(problem: FitProblem) -> dict[str, Any]:
    params = problem.params
    return {
        name: {
            "unit": None if problem.units[index] is None else str(problem.units[index]),
            "start": fingerprint(params.start[index]),
            "lower": fingerprint(params.lower[index]),
            "upper": fingerprint(params.upper[index]),
            "fixed": params.fixed[index],
            "tied": params.tied[index] and fingerprint(problem.original.tied[name]),
            "even": bool(params.sign_symmetric[index]),
        }
        for index, name in enumerate(params.names)
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _python() -> str:
    """Without the last number, which changes neither bytecode nor arithmetic."""
    return ".".join(platform.python_version_tuple()[:2])
