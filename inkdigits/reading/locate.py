"""Ink → marks → digits' boxes, in reading order.

A mark is a connected piece of ink. Pieces that lie above one another are joined, since a 5 may lose its top stroke;
marks far from the usual size, and ruling lines, are put aside.
"""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np

from inkdigits import features

#: left, top, right, bottom in pixels; right and bottom are one past the last pixel.
Box = tuple[int, int, int, int]

#: Marks below this share of the picture's height are dots or dirt.
_MIN_HEIGHT_SHARE = 0.02
#: Marks below this share of the usual height are no digits: dots, commas, dashes.
_SMALL = 0.4
#: Only the highest so many marks are looked at: a page of noise has more.
_MOST_MARKS = 2_000
#: Marks longer than this many times their height are ruling lines.
_LONGEST = 6.0
#: A mark around another one of at least this share of its height, and so many pixels, is a box; of a mark that is larger
#: than so many usual ones, that many usual heights count.
_ENCLOSED, _ENCLOSED_PX, _LARGE = 0.4, 8, 1.5
#: Two marks belong to one digit where they share this part of the narrower one's width …
_SAME_COLUMN = 0.6
#: … and are no further apart than this share of the usual height.
_GAP = 0.25
#: Two digits stand on one line where they share this part of the lower one's height.
_SAME_LINE = 0.4


@dataclass(frozen=True)
class Mark:
    """A connected piece of ink, or several that make up one digit.

    Attributes:
        box: Where it is.
        pieces: Numbers of its connected pieces in the map of pieces.
    """

    box: Box
    pieces: tuple[int, ...]

    @property
    def height(self) -> int:
        """In pixels."""
        return self.box[3] - self.box[1]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.box[2] - self.box[0]

    def joined(self, other: Mark) -> Mark:
        """This mark and another one as one."""
        (a, b, c, d), (e, f, g, h) = self.box, other.box
        return Mark((min(a, e), min(b, f), max(c, g), max(d, h)), self.pieces + other.pieces)


@dataclass(frozen=True)
class Layout:
    """What was found in a picture.

    Attributes:
        lines: The digits' marks, line by line, from left to right.
        ignored: Boxes of the marks that are no digits.
        pieces: uint32 (H, W), the number of the connected piece at each pixel; 0 = paper.
    """

    lines: list[list[Mark]]
    ignored: list[Box]
    pieces: np.ndarray

    def cut(self, inked: np.ndarray, mark: Mark) -> np.ndarray:
        """The ink of one mark alone, uint8 of the size of its box."""
        left, top, right, bottom = mark.box
        window = (slice(top, bottom), slice(left, right))
        return np.where(np.isin(self.pieces[window], mark.pieces), inked[window], 0).astype(np.uint8)


def locate(inked: np.ndarray) -> Layout:
    """Find the digits in a map of ink.

    Args:
        inked: uint8 (H, W), 0 = paper, as ``inkdigits.features.ink`` makes it.
    """
    pieces = features.connected_pieces(inked >= 64)
    boxes = list(enumerate(cc3d.statistics(pieces)["bounding_boxes"]))[1:]  # the first is the paper's, if there is any
    marks = [Mark((x.start, y.start, x.stop, y.stop), (i,)) for i, (y, x, *_) in boxes]
    least = max(4.0, _MIN_HEIGHT_SHARE * inked.shape[0])
    frame = set(features.frame_pieces(pieces, inked).tolist())
    candidates = [
        mark
        for mark in marks
        if max(mark.height, mark.width) >= least and mark.width <= _LONGEST * mark.height and frame.isdisjoint(mark.pieces)
    ]
    candidates = _without_enclosing(sorted(candidates, key=lambda mark: -mark.height)[:_MOST_MARKS])
    if not candidates:
        return Layout([], [mark.box for mark in marks], pieces)
    usual = float(np.median([m.height for m in candidates if m.height >= 0.5 * max(c.height for c in candidates)]))
    whole = _joined(candidates, usual)
    digits = [mark for mark in whole if mark.height >= _SMALL * usual]
    kept = {piece for mark in digits for piece in mark.pieces}
    return Layout(_lines(digits), [mark.box for mark in marks if not kept.issuperset(mark.pieces)], pieces)


def _without_enclosing(marks: list[Mark]) -> list[Mark]:
    """Marks but for those around another one that is no dot: boxes, tables, rings."""
    boxes = np.array([mark.box for mark in marks]).reshape(-1, 4)
    heights = boxes[:, 3] - boxes[:, 1]
    usual = float(np.median(heights)) if marks else 0.0
    kept = []
    for mark, height in zip(marks, heights, strict=True):
        left, top, right, bottom = mark.box
        within = (boxes[:, 0] > left) & (boxes[:, 1] > top) & (boxes[:, 2] < right) & (boxes[:, 3] < bottom)
        if not (within & (heights >= max(_ENCLOSED_PX, _ENCLOSED * min(height, _LARGE * usual)))).any():
            kept.append(mark)
    return kept


def _joined(marks: list[Mark], usual: float) -> list[Mark]:
    """Marks with those above and below them that belong to the same digit."""
    marks = sorted(marks, key=lambda mark: mark.box[1])
    done: list[Mark] = []
    near: list[Mark] = []  # those that a mark further down may still belong to
    for mark in marks:
        reach = mark.box[1] - _GAP * usual
        done += [m for m in near if m.box[3] < reach]
        near = [m for m in near if m.box[3] >= reach]
        partner = next((m for m in near if _same_digit(m, mark, usual)), None)
        if partner is None:
            near.append(mark)
        else:
            near[near.index(partner)] = partner.joined(mark)
    return done + near


def _same_digit(upper: Mark, lower: Mark, usual: float) -> bool:
    shared = min(upper.box[2], lower.box[2]) - max(upper.box[0], lower.box[0])
    gap = lower.box[1] - upper.box[3]
    fits = max(upper.box[3], lower.box[3]) - min(upper.box[1], lower.box[1]) <= 1.4 * usual
    return fits and shared >= _SAME_COLUMN * min(upper.width, lower.width) and gap <= _GAP * usual


def _lines(marks: list[Mark]) -> list[list[Mark]]:
    """Marks in reading order: lines from top to bottom, each from left to right."""
    lines: list[list[Mark]] = []
    bottoms: list[int] = []  # of each line's lowest mark
    for mark in sorted(marks, key=lambda m: m.box[1] + m.box[3]):
        reached = (i for i, bottom in enumerate(bottoms) if bottom > mark.box[1])
        number = next((i for i in reached if _on_line(lines[i], mark)), None)
        if number is None:
            lines.append([mark])
            bottoms.append(mark.box[3])
        else:
            lines[number].append(mark)
            bottoms[number] = max(bottoms[number], mark.box[3])
    lines.sort(key=lambda line: float(np.mean([mark.box[1] + mark.box[3] for mark in line])))
    return [sorted(line, key=lambda mark: mark.box[0]) for line in lines]


def _on_line(line: list[Mark], mark: Mark) -> bool:
    nearest = min(line, key=lambda other: abs(other.box[0] - mark.box[0]))
    shared = min(nearest.box[3], mark.box[3]) - max(nearest.box[1], mark.box[1])
    return shared >= _SAME_LINE * min(nearest.height, mark.height)
