"""The astropy model that a function becomes.

Flows in: Described. Flows out: an instance of a class of its own, as `astropy.modeling.custom_model` makes them, whose
inputs and parameters have the names of the function's arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.modeling import FittableModel, Parameter

from ndfit.functions.described import Described
from ndfit.problem.real_values import ComplexValues

__all__ = ["FunctionModel", "model_of"]


class FunctionModel(FittableModel):  # type: ignore[misc]
    """A model whose values are those of a plain function, of plain numbers.

    Attributes
    ----------
    described : the function, in its class
    """

    linear = False
    n_outputs = 1
    described: Described

    @property
    def input_units(self) -> None:
        """Functions are of plain numbers."""
        return

    def evaluate(self, *arguments: Any) -> Any:
        """The function's values; one number stands for all samples."""
        n_inputs = len(self.described.inputs)
        values = self.described.call(*arguments[:n_inputs], *map(_alone, arguments[n_inputs:]))
        if np.iscomplexobj(values):
            raise ComplexValues(self.described.name)
        if isinstance(values, (int, float, np.number)) and isinstance(arguments[0], np.ndarray):
            return np.full(np.broadcast_shapes(*map(np.shape, arguments)), float(values))
        return values


def _alone(value: Any) -> Any:
    """A parameter as `curve_fit` gives it, one number: functions may ask which of two is larger."""
    return np.float64(value.item()) if isinstance(value, np.ndarray) and value.size == 1 else value


def model_of(described: Described) -> FunctionModel:
    """The model, with the function's own starting values; 1 where it has none.

    Raises
    ------
    ValueError
        A parameter has a name that models of astropy use for something else.
    """
    for name in described.parameters:
        if hasattr(FunctionModel, name):
            raise ValueError(
                f"'{name}' cannot be the name of a parameter: models of astropy have something else of that name. "
                f"Rename it, such as '{name}_'"
            )
    content: dict[str, Any] = {
        name: Parameter(default=described.starts.get(name, 1.0)) for name in described.parameters
    }
    content["n_inputs"], content["described"] = len(described.inputs), described
    content["__module__"] = described.module
    model: Any = type(described.name, (FunctionModel,), content)()
    model.inputs = described.inputs
    return model
