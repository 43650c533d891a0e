"""Rulings between the digits of a line: where the columns of a printed table end, numbers end.

What parts the digits of one number is no such thing: the walls of boxes with a digit each, and the lines of squared paper,
which run through digits too. So a line is taken for a row of a table only where some cells hold several digits, or all are far
apart, and hardly any digit of the page is crossed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.reading.candidates import Candidate
from inkdigits.reading.cutting import Cut, cut
from inkdigits.reading.layout import Piece

#: Between pieces that are nearer, in pixels, nothing is to be seen.
_LEAST_GAP = 4.0
#: Pieces are looked at in about this height, in pixels.
_HEIGHT = 48
#: A ruling is darker than the paper at this distance to both sides, in heights of the piece, by this share of the contrast, and
#: by so many levels at least.
_ASIDE, _DARKER, _LEVELS = (0.05, 0.1), 0.12, 8.0
#: It leans by no more than this for each pixel down, and is seen in such a share of the rows.
_LEAN, _ROWS = 0.12, 0.88
#: Rows at the upper and the lower edge of a piece, as a share of its height, where there are no digits.
_EDGE = 0.09
#: The inner part of a digit, as a share of its width.
_INNER = 0.7
#: On squared paper more than this share of the digits is crossed. Neighbours are digits up to so many heights apart.
_MOST_CROSSED, _NEIGHBOURS = 0.06, 1.0
#: Cells with a digit each are a table's if their middles are so many heights apart or more; else boxes of one number, which
#: holds together where no box is empty.
_WIDE_CELLS = 2.0


@dataclass(frozen=True)
class Rulings:
    """Where lines run across the writing.

    Attributes:
        crossing: float64 (N,), places along the line where one is seen above and below the digits.
        parting: float64 (M,), places where one is seen from top to bottom.
    """

    crossing: NDArray[np.float64]
    parting: NDArray[np.float64]


def rulings_of(piece: Cut, along: NDArray[np.float64]) -> Rulings:
    """The rulings in a piece of a line.

    Args:
        piece: Of the page.
        along: float64 (2,), the unit vector along the line that it is a part of.
    """
    image = Image.fromarray(piece.picture)
    levels = np.asarray(image.reduce(max(1, image.height // _HEIGHT)), np.float32)
    least = max(_LEVELS, _DARKER * float(np.subtract(*np.percentile(levels, [95, 5]))))
    edge = max(1, round(_EDGE * len(levels)))
    top, bottom = _lines(levels[:edge], len(levels), least), _lines(levels[-edge:], len(levels), least)
    if not (top.any() and bottom.any()):
        return Rulings(np.zeros(0), np.zeros(0))
    ink = _widened(np.percentile(levels, 75, axis=1)[:, None] - levels >= least)
    crossing, parting = np.zeros((2, levels.shape[1]), bool)
    rows, columns = np.arange(len(levels))[:, None], np.arange(levels.shape[1])
    for lean in np.linspace(-_LEAN, _LEAN, 9):
        moved = np.round(lean * (rows - len(levels) / 2)).astype(int)
        ends = [
            np.take_along_axis(seen, np.clip(columns + by, 0, len(columns) - 1), 1).mean(0) >= _ROWS
            for seen, by in ((top, moved[:edge]), (bottom, moved[-edge:]))
        ]
        seen_at = np.flatnonzero(ends[0] & ends[1])
        crossing[seen_at] = True
        whole = ink[rows, np.clip(seen_at + moved, 0, len(columns) - 1)].mean(0) >= _ROWS
        parting[seen_at[whole]] = True
    return Rulings(_along(piece, crossing, along), _along(piece, parting, along))


def rulings_of_line(picture: NDArray[np.uint8], pieces: Sequence[Cut], along: NDArray[np.float64]) -> Rulings:
    """The rulings in the pieces of a line, and between them.

    Args:
        picture: uint8 (H, W), the page.
        pieces: From left to right.
        along: As of ``rulings_of``.
    """
    gaps = [_between_pieces(before.piece, one.piece) for before, one in itertools.pairwise(pieces)]
    parts = [rulings_of(one, along) for one in (*pieces, *(cut(picture, gap) for gap in gaps if gap is not None))]
    return Rulings(np.concatenate([part.crossing for part in parts]), np.concatenate([part.parting for part in parts]))


def _between_pieces(before: Piece, one: Piece) -> Piece | None:
    """What lies between two pieces, which may be nothing."""
    start = before.origin + before.along
    way = one.origin - start
    along = before.along * float(way @ before.along) / float(before.along @ before.along)
    if float(way @ before.along) <= 0 or np.hypot(*along) < _LEAST_GAP:
        return None
    return Piece(np.zeros(0, np.int64), start, along, before.down, np.zeros((0, 4)))


def _lines(levels: NDArray[np.float32], height: int, least: float) -> NDArray[np.bool_]:
    """Where rows of a piece of some height are darker than to both sides, bool (H, W)."""
    dark = np.zeros(levels.shape, bool)
    for aside in _ASIDE:
        by = max(1, round(aside * height))
        padded = np.pad(levels, ((0, 0), (by, by)), mode="edge")
        dark |= np.minimum(padded[:, : -2 * by], padded[:, 2 * by :]) - levels >= least
    return _widened(dark)


def _widened(dark: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """… with a pixel more to both sides: a line that leans steps aside."""
    wide = dark.copy()
    wide[:, 1:] |= dark[:, :-1]
    wide[:, :-1] |= dark[:, 1:]
    return wide


def _along(piece: Cut, columns: NDArray[np.bool_], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """The middles of runs of columns as places along the line, in pixels of the page."""
    edges = np.flatnonzero(np.diff(np.pad(columns, 1).astype(np.int8)))
    middles = (edges[::2] + edges[1::2]) / 2 / max(len(columns), 1)
    return np.array([(piece.piece.origin + share * piece.piece.along) @ along for share in middles])


def mark_parted(lines: Sequence[Sequence[Candidate]], rulings: Sequence[Rulings]) -> None:
    """Tell the candidates of a page's lines that a column of a table ends before them, or that they stand in boxes.

    Args:
        lines: From left to right, with their spans.
        rulings: Of each line.
    """
    found = list(zip(lines, rulings, strict=True))
    crossed = [_crossed(one, on_line) for line, on_line in found for one in line]
    if not crossed or np.mean(crossed) > _MOST_CROSSED:
        return
    for line, on_line in found:
        _mark_line(line, on_line)


def _mark_line(line: Sequence[Candidate], found: Rulings) -> None:
    """Part a line that is a row of a table, or join one whose digits stand in boxes."""
    pairs = [(before, one, _between(before, one, found)) for before, one in itertools.pairwise(line)]
    near = [ruled for before, one, ruled in pairs if _gap(before, one) <= _NEIGHBOURS]
    apart = [_gap(before, one, middles=True) for before, one, ruled in pairs if ruled]
    if apart and (not all(near) or np.median(apart) >= _WIDE_CELLS):
        for before, one, ruled in pairs:
            one.parted |= ruled or _gap(before, one) > _NEIGHBOURS  # a ruling that touches a digit may be overlooked
    elif apart:
        for before, one, ruled in pairs:
            one.joined = ruled and _gap(before, one, middles=True) < _WIDE_CELLS


def _crossed(one: Candidate, found: Rulings) -> bool:
    assert one.span is not None
    middle, half = (one.span[0] + one.span[1]) / 2, _INNER * (one.span[1] - one.span[0]) / 2
    return bool((np.abs(found.crossing - middle) < half).any())


def _between(before: Candidate, one: Candidate, found: Rulings) -> bool:
    assert before.span is not None and one.span is not None
    first, last = (before.span[0] + before.span[1]) / 2, (one.span[0] + one.span[1]) / 2
    return bool(((found.parting > first) & (found.parting < last)).any())


def _gap(before: Candidate, one: Candidate, middles: bool = False) -> float:
    """From the end of a candidate to its neighbour's beginning, or between their middles, in heights of the higher one."""
    assert before.span is not None and one.span is not None
    way = sum(one.span[:2]) / 2 - sum(before.span[:2]) / 2 if middles else one.span[0] - before.span[1]
    return way / max(before.span[2], one.span[2], 1e-6)
