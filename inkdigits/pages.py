"""Pages of a file by their numbers, which count from 1."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from inkdigits import images
from inkdigits.errors import ImageError, UsageError
from inkdigits.images import Picture
from inkdigits.limits import Limits

#: How pages are written, such as ``2`` or ``1-3,7``.
FORM = r"[0-9]{1,6}(-[0-9]{1,6})?(,[0-9]{1,6}(-[0-9]{1,6})?)*"


def parsed(text: str) -> frozenset[int]:
    """The pages that are written as ``2`` or ``1-3,7``.

    Raises:
        UsageError: They are written otherwise, or backwards.
    """
    if not re.fullmatch(FORM, text):
        raise UsageError(f"the pages are {text[:60]!r}: write them as 2 or 1-3,7")
    numbers = set[int]()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if int(last or first) < int(first):
            raise UsageError(f"the pages {part} run backwards: write {last}-{first}")
        numbers.update(range(int(first), int(last or first) + 1))
    check(numbers)
    return frozenset(numbers)


def check(wanted: Collection[int] | None) -> None:
    """Check that these can be pages; None stands for all.

    Raises:
        UsageError: There is none, or one is no whole number from 1 on.
    """
    if wanted is None:
        return
    if isinstance(wanted, str) or not wanted:
        raise UsageError(f"the pages are {wanted!r}: give their numbers, such as [1, 3], or None for all")
    for number in wanted:
        if isinstance(number, bool) or not isinstance(number, Integral) or number < 1:
            raise UsageError(f"there is no page {number!r}: pages are numbered from 1")


def numbered(source: Picture, limits: Limits, wanted: Collection[int] | None = None) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Pages one at a time, each as ``images.pages`` gives it, with their numbers.

    Args:
        source: As for ``images.pages``.
        limits: As for ``images.pages``.
        wanted: Their numbers; None: all of them. What comes behind the last of them is not looked at.

    Raises:
        ImageError: As ``images.pages``; or there is no such page.
        MissingExtraError: As ``images.pages``.
    """
    number = 0
    for number, picture in enumerate(images.pages(source, limits), start=1):
        if wanted is None or number in wanted:
            yield number, picture
        if wanted is not None and number >= max(wanted):
            return
    if wanted is not None:
        missing = min(one for one in wanted if one > number)
        raise ImageError(f"there is no page {missing}: the picture has {number}")
