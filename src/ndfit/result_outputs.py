"""What a FitResult draws, writes and shows.

Flows in: FitResult. Flows out: pictures, files, tables and pages, by the rooms that make them, which are imported when
they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ndfit.call_types import PathLike

__all__ = ["ResultOutputs"]


class ResultOutputs:
    """Methods of FitResult; see there."""

    def plot(
        self: Any,
        parameters: str | Iterable[str] | None = None,
        *,
        errors: bool = True,
        axes: Any = None,  # Any: matplotlib has no type for arrays of axes
        plane: int | tuple[int, ...] = (),
        where: Any = None,  # Any: whatever is an array of flags
    ) -> Any:
        """Draw maps of parameters and of their standard errors, with the WCS of the positions where there is one.

        Colours span the 1st to the 99th percentile of the fits that are determined; positions without an answer are
        hatched grey. Maps of one axis are drawn as points with error bars.

        Parameters
        ----------
        parameters : str or iterable of str, optional
            Names; by default of all parameters that are not fixed.
        errors : bool
            Draw the standard errors too, where there are any.
        axes : array of matplotlib.axes.Axes, optional
            Axes to draw on, as many as are returned; by default those of a new figure.
        plane : int or tuple of int
            Where maps have more than two axes, the index in those before the last two.
        where : array of bool, optional
            Shape B: positions to draw, such as `good`; the others are hatched as those without an answer.

        Returns
        -------
        array of matplotlib.axes.Axes
            Shape (parameters, 2): values and errors, each with its unit; (parameters, 1) where errors are not drawn, or
            are drawn as bars.

        Raises
        ------
        ValueError
            Maps have no axis or no such plane, a name is of no parameter, there are too few axes to draw on, or
            `where` has another shape.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> result = ndfit.fit(Const1D(), np.ones((3, 4, 5)), fitting_axes=0)
        >>> result.plot().shape
        (1, 2)
        """
        from ndfit.plotting.map_pictures import plot_parameters

        return plot_parameters(self, parameters, errors, axes, plane, where)

    def plot_fit(
        self: Any,
        *position: int,
        axes: Any = None,  # Any: matplotlib has no type for arrays of axes
    ) -> Any:
        """Draw the fit at one position: samples, model with its components, and residual.

        Error bars are one standard deviation, where weights were given; samples that were left out are hollow. The band
        around the model is one standard error of its values, from the covariance.

        Parameters
        ----------
        *position : int
            One index for each axis of the maps.
        axes : array of matplotlib.axes.Axes, optional
            Axes to draw on, as many as are returned; by default those of a new figure.

        Returns
        -------
        array of matplotlib.axes.Axes
            Shape (2,), fit and residual, in the units of data and coordinates; for models of two inputs shape (3,),
            data, model and residual.

        Raises
        ------
        IndexError
            There is no such position.
        ValueError
            The result was read from a file, and its data were not given back.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> result = ndfit.fit(Const1D(), np.ones((3, 4, 5)), fitting_axes=0)
        >>> result.plot_fit(2, 1).shape
        (2,)
        """
        from ndfit.plotting.one_fit import plot_one

        return plot_one(self, position, axes)

    def write(
        self: Any,
        path: PathLike,
        *,
        format: str | None = None,
        cubes: Iterable[str] = (),
        source: PathLike | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write everything but the data, as `ndfit.read` reads it; docs/files.md describes the layouts.

        Parameters
        ----------
        path : str or path
            Of the file or store, which appears whole or not at all.
        format : 'fits' or 'zarr', optional
            By default what the ending of `path` stands for.
        cubes : iterable of 'model' and 'residual'
            Arrays of the data's shape and unit, which are computed and written chunk by chunk.
        source : str or path, optional
            The file that the data came from, whose name and SHA-256 are recorded.
        overwrite : bool
            Replace what is there.

        Raises
        ------
        FileExistsError
            There is something at `path`, and `overwrite` is False.
        ValueError
            `format`, or the ending of `path`, stands for no format, or `cubes` are none that there are.
        ModuleNotFoundError
            The format needs a package that is not installed; the message says what to install.

        See Also
        --------
        ndfit.read : makes a result of a file again.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> path = Path(tempfile.mkdtemp()) / "fit.fits"
        >>> ndfit.fit(Const1D(), np.ones((3, 2)), fitting_axes=0).write(path)
        >>> ndfit.read(path).parameters["amplitude"]
        array([1., 1.])
        """
        from ndfit.io.formats import format_of

        chosen, computed = format_of(Path(path), format), self._cubes(cubes)
        chosen.write(Path(path), self._contents(source), computed, self._problem, overwrite)

    def to_fits(
        self: Any,
        path: PathLike,
        *,
        cubes: Iterable[str] = (),
        source: PathLike | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write a FITS file, whatever its ending; see `write`.

        Parameters
        ----------
        path, cubes, source, overwrite : str or path, iterable of str, str or path, bool
            As in `write`.

        Raises
        ------
        FileExistsError, ValueError
            As in `write`.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from astropy.io import fits
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> path = Path(tempfile.mkdtemp()) / "fit.fits"
        >>> ndfit.fit(Const1D(), np.ones((3, 2)), fitting_axes=0).to_fits(path)
        >>> fits.getdata(path, "AMPLITUDE").tolist()
        [1.0, 1.0]
        """
        self.write(path, format="fits", cubes=cubes, source=source, overwrite=overwrite)

    def to_zarr(
        self: Any,
        path: PathLike,
        *,
        cubes: Iterable[str] = (),
        source: PathLike | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write a zarr store, which xarray reads too; see `write`.

        Parameters
        ----------
        path, cubes, source, overwrite : str or path, iterable of str, str or path, bool
            As in `write`.

        Raises
        ------
        FileExistsError, ValueError, ModuleNotFoundError
            As in `write`.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> path = Path(tempfile.mkdtemp()) / "fit.zarr"
        >>> ndfit.fit(Const1D(), np.ones((3, 2)), fitting_axes=0).to_zarr(path)
        >>> ndfit.read(path).shape
        (2,)
        """
        self.write(path, format="zarr", cubes=cubes, source=source, overwrite=overwrite)

    def to_xarray(self: Any, *, cubes: Iterable[str] = ()) -> Any:
        """The maps as an `xarray.Dataset`, with coordinates of the positions.

        Parameters
        ----------
        cubes : iterable of 'model' and 'residual'
            Arrays of the data's shape and unit, which stay lazy.

        Returns
        -------
        xarray.Dataset
            Variables of shape B; their units are in the attribute `units`.

        Raises
        ------
        ValueError
            `cubes` are none that there are.
        ModuleNotFoundError
            xarray is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy import units as u
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> dataset = ndfit.fit(Const1D(1 * u.K), np.ones((3, 2)) * u.K, fitting_axes=0).to_xarray()
        >>> dataset["amplitude"].shape, dataset["amplitude"].units
        ((2,), 'K')
        """
        from ndfit.io.store import to_dataset

        computed = self._cubes(cubes)
        return to_dataset(self._contents(None), computed, self._problem)

    def to(self: Any, kind: str) -> Any:
        """The result as an object of another library.

        Parameters
        ----------
        kind : 'xarray', 'table', 'pandas', 'ndcube' or 'spectrum'
            'xarray' for `to_xarray`, 'table' for `diagnostics`; 'pandas' for a DataFrame of a row for each position;
            'ndcube' for a dict of an NDCube for each parameter, with errors and the WCS of the positions; 'spectrum'
            for the fitted model as a specutils Spectrum, or a SpectrumList where each position has coordinates of its
            own.

        Returns
        -------
        object
            Of that kind; what has units has those of the fit.

        Raises
        ------
        ValueError
            There is no such kind, or the result has not what it needs, such as a WCS.
        ModuleNotFoundError
            The library is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> ndfit.fit(Const1D(), np.ones((3, 2)), fitting_axes=0).to("pandas")["amplitude"].tolist()
        [1.0, 1.0]
        """
        from ndfit.io.objects import as_object

        return as_object(self, kind)

    def diagnostics(self: Any) -> Any:
        """Everything known of each position, as a table.

        Returns
        -------
        astropy.table.Table
            One row for each position, in the order of the maps; parameters and errors have their units.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> table = ndfit.fit(Const1D(), np.ones((3, 2)), fitting_axes=0).diagnostics()
        >>> table["amplitude"].tolist()
        [1.0, 1.0]
        """
        from ndfit.result.diagnostics_table import diagnostics_table

        return diagnostics_table(self)

    def report(self: Any, path: PathLike, *, overwrite: bool = False) -> None:
        """Write one HTML page that shows the result, and needs no network.

        What was fitted, how the fits ended and what to do about it, maps, distributions, and the worst, the median and
        random fits. A click on a position of a map shows its samples, model and numbers: the samples of every position
        are in the page for up to 100,000 positions and 64 MB of them, beyond that those of the examples alone, as the
        page says; so it does where the result was read from a file without its data.

        Parameters
        ----------
        path : str or path
            Of the file, which appears whole or not at all.
        overwrite : bool
            Replace what is there.

        Raises
        ------
        FileExistsError
            There is something at `path`, and `overwrite` is False.
        ndfit.ChangedInputError
            The data, or their weights, mask or coordinates, are no longer those that were fitted.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from astropy.modeling.models import Const1D
        >>> import ndfit
        >>> path = Path(tempfile.mkdtemp()) / "report.html"
        >>> ndfit.fit(Const1D(), np.ones((3, 4, 5)), fitting_axes=0).report(path)
        >>> path.read_text(encoding="utf-8")[:15]
        '<!DOCTYPE html>'
        """
        from ndfit.report.write_page import write_report

        self._check_in_memory()
        write_report(self, Path(path), overwrite)

    def _repr_html_(self: Any) -> str:
        from ndfit.report.display import html_of_result

        return html_of_result(self)
