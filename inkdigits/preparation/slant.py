"""Writing that leans: how much, and the same writing upright.

Steep digits stand above one another's feet, and a recogniser that reads column by column takes two of them for one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.preparation.strip import STRIP_HEIGHT, STRIP_PAPER, STRIP_STEP

#: Slants that are tried, in pixels to the right for each pixel upwards.
SLANTS = np.arange(-6, 15) / 10
#: They are tried on a strip of half the size, of which so many levels above the paper are no ink.
_HALF, _FAINT = 2, 32


def slant(image: NDArray[np.uint8]) -> float:
    """How far the writing in a strip leans to the right, in pixels for each pixel upwards.

    Upright writing has columns that are full of ink and others that have none: of all slants, the one is taken whose columns
    differ most. Source: A. Vinciarelli and J. Luettin, "A new normalization technique for cursive handwritten words", 2001.

    Args:
        image: uint8 (40, W), as ``strip`` makes it.
    """
    height, width = STRIP_HEIGHT // _HALF, image.shape[1] // _HALF
    levels = image[: height * _HALF, : width * _HALF].reshape(height, _HALF, width, _HALF).mean((1, 3))
    ink = np.maximum(levels - (STRIP_PAPER + _FAINT), 0)
    rows = np.arange(height)
    shifts = np.rint(SLANTS[:, None] * (rows - (height - 1) / 2)).astype(int)
    furthest = int(np.abs(shifts).max())
    columns = width + 2 * furthest
    # All slants at once: each row of ink is added to where it lies when that slant is undone.
    places = (np.arange(len(SLANTS))[:, None] * columns + furthest + shifts)[..., None] + np.arange(width)
    sums = np.bincount(places.ravel(), np.broadcast_to(ink, (len(SLANTS), *ink.shape)).ravel(), len(SLANTS) * columns)
    return float(SLANTS[(sums.reshape(len(SLANTS), columns) ** 2).sum(1).argmax()])


def upright(image: NDArray[np.uint8], by: float) -> NDArray[np.uint8]:
    """A strip whose writing leans, set upright.

    Args:
        image: uint8 (40, W), as ``strip`` makes it.
        by: Its slant.

    Returns:
        uint8 (40, W'), wider by what leans out on both sides, W' a multiple of 32.
    """
    height, width = image.shape
    columns = width + math.ceil(abs(by) * height)
    size = columns + -columns % STRIP_STEP, height
    # PIL asks of every place where it comes from.
    moves = (1, -by, leant(by, 0), 0, 1, 0)
    straight = Image.fromarray(image).transform(
        size, Image.Transform.AFFINE, moves, Image.Resampling.BILINEAR, fillcolor=STRIP_PAPER
    )
    return np.asarray(straight)


def leant(by: float, y: float) -> float:
    """How much further right than in the upright strip a place lies in the leaning one.

    Args:
        by: The slant that was undone.
        y: From the strip's upper edge, in pixels.
    """
    return by * (STRIP_HEIGHT / 2 - y) - abs(by) * STRIP_HEIGHT / 2
