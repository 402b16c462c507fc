"""The samples of a region, brought to where they are needed.

Flows in: Inputs whose arrays may be lazy or mapped from files. Flows out: the same in memory, or ready to travel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ndfit.errors import LoadError
from ndfit.problem.block import Inputs
from ndfit.problem.deferred import is_lazy
from ndfit.problem.mapped import read_if_mapped

__all__ = ["culled", "load", "read_maps"]


def load(inputs: Inputs) -> Inputs:
    """Inputs with every array in memory; computed in this thread, as whole regions are what runs in parallel.

    Raises
    ------
    LoadError
        An array cannot be read or computed.
    """
    with _reading(inputs):
        return inputs.with_samples(inputs.samples.load())


def read_maps(inputs: Inputs) -> Inputs:
    """Inputs with what is mapped in memory, before they are copied to another process.

    Raises
    ------
    LoadError
        An array cannot be read.
    """
    with _reading(inputs):
        return inputs.with_samples(inputs.samples.each(read_if_mapped))


def culled(inputs: Inputs) -> Inputs:
    """Inputs whose lazy arrays bring no more of their graphs than they need, before they go to another process."""
    return inputs.with_samples(inputs.samples.each(_culled))


def _culled(array: Any) -> Any:
    if not is_lazy(array):
        return array
    rebuild, arguments = array.__dask_postpersist__()
    return rebuild(array.__dask_optimize__(array.__dask_graph__(), array.__dask_keys__()), *arguments)


@contextmanager
def _reading(inputs: Inputs) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever stands behind a lazy array may raise anything
        first, last = inputs.positions[0], inputs.positions[-1]
        raise LoadError(
            f"the data of the positions {first} to {last} of the maps, counted in the order of their axes, cannot be "
            f"read: {type(error).__name__}: {error}"
        ) from error
