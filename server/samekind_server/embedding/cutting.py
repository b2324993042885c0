"""Cuts a batch of token ids where its last text ends: exact for towers whose tokens see only what stands before them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Cut = Callable[[Ids], Ids]
End = str | int  # Where a text ends, as it is written down: "context", "largest" or the token that ends it.
STEP = 8  # Lengths are rounded up to it, so that a runtime sees few shapes.


def at(end: End) -> Cut:
    """The way of cutting that was written down."""
    if isinstance(end, int):
        return after(end)
    return {"context": whole, "largest": after_largest}[end]


def whole(ids: Ids) -> Ids:
    """Nothing cut: for towers that look at all of the context."""
    return ids


def after_largest(ids: Ids) -> Ids:
    """Cut after the largest id of each text, which is CLIP's end of text."""
    return _first(ids, ids.argmax(axis=1))


def after(token: int) -> Cut:
    """Cut after the first `token` of each text; a text without one ends, as open_clip has it, at its start."""
    return lambda ids: _first(ids, (ids == token).argmax(axis=1))


def _first(ids: Ids, ends: NDArray[np.intp]) -> Ids:
    longest = -(-(int(ends.max()) + 1) // STEP) * STEP
    return np.ascontiguousarray(ids[:, :longest])
