"""A picture of a line → a strip of 40 rows, as the line recogniser sees it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.preparation.ink import MIN_CONTRAST, checked, percentile100, resized, twice_median

#: Height of the strips in pixels, and what their widths are multiples of.
STRIP_HEIGHT, STRIP_STEP = 40, 32
#: Longest strip; a wider picture is squeezed.
STRIP_LONGEST = 4096
#: Levels of the paper and of full ink in a strip.
STRIP_PAPER, _INK = 64, 224
#: Full ink is this percentile of what is darker than the paper.
_FULL_PERCENTILE = 98
_NARROWEST = 8


def strip(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture of a line as the line recogniser's input.

    The picture is scaled to the strip's height, its ink made light and its contrast stretched; paper is added up to
    the next multiple of 32 columns. Nothing is cut away: the network has learnt to look past paper and print.

    Args:
        picture: uint8 (H, W), dark ink on light paper or the other way round.

    Returns:
        uint8 (40, W), W a multiple of 32, 64 = paper, 224 = ink.

    Raises:
        ImageError: The array is no grey picture.
    """
    height, width = checked(picture).shape
    columns = _strip_width(width, height)
    method = Image.Resampling.BICUBIC if height < STRIP_HEIGHT else Image.Resampling.BOX
    levels = resized(picture, columns, STRIP_HEIGHT, method)
    # In halves of a level, since the median may lie between two.
    depth = twice_median(np.bincount(levels.ravel(), minlength=256)) - 2 * levels.astype(np.int64)
    # Ink is what is rare and far from the paper, so the third power weighs it against shadows, which are wide and shallow.
    # The outer parts don't vote: a brighter or darker neighbour of the line often shows there.
    inner = depth[STRIP_HEIGHT // 8 : -STRIP_HEIGHT // 8, columns // 12 : columns - columns // 12]
    if (inner**3).sum() < 0:
        depth = -depth
    # Percentiles of depths of −510 to 510, in 200ths of a level.
    full = percentile100(np.bincount(depth.ravel() + 510, minlength=1021), _FULL_PERCENTILE) - 51_000
    full = max(full, 200 * MIN_CONTRAST)
    stretched = np.clip(STRIP_PAPER + 100 * (_INK - STRIP_PAPER) * depth // full, 0, 255).astype(np.uint8)
    return np.pad(stretched, ((0, 0), (0, -columns % STRIP_STEP)), constant_values=STRIP_PAPER)


def _strip_width(width: int, height: int) -> int:
    return min(max(round(width * STRIP_HEIGHT / height), _NARROWEST), STRIP_LONGEST)


def strip_scale(shape: tuple[int, ...]) -> float:
    """Horizontal strip pixels for each pixel of a picture of this shape (H, W)."""
    return _strip_width(shape[1], shape[0]) / shape[1]
