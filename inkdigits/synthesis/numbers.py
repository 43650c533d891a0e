"""Numbers as people write them: how long they are, how they begin, and the signs among them."""

from __future__ import annotations

import numpy as np

#: How often amounts begin with 1 to 9. Source: F. Benford, "The law of anomalous numbers", 1938.
_BENFORD = np.log10(1 + 1 / np.arange(1, 10))
#: How long numbers are, and how often.
_LENGTHS, _LENGTH_SHARES = (1, 2, 3, 4, 5, 6, 7, 8, 12, 20), (0.1, 0.16, 0.17, 0.16, 0.15, 0.1, 0.07, 0.05, 0.03, 0.01)
#: Small fractions, and the digits that they show.
FRACTIONS = {"½": ("1", "2"), "¼": ("1", "4"), "¾": ("3", "4")}


def digits(rng: np.random.Generator, longest: int = 8) -> str:
    """A number of digits alone: lengths as they are met, round amounts and repeated digits among them."""
    length = int(min(longest, rng.choice(_LENGTHS, p=_LENGTH_SHARES)))
    labels = rng.integers(0, 10, length)
    if rng.random() < 0.5:
        labels[0] = rng.choice(9, p=_BENFORD) + 1
    if length > 2 and rng.random() < 0.2:
        labels[-int(rng.integers(1, length)) :] = 0
    if length > 1 and rng.random() < 0.2:
        start = int(rng.integers(0, length - 1))
        labels[start : start + int(rng.integers(2, 4))] = rng.integers(0, 10)
    return "".join(map(str, labels))


def number(rng: np.random.Generator, longest: int = 8) -> str:
    """A number as people write them: mostly plain; else an amount, a date, a time, a fraction, a score, a sum.

    Args:
        longest: Most digits of a plain one; the others are no longer than twelve characters.
    """
    kind = rng.random()
    if kind < 0.66:
        return digits(rng, longest)
    if kind < 0.71:
        return f"{int(digits(rng, min(longest, 8))):,}".replace(",", str(rng.choice([".", ",", " "])))
    if kind < 0.78:
        return f"{digits(rng, 4)}{rng.choice(['.', ','])}{rng.integers(0, 100):02d}"
    if kind < 0.84:
        year = rng.integers(1850, 2030) if rng.random() < 0.5 else rng.integers(10, 99)
        return str(rng.choice(["/", ".", "-", " "])).join(map(str, (rng.integers(1, 32), rng.integers(1, 13), year)))
    if kind < 0.87:
        return f"{digits(rng, 2)}/{digits(rng, 2)}"
    if kind < 0.895:
        return f"{rng.integers(0, 24)}:{rng.integers(0, 60):02d}"
    if kind < 0.91:
        return f"-{digits(rng, 3)}" if rng.random() < 0.5 else f"({digits(rng, 3)})"
    if kind < 0.93:
        blank = " " * int(rng.integers(2))
        return f"{digits(rng, 2)}{blank}{rng.choice(['+', '-', '×', '=', ':'])}{blank}{digits(rng, 2)}"
    if kind < 0.975:
        whole = "" if rng.random() < 0.15 else f"{digits(rng, 2)}{rng.choice(['', ' '])}"
        return f"{whole}{rng.choice(list(FRACTIONS), p=[0.84, 0.08, 0.08])}"
    if kind < 0.99:  # the day in a church book
        return f"{rng.choice(['d. ', 'd ', ''])}{rng.integers(1, 32)}{rng.choice(['', chr(39)])}"
    return f"{digits(rng, min(longest, 7))}{rng.choice(['-', '=', ',-', '--', '%', '.'])}"
