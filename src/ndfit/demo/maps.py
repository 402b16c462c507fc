"""Parameter maps as FITS.

Flows in: a Cube and a fitted model with array parameters. Flows out: a file with one image HDU a parameter.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.modeling import Model

from ndfit.atomic import replacing
from ndfit.demo.cube import Cube

__all__ = ["write_maps"]


def write_maps(path: Path, cube: Cube, fitted: Model) -> None:
    """Write the parameters of `fitted`, with their units and the WCS of the cube's sky."""
    header = fits.Header() if cube.sky is None else cube.sky.to_header()
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus[0].header["OBJECT"] = cube.name
    for name in fitted.param_names:
        parameter = getattr(fitted, name)
        hdu = fits.ImageHDU(np.asarray(parameter.value), header, name=name)
        hdu.header["BUNIT"] = _unit_text(parameter.unit)
        hdus.append(hdu)
    with replacing(path) as partial:
        hdus.writeto(partial, overwrite=True)


def _unit_text(unit: u.UnitBase) -> str:
    """The unit as FITS writes it, or as astropy does where the standard has no name for it (DN, electron)."""
    try:
        return str(unit.to_string("fits"))
    except ValueError:
        return str(unit)
