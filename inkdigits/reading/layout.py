"""Digits → words and lines."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

from inkdigits.reading.results import Digit, Line, Word

#: A gap parts two numbers if it is wider than this share of the digits' height, and so many times the line's median gap.
_GAP_HEIGHTS, _GAP_TIMES = 0.5, 2.0


def line_of(digits: Sequence[Digit]) -> Line:
    """A line, parted into words at its wide gaps.

    Args:
        digits: From left to right.
    """
    if not digits:
        return Line(())
    gaps = [max(0, right.box[0] - left.box[2]) for left, right in itertools.pairwise(digits)]
    height = statistics.median(digit.box[3] - digit.box[1] for digit in digits)
    widest = max(_GAP_HEIGHTS * height, _GAP_TIMES * statistics.median(gaps or [0]))
    ends = [number for number, gap in enumerate(gaps, start=1) if gap > widest]
    return Line(tuple(Word(tuple(digits[start:end])) for start, end in itertools.pairwise([0, *ends, len(digits)])))
