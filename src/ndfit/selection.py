"""Selection: which of several models describes each position best.

Flows in: the FitResult of each candidate. Flows out: the map of choices, and what the chosen model says at each
position.

Of the candidates whose information criterion is within a margin of the lowest, the one with the fewest free parameters
is chosen, the first of equals. A margin is needed because a line may be anywhere: the criteria's penalties hold for
parameters that the data determine, but where there is no line, its place is free to be wherever noise is highest, and
BIC alone finds lines in 8 % of spectra of noise. A difference of 6 is strong evidence (R. E. Kass & A. E. Raftery, J.
Am. Stat. Assoc. 90 (1995) 773, section 3.2). The criteria are defined in `ndfit.fit_result`; candidates without an
answer at a position are not chosen there. Chi-square is not taken for less than rounding makes of it: of spectra that
are constant, or zero, a line explains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.fit_result import FitResult
from ndfit.once import cached_property
from ndfit.single_fit import OneFit

__all__ = ["CRITERIA", "Selection"]

CRITERIA = ("aic", "bic")


@dataclass(frozen=True, eq=False)
class Selection:
    """The outcome of `ndfit.select`. Maps have the shape of the iterating axes, B.

    Attributes
    ----------
    results : sequence of FitResult
        One for each candidate, in the order given.
    criterion : 'aic' or 'bic'
        By which they are compared.
    margin : float
        How much lower the criterion of a model with more free parameters has to be.

    See Also
    --------
    select : the call that returns one.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.modeling.models import Const1D, Gaussian1D
    >>> import ndfit
    >>> x = np.linspace(-5, 5, 50)
    >>> line = np.array([[0.0], [3.0]]) * np.exp(-0.5 * (x - 0.5) ** 2)
    >>> data = line + 1.0 + 0.1 * np.random.default_rng(1).normal(size=line.shape)
    >>> models = [Const1D(), Gaussian1D() + Const1D()]
    >>> selection = ndfit.select(models, data, fitting_axes=1, world=(x,), uncertainty=0.1)
    >>> selection.values.shape
    (2, 2)
    >>> selection.parameters(1)["mean_0"].round(1)
    array([nan, 0.5])
    """

    results: Sequence[FitResult]
    criterion: str
    margin: float
    _least: FloatArray | float = 0.0

    @cached_property
    def values(self) -> FloatArray:
        """The criterion of each candidate, shape `(candidates, *B)`, without a unit; NaN where it has no answer."""
        values = [result._criterion(self.criterion, self._least) for result in self.results]
        usable = [np.isfinite(result.chi_square) for result in self.results]
        return np.where(usable, values, np.nan)

    @cached_property
    def choice(self) -> NDArray[np.int16]:
        """Which candidate is chosen, counted from 0, shape B, without a unit; -1 where none has an answer."""
        known = np.where(np.isnan(self.values), np.inf, self.values)
        least = known.min(axis=0)
        sizes = [len(result.free_names) for result in self.results]
        choice = np.full(least.shape, -1, dtype=np.int16)
        for index in sorted(range(len(sizes)), key=lambda index: (sizes[index], index), reverse=True):
            choice[np.isfinite(known[index]) & (known[index] <= least + self.margin)] = index
        return choice

    def parameters(self, candidate: int) -> Mapping[str, Any]:
        """Name -> map of a candidate's parameters, NaN where it was not chosen.

        Parameters
        ----------
        candidate : int
            Its place among the candidates, counted from 0.

        Returns
        -------
        mapping of str to array or astropy.units.Quantity
            Maps of shape B, in the units of the parameters.

        Raises
        ------
        IndexError
            There is no such candidate.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D, Linear1D
        >>> import ndfit
        >>> data = np.array([[1.0, 2.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
        >>> selection = ndfit.select([Const1D(), Linear1D()], data, fitting_axes=1, uncertainty=0.5)
        >>> selection.parameters(1)["slope"].round(6)
        array([nan,  1.])
        """
        chosen = self.choice == candidate
        return {name: np.where(chosen, values, np.nan) for name, values in self.results[candidate].parameters.items()}

    def errors(self, candidate: int) -> Mapping[str, Any]:
        """Name -> map of a candidate's standard errors, NaN where it was not chosen.

        Parameters
        ----------
        candidate : int
            Its place among the candidates, counted from 0.

        Returns
        -------
        mapping of str to array or astropy.units.Quantity
            Maps of shape B, in the units of the parameters.

        Raises
        ------
        IndexError
            There is no such candidate.
        ValueError
            The fits were made with ``covariance=False``.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D, Linear1D
        >>> import ndfit
        >>> data = np.array([[1.0, 2.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
        >>> selection = ndfit.select([Const1D(), Linear1D()], data, fitting_axes=1, uncertainty=0.5)
        >>> selection.errors(1)["slope"].round(3)
        array([  nan, 0.224])
        """
        chosen = self.choice == candidate
        return {name: np.where(chosen, values, np.nan) for name, values in self.results[candidate].errors.items()}

    def __getitem__(self, position: int | tuple[int, ...]) -> OneFit:
        """The fit of the chosen model at one position; of the first candidate where none has an answer.

        Parameters
        ----------
        position : int or tuple of int
            One index for each axis of B.

        Returns
        -------
        OneFit
            Samples, model and numbers of that position, in the units of the fit.

        Raises
        ------
        IndexError
            There is no such position.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D, Linear1D
        >>> import ndfit
        >>> data = np.array([[1.0, 2.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
        >>> selection = ndfit.select([Const1D(), Linear1D()], data, fitting_axes=1, uncertainty=0.5)
        >>> selection[0].model.param_names
        ('amplitude',)
        """
        choice = self.choice[position]
        if np.ndim(choice):
            raise IndexError(f"expected one index for each of the {self.choice.ndim} axes of {self.choice.shape}")
        return self.results[max(int(choice), 0)][position]

    def evaluate(self) -> Any:
        """The chosen models at every sample.

        Returns
        -------
        array or astropy.units.Quantity
            Of the data's shape, in the data's unit; NaN where none has an answer.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D, Linear1D
        >>> import ndfit
        >>> data = np.array([[1.0, 2.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
        >>> selection = ndfit.select([Const1D(), Linear1D()], data, fitting_axes=1, uncertainty=0.5)
        >>> selection.evaluate().round(6)
        array([[1.5, 1.5, 1.5, 1.5],
               [1. , 2. , 3. , 4. ]])
        """
        values = self.results[0].evaluate()
        for index, result in enumerate(self.results[1:], 1):
            chosen = np.expand_dims(self.choice == index, sorted(result._problem.axes.fitting))
            values = np.where(chosen, result.evaluate(), values)
        return values

    def summary(self) -> str:
        """How often each candidate was chosen.

        Returns
        -------
        str
            A line for each candidate.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D, Linear1D
        >>> import ndfit
        >>> data = np.array([[1.0, 2.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
        >>> selection = ndfit.select([Const1D(), Linear1D()], data, fitting_axes=1, uncertainty=0.5)
        >>> print(selection.summary())
        2 positions, 2 models, BIC to within 6
                1  50.00 %  0: Const1D
                1  50.00 %  1: Linear1D
                0   0.00 %  none has an answer
        """
        rule = f"{self.criterion.upper()} to within {self.margin:g}"
        lines = [f"{self.choice.size} positions, {len(self.results)} models, {rule}"]
        for index, result in enumerate(self.results):
            name = result.record["model"]["expression"]
            lines.append(_share(int((self.choice == index).sum()), self.choice.size, f"{index}: {name}"))
        lines.append(_share(int((self.choice < 0).sum()), self.choice.size, "none has an answer"))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from ndfit.report.display import html_of_selection

        return html_of_selection(self)


def _share(count: int, total: int, what: str) -> str:
    return f"{count:>9} {100 * count / total:6.2f} %  {what}"
