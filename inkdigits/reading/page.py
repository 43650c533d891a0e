"""What a picture is taken for, and the candidates in it: one digit, a line, or a page that lies anyhow in the picture."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import UsageError
from inkdigits.geometry import Box, around, clipped, corners_of, intersection_over_union, shares_along
from inkdigits.inference.detector import Found, separate
from inkdigits.inference.line_recogniser import LineSymbol
from inkdigits.inference.tasks import NON_DIGIT
from inkdigits.preparation.digit import prepare
from inkdigits.reading.candidates import LONE_NON_DIGIT_LIMIT, Candidate, PageCandidates, digit_candidates, mean_confidence
from inkdigits.reading.cutting import Cut, cut
from inkdigits.reading.layout import direction, pieces_of, rows_direction
from inkdigits.reading.recogniser import Recogniser
from inkdigits.reading.rulings import mark_parted, rulings_of_line

#: ``digit``: all ink is one digit; ``line``: digits stand on one line; ``page``: anywhere; ``auto``: the same as ``page``.
Mode: TypeAlias = Literal["auto", "digit", "line", "page"]
MODES: tuple[Mode, ...] = get_args(Mode)

#: Marks with at least this probability of a digit are looked at where one beside them has at least the second; and other
#: writing from the third on. Source: J. Canny, "A computational approach to edge detection", 1986, section 8.
_DIGIT, _CLEAR_DIGIT, _OTHER = 0.35, 0.7, 0.3
_DOUBTFUL_DIGIT = 0.5
#: Beside is up to so many heights from middle to middle, and no more half heights above or below; and heights are alike up to
#: this ratio.
_BESIDE, _OFF_LINE, _ALIKE = 3.0, 0.6, 1.6
#: A picture is looked at on its side, too, if such a share of what is seen in it lies on its side; and one whose lines are
#: askew by more than this once more, turned upright.
_ON_ITS_SIDE, _ASKEW_DEG = 0.4, 10.0
#: Rows run askew from this angle on, to the level and to the upright. That may be, too, where so many digits seem to be there,
#: of which less than a share is clear.
_DIAGONAL_DEG, _SEEN, _UNCLEAR = 18.0, 4.0, 0.4
#: A page whose digits are less sure than this on average is read upside down, too; that counts if they are so much surer then.
_UPRIGHT, _CLEARER = 0.9, 0.1
#: A picture shows a line and hardly more if the line is turned no further, the picture is so many times as wide as it is high,
#: the digits take up such a share of its height, and the line has such a share of all that was seen.
_LEVEL_DEG, _LONG, _HIGH, _ALONE = 12.0, 1.4, 0.28, 0.85
#: That is believed if the detector doubts no more than a share of the digits, which means a probability below the first.
_DOUBTED, _MOST_DOUBTED = 0.45, 0.2
#: A picture of one digit is a thumbnail up to this side, in pixels, though the detector may miss the digit; else the digit's
#: ink must lie where the detector sees one, by this intersection over union.
_THUMBNAIL, _SAME_PLACE = 48, 0.4
#: A digit stands by itself in its piece if its neighbours reach into no more than this share of its width; so much paper is
#: then cut out with it, in heights of it.
_REACHED_INTO, _MARGIN = 0.08, 0.25
#: The line recogniser and the detector mean the same digit if their middles are no further apart than this share of its height.
_SAME_DIGIT = 0.4
#: … and a sign at the place of a digit is the same as it if it has at least this share of its height.
_TALL_SIGN = 0.5
#: What the line recogniser has read where the detector saw no digit by itself is one if the first is so sure of it, and the
#: second has seen a trace of one.
_SURE_PART, _TRACE = 0.7, 0.3
#: Other writing parts two numbers if its probability reaches the first, and the digits leave it so much room, in heights.
_PARTING, _ROOM = 0.5, 0.3
#: What the line recogniser says where it has read nothing: float32 (11,).
_NOTHING_READ = np.array([0.03] * NON_DIGIT + [0.7], np.float32)


class _Looked(NamedTuple):
    """What the detector has found on a page: all that it has seen, the digits, and the other writing."""

    seen: Found
    digits: Found
    others: Found


def find_candidates(picture: NDArray[np.uint8], mode: Mode, recogniser: Recogniser) -> PageCandidates:
    """The candidates in a picture, uint8 (H, W); what was not asked about yet waits for ``classify`` and ``rescore``."""
    if mode == "digit":
        return PageCandidates([digit_candidates(picture)], non_digit_limit=LONE_NON_DIGIT_LIMIT)
    if mode == "line":
        return PageCandidates([recogniser.line_candidates(picture)])
    return _page_candidates(picture, recogniser)


def check_mode(mode: str) -> None:
    """Make sure that there is such a mode.

    Raises:
        UsageError: There is none.
    """
    if mode not in MODES:
        raise UsageError(f"there is no mode {mode!r}: use {', '.join(MODES)}")


def _page_candidates(picture: NDArray[np.uint8], recogniser: Recogniser) -> PageCandidates:
    seen = recogniser.detector.look(picture)
    found = separate(seen)
    looked_at = 0.0
    for guess in (_side, _most, _askew, _most):
        for angle in guess(found) if len(found) else ():
            if abs(angle - looked_at) > np.radians(_ASKEW_DEG):
                upright = recogniser.detector.look_turned(picture, angle)
                other = separate(upright)
                if _clearness(other) > _clearness(found) and not (guess is _askew and _unclear(other)):
                    seen, found, looked_at = upright, other, angle
    looked = _looked(seen, found)
    digits, others = looked.digits, looked.others
    lone = _lone_digit(picture, digits, seen)
    if lone:
        return PageCandidates([lone], non_digit_limit=LONE_NON_DIGIT_LIMIT)
    lines: list[list[Candidate]] = []
    if len(digits):
        turn = direction(digits)
        if _is_line(digits, turn, picture.shape):
            line = recogniser.line_candidates(picture, seen)
            if mean_confidence(line) >= _UPRIGHT and _agreed(line, digits):
                return PageCandidates([line], _boxes(others, picture.shape))
        lines = _read(picture, looked, turn, recogniser)
        doubtful = mean_confidence([one for line in lines for one in line])
        if doubtful < _UPRIGHT:  # 0, 1, 2, 5 and 8, and 6 together with 9, hardly tell which way is up
            turned = _read(picture, looked, turn + np.pi, recogniser)
            clearer = mean_confidence([one for line in turned for one in line])
            if clearer > doubtful + _CLEARER:
                lines = turned
            if clearer > max(doubtful + _CLEARER, _UPRIGHT):  # it lies on its head: upright, more is seen
                seen = recogniser.detector.look_turned(picture, turn + np.pi)
                again = _read(picture, _looked(seen, separate(seen)), turn + np.pi, recogniser)
                lines = max(turned, again, key=lambda some: sum(one.confidence() - 0.5 for line in some for one in line))
    return PageCandidates(lines, _boxes(others, picture.shape))


def _looked(seen: Found, found: Found) -> _Looked:
    """Which marks are digits, and which other writing; of all that was seen, ``found`` has each mark once."""
    is_digit = (found.scores[:, 0] >= _DIGIT) & (found.scores[:, 0] >= found.scores[:, 1])
    return _Looked(seen, _clear(found[is_digit]), found[~is_digit & (found.scores[:, 1] >= _OTHER)])


def _clearness(found: Found) -> float:
    """The sum of the probabilities of all digits beyond doubt."""
    scores = found.scores[:, 0]
    return float(scores[scores >= _CLEAR_DIGIT].sum())


def _side(found: Found) -> tuple[float, ...]:
    """A right angle, in radians, if the digits and letters seem to lie on their sides, which shows even where few are found."""
    weights = found.scores.max(1)
    on_side = np.abs(found.ups[:, 0]) > np.abs(found.ups[:, 1])
    return (np.pi / 2,) if float(weights[on_side].sum()) > _ON_ITS_SIDE * float(weights.sum()) else ()


def _most(found: Found) -> tuple[float, ...]:
    """The angle that most of the writing has by itself."""
    return (direction(found),)


def _askew(found: Found) -> tuple[float, ...]:
    """The two angles of rows that run askew, in radians, if there are such: the network takes their digits for upright.

    Where hardly any of what may be digits is clear, they may be rows of which it sees too little: half a right angle.
    """
    scores = found.scores[:, 0]
    angle = rows_direction(found[scores >= _DIGIT])
    if angle is not None and abs(np.sin(2 * angle)) >= np.sin(2 * np.radians(_DIAGONAL_DEG)):
        return angle, angle + np.pi
    return (np.pi / 4,) if _unclear(found) and scores.sum() >= _SEEN else ()


def _unclear(found: Found) -> bool:
    """Whether hardly any of what may be digits is clear: print, drawings, or rows of digits that run askew."""
    return _clearness(found) < max(_SEEN, _UNCLEAR * float(found.scores[:, 0].sum()))


def _is_line(digits: Found, turn: float, shape: tuple[int, ...]) -> bool:
    """Whether a picture of ``shape`` (H, W) shows a level line of digits and hardly more, as mode ``line`` expects it."""
    height, width = shape
    level, large = abs(turn) <= np.radians(_LEVEL_DEG), float(np.median(digits.heights)) >= _HIGH * height
    if len(digits) < 2 or not level or not large or width < _LONG * height:
        return False
    of_lines = [sum(float(digits.scores[piece.digits, 0].sum()) for piece in line) for line in pieces_of(digits, turn)]
    return max(of_lines) >= _ALONE * sum(of_lines)


def _agreed(line: Sequence[Candidate], digits: Found) -> bool:
    """Whether the line recogniser has read most digits that the detector has seen, and hardly more, such as walls."""
    read = [candidate for candidate in line if candidate.sign is None]
    if len(read) < (1 - _MOST_DOUBTED) * len(digits):
        return False
    doubted = sum(candidate.detected is not None and candidate.detected < _DOUBTED for candidate in read)
    return doubted <= _MOST_DOUBTED * len(read)


def _read(picture: NDArray[np.uint8], looked: _Looked, turn: float, recogniser: Recogniser) -> list[list[Candidate]]:
    """The candidates on a page, line by line, with their probabilities; its lines are turned clockwise by so many radians."""
    lines = [[cut(picture, piece) for piece in line] for line in pieces_of(looked.digits, turn)]
    read = iter(recogniser.line_recogniser.read_pieces([piece.picture for line in lines for piece in line]))
    candidates, rulings = [], []
    for line in lines:
        along = line[0].piece.along / np.linalg.norm(line[0].piece.along)
        on_line = [one for piece in line for one in _of_piece(piece, next(read), looked, along, picture.shape)]
        _mark_parted(on_line, along, looked.others)
        candidates.append(on_line)
        rulings.append(rulings_of_line(picture, line, along))
    mark_parted(candidates, rulings)
    everything = [candidate for line in candidates for candidate in line]
    recogniser.classify(everything)
    recogniser.rescore(everything)
    return candidates


def _clear(digits: Found) -> Found:
    """The digits beyond doubt, and those beside them that are about as high."""
    scores = digits.scores[:, 0]
    clear = scores >= min(_CLEAR_DIGIT, max(_DOUBTFUL_DIGIT, float(scores.max(initial=0.0))))
    heights = digits.heights
    kept = clear.copy()
    for one in np.flatnonzero(clear):  # one by one: of all pairs on a page of noise, the ways alone would take 200 MB
        ways, up = digits.centres - digits.centres[one], digits.ups[one]
        off_line = np.abs((ways * up).sum(1)) / max(float((up**2).sum()), 1e-9)  # in half heights
        ratio = heights / heights[one]
        near = (np.linalg.norm(ways, axis=1) <= _BESIDE * heights[one]) & (off_line <= _OFF_LINE)
        kept |= near & (ratio > 1 / _ALIKE) & (ratio < _ALIKE)
    return digits[kept]


def _lone_digit(picture: NDArray[np.uint8], digits: Found, seen: Found) -> list[Candidate]:
    """The candidate of mode ``digit``, where all ink of the picture is one digit; none elsewhere."""
    best = int(digits.scores[:, 0].argmax()) if len(digits) else None
    if best is not None:
        left, top, right, bottom = around(digits.corners[best], picture.shape)
        x, y = np.delete(digits.centres, best, axis=0).T
        if not ((x > left) & (x < right) & (y > top) & (y < bottom)).all():
            return []
    lone = digit_candidates(picture)
    if not lone or max(picture.shape) <= _THUMBNAIL:
        return lone
    if best is None:
        return lone if seen.support(corners_of(lone[0].box)) >= _TRACE else []
    return lone if intersection_over_union(lone[0].box, (left, top, right, bottom)) >= _SAME_PLACE else []


def _boxes(found: Found, shape: tuple[int, ...]) -> list[Box]:
    """The smallest upright box around each mark, in a picture of ``shape`` (H, W)."""
    return [around(corners, shape) for corners in found.corners]


def _of_piece(
    piece: Cut, read: Sequence[LineSymbol], looked: _Looked, along: NDArray[np.float64], shape: tuple[int, ...]
) -> list[Candidate]:
    """The candidates of a piece, from left to right: where the detector saw digits, with what the line recogniser has read.

    What it has read elsewhere is a digit if the detector has seen at least a trace of one there, as it may of two that touch;
    else it is a wall or a letter. And a digit that was read once was perhaps seen twice. What is a sign, the line recogniser
    says alone.

    Args:
        along: float64 (2,), the unit vector along the line that the piece is a part of.
    """
    places, rows = piece.places(), piece.piece.digits
    matches = _matched(places, read)
    found: list[tuple[float, Candidate]] = []
    for number, place in enumerate(places):
        match = matches.get(number)
        if match is None and any(_middle_within(place, read[other].box) for other in matches.values()):
            continue
        candidate = _candidate(piece, place, along, shape)
        candidate.detected = float(looked.digits.scores[rows[number], 0])
        candidate.second = _NOTHING_READ if match is None else read[match].digits
        candidate.symbol = None if match is None else read[match]
        if match is None or _stands_alone(places, number):
            candidate.cut = _with_paper(piece.picture, place)
            candidate.crops = [prepare(candidate.cut)]
        found.append((float(place[0] + place[2]), candidate))
    others = np.delete(looked.digits.centres, rows, axis=0)
    for number, symbol in enumerate(read):
        if number in matches.values():
            continue
        place = np.array(symbol.box, np.float64)
        candidate = _candidate(piece, place, along, shape)
        candidate.symbol, candidate.second = symbol, symbol.digits
        if not (candidate.sign or symbol.probabilities[:NON_DIGIT].max() >= _SURE_PART):
            continue
        corners = piece.on_page(place)
        candidate.detected = looked.seen.support(corners)
        across, lower = shares_along(corners, others)
        elsewhere = ((across > 0) & (across < 1) & (lower > 0) & (lower < 1)).any()  # a digit that another piece reads
        if (candidate.sign or candidate.detected >= _TRACE) and not elsewhere:
            found.append((float(place[0] + place[2]), candidate))
    return [candidate for _, candidate in sorted(found, key=lambda pair: pair[0])]


def _candidate(piece: Cut, place: NDArray[np.float64], along: NDArray[np.float64], shape: tuple[int, ...]) -> Candidate:
    """The candidate at a place in a piece: left, top, right, bottom in its pixels."""
    top_left, top_right, _, bottom_left = piece.on_page(place)
    middle = float((top_right + bottom_left) @ along) / 2
    half = float(np.linalg.norm(top_right - top_left)) / 2
    span = middle - half, middle + half, float(np.linalg.norm(bottom_left - top_left))
    return Candidate(piece.box(place, shape), span=span)


def _middle_within(one: NDArray[np.float64], other: NDArray[np.float64] | Box) -> bool:
    """Whether the middle of a place lies between the left and the right end of another one."""
    return bool(other[0] < (one[0] + one[2]) / 2 < other[2])


def _with_paper(picture: NDArray[np.uint8], place: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A digit with some paper around it."""
    left, top, right, bottom = place.tolist()
    margin = max(1.0, _MARGIN * (bottom - top))
    x0, y0, x1, y1 = clipped((left - margin, top - margin, right + margin, bottom + margin), picture.shape[1], picture.shape[0])
    return picture[y0:y1, x0:x1]


