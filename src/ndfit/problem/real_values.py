"""Whether a model has real values, before it is fitted.

Flows in: a model without units and a few coordinates. Flows out: nothing, or an error. A fitter would drop the
imaginary part, and the fit would be of something else.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.caught import warnings_put_back

__all__ = ["ComplexValues", "check_real"]


class ComplexValues(TypeError):
    """A model returns complex numbers."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} returns complex numbers, and the data are real: return the absolute value, or fit the real and "
            "the imaginary part"
        )


def check_real(model: Any, coords: tuple[FloatArray, ...]) -> None:
    """See that a model is real at a few samples and its starting values, as far as it can be evaluated there.

    Raises
    ------
    ComplexValues
        It is not.
    """
    parameters = [getattr(model, name).value for name in model.param_names]
    with np.errstate(all="ignore"), warnings_put_back():
        warnings.simplefilter("ignore")
        try:
            values = model.evaluate(*coords, *parameters)
        except ComplexValues:
            raise
        except Exception:  # a model may raise anything where it is not defined
            return
    if np.iscomplexobj(values):
        raise ComplexValues(type(model).__name__)
