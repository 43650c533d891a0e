"""Frames: the four corners of a printed box in a photo, and the sheet rectified by them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from inkdigits.errors import ImageError
from inkdigits.geometry import Corners, perspective, polygon_area
from inkdigits.preparation.components import component_boxes, connected_components
from inkdigits.preparation.ink import reduced

#: Frames are looked for in a picture of at most this many pixels a side.
_SIDE = 700
#: Lines are narrower than so many of them side by side are wide as the picture, and darker by some levels and a share.
_WINDOWS, _DARKER_LEVELS, _DARKER = 100, 8, 0.06
#: A frame's four corners enclose at least this share of the picture.
_LEAST_AREA = 0.08
#: … and its lines run along this share of every side.
_LEAST_DRAWN = 0.6
#: Longest side of a rectified sheet in pixels.
_LONGEST_SHEET = 4000


def find_corners(picture: NDArray[np.uint8]) -> Corners:
    """The corners of the largest frame.

    Args:
        picture: uint8 (H, W).

    Returns:
        top left, top right, bottom right, bottom left, as shares of width and height.

    Raises:
        ImageError: There is no frame.
    """
    small = reduced(picture, _SIDE)
    # Lines are what a grey closing fills: dark, and narrow, unlike the table on which a sheet lies.
    window = 2 * (max(small.shape) // _WINDOWS) + 1
    closed = Image.fromarray(small).filter(ImageFilter.MaxFilter(window)).filter(ImageFilter.MinFilter(window))
    levels = np.asarray(closed, np.float32)
    components = connected_components(levels - small > np.maximum(_DARKER_LEVELS, _DARKER * levels))
    height, width = small.shape
    largest, corners = 0.0, None
    for number, (left, top, right, bottom) in enumerate(component_boxes(components), start=1):
        if (bottom - top) * (right - left) < _LEAST_AREA * height * width:
            continue
        lines = components == number
        rows, columns = np.nonzero(lines)
        falling, rising = rows + columns, columns - rows
        order = [falling.argmin(), rising.argmax(), falling.argmax(), rising.argmin()]
        found = np.array([(columns[i] + 0.5, rows[i] + 0.5) for i in order])
        area, drawn = polygon_area(found), _drawn_share(lines, found)
        if area * drawn > largest and area >= _LEAST_AREA * height * width and drawn >= _LEAST_DRAWN:
            largest, corners = area * drawn, found
    if corners is None:
        raise ImageError("no frame was found in the picture: give its four corners in the template")
    (a, b), (c, d), (e, f), (g, h) = (corners / (width, height)).tolist()
    return (a, b), (c, d), (e, f), (g, h)


def _drawn_share(lines: NDArray[np.bool_], corners: NDArray[np.float64]) -> float:
    """Share of the straight sides between four corners along which lines, bool (H, W), really run; of the worst side."""
    near = np.asarray(Image.fromarray(lines.astype(np.uint8)).filter(ImageFilter.MaxFilter(2 * (_SIDE // 100) + 1)))
    along = np.linspace(0, 1, 60)[:, None]
    shares = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        x, y = np.clip((start + (end - start) * along).astype(int), 0, (lines.shape[1] - 1, lines.shape[0] - 1)).T
        shares.append(float(near[y, x].mean()))
    return min(shares)


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
