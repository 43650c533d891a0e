"""Ink → connected components → digits' boxes, in reading order.

Components that lie above one another are joined into one glyph, since a 5 may lose its top stroke; glyphs far from the usual
size, and ruling lines, are put aside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkdigits.geometry import Box, enclosing
from inkdigits.preparation.components import component_boxes, connected_components, frame_components

#: Ink from this level on is looked at.
_INK = 64
#: Glyphs below this share of the picture's height are dots or dirt.
_MIN_HEIGHT_SHARE = 0.02
#: Glyphs below this share of the usual height are no digits: dots, commas, dashes.
_SMALL = 0.4
#: Only the highest so many glyphs are looked at: a page of noise has more.
_MOST_GLYPHS = 2_000
#: Glyphs longer than this many times their height are ruling lines.
_LONGEST = 6.0
#: A glyph around another one of at least this share of its height, and so many pixels, is a box; of a glyph that is larger
#: than so many usual ones, that many usual heights count.
_ENCLOSED, _ENCLOSED_PX, _LARGE = 0.4, 8, 1.5
#: Two glyphs belong to one digit where they share this part of the narrower one's width …
_SAME_COLUMN = 0.6
#: … and are no further apart than this share of the usual height.
_GAP = 0.25
#: Two digits stand on one line where they share this part of the lower one's height.
_SAME_LINE = 0.4


@dataclass(frozen=True)
class Glyph:
    """A connected component of ink, or several that make up one digit.

    Attributes:
        box: left, top, right, bottom in pixels.
        components: Their numbers in the map of components.
    """

    box: Box
    components: tuple[int, ...]

    @property
    def height(self) -> int:
        """In pixels."""
        return self.box[3] - self.box[1]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.box[2] - self.box[0]

    def joined(self, other: Glyph) -> Glyph:
        """This glyph and another one as one."""
        return Glyph(enclosing((self.box, other.box)), self.components + other.components)


@dataclass(frozen=True)
class Detection:
    """What was found in a picture.

    Attributes:
        lines: The digits' glyphs, line by line, from left to right.
        ignored: Boxes of the components that are no digits.
        components: unsigned (H, W), the number of the connected component at each pixel; 0 = paper.
    """

    lines: list[list[Glyph]]
    ignored: list[Box]
    components: NDArray[np.unsignedinteger]

    def cut(self, inked: NDArray[np.uint8], glyph: Glyph) -> NDArray[np.uint8]:
        """The ink of one glyph alone, uint8 of the size of its box."""
        left, top, right, bottom = glyph.box
        window = (slice(top, bottom), slice(left, right))
        return np.where(np.isin(self.components[window], glyph.components), inked[window], 0).astype(np.uint8)


def detect(inked: NDArray[np.uint8]) -> Detection:
    """Find the digits in a map of ink.

    Args:
        inked: uint8 (H, W), 0 = paper, as ``inkdigits.preparation.ink`` makes it.
    """
    components = connected_components(inked >= _INK)
    glyphs = [Glyph(box, (number,)) for number, box in enumerate(component_boxes(components), start=1)]
    least = max(4.0, _MIN_HEIGHT_SHARE * inked.shape[0])
    frame = set(frame_components(components, inked).tolist())
    candidates = [
        glyph
        for glyph in glyphs
        if max(glyph.height, glyph.width) >= least
        and glyph.width <= _LONGEST * glyph.height
        and frame.isdisjoint(glyph.components)
    ]
    candidates = _without_enclosing(sorted(candidates, key=lambda glyph: -glyph.height)[:_MOST_GLYPHS])
    if not candidates:
        return Detection([], [glyph.box for glyph in glyphs], components)
    usual = float(np.median([m.height for m in candidates if m.height >= 0.5 * max(c.height for c in candidates)]))
    whole = _joined(candidates, usual)
    digits = [glyph for glyph in whole if glyph.height >= _SMALL * usual]
    kept = {number for glyph in digits for number in glyph.components}
    return Detection(_lines(digits), [glyph.box for glyph in glyphs if not kept.issuperset(glyph.components)], components)


def _without_enclosing(glyphs: list[Glyph]) -> list[Glyph]:
    """Glyphs but for those around another one that is no dot: boxes, tables, rings."""
    boxes = np.array([glyph.box for glyph in glyphs]).reshape(-1, 4)
    heights = boxes[:, 3] - boxes[:, 1]
    usual = float(np.median(heights)) if glyphs else 0.0
    kept = []
    for glyph, height in zip(glyphs, heights, strict=True):
        left, top, right, bottom = glyph.box
        within = (boxes[:, 0] > left) & (boxes[:, 1] > top) & (boxes[:, 2] < right) & (boxes[:, 3] < bottom)
        if not (within & (heights >= max(_ENCLOSED_PX, _ENCLOSED * min(height, _LARGE * usual)))).any():
            kept.append(glyph)
    return kept


def _joined(glyphs: list[Glyph], usual: float) -> list[Glyph]:
    """Glyphs with those above and below them that belong to the same digit."""
    glyphs = sorted(glyphs, key=lambda glyph: glyph.box[1])
    done: list[Glyph] = []
    near: list[Glyph] = []  # those that a glyph further down may still belong to
    for glyph in glyphs:
        reach = glyph.box[1] - _GAP * usual
        done += [m for m in near if m.box[3] < reach]
        near = [m for m in near if m.box[3] >= reach]
        partner = next((m for m in near if _same_digit(m, glyph, usual)), None)
        if partner is None:
            near.append(glyph)
        else:
            near[near.index(partner)] = partner.joined(glyph)
    return done + near


def _same_digit(upper: Glyph, lower: Glyph, usual: float) -> bool:
    shared = min(upper.box[2], lower.box[2]) - max(upper.box[0], lower.box[0])
    gap = lower.box[1] - upper.box[3]
    fits = max(upper.box[3], lower.box[3]) - min(upper.box[1], lower.box[1]) <= 1.4 * usual
    return fits and shared >= _SAME_COLUMN * min(upper.width, lower.width) and gap <= _GAP * usual


def _lines(glyphs: list[Glyph]) -> list[list[Glyph]]:
    """Glyphs in reading order: lines from top to bottom, each from left to right."""
    lines: list[list[Glyph]] = []
    bottoms: list[int] = []  # of each line's lowest glyph
    for glyph in sorted(glyphs, key=lambda m: m.box[1] + m.box[3]):
        reached = (i for i, bottom in enumerate(bottoms) if bottom > glyph.box[1])
        number = next((i for i in reached if _on_line(lines[i], glyph)), None)
        if number is None:
            lines.append([glyph])
            bottoms.append(glyph.box[3])
        else:
            lines[number].append(glyph)
            bottoms[number] = max(bottoms[number], glyph.box[3])
    lines.sort(key=lambda line: float(np.mean([glyph.box[1] + glyph.box[3] for glyph in line])))
    return [sorted(line, key=lambda glyph: glyph.box[0]) for line in lines]


def _on_line(line: list[Glyph], glyph: Glyph) -> bool:
    nearest = min(line, key=lambda other: abs(other.box[0] - glyph.box[0]))
    shared = min(nearest.box[3], glyph.box[3]) - max(nearest.box[1], glyph.box[1])
    return shared >= _SAME_LINE * min(nearest.height, glyph.height)
