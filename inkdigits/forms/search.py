"""The most probable text that satisfies a constraint."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from inkdigits.inference.tasks import NON_DIGIT

#: The search for texts ends when what has not been looked at is, all together, less probable than this share of what was
#: admitted, or after so many texts.
_REST, _MOST_TEXTS = 1e-4, 20_000


def most_probable(rows: Sequence[NDArray[np.float32]], admits: Callable[[str], bool]) -> tuple[str | None, float]:
    """The most probable text that is admitted, and its probability given that an admitted one is right.

    Texts are looked at from the most probable downwards. What was not looked at counts against the answer.

    Args:
        rows: For each candidate the probabilities of ten digits and of no digit, float (11,).
        admits: Whether a text can be.

    Returns:
        the text and its probability; None and 0 where no text that was looked at is admitted.
    """
    orders = [np.argsort(-row) for row in rows]
    levels = [np.maximum(row[order].astype(np.float64), 1e-12) for row, order in zip(rows, orders, strict=True)]
    levels = [row / row.sum() for row in levels]
    first = (0,) * len(rows)
    heap = [(-float(np.prod([row[0] for row in levels])), first)]
    seen, rest, mass = {first}, 1.0, 0.0
    admitted: dict[str, float] = {}
    while heap and rest > _REST * mass and len(seen) < _MOST_TEXTS:
        negative, choice = heapq.heappop(heap)
        rest += negative
        symbols = [int(order[i]) for order, i in zip(orders, choice, strict=True)]
        text = "".join(str(symbol) for symbol in symbols if symbol != NON_DIGIT)
        if admits(text):
            admitted[text] = admitted.get(text, 0.0) - negative
            mass -= negative
        for position, i in enumerate(choice):
            following = (*choice[:position], i + 1, *choice[position + 1 :])
            if i < NON_DIGIT and following not in seen:
                seen.add(following)
                heapq.heappush(heap, (negative / levels[position][i] * levels[position][i + 1], following))
    if not admitted:
        return None, 0.0
    best = max(admitted, key=admitted.__getitem__)
    return best, min(1.0, float(admitted[best] / (mass + max(rest, 0.0))))
