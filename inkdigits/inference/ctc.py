"""Connectionist temporal classification: from scores at time steps to labels. Training and reading decode alike.

Source: A. Graves et al., "Connectionist Temporal Classification", ICML 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Index of "nothing at this time step" among the classes.
BLANK = 10
#: The signs of numbers.
SIGNS = ".,-/:+×=()%½"
#: What the line recogniser tells apart: digits, nothing, signs, and any other writing, which is an x.
SYMBOLS = (*"0123456789", "", *SIGNS, "x")


def symbol_of(character: str) -> str:
    """The symbol that a character is read as: itself if it is a digit or one of ``SIGNS``, else an x."""
    return character if character in SYMBOLS else "x"


class Peak(NamedTuple):
    """A digit or sign on the best path: its label, and the time step at which it is surest."""

    label: int
    step: int


def best_path(scores: NDArray[np.floating]) -> list[Peak]:
    """The best path: neighbouring time steps with the same label are one, and blanks are left out.

    Source: Graves et al., section 3.2.

    Args:
        scores: float (T, C), probabilities or logits of ten digits, of blank, and perhaps of more.

    Returns:
        the digits, and what else there is a class of, from left to right.
    """
    best = scores.argmax(1)
    starts = np.flatnonzero(np.diff(best, prepend=-1) != 0)
    ends = [*starts[1:], len(best)]
    return [
        Peak(int(best[start]), int(start + scores[start:end, best[start]].argmax()))
        for start, end in zip(starts, ends, strict=True)
        if best[start] != BLANK
    ]


def log_probability(probabilities: NDArray[np.floating], text: Sequence[int]) -> float:
    """Logarithm of the probability that time steps say a text, over all ways to align it with them.

    Source: Graves et al., section 4.1 (forward variables).

    Args:
        probabilities: float (T, C), rows that sum to 1.
        text: Labels, none of them blank.
    """
    logs = np.log(np.maximum(probabilities, 1e-9))
    if not text:
        return float(logs[:, BLANK].sum())
    states = np.full(2 * len(text) + 1, BLANK)  # blank, first digit, blank, second digit, …, blank
    states[1::2] = text
    skips = np.zeros(len(states), bool)  # a state that may follow the one before the last: a digit unlike the last digit
    skips[3::2] = states[3::2] != states[1:-2:2]
    forward = np.full(len(states) + 2, -np.inf)  # two impossible states in front, so that every state has two before it
    forward[2:4] = logs[0, states[:2]]
    for row in logs[1:]:
        ways = np.logaddexp(forward[2:], forward[1:-1])
        ways = np.where(skips, np.logaddexp(ways, forward[:-2]), ways)
        forward[2:] = ways + row[states]
    return float(np.logaddexp(forward[-1], forward[-2]))
