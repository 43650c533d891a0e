"""Picture → Reading.

One digit goes through ``features.alternatives`` to the classifier; a line goes as a strip of grey paper to the line reader;
a page is parted into marks, each of which goes to the one or, where digits hang together, to the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np
from PIL import Image

from inkdigits.errors import UsageError
from inkdigits.reading import images
from inkdigits.reading.images import Picture
from inkdigits.reading.line import NONE
from inkdigits.reading.page import NO_DIGIT, Page, choose_mode, upright_page
from inkdigits.reading.places import classify, digit_places, line_places
from inkdigits.reading.results import Line, Reading

MODES = ("auto", "digit", "line", "page")
#: Digits whose chance of error is larger are given as "unsure", unless something else is asked for.
MAX_ERROR = 0.02
#: Where a picture should show a digit, it is said to show none only if that is as probable as this; else it is unsure.
_NO_DIGIT = 0.995
#: Readings are made in parts of so many pictures, so that memory stays bounded.
_PART = 256


def read(
    source: Picture, mode: str = "auto", *, min_confidence: float | None = None, max_error: float | None = None
) -> Reading:
    """Read the digits in a picture.

    Args:
        source: A path, the bytes of a file, an open binary file, a PIL image, or a uint8 array (H, W), (H, W, 3) or
            (H, W, 4). Of a TIFF or PDF all pages are read.
        mode: ``digit`` (all ink is one digit), ``line``, ``page``, or ``auto``, which goes by what is found.
        min_confidence: Digits below it get no label; in [0, 1].
        max_error: The same, told as the largest chance of error; 0.02 unless one of the two is given.

    Raises:
        ImageError: the source is no picture or is damaged.
        UsageError: there is no such mode, or a number lies outside its range.
    """
    return read_many([source], mode, min_confidence=min_confidence, max_error=max_error)[0]


def read_many(
    sources: Iterable[Picture], mode: str = "auto", *, min_confidence: float | None = None, max_error: float | None = None
) -> list[Reading]:
    """Read many pictures; the same as ``read`` on each, with the classifier run on the digits of many at once.

    Returns:
        the readings, in the order given.

    Raises:
        ImageError: a source is no picture or is damaged.
        UsageError: there is no such mode, or a number lies outside its range.
    """
    _check_mode(mode)
    least = least_confidence(min_confidence, max_error)
    if isinstance(sources, str | bytes | bytearray | PathLike | Image.Image):
        raise UsageError("read_many takes a list of pictures: use read for one, or put it into a list")
    readings: list[Reading] = []
    rest = iter(sources)
    while part := list(itertools.islice(rest, _PART)):
        plans = [[_plan(page, mode, number) for number, page in enumerate(images.pages(source))] for source in part]
        classify([place for pages in plans for plan in pages for line in plan.page.lines for place in line])
        readings += [
            _merged(source, [plan.reading(least) for plan in pages]) for source, pages in zip(part, plans, strict=True)
        ]
    return readings


def read_pages(
    source: Picture, mode: str = "auto", *, min_confidence: float | None = None, max_error: float | None = None
) -> Iterator[Reading]:
    """Read a file of several pages one at a time; each reading knows its own page and no other is held.

    Raises:
        ImageError, UsageError: as ``read``.
    """
    _check_mode(mode)
    least = least_confidence(min_confidence, max_error)
    for number, page in enumerate(images.pages(source)):
        plan = _plan(page, mode, number)
        classify([place for line in plan.page.lines for place in line])
        yield replace(plan.reading(least), source=page)


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        raise UsageError(f"there is no mode {mode!r}: use {', '.join(MODES)}")


def least_confidence(min_confidence: float | None, max_error: float | None) -> float:
    """The confidence from which on there is a label, by whichever of the two was given.

    Raises:
        UsageError: both were given, or a number lies outside its range.
    """
    if min_confidence is not None and max_error is not None:
        raise UsageError("min_confidence and max_error say the same in two ways: give one of them")
    for name, value in (("min_confidence", min_confidence), ("max_error", max_error)):
        if value is not None and not 0 <= value <= 1:
            raise UsageError(f"{name} is {value}: choose it between 0 and 1")
    if min_confidence is not None:
        return min_confidence
    return 1 - (MAX_ERROR if max_error is None else max_error)


# --- What is known of a page before the classifier has spoken ------------------------------------------------------


@dataclass
class _Plan:
    """The places on a page, line by line, and what is to be made of them.

    Attributes:
        size: Width and height of the page in pixels.
        number: The page's, from 0.
        none: Places that are no digit with at least this probability are put aside.
    """

    page: Page
    size: tuple[int, int]
    number: int
    none: float

    def reading(self, least: float) -> Reading:
        lines, ignored = [], list(self.page.ignored)
        for places in self.page.lines:
            kept = [place for place in places if place.known()[NONE] < self.none]
            ignored += [place.box for place in places if place.known()[NONE] >= self.none]
            if kept:
                lines.append(Line(tuple(place.digit(least) for place in kept), self.number))
        return Reading(tuple(lines), tuple(ignored), (self.size,), self.number)


def _plan(picture: np.ndarray, mode: str, number: int) -> _Plan:
    size = (picture.shape[1], picture.shape[0])
    found = None
    if mode == "auto":
        mode, found = choose_mode(picture)
    if mode == "digit":
        return _Plan(Page([digit_places(picture)], []), size, number, _NO_DIGIT)
    if mode == "line":
        return _Plan(Page([line_places(picture)], []), size, number, NO_DIGIT)
    return _Plan(found or upright_page(picture), size, number, NO_DIGIT)


def _merged(source: Picture, readings: list[Reading]) -> Reading:
    """The pages of one source as one reading."""
    lines = tuple(line for reading in readings for line in reading.lines)
    sizes = tuple(reading.size for reading in readings)
    # A stream has been read to its end, and draws no more.
    return replace(readings[0], lines=lines, sizes=sizes, source=None if hasattr(source, "read") else source)
