"""Frames: the four corners of a printed box in a photo, and the sheet straightened by them."""

from __future__ import annotations

import cc3d
import numpy as np
from PIL import Image, ImageFilter

from inkdigits import features
from inkdigits.errors import ImageError

Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]

#: Frames are looked for in a picture of at most this many pixels a side.
_SIDE = 700
#: Lines are narrower than so many of them side by side are wide as the picture, and darker by some levels and a share.
_WINDOWS, _DARKER_LEVELS, _DARKER = 100, 8, 0.06
#: A frame's four corners enclose at least this share of the picture.
_LEAST_AREA = 0.08
#: … and its lines run along this share of every side.
_LEAST_DRAWN = 0.6
#: Longest side of a straightened sheet in pixels.
_LONGEST_SHEET = 4000


def find_corners(picture: np.ndarray) -> Corners:
    """The corners of the largest frame: top left, top right, bottom right, bottom left, as shares of width and height.

    Args:
        picture: uint8 (H, W).

    Raises:
        ImageError: there is no frame.
    """
    reduced = features.reduced(picture, _SIDE)
    # Lines are what a grey closing fills: dark, and narrow, unlike the table on which a sheet lies.
    window = 2 * (max(reduced.shape) // _WINDOWS) + 1
    closed = Image.fromarray(reduced).filter(ImageFilter.MaxFilter(window)).filter(ImageFilter.MinFilter(window))
    levels = np.asarray(closed, np.float32)
    pieces = features.connected_pieces(levels - reduced > np.maximum(_DARKER_LEVELS, _DARKER * levels))
    height, width = reduced.shape
    best, corners = 0.0, None
    for number, (ys, xs, *_) in enumerate(cc3d.statistics(pieces)["bounding_boxes"]):
        if not number or (ys.stop - ys.start) * (xs.stop - xs.start) < _LEAST_AREA * height * width:
            continue
        piece = pieces == number
        rows, columns = np.nonzero(piece)
        falling, rising = rows + columns, columns - rows
        order = [falling.argmin(), rising.argmax(), falling.argmax(), rising.argmin()]
        found = np.array([(columns[i] + 0.5, rows[i] + 0.5) for i in order])
        area, drawn = _area(found), _drawn_share(piece, found)
        if area * drawn > best and area >= _LEAST_AREA * height * width and drawn >= _LEAST_DRAWN:
            best, corners = area * drawn, found
    if corners is None:
        raise ImageError("no frame was found in the picture: give its four corners in the template")
    (a, b), (c, d), (e, f), (g, h) = (corners / (width, height)).tolist()
    return (a, b), (c, d), (e, f), (g, h)


def _drawn_share(piece: np.ndarray, corners: np.ndarray) -> float:
    """Share of the straight sides between four corners along which a piece, bool (H, W), really runs; of the worst side."""
    near = np.asarray(Image.fromarray(piece.astype(np.uint8)).filter(ImageFilter.MaxFilter(2 * (_SIDE // 100) + 1)))
    along = np.linspace(0, 1, 60)[:, None]
    shares = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        x, y = np.clip((start + (end - start) * along).astype(int), 0, (piece.shape[1] - 1, piece.shape[0] - 1)).T
        shares.append(float(near[y, x].mean()))
    return min(shares)


def _area(corners: np.ndarray) -> float:
    """Area of a polygon, float (N, 2); Source: the shoelace formula."""
    following = np.roll(corners, -1, axis=0)
    return abs(float((corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum())) / 2


def straightened(picture: np.ndarray, corners: Corners, aspect: float | None = None) -> np.ndarray:
    """The sheet between four corners as if it lay flat before the eye: uint8 (H, W).

    Args:
        picture: uint8 (H, W).
        corners: Top left, top right, bottom right, bottom left, as shares of width and height.
        aspect: Width over height of the result; by default as the sides are long.

    Raises:
        ImageError: the corners don't span a sheet.
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
    return np.asarray(
        image.transform(flat, Image.Transform.PERSPECTIVE, _perspective(target, points), Image.Resampling.BICUBIC)
    )


def _perspective(source: np.ndarray, target: np.ndarray) -> list[float]:
    """The eight numbers of the perspective map that takes four points, float (4, 2), to four others."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    found: list[float] = np.linalg.solve(np.array(rows), np.array(values)).tolist()
    return found
