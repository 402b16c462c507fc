"""`python -m ndfit.demo [CUBE] [--out DIR]`: fit every spectrum of a cube, without and with bounds on the line's mean.

Flows in: a FITS file, or nothing for the synthetic cube. Flows out: parameter maps as FITS, one picture, a few lines on
the terminal. Exit code 2 and a message when the input is not a cube or the output cannot be written.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import click
from astropy.modeling import Model
from astropy.modeling.fitting import TRFLSQFitter

from ndfit import parallel_fit_dask
from ndfit.demo.cube import Cube, read_cube
from ndfit.demo.demo_maps import write_maps
from ndfit.demo.start import Start, start_from_spectrum, start_of_synthetic
from ndfit.demo.synthetic import synthetic_cube
from ndfit.errors import AllFitsFailed, FitWarning, UnreadableFile
from ndfit.untrusted import printable

try:
    from ndfit.demo.pictures import draw
except ModuleNotFoundError as error:
    raise SystemExit(f"The demonstration needs {error.name}: pip install 'ndfit[plot]'") from error


class BadInput(click.ClickException):
    """A message on standard error, no traceback."""

    exit_code = 2


@click.command()
@click.argument("cube", required=False, type=click.Path(path_type=Path))
@click.option("--out", default="demo-output", show_default=True, type=click.Path(path_type=Path), help="Output folder.")
def main(cube: Path | None, out: Path) -> None:
    """Fit one spectral line at every position of CUBE (FITS), or of a synthetic star-formation cube."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if cube is None:
            run(synthetic_cube(), start_of_synthetic(), out)
        else:
            measured = read_cube(cube)
            run(measured, start_from_spectrum(measured), out)
    except (UnreadableFile, AllFitsFailed, OSError) as error:
        raise BadInput(f"{printable(str(error), keep=chr(10)).rstrip('.')}.") from error


def run(cube: Cube, start: Start, out: Path) -> None:
    """Fit without and with bounds, write and draw the results, and say where they are and how long it took."""
    n_fits = cube.spectra[0].size
    click.echo(f"{printable(cube.name)}: {cube.data.shape}, {n_fits} spectra along axis {cube.axis}")
    for note in cube.notes:
        click.echo(f"  Note: {printable(note)}")
    began = time.perf_counter()
    free = _fit(cube, start.model, "without bounds")
    low, high = start.bounds
    bounded = _fit(cube, start.bounded(), f"with the mean in {low:.6g} to {high:.6g} {cube.spectral_unit}")

    free_maps, bounded_maps, picture = out / "maps-without-bounds.fits", out / "maps-with-bounds.fits", out / "demo.png"
    write_maps(free_maps, cube, free)
    write_maps(bounded_maps, cube, bounded)
    draw(picture, cube, start, free, bounded)
    click.echo(f"Both fits, maps and picture took {time.perf_counter() - began:.1f} s. Results:")
    for path in (free_maps, bounded_maps, picture):
        click.echo(f"  {path}")


def _fit(cube: Cube, model: Model, how: str) -> Model:
    """The call that the demonstration is about, timed."""
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FitWarning)
        fitted = parallel_fit_dask(
            model=model,
            fitter=TRFLSQFitter(),
            data=cube.data,
            data_unit=cube.unit,
            world=cube.wcs,
            fitting_axes=cube.axis,
        )
    click.echo(f"Fitted {how} in {time.perf_counter() - began:.1f} s")
    for warning in caught:
        click.echo(f"  Note: {warning.message}")
    return fitted


if __name__ == "__main__":
    main(prog_name="python -m ndfit.demo")
