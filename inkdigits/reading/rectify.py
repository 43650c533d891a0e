"""Sheets in photos, rectified by their four corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import ImageError
from inkdigits.geometry import Corners, perspective

#: Longest side of a rectified sheet in pixels.
_LONGEST_SHEET = 4000


def rectified(picture: NDArray[np.uint8], corners: Corners, aspect: float | None = None) -> NDArray[np.uint8]:
    """The sheet between four corners as if it lay flat before the eye.

    Args:
        picture: uint8 (H, W).
        corners: Top left, top right, bottom right, bottom left, as shares of width and height.
        aspect: Width over height of the result; by default as the sides are long.

    Returns:
        uint8 (H, W).

    Raises:
        ImageError: The corners don't span a sheet.
    """
    size = np.array([picture.shape[1], picture.shape[0]])
    points = np.array(corners, np.float64) * size
    sides = np.roll(points, -1, axis=0) - points
    turns = sides[:, 0] * np.roll(sides[:, 1], -1) - sides[:, 1] * np.roll(sides[:, 0], -1)
    if not np.isfinite(turns).all() or turns.min() < 1:  # every corner turns clockwise, as the eye sees it
        given = [list(corner) for corner in corners]
        right_order = "top left, top right, bottom right, bottom left"
        raise ImageError(f"the corners {given} span no sheet: give {right_order} as shares in 0 to 1")
    top, right, bottom, left = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1)
    width, height = (top + bottom) / 2, (left + right) / 2
    if aspect:
        width = height = max(width, height)
        width, height = (width, height / aspect) if aspect >= 1 else (width * aspect, height)
    shrink = min(1.0, _LONGEST_SHEET / max(width, height))
    flat = max(1, round(width * shrink)), max(1, round(height * shrink))
    target = np.array([(0, 0), (flat[0], 0), flat, (0, flat[1])], np.float64)
    image = Image.fromarray(picture)
    return np.asarray(image.transform(flat, Image.Transform.PERSPECTIVE, perspective(target, points), Image.Resampling.BICUBIC))
