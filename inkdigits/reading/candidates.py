"""Candidates: where a digit may be, what the networks are shown of it, and what they have said."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inkdigits import geometry
from inkdigits.geometry import Box
from inkdigits.inference.line_recogniser import LineSymbol
from inkdigits.inference.tasks import NON_DIGIT
from inkdigits.preparation.digit import crops
from inkdigits.preparation.ink import reduced, reduction
from inkdigits.reading.layout import word_ends
from inkdigits.reading.results import Digit, Line, Page, Sign, Word

#: Larger pictures are looked at reduced, to this longest side in pixels: what stays is finer than any pen.
LONGEST = 2_200
#: A context crop needs no more pixels a side; a small one can be kept until it is asked for.
CONTEXT_SIDE = 160
#: What is no digit with at least this probability is put aside.
NON_DIGIT_LIMIT = 0.5
#: Where a picture should show a digit, it is said to show none only if that is as probable as this; else it is unsure.
LONE_NON_DIGIT_LIMIT = 0.995
#: No confidence reaches it.
_NEVER = 2.0
#: What a confidence is asked of.
Unit: TypeAlias = Literal["digit", "line"]
#: A symbol is a sign from this probability on.
_SURE_SIGN = 0.5


@dataclass
class Candidate:
    """A place in a picture where a digit may be.

    Attributes:
        box: left, top, right, bottom in pixels.
        crops: Its network inputs, each uint8 (28, 28), from the most usual one on; none where the line recogniser has read it.
        cut: uint8 (H, W), the picture of it, where less usual crops may still be made of it.
        context: uint8 (H, W), the paper with all that is on it, for rescoring.
        second: float32 (11,), what the line recogniser has said of it where it was read within its line.
        detected: Probability of a digit by the detector; None where it was not asked.
        span: Where it begins and ends along its line, and its height, in pixels; None: as its box says.
        parted: Other writing, or a ruling of a table, stands between it and the digit before it.
        joined: It is of the same number as the digit before it, since it stands in the next box.
        symbol: What the line recogniser has read there, its box in pixels of the piece that it saw; None where it was not
            asked, or read nothing.
        scores: float32 (crops, 11), what the classifier says of each crop; None before it was asked.
        probabilities: float32 (11,), calibrated, of the ten digits and of no digit; None before a network was asked.
        chosen: The crop that the probabilities are of.
    """

    box: Box
    crops: Sequence[NDArray[np.uint8]] = ()
    cut: NDArray[np.uint8] | None = None
    context: NDArray[np.uint8] | None = None
    second: NDArray[np.float32] | None = None
    detected: float | None = None
    span: tuple[float, float, float] | None = None
    parted: bool = False
    joined: bool = False
    symbol: LineSymbol | None = None
    scores: NDArray[np.float32] | None = None
    probabilities: NDArray[np.float32] | None = None
    chosen: NDArray[np.uint8] | None = None

    def known(self) -> NDArray[np.float32]:
        """The probabilities, after a network was asked."""
        assert self.probabilities is not None
        return self.probabilities

    def is_digit(self, limit: float = NON_DIGIT_LIMIT) -> bool:
        """Whether the probability that it is no digit stays below a limit."""
        return bool(self.known()[NON_DIGIT] < limit)

    @property
    def sign(self) -> tuple[str, float] | None:
        """The sign that it is, and its probability, where that is more probable than all else together."""
        sign = None if self.symbol is None else self.symbol.sign
        return sign if sign and sign[1] >= _SURE_SIGN else None

    @property
    def is_half(self) -> bool:
        """Whether it is ½, which is a number by itself, and belongs to the digit before it."""
        return self.sign is not None and self.sign[0] == "½"

    def confidence(self) -> float:
        """Probability of the most probable digit."""
        return float(self.known()[:NON_DIGIT].max())

    def digit(self, min_confidence: float) -> Digit:
        """The digit, with a label where its confidence is at least ``min_confidence``."""
        probabilities = self.known()[:NON_DIGIT]
        best = int(probabilities.argmax())
        return Digit(best if probabilities[best] >= min_confidence else None, probabilities, self.box, self.chosen)

    def character(self, min_confidence: float) -> Digit | Sign:
        """The digit, with a label if its confidence is at least ``min_confidence``; or the sign, if it is so sure no digit."""
        if self.sign is None:
            return self.digit(min_confidence)
        best, confidence = self.sign
        # Whether it is a point, a comma or a speck costs nobody a digit.
        return Sign(best if self.known()[NON_DIGIT] >= min_confidence else None, best, confidence, self.box)

    def moved(self, x: int, y: int) -> Candidate:
        """The same candidate, seen from the picture in which this one's upper left corner lies at ``(x, y)``."""
        return replace(self, box=geometry.moved(self.box, x, y))

    def enlarged(self, factor: int, shape: tuple[int, ...]) -> Candidate:
        """The same candidate in a picture of ``shape`` (H, W) that is ``factor`` times as large."""
        return replace(self, box=geometry.enlarged(self.box, factor, shape))