def _matched(places: NDArray[np.float64], read: Sequence[LineSymbol]) -> dict[int, int]:
    """Which of the read symbols stands at which place: the nearest pairs first. Dots and dashes stand at none."""
    if not read:
        return {}
    boxes = np.array([symbol.box for symbol in read], np.float64)
    middles, own = (boxes[:, 0] + boxes[:, 2]) / 2, (places[:, 0] + places[:, 2]) / 2
    away = np.abs(own[:, None] - middles[None])
    heights = places[:, 3] - places[:, 1]
    pairs: dict[int, int] = {}
    for flat in np.argsort(away, axis=None, kind="stable").tolist():
        number, match = divmod(flat, len(read))
        if away[number, match] > _SAME_DIGIT * heights[number]:
            continue
        if read[match].sign and boxes[match, 3] - boxes[match, 1] < _TALL_SIGN * heights[number]:
            continue
        if number not in pairs and match not in pairs.values():
            pairs[number] = match
    return pairs


def _stands_alone(places: NDArray[np.float64], number: int) -> bool:
    left, _, right, _ = places[number]
    reach = _REACHED_INTO * (right - left)
    others = np.delete(places, number, axis=0)
    return not ((others[:, 2] > left + reach) & (others[:, 0] < right - reach)).any()


def _mark_parted(candidates: Sequence[Candidate], along: NDArray[np.float64], others: Found) -> None:
    """Tell the candidates of a line that other writing stands before them."""
    down = np.array([-along[1], along[0]])
    middles = np.array([[one.box[0] + one.box[2], one.box[1] + one.box[3]] for one in candidates]).reshape(-1, 2) / 2
    clear = others[others.scores[:, 1] >= _PARTING]
    x, y = clear.centres @ along, clear.centres @ down
    for (before, at_before), (candidate, own) in itertools.pairwise(zip(candidates, middles, strict=True)):
        assert before.span is not None and candidate.span is not None
        level, height = (at_before + own) @ down / 2, candidate.span[2]
        between = (x > at_before @ along) & (x < own @ along) & (np.abs(y - level) < height / 2)
        candidate.parted = bool(between.any()) and candidate.span[0] - before.span[1] >= _ROOM * height
