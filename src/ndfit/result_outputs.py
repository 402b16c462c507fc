"""What a FitResult draws, writes and shows.

Flows in: FitResult. Flows out: pictures, files, tables and pages, by the rooms that make them, which are imported when
they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["ResultOutputs"]


class ResultOutputs:
    """Methods of FitResult; see there."""

    def plot(
        self: Any,
        parameters: str | Iterable[str] | None = None,
        *,
        errors: bool = True,
        axes: Any = None,
        plane: int | tuple[int, ...] = (),
    ) -> Any:
        """Draw maps of parameters and of their standard errors, with the WCS of the positions where there is one.

        Colours span the 1st to the 99th percentile of the fits that are determined; positions without an answer are
        hatched grey. Maps of one axis are drawn as points with error bars.

        Parameters
        ----------
        parameters : names, by default of all that are not fixed
        errors : draw the standard errors too, where there are any
        axes : matplotlib axes to draw on, as many as are returned; by default those of a new figure
        plane : where maps have more than two axes, the index in those before the last two

        Returns
        -------
        array of matplotlib axes of shape (parameters, 2): values and errors; (parameters, 1) where errors are not
        drawn, or are drawn as bars
        """
        from ndfit.plotting.map_pictures import plot_parameters

        return plot_parameters(self, parameters, errors, axes, plane)

    def plot_fit(self: Any, *position: int, axes: Any = None) -> Any:
        """Draw the fit at one position: samples, model with its components, and residual.

        Error bars are one standard deviation, where weights were given; samples that were left out are hollow.

        Parameters
        ----------
        position : index in the maps
        axes : matplotlib axes to draw on, as many as are returned; by default those of a new figure

        Returns
        -------
        array of two matplotlib axes: fit and residual; for models of two inputs three: data, model, residual
        """
        from ndfit.plotting.one_fit import plot_one

        return plot_one(self, position, axes)

    def write(
        self: Any,
        path: Any,
        *,
        format: str | None = None,
        cubes: Iterable[str] = (),
        source: Any = None,
        overwrite: bool = False,
    ) -> None:
        """Write everything but the data, as `ndfit.read` reads it; docs/files.md describes the layouts.

        Parameters
        ----------
        path : of the file or store; it appears whole or not at all
        format : 'fits' or 'zarr'; by default what the ending of `path` stands for
        cubes : of 'model' and 'residual', which are computed and written chunk by chunk
        source : path of the file that the data came from, whose name and SHA-256 are recorded
        overwrite : replace what is there

        Raises
        ------
        FileExistsError
            There is something at `path`, and `overwrite` is False.
        ValueError
            `format`, or the ending of `path`, stands for no format.
        """
        from ndfit.io.formats import format_of

        chosen = format_of(Path(path), format)
        chosen.write(Path(path), self._contents(source), self._cubes(cubes), self._problem, overwrite)

    def to_fits(
        self: Any, path: Any, *, cubes: Iterable[str] = (), source: Any = None, overwrite: bool = False
    ) -> None:
        """Write a FITS file, whatever its ending; see `write`."""
        self.write(path, format="fits", cubes=cubes, source=source, overwrite=overwrite)

    def to_zarr(
        self: Any, path: Any, *, cubes: Iterable[str] = (), source: Any = None, overwrite: bool = False
    ) -> None:
        """Write a zarr store, which xarray reads too; see `write`."""
        self.write(path, format="zarr", cubes=cubes, source=source, overwrite=overwrite)

    def to_xarray(self: Any, *, cubes: Iterable[str] = ()) -> Any:
        """The maps as an `xarray.Dataset`, with coordinates of the positions; `cubes` stay lazy."""
        from ndfit.io.store import to_dataset

        computed = self._cubes(cubes)
        return to_dataset(self._contents(None), computed, self._problem)

    def diagnostics(self: Any) -> Any:
        """Everything known of each position, as an `astropy.table.Table` with a row a position."""
        from ndfit.result.diagnostics_table import diagnostics_table

        return diagnostics_table(self)

    def report(self: Any, path: Any, *, overwrite: bool = False) -> None:
        """Write one HTML page that shows the result, and needs no network.

        What was fitted, how the fits ended and what to do about it, maps, distributions, and the worst, the median and
        random fits. A click on a position of a map shows its samples, model and numbers: the samples of every position
        are in the page for up to 100,000 positions and 64 MB of them, beyond that those of the examples alone, as the
        page says; so it does where the result was read from a file without its data.

        Parameters
        ----------
        path : of the file; it appears whole or not at all
        overwrite : replace what is there

        Raises
        ------
        FileExistsError
            There is something at `path`, and `overwrite` is False.
        """
        from ndfit.report.write_page import write_report

        self._check_in_memory()
        write_report(self, Path(path), overwrite)

    def _repr_html_(self: Any) -> str:
        from ndfit.report.display import html_of_result

        return html_of_result(self)
