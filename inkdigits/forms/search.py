"""The most probable text that satisfies a constraint."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence

#: The search for texts ends when what has not been looked at is, all together, less probable than this share of what was
#: admitted, or after so many texts.
_REST, _MOST_TEXTS = 1e-4, 20_000
#: No symbol is less probable.
_LEAST = 1e-12


def most_probable(rows: Sequence[Mapping[str, float]], says: Callable[[str], str | None]) -> tuple[str | None, float]:
    """The most probable text that is admitted, and its probability given that an admitted one is right.

    Texts are looked at from the most probable downwards. What was not looked at counts against the answer.

    Args:
        rows: For each candidate the probabilities of what it may be: digits, signs, or nothing, which is an empty text.
        says: What a text comes to, which several may; None where it cannot be.

    Returns:
        what the text says, and its probability; None and 0 where no text that was looked at is admitted.
    """
    symbols, levels = [], []
    for row in rows:
        order = sorted(row, key=row.__getitem__, reverse=True)
        total = sum(max(row[symbol], _LEAST) for symbol in order)
        symbols.append(order)
        levels.append([max(row[symbol], _LEAST) / total for symbol in order])
    first = (0,) * len(rows)
    heap = [(-math.prod(level[0] for level in levels), first)]
    seen, rest, mass = {first}, 1.0, 0.0
    admitted: dict[str, float] = {}
    while heap and rest > _REST * mass and len(seen) < _MOST_TEXTS:
        negative, choice = heapq.heappop(heap)
        rest += negative
        text = says("".join(order[i] for order, i in zip(symbols, choice, strict=True)))
        if text is not None:
            admitted[text] = admitted.get(text, 0.0) - negative
            mass -= negative
        for position, i in enumerate(choice):
            following = (*choice[:position], i + 1, *choice[position + 1 :])
            if i + 1 < len(levels[position]) and following not in seen:
                seen.add(following)
                heapq.heappush(heap, (negative / levels[position][i] * levels[position][i + 1], following))
    if not admitted:
        return None, 0.0
    best = max(admitted, key=admitted.__getitem__)
    return best, min(1.0, admitted[best] / (mass + max(rest, 0.0)))
