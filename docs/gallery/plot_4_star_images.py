"""
Images of stars
===============

A 2-D profile is fitted to each image of a stack: place, width and elongation of stars.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.modeling.models import Const2D, Gaussian2D

import ndfit

# %%
# 200 images of 15 x 15 pixels; the stars are elongated more and more along one diagonal.

rng = np.random.default_rng(4)
y, x = np.mgrid[0:15.0, 0:15.0]
n = 200
x_centre, y_centre = rng.uniform(6, 8, (2, n, 1, 1))
ratio = np.linspace(1.05, 2.0, n)[:, None, None]
along = (x - x_centre + y - y_centre) / np.sqrt(2)
across = (y - y_centre - x + x_centre) / np.sqrt(2)
images = 100.0 * np.exp(-0.5 * (along**2 / (1.5 * ratio) ** 2 + across**2 / 1.5**2)) + 10.0
images = images + rng.normal(0.0, 2.0, images.shape)

# %%
# The model's inputs are x and y, and these are the axes 2 and 1 of the array.

star = Gaussian2D(80, 7, 7, 1.6, 1.4, theta=0.5) + Const2D(8)
result = ndfit.fit(star, images, fitting_axes=(2, 1), uncertainty=2.0)
print(result.summary())

# %%
# The elongation with its error, and one star with its fit.

major, minor = result.parameters["x_stddev_0"], result.parameters["y_stddev_0"]
elongation = np.maximum(major, minor) / np.minimum(major, minor)
relative = [
    result.errors[name] / result.parameters[name] for name in ("x_stddev_0", "y_stddev_0")
]
error = elongation * np.hypot(*relative)
figure, axes = plt.subplots(layout="constrained")
axes.errorbar(ratio.ravel(), elongation, error, fmt=".", alpha=0.5)
axes.plot([1, 2], [1, 2], color="k")
axes.set(xlabel="true elongation", ylabel="fitted elongation")

result.plot_fit(150)
