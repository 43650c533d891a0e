"""Columns of a table: what stands below one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

#: A word that shares its column with another word of its line lies within it by this share of its own width; else a new column
#: begins.
_WITHIN = 0.5

#: Where a word begins and ends along its line.
Span: TypeAlias = tuple[float, float]


class _Column:
    """Words that stand below one another: where they begin and end on average, and their outermost ends."""

    def __init__(self, word: Span) -> None:
        self.count, self.mean, self.reach = 1, word, word

    def add(self, word: Span) -> None:
        """Put another word into it."""
        self.count += 1
        start, end = (mean + (own - mean) / self.count for mean, own in zip(self.mean, word, strict=True))
        self.mean = start, end
        self.reach = min(self.reach[0], word[0]), max(self.reach[1], word[1])

    def holds(self, word: Span) -> bool:
        """Whether a word lies within its reach."""
        shared = min(self.reach[1], word[1]) - max(self.reach[0], word[0])
        return shared >= _WITHIN * (word[1] - word[0])


def columns_of(lines: Sequence[Sequence[Span]]) -> list[list[int]]:
    """The number of each word's column, from 1.

    The line with most words says how many columns there are; further ones come from words that stand below none of these. Words
    of a line stand in as many columns, from left to right, unless one lies within the column of its neighbour.

    Args:
        lines: The words' spans, line by line and from left to right.
    """
    columns: list[_Column] = []
    chosen: list[list[_Column]] = [[] for _ in lines]
    for row in sorted(range(len(lines)), key=lambda row: -len(lines[row])):
        chosen[row] = _placed(lines[row], columns)
    numbers = {id(column): number for number, column in enumerate(columns, start=1)}
    return [[numbers[id(column)] for column in found] for found in chosen]


def _placed(words: Sequence[Span], columns: list[_Column]) -> list[_Column]:
    """The column of each word of a line, which it is added to; new ones are put into ``columns`` at their places."""
    known = [None if match is None else columns[match] for match in _matched(_overlaps(words, columns))]
    found: list[_Column] = []
    for number, (word, matched) in enumerate(zip(words, known, strict=True)):
        following = next((one for one in known[number + 1 :] if one is not None), None)
        beside = [matched] if matched else [one for one in (*found[-1:], following) if one is not None and one.holds(word)]
        if beside:
            beside[0].add(word)
        else:
            beside = [_Column(word)]
            after = columns.index(found[-1]) + 1 if found else 0
            right = (place for place in range(after, len(columns)) if sum(columns[place].mean) > sum(word))
            columns.insert(next(right, len(columns)), beside[0])
        found.append(beside[0])
    return found


def _overlaps(words: Sequence[Span], columns: Sequence[_Column]) -> NDArray[np.float64]:
    """How much words overlap columns, as a share of the narrower of the two: float64 (words, columns)."""
    starts, ends = np.array(words, float).reshape(-1, 2).T[:, :, None]
    left, right = np.array([column.mean for column in columns], float).reshape(-1, 2).T
    shared = np.minimum(ends, right) - np.maximum(starts, left)
    return np.maximum(shared, 0) / np.maximum(np.minimum(ends - starts, right - left), 1e-6)


def _matched(overlaps: NDArray[np.float64]) -> list[int | None]:
    """The column of each word, or None: the pairs, from left to right in both, that overlap most in sum.

    Args:
        overlaps: float64 (words, columns).
    """
    words, columns = overlaps.shape
    best = np.zeros((words + 1, columns + 1))
    for word in range(words):
        best[word + 1, 1:] = np.maximum.accumulate(np.maximum(best[word, :-1] + overlaps[word], best[word, 1:]))
    found: list[int | None] = [None] * words
    word, column = words, columns
    while word and column:
        if best[word, column] == best[word, column - 1]:
            column -= 1
        elif best[word, column] == best[word - 1, column]:
            word -= 1
        else:
            word, column = word - 1, column - 1
            found[word] = column
    return found
