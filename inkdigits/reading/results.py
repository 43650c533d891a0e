"""What a reader found: digits on lines, with their places and probabilities."""

from __future__ import annotations

import itertools
import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkdigits.reading.locate import Box

if TYPE_CHECKING:
    from PIL import Image

    from inkdigits.reading.images import Picture

#: A gap parts two numbers if it is wider than this share of the digits' height, and so many times the line's median gap.
_GAP_HEIGHTS, _GAP_TIMES = 0.5, 2.0
#: What stands in the text for a digit that the reader is unsure of.
UNSURE = "?"


@dataclass(frozen=True, eq=False)
class Digit:
    """One digit. Two are equal if label, probabilities and box are.

    Attributes:
        label: 0 to 9, or None where the reader is unsure.
        probabilities: float32 (10,). Their sum falls short of 1 by the probability that it is no digit.
        box: left, top, right, bottom in pixels of the source, as it stands upright (a camera's orientation is applied).
        image: The model input uint8 (28, 28) that was classified; None where the digit was read within its line.
    """

    label: int | None
    probabilities: np.ndarray
    box: Box
    image: np.ndarray | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.probabilities.shape != (10,):
            raise ValueError(f"probabilities have the shape {self.probabilities.shape}, not (10,)")

    def _key(self) -> tuple[int | None, bytes, Box]:
        return self.label, self.probabilities.tobytes(), self.box

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digit) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def best(self) -> int:
        """The most probable label, sure or not."""
        return int(self.probabilities.argmax())

    @property
    def confidence(self) -> float:
        """Probability of the best label, in [0, 1]."""
        return float(self.probabilities.max())


@dataclass(frozen=True)
class Line:
    """Digits that stand beside one another, from left to right.

    Attributes:
        digits: From left to right.
        page: Number of the page, from 0, in a file of several.
    """

    digits: tuple[Digit, ...]
    page: int = 0

    @property
    def text(self) -> str:
        """The labels, with ``?`` where the reader is unsure."""
        return "".join(UNSURE if d.label is None else str(d.label) for d in self.digits)

    @property
    def best_text(self) -> str:
        """The best guess for every digit."""
        return "".join(str(d.best) for d in self.digits)

    @property
    def words(self) -> tuple[Line, ...]:
        """The line parted at its wide gaps: the numbers on it, as far as the spacing tells them."""
        gaps = [max(0, right.box[0] - left.box[2]) for left, right in itertools.pairwise(self.digits)]
        height = statistics.median(d.box[3] - d.box[1] for d in self.digits)
        least = max(_GAP_HEIGHTS * height, _GAP_TIMES * statistics.median(gaps or [0]))
        ends = [number for number, gap in enumerate(gaps, start=1) if gap > least]
        parts = itertools.pairwise([0, *ends, len(self.digits)])
        return tuple(Line(self.digits[start:end], self.page) for start, end in parts)

    @property
    def box(self) -> Box:
        """The box around all digits."""
        left, top, right, bottom = zip(*(d.box for d in self.digits), strict=True)
        return min(left), min(top), max(right), max(bottom)


@dataclass(frozen=True)
class Reading:
    """All that was found in one picture.

    Attributes:
        lines: From top to bottom, page by page.
        ignored: Boxes of the marks that are no digits, on the first page.
        sizes: Width and height of each page in pixels.
        first_page: Number of the first page, from 0.
        source: The picture that was read, for ``draw``; it is kept as long as the reading is.
    """

    lines: tuple[Line, ...]
    ignored: tuple[Box, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ((0, 0),)
    first_page: int = 0
    source: Picture | None = field(default=None, repr=False, compare=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first page in pixels."""
        return self.sizes[0]

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Every digit, in reading order."""
        return tuple(digit for line in self.lines for digit in line.digits)

    @property
    def text(self) -> str:
        """The lines' labels, with ``?`` where the reader is unsure."""
        return "\n".join(line.text for line in self.lines)

    @property
    def best_text(self) -> str:
        """The lines with the best guess for every digit."""
        return "\n".join(line.best_text for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain lists and numbers."""
        lines = [
            {
                "text": line.text,
                "best_text": line.best_text,
                "words": [word.text for word in line.words],
                "box": list(line.box),
                "page": line.page,
                "digits": [_plain(d) for d in line.digits],
            }
            for line in self.lines
        ]
        return {
            "text": self.text,
            "best_text": self.best_text,
            "size": list(self.size),
            "sizes": [list(size) for size in self.sizes],
            "first_page": self.first_page,
            "lines": lines,
            "ignored": [list(box) for box in self.ignored],
        }

    def to_json(self) -> str:
        """``to_dict`` as JSON."""
        return json.dumps(self.to_dict())

    def to_csv(self) -> str:
        """A row for each digit, under a header: its page, line, word and place, labels, box and probabilities."""
        from inkdigits.reading import writers

        return writers.table([("", self)], ",")

    def to_tsv(self) -> str:
        """``to_csv`` with tabs."""
        from inkdigits.reading import writers

        return writers.table([("", self)], "\t")

    def to_hocr(self) -> str:
        """An hOCR page, as OCR tools exchange it: a word for each line, a character for each digit.

        Source: hOCR 1.2, http://kba.github.io/hocr-spec/1.2/.
        """
        from inkdigits.reading import writers

        return writers.hocr([("", self)])

    def draw(self, page: int = 0) -> Image.Image:
        """A page of the picture with a box around each digit: green where the reader is sure, orange where it is not.

        Marks that were put aside are grey.

        Args:
            page: Which of the pages that were read, from 0.

        Raises:
            ImageError: the picture is no longer where it was, or has no such page.
        """
        from inkdigits.reading import overlay

        return overlay.draw(self, page)

    def save(self, path: str | Path) -> None:
        """Write what was read, in the form that the file's ending names, whole or not at all.

        Args:
            path: A file that ends in .txt, .json, .csv, .tsv, .hocr, or in .png or .jpg for the overlay picture.

        Raises:
            UsageError: the ending names no form.
        """
        from inkdigits.reading import writers

        writers.save([("", self)], Path(path))


def _plain(digit: Digit) -> dict[str, Any]:
    probabilities = [round(p, 6) for p in digit.probabilities.tolist()]
    return {
        "label": digit.label,
        "best": digit.best,
        "confidence": max(probabilities),
        "probabilities": probabilities,
        "box": list(digit.box),
    }
