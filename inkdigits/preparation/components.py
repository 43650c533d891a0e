"""Connected components of ink: which of them are a digit, and which are specks, frames, rulings and neighbours."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray

from inkdigits.preparation.ink import border

#: Components with less than this share of all ink, in thousandths, are specks.
_SPECK_PERMILLE = 15
#: Smaller pictures have no room for a frame: what touches their border is the digit.
FRAMED_SIDE = 32
#: A component at the border is debris if less than this share of it lies further within the picture than the margin, which
#: is so much of the shorter side, both in percent …
_WITHIN_PERCENT, _MARGIN_PERCENT = 15, 15
#: … or if it touches the border so far apart, in percent of the longer side, and this share of all ink does not touch it.
_FRAME_PERCENT, _INNER_PERCENT = 40, 8


def connected_components(mask: NDArray[np.bool_]) -> NDArray[np.unsignedinteger]:
    """Number the components of a bool mask (H, W) that hang together, corners included: unsigned (H, W), 0 = none."""
    # As uint8: cc3d's own way for bool arrays leaves some components in two (4.1.1; tests/preparation compares).
    return cc3d.connected_components(mask.astype(np.uint8), connectivity=8)


def without_debris(inked: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink of one digit, uint8 (H, W), without what is no part of it: specks, and pieces of a frame or of a neighbour."""
    components = connected_components(inked > 0)
    keep = _no_specks(components, inked)
    keep[frame_components(components, inked)] = False
    return np.where(keep[components], inked, 0).astype(np.uint8)


def without_specks(inked: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink, uint8 (H, W), without its specks."""
    components = connected_components(inked > 0)
    return np.where(_no_specks(components, inked)[components], inked, 0).astype(np.uint8)


def _no_specks(components: NDArray[np.unsignedinteger], inked: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which components, by number, are more than specks; bool (components,)."""
    weights = _weights(components, inked)
    keep: NDArray[np.bool_] = 1000 * weights >= _SPECK_PERMILLE * weights.sum()
    return keep


def _weights(components: NDArray[np.unsignedinteger], inked: NDArray[np.uint8], count: int = 0) -> NDArray[np.int64]:
    """The ink of each component, by number; int64. Sums of float64 are exact here."""
    return np.bincount(components.ravel(), weights=inked.ravel(), minlength=count).astype(np.int64)


def frame_components(components: NDArray[np.unsignedinteger], inked: NDArray[np.uint8]) -> NDArray[np.unsignedinteger]:
    """Numbers of the components at the picture's border that are no digits: of a frame, a ruling or a neighbour.

    That is a component which lies almost wholly in the margin, or one that touches the border at places far apart while a fair
    part of the ink lies free of it.

    Args:
        components: unsigned (H, W), as ``connected_components`` numbers them.
        inked: uint8 (H, W).
    """
    at_border = np.unique(border(components))
    at_border = at_border[at_border > 0]
    height, width = inked.shape
    if not at_border.size or min(height, width) < FRAMED_SIDE:
        return at_border[:0]
    margin = _MARGIN_PERCENT * min(height, width) // 100
    inside = np.s_[margin : height - margin, margin : width - margin]
    weights = _weights(components, inked)
    within = _weights(components[inside], inked[inside], len(weights))
    frame = 100 * within[at_border] < _WITHIN_PERCENT * weights[at_border]
    if 100 * (weights.sum() - weights[at_border].sum()) >= _INNER_PERCENT * weights.sum():
        frame |= 100 * _reach_along_border(components, at_border) >= _FRAME_PERCENT * max(height, width)
    return at_border[frame]


def _reach_along_border(components: NDArray[np.unsignedinteger], numbers: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    """How far apart the places lie where each component touches the border, in pixels along a side; int64 (numbers,).

    A ruling runs along a side or through the picture; a digit that is cut close touches at a tip.
    """
    height, width = components.shape
    across, down = np.arange(width), np.arange(height)
    rows = np.concatenate([np.zeros(width, np.int64), np.full(width, height - 1), down, down])
    columns = np.concatenate([across, across, np.zeros(height, np.int64), np.full(height, width - 1)])
    order = np.full(int(components.max()) + 1, -1)
    order[numbers] = np.arange(len(numbers))
    which = order[components[rows, columns]]
    reach = np.zeros(len(numbers), np.int64)
    for at in (rows, columns):
        first, last = np.full(len(numbers), np.iinfo(np.int64).max), np.zeros(len(numbers), np.int64)
        np.minimum.at(first, which[which >= 0], at[which >= 0])
        np.maximum.at(last, which[which >= 0], at[which >= 0])
        reach = np.maximum(reach, last - first + 1)
    return reach
