"""Models some of whose inputs are fixed (`astropy.modeling.fix_inputs`), made fit for fitting.

Flows in and out: instances of CompoundModel, whose class is changed to FixedInputsModel on ndfit's own copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.modeling import CompoundModel

__all__ = ["FixedInputsModel"]


class FixedInputsModel(CompoundModel):  # type: ignore[misc]
    """A model made by `fix_inputs`, with the `evaluate` that fitters call; astropy's stumbles over the fixed inputs.

    No analytical derivative is offered, so that fitters take differences.
    """

    fit_deriv = None

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate the full model with the fixed inputs put in."""
        inputs, parameters = args[: self.n_inputs], args[self.n_inputs :]
        fixed = {self.left.inputs[key] if isinstance(key, int) else key: value for key, value in self.right.items()}
        given = iter(inputs)
        full = [
            np.broadcast_to(fixed[name], np.shape(inputs[0])) if name in fixed else next(given)
            for name in self.left.inputs
        ]
        return self.left.evaluate(*full, *parameters, **kwargs)
