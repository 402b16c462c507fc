"""
Lines that belong together
==========================

Three lines of one gas have the same velocity and width, and two of them a known ratio: ties leave four free parameters
of nine.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.modeling.models import Gaussian1D

import ndfit

# %%
# H alpha between the lines of [N II], in Angstrom.

HALPHA, NII_RED, NII_BLUE = 6562.80, 6583.45, 6548.05
rng = np.random.default_rng(3)
wavelength = np.linspace(6520, 6610, 180)
redshift = rng.normal(0.0, 3e-4, 400)
width = 2.0
spectra = sum(
    strength * np.exp(-0.5 * ((wavelength - rest * (1 + redshift[:, None])) / width) ** 2)
    for rest, strength in ((HALPHA, 3.0), (NII_RED, 1.2), (NII_BLUE, 1.2 / 3.06))
)
spectra = spectra + rng.normal(0.0, 0.2, spectra.shape)

# %%
# A tie is a function of the model, as in astropy. It holds at every position.

lines = (
    Gaussian1D(2.0, HALPHA, 1.5, name="halpha")
    + Gaussian1D(1.0, NII_RED, 1.5, name="red")
    + Gaussian1D(0.3, NII_BLUE, 1.5, name="blue")
)
lines.mean_1.tied = lambda model: model.mean_0 * NII_RED / HALPHA
lines.mean_2.tied = lambda model: model.mean_0 * NII_BLUE / HALPHA
lines.stddev_1.tied = lines.stddev_2.tied = lambda model: model.stddev_0
lines.amplitude_2.tied = lambda model: model.amplitude_1 / 3.06
result = ndfit.fit(lines, spectra, fitting_axes=1, world=(wavelength,), uncertainty=0.2)
print(result.free_names)
print(result.summary())

# %%
# The redshifts, beside those that the spectra were made with, in standard errors.

pulls = (result.parameters["mean_0"] / HALPHA - 1 - redshift) / (
    result.errors["mean_0"] / HALPHA
)
print(f"pulls: mean {pulls.mean():.2f}, standard deviation {pulls.std():.2f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
left.step(wavelength, result[0].data, where="mid", color="0.6")
left.plot(wavelength, result[0].fitted)
left.set_xlabel("wavelength [Angstrom]")
right.hist(pulls, bins=25)
right.set_xlabel("(fitted - true redshift) / error")
