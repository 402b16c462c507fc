"""
A velocity map from a cube
==========================

One line is fitted at every position of a spectral cube, and positions that mean nothing are left out of the map.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.modeling.models import Gaussian1D
from astropy.wcs import WCS

import ndfit

# %%
# The data
# --------
# A rotating disc of 40 x 40 positions with 60 channels, and noise of 0.1 K. Any cube with a WCS, read with
# ``astropy.io.fits``, takes its place.

rng = np.random.default_rng(1)
velocity = np.linspace(-300, 300, 60)
y, x = np.mgrid[-1:1:40j, -1:1:40j]
brightness = 2.0 * np.exp(-2.0 * (x**2 + y**2) / 0.5)
centre = 150.0 * x / np.hypot(0.3, np.hypot(x, y))
lines = np.exp(-0.5 * ((velocity[:, None, None] - centre) / 40.0) ** 2)
cube = (brightness * lines + rng.normal(0.0, 0.1, lines.shape)) * u.K

wcs = WCS(naxis=3)
wcs.wcs.ctype = ["RA---TAN", "DEC--TAN", "VRAD"]
wcs.wcs.cunit = ["deg", "deg", "km/s"]
wcs.wcs.crval = [150.0, 2.0, -300.0]
wcs.wcs.cdelt = [-1e-3, 1e-3, 600.0 / 59]
wcs.wcs.crpix = [20.5, 20.5, 1.0]

# %%
# The fit
# -------
# The spectral axis is the first of the array: the model runs along axis 0. Parameters have units, and are converted to
# those of the WCS.

line = Gaussian1D(1 * u.K, mean=0 * u.km / u.s, stddev=40 * u.km / u.s)
result = ndfit.fit(line, cube, world=wcs, fitting_axes=0, uncertainty=0.1 * u.K)
print(result.summary())

# %%
# Which positions to believe
# --------------------------
# A fit that converged may still have found a line in noise. Here a line counts where its peak is five standard errors
# above zero, its velocity is known to 10 km/s, and no flag says otherwise.

peak, error = result.parameters["amplitude"], result.errors["amplitude"]
known = result.success & ~ndfit.disqualified(result.flags)
known &= (peak > 5 * error) & (result.errors["mean"] < 10 * u.km / u.s)
shown = np.where(known, result.parameters["mean"].to_value(u.km / u.s), np.nan)

figure, axes = plt.subplots(subplot_kw={"projection": result.wcs})
picture = axes.imshow(shown, origin="lower", cmap="RdBu_r", vmin=-150, vmax=150)
figure.colorbar(picture, label="velocity [km/s]")
axes.set(xlabel="right ascension", ylabel="declination")
print(f"{known.mean():.0%} of the positions have a line")
