"""Where a model is evaluated, and what each sample sees of it.

Flows in: arrays at the places of one fit, L of them, or of many. Flows out: what its M samples see.

Without an instrument the places are the samples. With one, each sample sees a weighted sum of model values at n of the
places. That is linear, so that derivatives and basis functions are seen in
the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray

__all__ = ["Places", "Response"]


@dataclass(frozen=True, eq=False)
class Response:
    """A matrix with few entries in each row.

    Attributes
    ----------
    columns : shape (M, n) int64, which places each sample sees, in ascending order; what repeats one has no weight
    coefficients : shape (M, n), or (N, M, n) where each fit has its own
    n_places : L
    """

    columns: NDArray[np.int64]
    coefficients: FloatArray
    n_places: int

    def __post_init__(self) -> None:
        for name in ("columns", "coefficients"):  # compiled code reads them one after the other
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name)))

    @classmethod
    def of_band(cls, first: NDArray[np.int64], coefficients: FloatArray, n_places: int) -> Response:
        """Each sample sees neighbouring places from its `first` one on, as far as there are any."""
        columns = first[:, np.newaxis] + np.arange(coefficients.shape[-1])
        inside = np.clip(columns, 0, n_places - 1)
        return cls(inside, np.where(inside == columns, coefficients, 0.0), n_places)

    @property
    def is_shared(self) -> bool:
        """Whether all fits have the same."""
        return self.coefficients.ndim == 2

    @property
    def n_samples(self) -> int:
        return len(self.columns)

    def seen(self, values: FloatArray) -> FloatArray:
        """What samples see of values (N or 1, ..., L): (N, ..., M)."""
        coefficients = self.coefficients
        if not self.is_shared:
            middle = (1,) * (values.ndim - 2)
            coefficients = coefficients.reshape(len(coefficients), *middle, *coefficients.shape[1:])
        total: Any = 0.0
        for tap in range(self.columns.shape[1]):
            total = total + coefficients[..., tap] * values[..., self.columns[:, tap]]
        return np.asarray(total)

    def take(self, rows: NDArray[Any] | slice) -> Response:
        """That of some fits."""
        return self if self.is_shared else replace(self, coefficients=self.coefficients[rows])

    def scaled(self, weights: FloatArray) -> Response:
        """The same with every sample multiplied by its weight, (M,) or (N, M)."""
        return replace(self, coefficients=self.coefficients * weights[..., np.newaxis])

    def __matmul__(self, other: Response) -> Response:
        """What samples see whose places are the samples of another response."""
        places = other.columns[self.columns]  # (M, n, n of the other)
        columns, where = _merged(places.reshape(len(places), -1))
        where = where.reshape(places.shape)
        leading = np.broadcast_shapes(self.coefficients.shape[:-2], other.coefficients.shape[:-2])
        coefficients = np.zeros((*leading, *columns.shape))
        rows = np.arange(len(columns))
        for tap, other_tap in np.ndindex(places.shape[1:]):
            own = self.coefficients[..., tap] * other.coefficients[..., self.columns[:, tap], other_tap]
            coefficients[..., rows, where[:, tap, other_tap]] += own
        return Response(columns, coefficients, other.n_places)

    def beside(self, other: Response) -> Response:
        """That of a plane of samples, of whose two axes the second is the faster one, from one for each axis."""
        one, two = self.coefficients, other.coefficients
        both = one[..., :, np.newaxis, :, np.newaxis] * two[..., np.newaxis, :, np.newaxis, :]
        columns = self.columns[:, np.newaxis, :, np.newaxis] * other.n_places + other.columns[:, np.newaxis, :]
        n_samples = self.n_samples * other.n_samples
        return Response(
            columns.reshape(n_samples, -1),
            both.reshape(*both.shape[:-4], n_samples, -1),
            self.n_places * other.n_places,
        )

    def blind(self) -> NDArray[np.bool_]:
        """Samples that see nothing, shape (M,) or (N, M)."""
        return np.asarray(~self.coefficients.any(axis=-1))


def _merged(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Different places in each row, (M, n), the first repeated to fill a row, and where each of the given is there."""
    order = np.argsort(places, axis=1, kind="stable")
    ordered = np.take_along_axis(places, order, axis=1)
    rank = np.zeros(places.shape, np.intp)
    rank[:, 1:] = np.cumsum(np.diff(ordered, axis=1) > 0, axis=1)
    columns = np.repeat(ordered[:, :1], rank.max(initial=0) + 1, axis=1)
    np.put_along_axis(columns, rank, ordered, axis=1)
    where = np.empty_like(rank)
    np.put_along_axis(where, order, rank, axis=1)
    return columns, where


@dataclass(frozen=True, eq=False)
class Places:
    """Where the model of some fits is evaluated.

    Attributes
    ----------
    inputs : K arrays of shape (L,), or (N, L) where each fit has its own
    shape : of the places on the fitting axes; their product is L
    response : what samples see; None where the places are the samples
    nodes : places in each sample; 1 where the model is evaluated at the samples
    """

    inputs: tuple[FloatArray, ...]
    shape: tuple[int, ...]
    response: Response | None = None
    nodes: int = 1

    @property
    def n_places(self) -> int:
        return int(np.prod(self.shape))

    @property
    def n_samples(self) -> int:
        return self.n_places if self.response is None else self.response.n_samples

    @property
    def are_shared(self) -> bool:
        """Whether all fits have the same places, and see them in the same way."""
        return not self.own

    @property
    def own(self) -> tuple[FloatArray, ...]:
        """What each fit has of its own, arrays (N, ...)."""
        of_response = () if self.response is None or self.response.is_shared else (self.response.coefficients,)
        return (*(axis for axis in self.inputs if axis.ndim == 2), *of_response)

    def take(self, rows: NDArray[Any] | slice) -> Places:
        """Those of some fits."""
        inputs = tuple(axis if axis.ndim == 1 else axis[rows] for axis in self.inputs)
        return replace(self, inputs=inputs, response=self.response and self.response.take(rows))

    def one(self, row: int) -> Places:
        """Those of one fit, as if all had them."""
        inputs = tuple(axis if axis.ndim == 1 else axis[row] for axis in self.inputs)
        response = self.response
        if response is not None and not response.is_shared:
            response = replace(response, coefficients=response.coefficients[row])
        return replace(self, inputs=inputs, response=response)

    def seen(self, values: FloatArray) -> FloatArray:
        """What samples see of values at the places, (N, ..., L): (N, ..., M)."""
        return values if self.response is None else self.response.seen(values)
