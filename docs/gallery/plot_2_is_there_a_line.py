"""
Is there a line?
================

Models without a line, with one and with two are fitted, and the simplest that describes each spectrum is chosen.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.modeling.models import Const1D, Gaussian1D

import ndfit

# %%
# A third of the spectra have no line, a third one, and a third two.

rng = np.random.default_rng(2)
x = np.linspace(-10, 10, 100)
truth = np.repeat([0, 1, 2], 100)
spectra = 1.0 + rng.normal(0.0, 0.2, (300, 100))
spectra[truth > 0] += 1.5 * np.exp(-0.5 * (x + 2.0) ** 2)
spectra[truth > 1] += 1.0 * np.exp(-0.5 * (x - 3.0) ** 2)

# %%
# The candidates start from values found in each spectrum. ``margin`` is how much lower the criterion of a model with
# more parameters has to be; with the default of 6, lines are seldom found in noise.

one, two = Gaussian1D() + Const1D(), Gaussian1D() + Gaussian1D() + Const1D()
selection = ndfit.select(
    [Const1D(), one, two],
    spectra,
    fitting_axes=1,
    world=(x,),
    uncertainty=0.2,
    guess="auto",
)
print(selection.summary())
found = np.array(
    [[np.mean(selection.choice[truth == n] == k) for k in range(3)] for n in range(3)]
)
print("rows: lines there are; columns: lines found\n", found.round(2))

# %%
# One of each kind, with the model that was chosen for it.

figure, axes = plt.subplots(3, sharex=True, layout="constrained")
for row, position in zip(axes, (0, 100, 200), strict=True):
    fit = selection[position]
    row.step(x, fit.data, where="mid", color="0.6")
    row.plot(x, fit.fitted)
    row.set_title(f"{selection.choice[position]} lines")
