"""OneFit: what is known of the fit at one position.

Flows in: samples, model and numbers of a position. Flows out: OneFit, and how it shows itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.status import FLAGS, STATUS

__all__ = ["OneFit"]

_WORTH_TELLING = 0.1


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
    derived : mapping of str to tuple
        Value and standard error of each quantity that `FitResult.derive` made, in its unit; None for no error.
    free_names : tuple of str
        Names of the F free parameters.
    covariance : array or None
        Of the free parameters, shape (F, F), in products of their units; None where it was not computed.
    marks : mapping of str to str
        What holds a parameter: "fixed", "tied", "at its bound".
    chi_square : float
        Sum of the squared weighted residuals, see `FitResult.chi_square`.
    degrees_of_freedom : int
        Samples used minus free parameters.

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
    derived: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    free_names: tuple[str, ...] = ()
    covariance: FloatArray | None = None
    marks: Mapping[str, str] = field(default_factory=dict)
    chi_square: float = float("nan")
    degrees_of_freedom: int = 0

    @property
    def correlation(self) -> FloatArray | None:
        """Correlation of the free parameters, shape (F, F), without a unit; None where there is no covariance.

        NaN where a parameter has no standard error.
        """
        if self.covariance is None:
            return None
        with np.errstate(all="ignore"):
            sigma = np.sqrt(np.diagonal(self.covariance))
            return np.asarray(self.covariance / np.outer(sigma, sigma))

    def summary(self) -> str:
        """How the fit ended, its statistics, parameters with errors, and correlations above 0.1.

        Returns
        -------
        str
            Some lines of text; parameters are in their units.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Linear1D
        >>> import ndfit
        >>> result = ndfit.fit(Linear1D(), np.array([[1.0, 2.0, 3.5, 4.0]]), fitting_axes=1)
        >>> print(result[0].summary())
        converged: the gradient is zero to within gtol
        4 samples, 2 degrees of freedom, chi-square 0.175, reduced 0.0875
              slope 1.05 +- 0.13
          intercept 1.05 +- 0.25
        correlations
              slope, intercept -0.802
        """
        lines = [STATUS[self.status].meaning, *(f"flag: {FLAGS[bit].meaning}" for bit in FLAGS if self.flags & bit)]
        used, degrees = int(np.count_nonzero(self.used)), self.degrees_of_freedom
        reduced = f", reduced {self.chi_square / degrees:.5g}" if degrees > 0 else ""
        lines.append(f"{used} samples, {degrees} degrees of freedom, chi-square {self.chi_square:.5g}{reduced}")
        rows = [(name, value, f"{spread} {self.marks.get(name, '')}") for name, value, spread in self.parameter_rows()]
        rows += [_text_row(name, *each) for name, each in self.derived.items()]
        width = max((len(name) for name, *_ in rows), default=0)
        lines += [f"  {name:>{width}} {value} {spread}".rstrip() for name, value, spread in rows]
        pairs = list(self._correlated())
        return "\n".join([*lines, *(["correlations"] if pairs else []), *(f"  {pair:>{width}}" for pair in pairs)])

    def _correlated(self) -> Iterator[str]:
        """Pairs of parameters, the most correlated first."""
        correlation = self.correlation
        if correlation is None:
            return
        first, second = np.triu_indices(len(self.free_names), 1)
        for place in np.argsort(-np.abs(correlation[first, second])):
            one, other = first[place], second[place]
            if abs(correlation[one, other]) > _WORTH_TELLING:
                yield f"{self.free_names[one]}, {self.free_names[other]} {correlation[one, other]:.3f}"

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
        value = float(parameter.value)
        return _text_row(name, value if parameter.unit is None else value * parameter.unit, self.errors.get(name))

    def _repr_html_(self) -> str:
        from ndfit.report.display import html_of_fit

        return html_of_fit(self)


def _text_row(name: str, value: Any, error: Any) -> tuple[str, str, str]:
    """Name, value and error with the unit, as text."""
    spread = "" if error is None else f"+- {getattr(error, 'value', error):.2g} "
    number, unit = float(getattr(value, "value", value)), getattr(value, "unit", None)
    return name, f"{number:.6g}", f"{spread}{unit or ''}".strip()
