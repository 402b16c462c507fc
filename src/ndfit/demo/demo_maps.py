"""Parameter maps as FITS.

Flows in: a Cube and a fitted model with array parameters. Flows out: a file with one image HDU a parameter.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.modeling import Model

from ndfit.atomic import replacing
from ndfit.demo.cube import Cube
from ndfit.io.units_text import bunit

__all__ = ["write_maps"]


def write_maps(path: Path, cube: Cube, fitted: Model) -> None:
    """Write the parameters of `fitted`, with their units and the WCS of the cube's sky."""
    header = fits.Header() if cube.sky is None else cube.sky.to_header()
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus[0].header["OBJECT"] = cube.name
    for name in fitted.param_names:
        parameter = getattr(fitted, name)
        hdu = fits.ImageHDU(np.asarray(parameter.value), header, name=name)
        hdu.header["BUNIT"] = bunit(parameter.unit)
        hdus.append(hdu)
    with replacing(path) as partial:
        hdus.writeto(partial)
