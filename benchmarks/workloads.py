"""What is fitted: the table of workloads.

Flows in: how many fits are wanted. Flows out: Task. Synthetic data come from one seed, so that every run fits the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.modeling.models import Gaussian1D, Gaussian2D, Linear1D
from astropy.wcs import WCS
from numpy.typing import NDArray

from benchmarks.formulas import ELLIPSE, GAUSSIAN, N_LINES, THREE_LINES
from benchmarks.task import Task, task_of_arrays
from ndfit.demo.synthetic import synthetic_cube

__all__ = ["SHARED_DATA", "WORKLOADS", "Absent", "Workload"]

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SEED = 20260213

FloatArray = NDArray[np.float64]


class Absent(Exception):
    """What a workload or probe needs is not here; says what."""


@dataclass(frozen=True)
class Workload:
    """A row of the table.

    Attributes
    ----------
    make : n_fits -> Task with about as many
    n_fits : how many of a full run
    shares : peer -> how many of them it is given, where all would take minutes; 0 leaves it out
    least_share : of the fits that a peer must bring to the best cost that any peer reached, for its time to count
    """

    name: str
    title: str
    make: Callable[[int], Task]
    n_fits: int
    shares: Mapping[str, int]
    least_share: float = 0.99


def _spectra(n_fits: int) -> Task:
    """Gaussian lines at a signal-to-noise ratio of about ten, the mean off the start by up to two widths."""
    rng = np.random.default_rng(SEED)
    x = np.linspace(2500.0, 5932.0, 53)
    columns = (rng.uniform(1, 3, n_fits), rng.uniform(3500, 4900, n_fits), rng.uniform(250, 500, n_fits))
    samples = GAUSSIAN.value(np, (x,), [column[:, np.newaxis] for column in columns])
    samples += rng.normal(scale=0.2, size=samples.shape)
    return task_of_arrays(Gaussian1D(amplitude=1, mean=4000, stddev=500), GAUSSIAN, (x,), samples)


def _three_lines(n_fits: int) -> Task:
    """Three lines of different strength over a sloping continuum; starts off by a fraction of the width."""
    rng = np.random.default_rng(SEED)
    x = np.arange(128.0)
    centres, amplitudes = (25.0, 60.0, 95.0), (3.0, 5.0, 2.0)
    model = Linear1D(slope=0, intercept=0)
    columns: list[FloatArray] = []
    for centre, amplitude in zip(centres, amplitudes, strict=True):
        columns += [
            rng.uniform(0.7, 1.3, n_fits) * amplitude,
            centre + rng.uniform(-3, 3, n_fits),
            rng.uniform(3.5, 6.0, n_fits),
        ]
    columns += [rng.uniform(-0.01, 0.01, n_fits), rng.uniform(0, 1, n_fits)]
    first, *others = (Gaussian1D(amplitude=3, mean=centre, stddev=5) for centre in centres)
    for other in others:
        first = first + other
    model = first + model
    samples = THREE_LINES.value(np, (x,), [column[:, np.newaxis] for column in columns])
    samples += rng.normal(scale=0.2, size=samples.shape)
    return task_of_arrays(model, THREE_LINES, (x,), samples)


def _stamps(n_fits: int) -> Task:
    """Elliptical sources near the centre of stamps of 15 x 15 pixels."""
    rng = np.random.default_rng(SEED)
    axis = np.arange(15.0)
    x, y = (values.ravel() for values in np.meshgrid(axis, axis, indexing="ij"))
    columns = (
        rng.uniform(5, 20, n_fits),
        rng.uniform(6, 8, n_fits),
        rng.uniform(6, 8, n_fits),
        rng.uniform(2.2, 3.2, n_fits),
        rng.uniform(1.2, 1.8, n_fits),
        rng.uniform(0.1, 0.9, n_fits),
    )
    samples = ELLIPSE.value(np, (x, y), [column[:, np.newaxis] for column in columns])
    samples += rng.normal(scale=0.5, size=samples.shape)
    model = Gaussian2D(amplitude=10, x_mean=7, y_mean=7, x_stddev=2.5, y_stddev=1.5, theta=0.5)
    return task_of_arrays(model, ELLIPSE, (axis, axis), samples.reshape(n_fits, axis.size, axis.size))


def _synthetic_cube(n_fits: int) -> Task:
    """The demonstration's cube; its unobserved corner holds the opposite one, as some peers know no NaN."""
    cube = synthetic_cube()
    opposite = cube.data[:, ::-1, ::-1]
    return _cube_task(np.where(np.isnan(cube.data), opposite, cube.data), cube.wcs, n_fits)


