"""What the bits of a map of flags say.

Flows in: flags, as numbers or maps. Flows out: their names, and where an answer is not to be believed.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndfit.status import FLAGS

__all__ = ["decode_flags", "disqualified"]


def decode_flags(flags: ArrayLike) -> Any:
    """Names of the flags that are set.

    Parameters
    ----------
    flags : int or array of int
        Of a `FitResult`, or one element of its map.

    Returns
    -------
    tuple of str, or array of them
        The names, in the order of `ndfit.FLAGS`; empty where no flag is set. For an array, an array of objects of its
        shape, each such a tuple.

    Raises
    ------
    TypeError
        Something else than whole numbers.
    ValueError
        A bit that is in no row of `ndfit.FLAGS`.

    See Also
    --------
    disqualified : where flags say that an answer is not to be believed.
    FLAGS : what each flag means, and what to do about it.

    Examples
    --------
    >>> import numpy as np
    >>> import ndfit
    >>> ndfit.decode_flags(3)
    ('AT_BOUND', 'SINGULAR')
    >>> ndfit.decode_flags(np.array([0, 16], dtype=np.uint32)).tolist()
    [(), ('OUT_OF_RANGE',)]
    >>> [ndfit.FLAGS[flag].remedy for flag in ndfit.FLAGS if flag & 2]
    ['fix or tie parameters, or use a simpler model here']
    """
    codes = _codes(flags)
    found, places = np.unique(codes, return_inverse=True)
    if not codes.ndim:
        return _names(int(codes))
    names = np.empty(found.size, dtype=object)
    for place, code in enumerate(found):
        names[place] = _names(int(code))
    return names[places.reshape(codes.shape)]


def disqualified(flags: ArrayLike) -> NDArray[np.bool_]:
    """Where flags say that values and errors are not to be believed as they stand.

    Parameters
    ----------
    flags : int or array of int
        Of a `FitResult`.

    Returns
    -------
    array of bool
        Of the shape of `flags`: whether a flag is set whose row of `ndfit.FLAGS` disqualifies an answer.

    Raises
    ------
    TypeError
        Something else than whole numbers.
    ValueError
        A bit that is in no row of `ndfit.FLAGS`.

    See Also
    --------
    decode_flags : names of the flags.

    Examples
    --------
    >>> import ndfit
    >>> ndfit.disqualified([0, ndfit.Flag.UNDERSAMPLED, ndfit.Flag.SINGULAR])
    array([False, False,  True])
    """
    bits = sum(flag for flag, row in FLAGS.items() if row.disqualifies)
    return np.asarray(_codes(flags) & bits, dtype=bool)


def _codes(flags: ArrayLike) -> NDArray[np.int64]:
    codes = np.asarray(flags)
    if codes.dtype.kind not in "iu":
        raise TypeError(f"flags should be whole numbers, as the map `flags` of a result holds them, got {flags!r}")
    codes = codes.astype(np.int64)
    unknown = codes & ~np.int64(sum(FLAGS))
    if unknown.any():
        raise ValueError(f"flags should be sums of {', '.join(map(str, FLAGS))}, got {codes[unknown != 0].flat[0]}")
    return codes


@cache
def _names(code: int) -> tuple[str, ...]:
    return tuple(str(row.flag.name) for flag, row in FLAGS.items() if code & flag)
