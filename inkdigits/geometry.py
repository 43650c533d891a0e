"""Boxes and corners in a picture: moved, scaled, compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

#: left, top, right, bottom in pixels; right and bottom are one past the last pixel.
Box: TypeAlias = tuple[int, int, int, int]
#: Top left, top right, bottom right and bottom left corner of a sheet, as shares of the picture's width and height.
Corners: TypeAlias = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


def enclosing(boxes: Iterable[Box]) -> Box:
    """The smallest box around all boxes; ``(0, 0, 0, 0)`` where there are none."""
    columns = list(zip(*boxes, strict=True))
    if not columns:
        return 0, 0, 0, 0
    left, top, right, bottom = columns
    return min(left), min(top), max(right), max(bottom)


def moved(box: Box, x: int, y: int) -> Box:
    """A box of a crop, in the picture in which the crop's upper left corner lies at ``(x, y)``."""
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def enlarged(box: Box, factor: int, shape: tuple[int, ...]) -> Box:
    """A box of a reduced picture, in the picture of ``shape`` (H, W) that is ``factor`` times as large."""
    left, top, right, bottom = (factor * value for value in box)
    return left, top, min(right, shape[1]), min(bottom, shape[0])


def clipped(box: tuple[float, float, float, float], width: int, height: int) -> Box:
    """A box of whole pixels within a picture, at least one pixel each way, that covers what it can of ``box``."""
    left, top = min(max(0, int(np.floor(box[0]))), width - 1), min(max(0, int(np.floor(box[1]))), height - 1)
    return left, top, min(max(left + 1, int(np.ceil(box[2]))), width), min(max(top + 1, int(np.ceil(box[3]))), height)


def around(points: NDArray[np.floating], shape: tuple[int, ...]) -> Box:
    """The smallest box of whole pixels around points, float (N, 2), in a picture of ``shape`` (H, W)."""
    return clipped((*points.min(0).tolist(), *points.max(0).tolist()), shape[1], shape[0])


def corners_of(box: Box) -> NDArray[np.float64]:
    """Top left, top right, bottom right and bottom left corner of a box: float64 (4, 2), x and y."""
    left, top, right, bottom = box
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def shares_along(
    corners: NDArray[np.floating], points: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """How far points, float (N, 2), lie along a rectangle and down it: 0 to 1 within it; two arrays float (N,).

    Args:
        corners: float (4, 2), top left, top right, bottom right, bottom left, as the rectangle's writing runs.
    """
    along, down = corners[1] - corners[0], corners[3] - corners[0]
    ways = points - corners[0]
    return ways @ along / max(along @ along, 1e-9), ways @ down / max(down @ down, 1e-9)


def intersection_over_union(one: Box, other: Box) -> float:
    """The area that lies in both boxes over the area that lies in either, in [0, 1]."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    return both / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - both)


def polygon_area(points: NDArray[np.floating]) -> float:
    """Area of a polygon whose corners are float (N, 2), in square pixels. Source: the shoelace formula."""
    following = np.roll(points, -1, axis=0)
    return abs(float((points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]).sum())) / 2


def perspective(source: NDArray[np.floating], target: NDArray[np.floating]) -> list[float]:
    """The eight coefficients of the perspective map that takes four points, float (4, 2), to four others.

    They stand in the order that Pillow's ``Image.transform`` takes.
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    coefficients: list[float] = np.linalg.solve(np.array(rows), np.array(values)).tolist()
    return coefficients