def _l1448(part: Any, bounds: tuple[float, float] | None) -> Callable[[int], Task]:
    def make(n_fits: int) -> Task:
        path = SHARED_DATA / "l1448_13co.fits"
        if not path.exists():
            raise Absent(f"needs ../shared/data/{path.name}, which is not here")
        with fits.open(path) as hdus, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # astropy on the header's dates and frames
            return _cube_task(hdus[0].data[part].copy(), WCS(hdus[0].header)[part], n_fits, bounds)

    return make


def _cube_task(data: Any, wcs: WCS, n_fits: int, bounds: tuple[float, float] | None = None) -> Task:
    """The example of astropy's page: a cube with a WCS, a model with units; a square part of it where fewer fits do."""
    side = ceil(sqrt(n_fits))
    part = np.s_[:, :side, :side]
    data, wcs = data[part], wcs[part]
    velocity = wcs.spectral.pixel_to_world_values(np.arange(len(data)))
    bare = Gaussian1D(amplitude=1, mean=4000, stddev=500)
    model = Gaussian1D(amplitude=1 * u.one, mean=4000 * u.m / u.s, stddev=500 * u.m / u.s)
    if bounds is not None:
        bare.mean.bounds = model.mean.bounds = bounds
    call = {"model": model, "data": data, "world": wcs, "data_unit": u.one, "fitting_axes": 0}
    samples = np.moveaxis(data, 0, -1).reshape(-1, len(data)).astype(float)
    return Task(call, bare, GAUSSIAN, (velocity,), samples, {} if bounds is None else {"mean": bounds})


_PAGE = np.s_[:, 25:75, 35:85]
_WHOLE = np.s_[:, :, :]
_MEAN = (3000.0, 6000.0)

_LOOPS = {"curve_fit": 1000, "curve_fit-jac": 1000, "lmfit": 200}
_OF_CUBES = _LOOPS | {"astropy-synchronous": 500, "optimistix": 1024}

WORKLOADS: dict[str, Workload] = {
    row.name: row
    for row in (
        Workload(
            "spectra",
            "100,000 spectra of 53 channels, Gaussian",
            _spectra,
            100_000,
            _LOOPS | {"astropy-processes": 6000, "astropy-synchronous": 2000, "optimistix": 10_240},
        ),
        Workload("cube", "synthetic cube 53 x 105 x 105, WCS and units", _synthetic_cube, 105 * 105, _OF_CUBES, 0.9),
        Workload(
            "three-lines",
            f"{N_LINES} Gaussians and a line, 11 parameters, 128 channels",
            _three_lines,
            20_000,
            {
                "astropy-processes": 1200,
                "astropy-synchronous": 300,
                "curve_fit": 300,
                "curve_fit-jac": 300,
                "lmfit": 50,
                "optimistix": 1024,
            },
            0.95,
        ),
        Workload(
            "stamps",
            "20,000 stamps of 15 x 15 pixels, elliptical Gaussian, 6 parameters",
            _stamps,
            20_000,
            {
                "astropy-processes": 2400,
                "astropy-synchronous": 500,
                "curve_fit": 500,
                "curve_fit-jac": 500,
                "lmfit": 100,
                "optimistix": 2048,
            },
        ),
        Workload("l1448-part", "L1448, 2,500 spectra", _l1448(_PAGE, None), 2500, _OF_CUBES, 0.9),
        Workload(
            "l1448-part-bounded", "L1448, 2,500 spectra, mean in bounds", _l1448(_PAGE, _MEAN), 2500, _OF_CUBES, 0.9
        ),
        Workload("l1448", "L1448, whole cube, WCS and units", _l1448(_WHOLE, None), 105 * 105, _OF_CUBES, 0.85),
        Workload(
            "l1448-bounded",
            "L1448, whole cube, WCS and units, mean in bounds",
            _l1448(_WHOLE, _MEAN),
            105 * 105,
            _OF_CUBES,
            0.85,
        ),
    )
}
