"""What ndfit raises and warns with, beside the built-in ValueError and TypeError. Imports nothing of ndfit."""

from __future__ import annotations

__all__ = [
    "AllFitsFailed",
    "ChangedInputError",
    "CheckpointError",
    "FitWarning",
    "LoadError",
    "UnreadableFile",
    "WorkersLost",
    "WrongArgument",
    "WrongArgumentType",
]


class _OfArgument(Exception):
    """An argument that is not what it should be.

    Attributes
    ----------
    argument : its name
    expected, got : what it should be, as text, and what it is
    remedy : what to do, where that is more than to give what is expected
    """

    def __init__(self, argument: str, expected: str, got: object, remedy: str = "") -> None:
        self.argument, self.expected, self.got, self.remedy = argument, expected, got, remedy
        super().__init__(argument, expected, got, remedy)

    def __str__(self) -> str:
        return self.message(self.argument)

    def message(self, name: str) -> str:
        """The message, with the name that the argument has where it was given."""
        return f"{name} should be {self.expected}, got {self.got!r}{f': {self.remedy}' if self.remedy else ''}"


class WrongArgument(_OfArgument, ValueError):
    """The value of an argument is not one that it can have."""


class WrongArgumentType(_OfArgument, TypeError):
    """An argument is not of a kind that it can be."""


class FitWarning(UserWarning):
    """Some fits failed or stopped early; the message gives the counts by status and how to see more.

    See Also
    --------
    FitResult.summary : the same counts, with remedies.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from astropy.modeling.models import Gaussian1D
    >>> import ndfit
    >>> data = Gaussian1D(2, 9, 1.5)(np.arange(20.0)) * np.ones((3, 1))
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     result = ndfit.fit(Gaussian1D(), data, fitting_axes=1, guess=None, fitter_kwargs={"maxiter": 1})
    >>> caught[0].category.__name__, int(result.success.sum())
    ('FitWarning', 0)
    """


class AllFitsFailed(ValueError, RuntimeError):
    """Every position failed for one and the same cause, which the message names together with its remedy.

    See Also
    --------
    STATUS : every way in which a fit ends.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.modeling.models import Const1D
    >>> import ndfit
    >>> try:
    ...     ndfit.fit(Const1D(), np.full((3, 2), -1.0), fitting_axes=0, statistic="cash")
    ... except ndfit.AllFitsFailed:
    ...     print("counts are never negative")
    counts are never negative
    """


class CheckpointError(ValueError):
    """The checkpoint belongs to another run, or to none; the message says what differs and what to do.

    See Also
    --------
    fit : has the option `checkpoint`.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from astropy.modeling.models import Const1D, Linear1D
    >>> import ndfit
    >>> folder = tempfile.mkdtemp()
    >>> result = ndfit.fit(Const1D(), np.ones((3, 2)), fitting_axes=0, checkpoint=folder)
    >>> try:
    ...     ndfit.fit(Linear1D(), np.ones((3, 2)), fitting_axes=0, checkpoint=folder)
    ... except ndfit.CheckpointError:
    ...     print("another run")
    another run
    """


class LoadError(RuntimeError):
    """The data of some positions cannot be read; the message says of which, and why.

    See Also
    --------
    fit : reads data that are lazy or mapped from a file chunk by chunk.

    Examples
    --------
    >>> import dask.array as da
    >>> from astropy.modeling.models import Const1D
    >>> import ndfit
    >>> def broken(block):
    ...     raise OSError("the disk is gone")
    >>> data = da.ones((3, 2)).map_blocks(broken, dtype=float, meta=da.ones(1).compute())
    >>> try:
    ...     ndfit.fit(Const1D(), data, fitting_axes=0)
    ... except ndfit.LoadError as error:
    ...     print("the disk is gone" in str(error))
    True
    """


class WorkersLost(RuntimeError):
    """Threads, processes or workers of a cluster could not start or have ended; the message says what to do."""


class ChangedInputError(ValueError):
    """Data, weights, mask, coordinates or model are no longer those of the fit; the message says what to do.

    See Also
    --------
    FitResult.residual : compares data with those that were fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.modeling.models import Const1D
    >>> import ndfit
    >>> data = np.ones((3, 2))
    >>> result = ndfit.fit(Const1D(), data, fitting_axes=0)
    >>> data[0, 0] = 7.0
    >>> try:
    ...     result.residual()
    ... except ndfit.ChangedInputError:
    ...     print("other data")
    other data
    """


class UnreadableFile(ValueError):
    """The file is damaged, or is none that can be read here; the message says what is wrong with it.

    See Also
    --------
    read : reads results.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import ndfit
    >>> path = Path(tempfile.mkdtemp()) / "fit.fits"
    >>> path.write_text("not FITS")
    8
    >>> try:
    ...     ndfit.read(path)
    ... except ndfit.UnreadableFile:
    ...     print("no result")
    no result
    """
