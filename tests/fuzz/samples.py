"""Samples of a set-up: noise, uncertainties, masks, gaps, losses.

Flows in: true models. Flows out: Samples, and what was drawn in words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOSSES", "Samples", "draw_samples"]

FloatArray = NDArray[np.float64]
Rng = np.random.Generator

LOSSES = ("huber", "soft_l1", "cauchy", "arctan")


@dataclass(frozen=True)
class Samples:
    """Data of N positions and what is said of them.

    Attributes
    ----------
    data : shape (N, *shape), the last input's axis first
    uncertainty : shape (N, *shape) or (*shape), or None
    mask : shape (N, *shape), True where a sample is to be ignored; or None
    loss, f_scale, statistic : as in `ndfit.fit`
    """

    data: NDArray[Any]
    uncertainty: FloatArray | None
    mask: NDArray[np.bool_] | None
    loss: str = "linear"
    f_scale: float = 1.0
    statistic: str = "chi2"

    def keywords(self) -> dict[str, Any]:
        return {
            "data": self.data,
            "uncertainty": self.uncertainty,
            "mask": self.mask,
            "loss": self.loss,
            "f_scale": self.f_scale,
            "statistic": self.statistic,
        }

    def row(self, position: int) -> tuple[FloatArray, FloatArray | None, NDArray[np.bool_]]:
        """Data, 1/sigma or None, and which samples are used, each flat, of one position."""
        data = np.asarray(self.data[position], float).ravel()
        used = np.isfinite(data)
        if self.mask is not None:
            used &= ~self.mask[position].ravel()
        if self.uncertainty is None:
            return data, None, used
        sigma = np.broadcast_to(self.uncertainty, self.data.shape)[position].ravel()
        return data, 1.0 / sigma, used


def draw_samples(
    rng: Rng,
    build: Callable[[Sequence[Any]], Any],
    coords: tuple[FloatArray, ...],
    sizes: tuple[int, ...],
    truth: FloatArray,
    counts: bool,
) -> tuple[Samples, dict[str, str]]:
    """Samples of every position, and the kinds of noise, weights, mask and loss."""
    shape = (len(truth), *reversed(sizes))
    model = build(truth[0])
    with np.errstate(all="ignore"):
        clean = np.stack([np.broadcast_to(model.evaluate(*coords, *row), coords[0].shape) for row in truth])
    clean = np.where(np.isfinite(clean), clean, 0.0).reshape(shape)
    if counts:
        return _counts(rng, clean)
    signal = float(np.median(np.ptp(clean.reshape(len(truth), -1), axis=1))) or float(np.abs(clean).max()) or 1.0
    quality = ("S/N 2 to 10", "S/N 10 to 1000", "noise alone", "no noise")[rng.choice(4, p=(0.3, 0.62, 0.04, 0.04))]
    ratio = 10.0 ** (rng.uniform(0.3, 1.0) if quality == "S/N 2 to 10" else rng.uniform(1.0, 3.0))
    noise = signal / ratio
    if quality == "noise alone":
        clean, noise = np.zeros(shape), signal / 3.0
    weighting = ("none", "uniform", "heteroscedastic", "one tiny", "wrong by a factor")[
        rng.choice(5, p=(0.33, 0.25, 0.25, 0.11, 0.06))
    ]
    sigma, uncertainty = _sigma(rng, weighting, noise, shape)
    data = clean + (0.0 if quality == "no noise" else 1.0) * sigma * rng.standard_normal(shape)
    loss, f_scale = "linear", 1.0
    if rng.random() < 0.2:
        loss = LOSSES[rng.integers(len(LOSSES))]
        f_scale = float(rng.uniform(0.7, 3.0) * (1.0 if uncertainty is not None else noise))
        data += np.where(rng.random(shape) < 0.06, noise * rng.uniform(20.0, 100.0, shape), 0.0)
    gaps, data, mask = _gaps(rng, data)
    kind = "float64"
    if rng.random() < 0.15 and np.abs(data[np.isfinite(data)]).max(initial=0.0) < 1e37:
        kind, data = "float32", data.astype(np.float32)
    kinds = {"noise": quality, "weights": weighting, "gaps": gaps, "loss": loss, "type": kind}
    return Samples(data, uncertainty, mask, loss, f_scale), kinds


def _sigma(rng: Rng, weighting: str, noise: float, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray | None]:
    """The size of the noise, and what the caller is told of it."""
    uniform = np.full(shape, noise)
    if weighting == "none":
        return uniform, None
    if weighting == "uniform":
        return uniform, uniform[0]
    if weighting == "heteroscedastic":
        sigma = noise * np.exp(rng.uniform(0.2, 1.5) * rng.standard_normal(shape))
        return sigma, sigma
    if weighting == "wrong by a factor":
        return uniform, uniform * 10.0 ** rng.uniform(-3.0, 3.0)
    # A sample that is said to be far more precise than it is, or is.
    told = uniform.copy()
    flat = told.reshape(shape[0], -1)
    flat[np.arange(shape[0]), rng.integers(flat.shape[1], size=shape[0])] *= 10.0 ** rng.uniform(-6.0, -1.5)
    return (uniform if rng.random() < 0.5 else told), told


def _gaps(rng: Rng, data: FloatArray) -> tuple[str, FloatArray, NDArray[np.bool_] | None]:
    kind = ("none", "mask", "NaN", "mask and NaN")[rng.choice(4, p=(0.7, 0.12, 0.12, 0.06))]
    mask = rng.random(data.shape) < rng.uniform(0.02, 0.25) if "mask" in kind else None
    if "NaN" in kind:
        data = np.where(rng.random(data.shape) < rng.uniform(0.02, 0.2), np.nan, data)
        data[-1] = np.nan
    return kind, data, mask


def _counts(rng: Rng, clean: FloatArray) -> tuple[Samples, dict[str, str]]:
    """Counts, their likelihood maximised; or their square root for sigma, as people do, where none is zero."""
    data = rng.poisson(np.clip(clean, 0.0, 1e9)).astype(float)
    kinds = {"noise": "Poisson", "weights": "none", "gaps": "none", "loss": "cash", "type": "float64"}
    if rng.random() < 0.25:
        floor = (1.0, 1e-5)[rng.integers(2)]
        kinds |= {"weights": "root of counts", "loss": "linear"}
        return Samples(data, np.sqrt(np.maximum(data, floor**2)), None), kinds
    gaps, data, mask = _gaps(rng, data)
    return Samples(data, None, mask, statistic="cash"), kinds | {"gaps": gaps}
