"""
Outliers, and counts
====================

Least squares is wrong for samples with outliers, and for few counts. A loss, clipping, and the likelihood of counts are
one option each.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.modeling.models import Const1D, Gaussian1D

import ndfit

rng = np.random.default_rng(5)
x = np.linspace(-5, 5, 60)
model = Gaussian1D(4, 0.2, 1.1) + Const1D(0.5)

# %%
# Outliers
# --------
# One sample of twenty is wrong by up to 30 standard deviations. The histograms are the fitted amplitudes of 1,000
# spectra; the true one is 5.

spectra = 5.0 * np.exp(-0.5 * x**2) + 1.0 + rng.normal(0.0, 0.3, (1000, 60))
wrong = rng.random(spectra.shape) < 0.05
spectra[wrong] += rng.uniform(0.0, 9.0, wrong.sum())
how = {"least squares": {}, "loss='soft_l1'": {"loss": "soft_l1"}, "clip=4": {"clip": 4.0}}
figure, axes = plt.subplots(layout="constrained")
for name, options in how.items():
    result = ndfit.fit(
        model, spectra, fitting_axes=1, world=(x,), uncertainty=0.3, **options
    )
    amplitudes = result.parameters["amplitude_0"]
    axes.hist(amplitudes, bins=np.linspace(3, 8, 60), histtype="step", label=name)
    low, middle, high = np.percentile(amplitudes, [16, 50, 84])
    print(f"{name:15} {middle:.2f} ({low:.2f} to {high:.2f})")
axes.axvline(5.0, color="k", linewidth=0.8)
axes.set_xlabel("fitted amplitude")
axes.legend()

# %%
# Counts
# ------
# A line of three counts at its peak, on a background of one. With weights from the counts themselves, least squares
# comes out low; ``statistic="cash"`` does not.

counts = rng.poisson(3.0 * np.exp(-0.5 * x**2) + 1.0, (1000, 60)).astype(float)
start = Gaussian1D(2, 0.2, 1.1, bounds={"stddev": (0.2, 3.0)}) + Const1D(0.8)
sigma = np.sqrt(np.maximum(counts, 1.0))
squares = ndfit.fit(start, counts, fitting_axes=1, world=(x,), uncertainty=sigma)
cash = ndfit.fit(start, counts, fitting_axes=1, world=(x,), statistic="cash")
figure, axes = plt.subplots(layout="constrained")
for name, result in (("least squares", squares), ("statistic='cash'", cash)):
    background = result.parameters["amplitude_1"]
    axes.hist(background, bins=np.linspace(0, 2, 60), histtype="step", label=name)
    print(f"{name:18} {np.median(background):.2f}")
axes.axvline(1.0, color="k", linewidth=0.8)
axes.set_xlabel("fitted background [counts]")
axes.legend()
