"""`python -m ndfit.demo [CUBE] [--out DIR]`: fit every spectrum of a cube, without and with bounds on the line's mean.

Flows in: a FITS file, or nothing for the synthetic cube. Flows out: parameter maps as FITS, one picture, a few lines on
the terminal. Exit code 2 and one sentence when the input is not a cube or the output cannot be written.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import click
from astropy.modeling import Model
from astropy.modeling.fitting import TRFLSQFitter

from ndfit import parallel_fit_dask
from ndfit.demo.cube import Cube, CubeError, read_cube
from ndfit.demo.maps import write_maps
from ndfit.demo.start import Start, start_from_spectrum, start_of_synthetic
from ndfit.demo.synthetic import synthetic_cube
from ndfit.errors import AllFitsFailed, FitWarning


class BadInput(click.ClickException):
    """One sentence on standard error, no traceback."""

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
    except (CubeError, AllFitsFailed, OSError) as error:
        raise BadInput(str(error)) from error


def run(cube: Cube, start: Start, out: Path) -> None:
    """Fit, write and report."""
    from ndfit.demo.pictures import draw

    n_fits = cube.spectra[0].size
    click.echo(f"{cube.name}: {cube.data.shape}, spectral axis {cube.axis} in {cube.spectral_unit}")
    for note in cube.notes:
        click.echo(f"  note: {note}")
    began = time.perf_counter()
    free = _fit(cube, start.model)
    click.echo(f"fitted {n_fits} spectra without bounds in {time.perf_counter() - began:.1f} s")
    bounds = " to ".join(f"{limit:.6g}" for limit in start.bounds)
    again = time.perf_counter()
    bounded = _fit(cube, start.bounded())
    click.echo(
        f"fitted {n_fits} spectra with the mean in {bounds} {cube.spectral_unit} in {time.perf_counter() - again:.1f} s"
    )

    written = [out / "maps-without-bounds.fits", out / "maps-with-bounds.fits", out / "demo.png"]
    write_maps(written[0], cube, free)
    write_maps(written[1], cube, bounded)
    draw(written[2], cube, start, free, bounded)
    click.echo(f"everything took {time.perf_counter() - began:.1f} s; see")
    for path in written:
        click.echo(f"  {path}")


def _fit(cube: Cube, model: Model) -> Model:
    """The call that the demonstration is about."""
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
    for warning in caught:
        click.echo(f"  note: {warning.message}")
    return fitted


if __name__ == "__main__":
    main(prog_name="ndfit.demo")
