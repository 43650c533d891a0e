"""Digits → words and lines."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

from inkdigits.geometry import Box
from inkdigits.reading.results import Digit, Line, Word

#: A gap parts two numbers if it is wider than this share of the digits' height, and so many times the line's median gap.
_GAP_HEIGHTS, _GAP_TIMES = 0.5, 2.0


def line_of(digits: Sequence[Digit], turns: int = 0) -> Line:
    """A line, parted into words at its wide gaps.

    Args:
        digits: In the order in which they are read.
        turns: Quarter turns by which ``np.rot90`` corrects the orientation of the page. With 0 to 3 of them, lines run from
            left to right, downwards, from right to left, or upwards.
    """
    if not digits:
        return Line(())
    gaps = [max(0, _gap(first.box, second.box, turns)) for first, second in itertools.pairwise(digits)]
    across = 1 - turns % 2
    height = statistics.median(digit.box[across + 2] - digit.box[across] for digit in digits)
    widest = max(_GAP_HEIGHTS * height, _GAP_TIMES * statistics.median(gaps or [0]))
    ends = [number for number, gap in enumerate(gaps, start=1) if gap > widest]
    return Line(tuple(Word(tuple(digits[start:end])) for start, end in itertools.pairwise([0, *ends, len(digits)])))


def _gap(first: Box, second: Box, turns: int) -> int:
    """Pixels between two boxes that follow each other along a line; below 0 where they overlap."""
    along = turns % 2  # 0: across the picture, 1: down it
    before, after = (first, second) if turns < 2 else (second, first)
    return after[along] - before[along + 2]
