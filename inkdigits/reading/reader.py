"""Picture → Reading: load, find the ink, locate the digits, bring each to 28×28, classify all of them at once."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np

from inkdigits import features
from inkdigits.errors import UsageError
from inkdigits.modeling.predict import Classifier, load_model
from inkdigits.reading import images
from inkdigits.reading.images import Picture
from inkdigits.reading.locate import Box, Layout, Mark, locate
from inkdigits.reading.results import Digit, Line, Reading

MODES = ("auto", "digit", "line", "page")
#: Answers less confident than this are given as "unsure".
MIN_CONFIDENCE = 0.9


def read(source: Picture, mode: str = "auto") -> Reading:
    """Read the digits in a picture.

    Args:
        source: A path, the bytes of a file, an open binary file, a PIL image, or a uint8 array (H, W), (H, W, 3) or
            (H, W, 4).
        mode: ``digit`` (all ink is one digit), ``line``, ``page``, or ``auto``, which goes by what is found.

    Raises:
        ImageError: the source is no picture or is damaged.
        UsageError: there is no such mode.
    """
    return read_many([source], mode)[0]


def read_many(sources: Iterable[Picture], mode: str = "auto") -> list[Reading]:
    """Read many pictures; the same as ``read`` on each, with the network run on all their digits at once.

    Returns:
        the readings, in the order given.

    Raises:
        ImageError: a source is no picture or is damaged.
        UsageError: there is no such mode.
    """
    if mode not in MODES:
        raise UsageError(f"there is no mode {mode!r}: use {', '.join(MODES)}")
    found = [_find(images.load(source), mode) for source in sources]
    inputs = [picture for _, pictures in found for picture in pictures]
    if not inputs:
        return [Reading((), ignored) for (_, ignored), _ in found]
    probabilities = iter(_classifier().predict_proba(np.stack(inputs)))
    return [
        Reading(tuple(Line(tuple(_digit(next(probabilities), box) for box in line)) for line in lines), ignored)
        for (lines, ignored), _ in found
    ]


@functools.cache
def _classifier() -> Classifier:
    return load_model()


def _digit(probabilities: np.ndarray, box: Box) -> Digit:
    best = int(probabilities.argmax())
    return Digit(best if probabilities[best] >= MIN_CONFIDENCE else None, probabilities, box)


_Places = tuple[list[list[Box]], tuple[Box, ...]]


def _find(picture: np.ndarray, mode: str) -> tuple[_Places, list[np.ndarray]]:
    """Boxes of the digits, line by line, boxes of other marks, and the digits' model inputs in the same order."""
    if mode == "digit":
        prepared = features.prepare(picture)
        if not prepared.any():
            return ([], ()), []
        return ([[(0, 0, picture.shape[1], picture.shape[0])]], ()), [prepared]
    inked = features.ink(picture)
    layout = locate(inked)
    lines = layout.lines
    if mode == "line" and lines:
        lines = [sorted((mark for line in lines for mark in line), key=lambda mark: mark.box[0])]
    places = [[mark.box for mark in line] for line in lines], tuple(layout.ignored)
    return places, [_input(inked, layout, mark) for line in lines for mark in line]


def _input(inked: np.ndarray, layout: Layout, mark: Mark) -> np.ndarray:
    return features.normalise(layout.cut(inked, mark))
