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
    model : astropy.modeling.Model or None
        With the fitted parameters and their units; None where there is no answer.
    world : tuple of K arrays
        Coordinates, of the fitting axes' shape, in the units of the fit.
    data : array
        Samples, of that shape, in the unit of the data.
    weights : array or None
        1/sigma, of that shape; None where none were given.
    used : array of bool
        Samples that entered the fit.
    fitted : array or None
        What the samples see of the model, in the unit of the data; None where there is no answer.
    residual : array or None
        Data minus that; None where there is no answer.
    status : int
        Code, see `ndfit.STATUS`.
    flags : int
        Bits, see `ndfit.FLAGS`.
    edm : float
        Estimated distance to the minimum, see `FitResult.edm`.
    errors : mapping of str to float or astropy.units.Quantity
        Standard error of each parameter, in its unit; empty where there are none.
    intrinsic : array or None
        The model at the samples without the instrument; None where the fit had none, or there is no answer.

    See Also
    --------
    FitResult : gives one for a position, ``result[position]``.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.modeling.models import Const1D
    >>> import ndfit
    >>> result = ndfit.fit(Const1D(), np.array([[1.0, 3.0], [5.0, 5.0]]), fitting_axes=1)
    >>> result[0].residual
    array([-1.,  1.])
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
    intrinsic: FloatArray | None = None

    def __repr__(self) -> str:
        parts = [STATUS[self.status].meaning]
        if self.model is not None:
            parts += [" ".join(row) for row in self.parameter_rows()]
        return f"<OneFit: {'; '.join(parts)}>"

    def parameter_rows(self) -> list[tuple[str, str, str]]:
        """Name, value and error with the unit of each parameter, as text.

        Returns
        -------
        list of tuples of three str
            One for each parameter; none where there is no answer.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy import units as u
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> data = np.array([[1.0, 3.0], [5.0, 7.0]]) * u.K
        >>> ndfit.fit(Const1D(1 * u.K), data, fitting_axes=1)[0].parameter_rows()
        [('amplitude', '2', '+- 1 K')]
        """
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