@dataclass(frozen=True)
class PageCandidates:
    """All candidates of a page.

    Attributes:
        lines: Line by line, from left to right.
        ignored: Boxes of what was put aside before a network was asked.
        non_digit_limit: What is no digit with at least this probability is put aside.
    """

    lines: list[list[Candidate]]
    ignored: list[Box] = field(default_factory=list)
    non_digit_limit: float = NON_DIGIT_LIMIT

    def all(self) -> list[Candidate]:
        """Every candidate, in reading order."""
        return [candidate for line in self.lines for candidate in line]

    def page(self, number: int, size: tuple[int, int], min_confidence: float, per: Unit = "digit") -> Page:
        """What the candidates come to, after a network was asked about each.

        Args:
            number: Of the page, from 1.
            size: Width and height in pixels.
            min_confidence: Digits, or all digits of a line, get no label where it is less sure.
            per: What must be so sure.
        """
        lines, ignored = [], list(self.ignored)
        for candidates in self.lines:
            kept: list[Candidate] = []
            none_missed = 1.0
            parted = False  # by what is neither digit nor sign
            has_digits = any(one.is_digit(self.non_digit_limit) or one.is_half for one in candidates)
            for candidate in candidates:
                if candidate.is_digit(self.non_digit_limit) or (candidate.sign and has_digits):
                    kept.append(replace(candidate, parted=candidate.parted or parted))
                    parted = False
                else:
                    ignored.append(candidate.box)
                    none_missed *= float(candidate.known()[NON_DIGIT])
                    parted = parted or candidate.parted
            if kept:
                line = _line(kept, 0.0 if per == "line" else min_confidence, 1 - none_missed)
                sure = per == "digit" or line.confidence >= min_confidence
                lines.append(line if sure else _line(kept, _NEVER, line.missed))
        return Page(tuple(lines), tuple(ignored), size, number)


def _line(candidates: Sequence[Candidate], min_confidence: float, missed: float) -> Line:
    """A line of digits and signs, parted into words at wide gaps and where other writing stands between them."""
    spans = [one.span or (one.box[0], one.box[2], one.box[3] - one.box[1]) for one in candidates]
    starts, ends, heights = zip(*spans, strict=True)
    cuts = set(word_ends(starts, ends, max(heights)))
    cuts -= {number for number, candidate in enumerate(candidates) if candidate.joined}
    cuts |= {number for number, candidate in enumerate(candidates) if candidate.parted and number}
    pairs = enumerate(itertools.pairwise(candidates), start=1)
    cuts -= {number for number, (before, one) in pairs if one.is_half and not before.sign}
    characters = [candidate.character(min_confidence) for candidate in candidates]
    words = (Word(tuple(characters[start:end])) for start, end in itertools.pairwise(sorted({0, *cuts})))
    return Line(tuple(words), missed)


def mean_confidence(candidates: Sequence[Candidate]) -> float:
    """Mean confidence of the digits among some candidates; 0 where there are none."""
    confidences = [candidate.confidence() for candidate in candidates if candidate.sign is None]
    return float(np.mean(confidences)) if confidences else 0.0


def digit_candidates(picture: NDArray[np.uint8]) -> list[Candidate]:
    """The one candidate in a picture of one digit, uint8 (H, W); none where there is no ink."""
    factor = reduction(picture.shape, LONGEST)
    if factor > 1:
        small = digit_candidates(reduced(picture, LONGEST))
        return [candidate.enlarged(factor, picture.shape) for candidate in small]
    inputs, inked = crops(picture)
    if not inputs[0].any():
        return []
    # Of a picture that is a network input already, there is nothing more to see.
    context = None if inked is picture else reduced(picture, CONTEXT_SIDE)
    return [Candidate(_around(inked), inputs, context=context)]


def _around(inked: NDArray[np.uint8]) -> Box:
    """The box around all ink, uint8 (H, W), or the whole picture where there is none."""
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    if not rows.size:
        return 0, 0, inked.shape[1], inked.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
