"""OneFit: what is known of the fit at one position.

Flows in: samples, model and numbers of a position. Flows out: OneFit, and how it shows itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.status import STATUS

__all__ = ["OneFit"]


@dataclass(frozen=True, repr=False)
class OneFit:
    """The fit at one position.

    Attributes
    ----------
    model : astropy model with the fitted parameters and their units, None where there is no answer
    world : K arrays of coordinates of the fitting axes' shape, in the units of the fit
    data, weights : arrays of that shape; weights None where none were given
    used : boolean, samples that entered the fit
    fitted : what the model is at the samples, None where there is no answer
    residual : data minus that, None where there is no answer
    status : code, see `ndfit.STATUS`
    flags : bits, see `ndfit.FLAGS`
    edm : estimated distance to the minimum, see `FitResult.edm`
    errors : name -> standard error, in the unit of the parameter; empty where there are none
    """

    model: Any
    world: tuple[FloatArray, ...]
    data: FloatArray
    weights: FloatArray | None
    used: NDArray[np.bool_]
    fitted: FloatArray | None
    residual: FloatArray | None
    status: int
    flags: int
    edm: float
    errors: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        told = [STATUS[self.status].meaning]
        if self.model is not None:
            told += [" ".join(row) for row in self.parameter_rows()]
        return f"<OneFit: {'; '.join(told)}>"

    def parameter_rows(self) -> list[tuple[str, str, str]]:
        """Name, value and error with the unit of each parameter, as text; none where there is no answer."""
        if self.model is None:
            return []
        return [self._row(name, getattr(self.model, name)) for name in self.model.param_names]

    def _row(self, name: str, parameter: Any) -> tuple[str, str, str]:
        error = self.errors.get(name)
        spread = "" if error is None else f"+- {getattr(error, 'value', error):.2g} "
        return name, f"{float(parameter.value):.6g}", f"{spread}{parameter.unit or ''}".strip()

    def _repr_html_(self) -> str:
        from ndfit.report.display import html_of_fit

        return html_of_fit(self)
