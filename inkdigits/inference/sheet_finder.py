"""The sheet finder: a photo → the four corners of the sheet that lies in it, and of the frame that is printed on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from inkdigits.geometry import Corners, polygon_area
from inkdigits.inference.session import Network
from inkdigits.preparation.components import connected_components
from inkdigits.preparation.ink import reduced

#: The photo is squeezed into a square of so many pixels; the masks' cells are squares of so many of them.
SIDE, CELL = 256, 4
#: A sheet or frame covers at least this share of the photo, and agrees with its quadrilateral to this share.
_LEAST_AREA, _AGREED = 0.02, 0.82
#: The edge of a mask is looked for along each side but its ends, so many cells to either side of it.
_ALONG, _REACH = np.linspace(0.08, 0.92, 40), 4.0
#: Points further than so many times the median distance from a side are left out when it is fitted.
_OUTLIER = 2.5
#: Sides are moved to the clearest line in a picture of at most so many pixels a side, no further than a share of its diagonal,
#: and a share of the shortest side.
_SHARP_SIDE, _FAR, _FAR_ACROSS = 900, 0.04, 0.2
#: A line is seen along a side if it is there, darker by so many levels, at this share of the side's places in the picture.
_LINE_LEVELS, _LINE_SHARE = 3.0, 0.6
#: Either side of an edge or line is looked at so far away from it, as a share of the picture's longer side.
_NEAR = 0.005
#: From levels before, at and behind places, each float32 (N, T): how clearly something runs through them.
_Clarity: TypeAlias = Callable[[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Sheet:
    """Where a sheet lies in a photo: corners clockwise from the top left, which may lie outside the picture; None: nothing.

    Attributes:
        sheet: The corners of the sheet, as shares of the picture's width and height.
        frame: The corners of the frame that is printed on it.
    """

    sheet: Corners | None
    frame: Corners | None


class SheetFinder(Network):
    """The network that finds sheets and frames.

    It maps pictures float32 [N, 1, 256, 256] to probabilities [N, 2, 64, 64] of the sheet and of what is within the frame.
    """

    KIND, INPUT, EXAMPLE = "sheet finder", "pictures", (1, 1, SIDE, SIDE)
    OUTPUTS = ((None, 2, SIDE // CELL, SIDE // CELL),)

    def find(self, picture: NDArray[np.uint8]) -> Sheet:
        """The sheet and the frame in a photo, uint8 (H, W)."""
        image = Image.fromarray(reduced(picture, 8 * SIDE)).resize((SIDE, SIDE), Image.Resampling.BOX)
        ((sheet, frame),) = self._session.run({"pictures": np.asarray(image, np.float32)[None, None]})[0]
        levels = np.asarray(_shown(picture), np.float32)
        around = _sharpened(quadrilateral(frame), levels, _dark_lines)
        # A sheet may be as light as what it lies on; a frame is made of lines, or it is none.
        printed = around if around is not None and _seen(around, levels, _dark_lines) else None
        return Sheet(_sharpened(quadrilateral(sheet), levels, _edges), printed)


# --- To the pixel ---------------------------------------------------------------------------------------------------


def _shown(picture: NDArray[np.uint8]) -> Image.Image:
    """The picture, no longer than so many pixels, a little blurred."""
    image = Image.fromarray(reduced(picture, 4 * _SHARP_SIDE))
    scale = min(1.0, _SHARP_SIDE / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(1))


def _edges(before: NDArray[np.float32], _: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much the levels differ on either side of a place."""
    return np.abs(after - before)


