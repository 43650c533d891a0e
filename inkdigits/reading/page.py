"""What a picture is taken for, and the candidates in it: one digit, a line, or a page in any orientation."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import UsageError
from inkdigits.geometry import Box, enlarged, turned_back
from inkdigits.inference.line_recogniser import Passes
from inkdigits.inference.tasks import NON_DIGIT
from inkdigits.preparation.digit import normalise
from inkdigits.preparation.ink import ink, reduced, reduction
from inkdigits.reading.candidates import (
    CONTEXT_SIDE,
    LONE_NON_DIGIT_LIMIT,
    LONGEST,
    Candidate,
    PageCandidates,
    digit_candidates,
    mean_confidence,
    scores_by_crop,
)
from inkdigits.reading.detect import detect
from inkdigits.reading.recogniser import DOUBTFUL, Recogniser

#: ``digit``: all ink is one digit; ``line``: digits stand on one line; ``page``: anywhere; ``auto``: by what is found.
Mode: TypeAlias = Literal["auto", "digit", "line", "page"]
MODES: tuple[Mode, ...] = get_args(Mode)

#: A context crop reaches so far beyond a candidate's box, in heights of it.
_MARGIN = 0.15
#: A candidate that is no digit may be two that touch if it is as wide as this share of its height; it is then read as a line,
#: and parted if every part is at least so sure.
_NARROWEST_PAIR, _SURE_PART = 0.5, 0.7
#: A page of print has many candidates of either kind; so many of each are rescored or parted.
_MOST_LOOKED_AT = 60
#: For ``auto``: a picture shows a line if it is so much wider than high, its digits take up such a share of its height, there
#: are at least such a share as many as there are clear ones on the page, and the line recogniser is not much less sure of them
#: than the classifier is of the candidates on the page.
_LINE_ASPECT, _LINE_HEIGHT, _LINE_SHARE, _LINE_BONUS = 1.4, 0.28, 0.34, 0.25
#: A page is turned if it has so many candidates and fewer than a share of them are digits beyond doubt; it is kept turned if
#: that makes so many times more of them clear.
_FEWEST_TO_TURN, _CLEAR_SHARE, _CLEAR, _CLEARER = 4, 0.8, 0.9, 1.5


def find_candidates(picture: NDArray[np.uint8], mode: Mode, recogniser: Recogniser) -> PageCandidates:
    """The candidates in a picture, uint8 (H, W).

    Those of mode ``digit`` wait for ``Recogniser.classify`` and ``rescore``, so that many pictures make one batch.
    """
    if mode == "digit":
        return PageCandidates([digit_candidates(picture)], non_digit_limit=LONE_NON_DIGIT_LIMIT)
    if mode == "line":
        return PageCandidates([recogniser.line_candidates(picture)])
    passes: Passes = {}
    page = _page_candidates(picture, recogniser, passes)
    return page if mode == "page" else _by_what_is_found(picture, page, recogniser, passes)


def check_mode(mode: str) -> None:
    """Make sure that there is such a mode.

    Raises:
        UsageError: There is none.
    """
    if mode not in MODES:
        raise UsageError(f"there is no mode {mode!r}: use {', '.join(MODES)}")


# --- A page ---------------------------------------------------------------------------------------------------------


def _page_candidates(picture: NDArray[np.uint8], recogniser: Recogniser, passes: Passes) -> PageCandidates:
    """The candidates of a page that may lie on its side or stand on its head; boxes are those of the picture as it is."""
    factor = reduction(picture.shape, LONGEST)
    small = reduced(picture, LONGEST)
    page, turns = _classified(small, recogniser), 0
    clear, count = _clear(page), len(page.all())
    if count >= _FEWEST_TO_TURN and clear < _CLEAR_SHARE * count:
        turned = [(turns, _classified(np.rot90(small, turns), recogniser)) for turns in (1, 2, 3)]
        other_turns, other = max(turned, key=lambda pair: _clear(pair[1]))
        if _clear(other) >= max(_FEWEST_TO_TURN, _CLEARER * clear):
            page, turns = other, other_turns
    corrected = np.rot90(small, turns)
    _rescore_doubtful(corrected, page, recogniser, passes)
    page = _parted(corrected, page, recogniser, passes)

    def in_picture(box: Box) -> Box:
        return enlarged(turned_back(box, turns, small.shape), factor, picture.shape)

    lines = [[replace(candidate, box=in_picture(candidate.box)) for candidate in line] for line in page.lines]
    return PageCandidates(lines, [in_picture(box) for box in page.ignored], turns=turns)


def _classified(picture: NDArray[np.uint8], recogniser: Recogniser) -> PageCandidates:
    """The glyphs of a picture, uint8 (H, W), each taken for one digit or none, and classified."""
    inked = ink(picture)
    found = detect(inked)
    lines = [[Candidate(glyph.box, [normalise(found.cut(inked, glyph))]) for glyph in line] for line in found.lines]
    page = PageCandidates(lines, found.ignored)
    recogniser.classify(page.all())
    return page


def _clear(page: PageCandidates) -> int:
    """How many candidates are digits beyond doubt."""
    return sum(candidate.confidence() >= _CLEAR for candidate in page.all())


def _rescore_doubtful(picture: NDArray[np.uint8], page: PageCandidates, recogniser: Recogniser, passes: Passes) -> None:
    """Rescore the doubtful candidates of a page, with the paper around them."""
    doubtful = [candidate for candidate in page.all() if candidate.known().max() < DOUBTFUL][:_MOST_LOOKED_AT]
    for candidate in doubtful:
        candidate.context = reduced(_surroundings(picture, candidate.box)[0], CONTEXT_SIDE)
    recogniser.rescore(doubtful, passes)


def _surroundings(picture: NDArray[np.uint8], box: Box) -> tuple[NDArray[np.uint8], int, int]:
    """The part of a picture around a box, and where its upper left corner lies."""
    left, top, right, bottom = box
    margin = max(1, round(_MARGIN * (bottom - top)))
    x, y = max(0, left - margin), max(0, top - margin)
    return picture[y : bottom + margin, x : right + margin], x, y


def _parted(picture: NDArray[np.uint8], page: PageCandidates, recogniser: Recogniser, passes: Passes) -> PageCandidates:
    """A page whose candidates that are no digit by themselves, but several that touch, are parted."""
    tried, lines = 0, []
    for line in page.lines:
        parts: list[Candidate] = []
        for candidate in line:
            left, top, right, bottom = candidate.box
            narrow = right - left < _NARROWEST_PAIR * (bottom - top)
            if candidate.is_digit() or narrow or tried >= _MOST_LOOKED_AT:
                parts.append(candidate)
                continue
            tried += 1
            paper, x, y = _surroundings(picture, candidate.box)
            found = recogniser.line_candidates(paper, passes)
            sure = len(found) >= 2 and all(part.known()[:NON_DIGIT].max() >= _SURE_PART for part in found)
            parts += [part.moved(x, y) for part in found] if sure else [candidate]
        lines.append(parts)
    return PageCandidates(lines, page.ignored)


# --- What is it? ----------------------------------------------------------------------------------------------------


def _by_what_is_found(
    picture: NDArray[np.uint8], page: PageCandidates, recogniser: Recogniser, passes: Passes
) -> PageCandidates:
    """The candidates of the mode that suits a picture, whose candidates as a page are known."""
    height, width = picture.shape
    digits = page.digits()
    # What touches the border is more often a piece of a frame than a digit.
    inner = [c for c in digits if c.box[0] > 1 and c.box[1] > 1 and c.box[2] < width - 1 and c.box[3] < height - 1]
    alone = len(page.all()) <= 1 or len(inner) <= 1
    if width >= _LINE_ASPECT * height:
        candidates = recogniser.line_candidates(picture, passes)
        line = [candidate for candidate in candidates if candidate.is_digit()]
        tall = float(np.median([candidate.box[3] - candidate.box[1] for candidate in line])) if line else 0.0
        many = len(line) >= _LINE_SHARE * _clear(page)
        fits = many and tall >= _LINE_HEIGHT * height and mean_confidence(line) >= mean_confidence(digits) - _LINE_BONUS
        if fits and (len(line) > 1 or not alone):
            return PageCandidates([candidates])
    if not alone:
        return page
    lone = find_candidates(picture, "digit", recogniser)
    recogniser.classify(lone.all(), known=scores_by_crop(page.all()))
    recogniser.rescore(lone.all(), passes)
    return lone
