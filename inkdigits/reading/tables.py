"""Words of a page → cells of a table, where the words of its lines stand below one another."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inkdigits.geometry import Box

if TYPE_CHECKING:
    from inkdigits.reading.results import Page, Word

#: Words stand in one column if they overlap, their outer digits counting with this share of their smaller side.
_MIDDLE_PART = 0.5


@dataclass(frozen=True)
class Cell:
    """A word in a table; rows and columns are numbered from 1."""

    row: int
    column: int
    word: Word


def cells_of(page: Page) -> tuple[Cell, ...]:
    """The words of a page as cells, row by row; a row is a line, a column what stands below one another."""
    along = _direction(page)
    words = [(row, word) for row, line in enumerate(page.lines, start=1) for word in line.words]
    spans = [_span(word, along) for _, word in words]
    starts = _column_starts(spans)
    placed = [
        Cell(row, sum(start <= middle for start in starts), word)
        for (row, word), middle in zip(words, (sum(span) / 2 for span in spans), strict=True)
    ]
    return tuple(sorted(placed, key=lambda cell: (cell.row, cell.column)))


def rows_of(page: Page) -> list[list[str]]:
    """The texts of a page's cells, row by row; all rows are equally long, and words that share a cell are parted by blanks."""
    cells = cells_of(page)
    columns = max((cell.column for cell in cells), default=0)
    rows = [[""] * columns for _ in page.lines]
    for cell in cells:
        found = rows[cell.row - 1][cell.column - 1]
        rows[cell.row - 1][cell.column - 1] = f"{found} {cell.word.text}".strip()
    return rows


def _middle(box: Box) -> NDArray[np.float64]:
    return np.array([box[0] + box[2], box[1] + box[3]]) / 2


def _direction(page: Page) -> NDArray[np.float64]:
    """The unit vector along which the page's lines run, from all pairs of neighbouring digits: float64 (2,)."""
    way = np.zeros(2)
    for line in page.lines:
        for before, after in itertools.pairwise(digit.box for digit in line.digits):
            way += _middle(after) - _middle(before)
    length = float(np.hypot(*way))
    return way / length if length else np.array([1.0, 0.0])


def _span(word: Word, along: NDArray[np.float64]) -> tuple[float, float]:
    """Where a word's middle part begins and ends along its line: between the middles of its outer digits, and some more."""
    places = [float(_middle(digit.box) @ along) for digit in word.digits]
    half = _MIDDLE_PART / 2 * min(word.digits[0].box[2] - word.digits[0].box[0], word.digits[0].box[3] - word.digits[0].box[1])
    return min(places) - half, max(places) + half


def _column_starts(spans: list[tuple[float, float]]) -> list[float]:
    """Where columns begin: spans that overlap, directly or by others between them, are of one column."""
    columns: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if columns and start <= columns[-1][1]:
            columns[-1] = columns[-1][0], max(end, columns[-1][1])
        else:
            columns.append((start, end))
    return [start for start, _ in columns]