def _dark_lines(before: NDArray[np.float32], own: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much darker a place is than what lies on either side of it."""
    return np.maximum(np.minimum(before, after) - own, 0)


def _sharpened(corners: Corners | None, levels: NDArray[np.float32], clarity: _Clarity) -> Corners | None:
    """Corners whose sides are moved to where, nearby, the picture shows the clearest straight line.

    Args:
        corners: As shares of the picture; None stays None.
        levels: float32 (H, W), the picture.
        clarity: How clearly an edge or a line runs through a place, from the levels before, at and behind it.
    """
    if corners is None:
        return None
    height, width = levels.shape
    first = points = np.array(corners) * (width, height)
    lengths = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1)
    furthest = min(_FAR * float(np.hypot(width, height)), _FAR_ACROSS * float(lengths.min()))
    for reach in (furthest, furthest / 3):
        sides = [
            _clearest(start, end, levels, reach, clarity)
            for start, end in zip(points, np.roll(points, -1, axis=0), strict=True)
        ]
        meetings = _meetings(sides)
        if meetings is None:
            return corners
        points = meetings
    if not np.isfinite(points).all() or np.abs(points - first).max() > 3 * furthest:
        return corners
    return _shares(points, width, height)


def _clearest(
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    levels: NDArray[np.float32],
    reach: float,
    clarity: _Clarity,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The clearest of all straight lines that pass a side's ends no further away than ``reach`` pixels."""
    count = 2 * max(1, round(reach)) + 1
    offsets = np.linspace(-reach, reach, count)
    clear, inside, outwards = _clearness(start, end, levels, offsets, clarity)
    clear *= inside
    # A single spot, however strong, is no line.
    clear = np.minimum(clear, max(float(np.percentile(clear, 97)), 1e-6))
    first, last = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
    total = np.zeros((count, count), np.float32)
    for share, row in zip(_ALONG, clear, strict=True):
        total += row[np.rint(first + share * (last - first)).astype(int)]
    # Nearer lines are preferred, those further away have to be clearer.
    total *= 1 - 0.3 * (np.maximum(np.abs(offsets[first]), np.abs(offsets[last])) / reach) ** 2
    if total.max() <= 0:
        return start, end
    i, j = divmod(int(total.argmax()), count)
    return start + offsets[i] * outwards, end + offsets[j] * outwards


def _seen(corners: Corners, levels: NDArray[np.float32], clarity: _Clarity) -> bool:
    """Whether every side of a shape, corners as shares of the picture, is to be seen as far as it lies in the picture."""
    height, width = levels.shape
    points = np.array(corners) * (width, height)
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        clear, inside, _ = _clearness(start, end, levels, np.arange(-2.0, 3.0), clarity)
        shown = clear.max(1)[inside.all(1)] > _LINE_LEVELS
        if shown.size and shown.mean() < _LINE_SHARE:
            return False
    return True


def _clearness(
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    levels: NDArray[np.float32],
    offsets: NDArray[np.float64],
    clarity: _Clarity,
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
    """How clear it is at places along a side and so many pixels off it, float32 (N, T); whether these lie in the picture;
    and the direction of the offsets."""
    way = end - start
    outwards = np.array([way[1], -way[0]]) / max(float(np.hypot(*way)), 1e-6)
    middles = start + _ALONG[:, None] * way
    points = middles[:, None] + offsets[:, None] * outwards
    height, width = levels.shape
    inside = np.all((points >= 1) & (points < (width - 1, height - 1)), axis=2)
    near = max(1.5, _NEAR * max(levels.shape)) * outwards
    sampled = (_sampled(levels, points + step).astype(np.float32) for step in (-near, 0 * near, near))
    return clarity(*sampled), inside, outwards


# --- From masks to corners --------------------------------------------------------------------------------------------


def quadrilateral(mask: NDArray[np.float32]) -> Corners | None:
    """The four-sided shape that a mask of probabilities, float32 (H, W), shows best; corners as shares, from the top left."""
    components = connected_components(mask >= 0.5)
    counts = np.bincount(components.ravel())
    if len(counts) < 2:
        return None
    shape = components == 1 + int(counts[1:].argmax())
    if shape.mean() < _LEAST_AREA:
        return None
    corners = _four_sides(_hull(_outline(shape)))
    if corners is None:
        return None
    corners = _refined(mask, corners)
    if corners is None or _agreement(shape, corners) < _AGREED:
        return None
    first = int(corners.sum(1).argmin())
    height, width = mask.shape
    return _shares(np.roll(corners, -first, axis=0), width, height)


def _shares(corners: NDArray[np.float64], width: int, height: int) -> Corners:
    """Corners, float64 (4, 2), as shares of a width and height."""
    (a, b), (c, d), (e, f), (g, h) = (corners / (width, height)).tolist()
    return (a, b), (c, d), (e, f), (g, h)


def _outline(shape: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The corners of the outermost cells of each row: float64 (N, 2)."""
    rows = np.flatnonzero(shape.any(1))
    first, last = shape[rows].argmax(1), shape.shape[1] - shape[rows][:, ::-1].argmax(1)
    points = [(x, y) for y, left, right in zip(rows, first, last, strict=True) for x in (left, right) for y in (y, y + 1)]
    return np.array(points, np.float64)


def _hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The convex hull, clockwise as the eye sees it. Source: A. M. Andrew's monotone chain, 1979."""
    points = np.unique(points, axis=0)

    def half(ordered: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        chain: list[NDArray[np.float64]] = []
        for point in ordered:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        return chain[:-1]

    return np.array([*half(points), *half(points[::-1])])


def _turn(first: NDArray[np.float64], second: NDArray[np.float64], third: NDArray[np.float64]) -> float:
    a, b = second - first, third - second
    return float(a[0] * b[1] - a[1] * b[0])


def _four_sides(hull: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The hull with sides dropped, one by one, whichever adds least area when its neighbours are made to meet."""
    corners = list(hull)
    while len(corners) > 4:
        best = None
        for i in range(len(corners)):
            before, start, end, after = (corners[(i + k) % len(corners)] for k in (-1, 0, 1, 2))
            meeting = _meeting(before, start, after, end)
            # Both neighbours are made longer, never shorter.
            if meeting is None or (meeting - start) @ (start - before) < 0 or (meeting - end) @ (end - after) < 0:
                continue
            added = polygon_area(np.array([start, meeting, end]))
            if best is None or added < best[0]:
                best = added, i, meeting
        if best is None:
            return None
        _, i, meeting = best
        corners[i] = meeting
        del corners[(i + 1) % len(corners)]
    return np.array(corners) if len(corners) == 4 else None


def _meeting(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Where the line through ``a`` and ``b`` meets that through ``c`` and ``d``; None where they are parallel."""
    first, second = b - a, d - c
    across = first[0] * second[1] - first[1] * second[0]
    if abs(across) < 1e-9:
        return None
    way = c - a
    return np.asarray(a + first * (way[0] * second[1] - way[1] * second[0]) / across)


def _meetings(sides: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64] | None:
    """The corners where four sides, two points of each, meet in their order: float64 (4, 2); None where two are parallel."""
    found = [_meeting(*sides[i - 1], *sides[i]) for i in range(4)]
    return None if any(meeting is None for meeting in found) else np.array(found)


def _refined(mask: NDArray[np.float32], corners: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Corners where lines meet that are fitted to where the mask falls below one half."""
    sides = []
    height, width = mask.shape
    steps = np.arange(-_REACH, _REACH + 0.05, 0.1)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        way = end - start
        length = float(np.hypot(*way))
        if length < 1:
            return None
        outwards = np.array([way[1], -way[0]]) / length
        middles = start + _ALONG[:, None] * way
        points = middles[:, None] + steps[:, None] * outwards
        levels = _sampled(mask, points)
        inside = ((points > 0.5) & (points < (width - 0.5, height - 0.5))).all(2)
        # The outermost step at which the mask is still above one half, where it falls within the picture.
        crossing = (levels[:, :-1] >= 0.5) & (levels[:, 1:] < 0.5) & inside[:, 1:]
        has = crossing.any(1)
        found = points[np.arange(len(points)), crossing.shape[1] - 1 - crossing[:, ::-1].argmax(1)][has]
        sides.append(_fitted(found) if len(found) >= 8 else (start, end))
    return _meetings(sides)


def _sampled(mask: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mask at points whose unit is a cell, interpolated between the middles of cells."""
    height, width = mask.shape
    x, y = np.clip(points[..., 0] - 0.5, 0, width - 1), np.clip(points[..., 1] - 0.5, 0, height - 1)
    column, row = x.astype(int), y.astype(int)
    next_column, next_row = np.minimum(column + 1, width - 1), np.minimum(row + 1, height - 1)
    right, down = x - column, y - row
    above = mask[row, column] * (1 - right) + mask[row, next_column] * right
    below = mask[next_row, column] * (1 - right) + mask[next_row, next_column] * right
    return np.asarray(above * (1 - down) + below * down)


def _fitted(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two points of the line that runs through most points, float64 (N, 2)."""
    for _ in range(3):
        middle = points.mean(0)
        direction = np.linalg.svd(points - middle, full_matrices=False)[2][0]
        off = np.abs((points - middle) @ np.array([-direction[1], direction[0]]))
        near = off <= max(_OUTLIER * float(np.median(off)), 0.1)
        if near.all():
            break
        points = points[near]
    return middle, middle + direction


def _agreement(shape: NDArray[np.bool_], corners: NDArray[np.float64]) -> float:
    """Intersection over union of a shape and a quadrilateral, of what lies in the picture."""
    height, width = shape.shape
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    within = np.ones(shape.shape, bool)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        within &= (end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0]) >= 0
    return float((within & shape).sum() / max(1, (within | shape).sum()))
