"""What data are taken with, as a caller describes it.

Flows in: widths, tables, matrices, edges. Flows out: an Instrument, and its stages on the axes of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndfit.errors import WrongArgument
from ndfit.problem.arguments import check_whole
from ndfit.problem.chain import Chain
from ndfit.problem.correlated_noise import Autoregressive, Correlated, Noise
from ndfit.problem.deferred import is_lazy
from ndfit.problem.gaussian_spread import GaussianSpread
from ndfit.problem.instrument_arguments import (
    centre_of,
    correlation_of,
    finite,
    nodes_of,
    normalised,
    offsets_of,
    own_copy,
    rho_of,
)
from ndfit.problem.instrument_stages import Bins, Diagonals, Kernel, Prompt, Stage
from ndfit.problem.placement import Placement

__all__ = ["DEFAULT_NODES", "Instrument"]

DEFAULT_NODES = 7
_TO_SIGMA = 1.0 / np.sqrt(8.0 * np.log(2.0))


@dataclass(frozen=True, eq=False, repr=False)
class Instrument:
    """What data are taken with: what the samples see of a model, and how their noise is correlated.

    The model that is fitted is that of the object: fluxes, widths and errors are intrinsic. What the instrument makes
    of it is compared with the data. Make one by the methods below, and put several together by ``@``, as matrices are
    multiplied: what stands on the right acts first. `gaussian` and `bins` take the model between the samples, and stand
    on the right of `kernel`, `matrix` and `prompt`, after which it is known at the samples alone.

    Instruments hold what they are given; nothing of it is changed.

    See Also
    --------
    ndfit.fit : takes one as `instrument`.

    Notes
    -----
    Samples see a linear function of the model's values (J. S. Kaastra, J. A. M. Bleeker, A&A 587 (2016) A151, on
    response matrices; A. S. Bolton, D. J. Schlegel, PASP 122 (2010) 248, on those of spectra). Its derivatives, its
    linear parameters and the covariance follow the same function, so that nothing is approximated beside the model
    between the samples, which is integrated by Gauss and Legendre's nodes.

    Examples
    --------
    A line spread of 1.3 samples, and pixels that integrate:

    >>> from ndfit import Instrument
    >>> Instrument.bins() @ Instrument.gaussian(sigma=1.3)
    Instrument(gaussian, then bins)
    """

    stages: tuple[tuple[str, Stage], ...] = ()
    nodes: int | None = None
    noise: Noise | None = None

    def __matmul__(self, other: Instrument) -> Instrument:
        """The two together; `other` acts first."""
        if not isinstance(other, Instrument):
            return NotImplemented
        if self.noise is not None and other.noise is not None:
            raise ValueError("the noise is correlated in one way: give correlated_noise once")
        _check_order(other.stages, self.stages)
        given = [each.nodes for each in (self, other) if each.nodes is not None]
        noise = other.noise if self.noise is None else self.noise
        return Instrument(other.stages + self.stages, max(given, default=None), noise)

    def __repr__(self) -> str:
        names = [name for name, _ in self.stages] + ([] if self.noise is None else ["correlated noise"])
        return f"Instrument({', then '.join(names)})"

    @classmethod
    def gaussian(
        cls, *, sigma: Any = None, fwhm: Any = None, resolving_power: Any = None, nodes: int | None = None
    ) -> Instrument:
        """Light is spread by a Gaussian: the line spread of a spectrograph, the beam of a telescope.

        Parameters
        ----------
        sigma, fwhm : number, array or Quantity
            Its standard deviation, or its full width at half maximum, in the unit of the coordinate: one number, one a
            sample, one a position, or both. A velocity along wavelengths, frequencies or energies stands for the
            resolving power that is the speed of light over `fwhm`. For several fitting axes a tuple, one for each, or
            one for all; there it may differ between positions, and not between samples.
        resolving_power : number or array
            The coordinate over `fwhm`, in place of these; for one fitting axis.
        nodes : int, optional
            Places in each sample at which the model is evaluated; as many as its lines need by default, see `bins`.

        Returns
        -------
        Instrument

        Raises
        ------
        ValueError
            None or several of the widths are given. That one is not positive is found when it meets the data.

        Examples
        --------
        >>> import numpy as np
        >>> from ndfit import Instrument
        >>> Instrument.gaussian(fwhm=np.array([2.1, 2.3, 2.2]))
        Instrument(gaussian)
        """
        given = {
            name: value
            for name, value in (("sigma", sigma), ("fwhm", fwhm), ("resolving_power", resolving_power))
            if value is not None
        }
        if len(given) != 1:
            raise ValueError(f"give one of sigma, fwhm and resolving_power, got {', '.join(given) or 'none'}")
        ((name, value),) = given.items()
        values = tuple(own_copy(each, name) for each in (value if isinstance(value, tuple) else (value,)))
        widths = tuple(each * _TO_SIGMA for each in values) if name == "fwhm" else values
        stage = GaussianSpread(widths, resolving_power=name == "resolving_power")
        return cls((("gaussian", stage),), nodes_of(nodes))

    @classmethod
    def kernel(cls, values: Any, *, centre: int | tuple[int, ...] | None = None, normalise: bool = True) -> Instrument:
        """Convolution with a table whose values are one sample apart, such as a point spread function.

        The model is evaluated at the samples; put `bins` on its right where lines are narrow.

        Parameters
        ----------
        values : array
            One value a sample, of as many dimensions as there are fitting axes.
        centre : int or tuple of int, optional
            Which of the values stays where it is; the middle one by default, which takes odd numbers of them.
        normalise : bool
            Divide by the sum of the values, so that fluxes stay what they are.

        Returns
        -------
        Instrument

        Raises
        ------
        ValueError
            Values that are no numbers, or sum up to nothing; an even number of them without `centre`.

        Examples
        --------
        >>> from ndfit import Instrument
        >>> Instrument.kernel([1.0, 4.0, 6.0, 4.0, 1.0])
        Instrument(kernel)
        """
        table = finite(values, "the kernel")
        middle = centre_of(centre, table.shape)
        return cls((("kernel", Kernel(normalised(table, normalise, "the kernel"), middle)),))

    @classmethod
    def matrix(cls, diagonals: Any, *, offsets: Sequence[int] | None = None) -> Instrument:
        """A banded matrix, as DESI's spectra come with: what each sample sees of the model at the samples around it.

        Parameters
        ----------
        diagonals : array
            Shape (n, M), or (..., n, M) with one matrix a position: element [k, j] is what sample j - offsets[k] sees
            of the model at sample j, as in `scipy.sparse.dia_array`.
        offsets : sequence of int, optional
            Of the diagonals; by default from n // 2 down to -(n // 2), as DESI has them.

        Returns
        -------
        Instrument
            The matrix as it is, whatever its rows sum up to.

        Raises
        ------
        ValueError
            A shape without diagonals, or another number of offsets.

        Examples
        --------
        >>> import numpy as np
        >>> from ndfit import Instrument
        >>> resolution = np.tile([[0.05], [0.25], [0.4], [0.25], [0.05]], 100)
        >>> Instrument.matrix(resolution) @ Instrument.bins()
        Instrument(bins, then matrix)
        """
        array = own_copy(diagonals, "diagonals")
        if array.ndim < 2:
            raise WrongArgument("diagonals", "an array of shape (..., n, M)", np.shape(diagonals))
        return cls((("matrix", Diagonals(array, offsets_of(offsets, array.shape[-2]))),))

    @classmethod
    def bins(cls, edges: Any = None, *, nodes: int | None = None) -> Instrument:
        """Samples that integrate: each is the mean of the model over its bin, as of a pixel.

        Parameters
        ----------
        edges : array or Quantity, optional
            Of the bins, one more than there are samples, in the unit of the coordinate; or of each position, shape
            (..., M + 1). The coordinate of each sample is in its bin. By default bins reach halfway to the neighbours.
        nodes : int, optional
            Places in each bin at which the model is evaluated. By default 7, and more where a line starts out
            narrower than a third of a bin; a fitted line that is too narrow for them is flagged UNDERSAMPLED.

        Returns
        -------
        Instrument

        Raises
        ------
        ValueError
            Edges that are no numbers. That they are not those of the samples is found when they meet the data.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Gaussian1D
        >>> import ndfit
        >>> means = np.array([[2e-6, 0.043236, 0.830213, 0.126517, 3.2e-5]])  # of a Gaussian of flux 1 and sigma 0.35
        >>> pixels = ndfit.Instrument.bins()
        >>> result = ndfit.fit(Gaussian1D(1, 2, 0.5), means, fitting_axes=1, instrument=pixels)
        >>> result.parameters["stddev"].round(3)
        array([0.35])
        """
        if edges is not None and not (is_lazy(edges) or hasattr(edges, "unit")):
            edges = finite(edges, "the edges of bins")
        return cls((("bins", Bins(edges)),), nodes_of(nodes))

    @classmethod
    def prompt(cls, values: Any, *, first: int = 0, period: Any = None, normalise: bool = True) -> Instrument:
        """The response in time: what is recorded of a flash, with which a decay is convolved.

        A flash is at the first sample: there the decay begins. Before it, what is left of the flash before is seen.

        Parameters
        ----------
        values : array of shape (n,)
            The response in bins as long as those of the data.
        first : int
            How many samples after the first one the first of the values was recorded; negative if before.
        period : number or Quantity, optional
            Time from flash to flash, in the unit of the coordinate, or one a position. By default flashes are so far
            apart that a decay has ended: the model before the first sample is what it is 100 ranges of the samples
            later, which leaves a constant background, and no trend.
        normalise : bool
            Divide by the sum of the values, so that amplitudes stay what they are.

        Returns
        -------
        Instrument

        Raises
        ------
        ValueError
            Values that are no numbers, or sum up to nothing.

        Examples
        --------
        >>> from ndfit import Instrument
        >>> Instrument.prompt([0.01, 0.04, 0.13, 0.25, 0.28, 0.18, 0.08, 0.03])
        Instrument(prompt)
        """
        table = finite(values, "the prompt")
        if table.ndim != 1:
            raise WrongArgument("the prompt", "an array of one dimension", table.shape)
        first = check_whole(first, "first", "a whole number of samples", -(2**31), 2**31)
        period = None if period is None else own_copy(period, "period")
        return cls((("prompt", Prompt(normalised(table, normalise, "the prompt"), first, period)),))

    @classmethod
    def correlated_noise(cls, *, length: float | None = None, correlation: Any = None) -> Instrument:
        """Noise that is correlated between the samples of a position.

        Data and model are multiplied by the inverse Cholesky factor of the correlation, over the uncertainties: the
        sum of squares is then chi-square. Samples that are left out are left out of the correlation too.

        Parameters
        ----------
        length : float
            The correlation falls to 1/e over so many samples: exp(-g / length) for samples g apart (first-order
            autoregression).
        correlation : array of shape (M, M)
            Or the correlation of any two samples, with ones on its diagonal.

        Returns
        -------
        Instrument

        Raises
        ------
        ValueError
            Neither or both are given; a matrix that is no correlation.

        Examples
        --------
        >>> from ndfit import Instrument
        >>> Instrument.correlated_noise(length=2.5)
        Instrument(correlated noise)
        """
        if (length is None) == (correlation is None):
            raise ValueError("give either length or correlation")
        if length is not None:
            return cls(noise=Autoregressive(rho_of(length)))
        return cls(noise=Correlated(correlation_of(correlation)))

    def placed(self, placement: Placement) -> Chain:
        """Its stages on the axes of the data.

        Raises
        ------
        ValueError, astropy.units.UnitsError
            A shape, a unit or a number that does not fit the data.
        """
        shape = placement.axes.fitting_shape
        for name, stage in self.stages:
            if stage.n_axes not in (None, len(shape)):
                raise ValueError(
                    f"the stage '{name}' of the instrument is for {stage.n_axes} fitting axes, got {len(shape)}"
                )
        n_samples = placement.axes.n_samples
        if isinstance(self.noise, Correlated) and len(self.noise.correlation) != n_samples:
            raise ValueError(
                f"the correlation of the noise should have the shape ({n_samples}, {n_samples}), one row a sample, got "
                f"{self.noise.correlation.shape}"
            )
        if isinstance(self.noise, Autoregressive) and len(shape) != 1:
            raise ValueError(
                f"noise with a correlation length is for one fitting axis, got {len(shape)}: give its correlation"
            )
        stages = tuple(stage.placed(placement, shape) for _, stage in self.stages)
        return Chain(stages, self.nodes or DEFAULT_NODES, self.noise, chosen=self.nodes is None)


def _check_order(earlier: tuple[tuple[str, Stage], ...], later: tuple[tuple[str, Stage], ...]) -> None:
    """Raise where a stage wants the model between the samples and one before it has it at the samples alone."""
    at_samples = [name for name, stage in earlier if not stage.continuous]
    between = [name for name, stage in later if stage.continuous]
    if at_samples and between:
        one, two = at_samples[0], between[0]
        raise ValueError(
            f"'{two}' takes the model between the samples, and after '{one}' there are values at the samples alone: "
            f"put '{two}' on the right, as in {one} @ {two}"
        )
    if any(isinstance(stage, Bins) for _, stage in earlier) and any(isinstance(stage, Bins) for _, stage in later):
        raise ValueError("samples integrate once: give bins once")
