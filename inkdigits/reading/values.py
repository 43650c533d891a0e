"""What a text of digits and signs is worth as a number."""

from __future__ import annotations

import re
from decimal import Decimal

#: A sign, digits with marks among them, and what closes an amount: a dash or two, perhaps after a comma, or an equals sign.
_NUMBER = re.compile(r"([-+]?)(\d[\d.,]*?)(?:[.,]?-{1,2}|=|[.,])?")


def value_of(text: str) -> Decimal | None:
    """The number that a text says; None where it says none, as a date does, or leaves it open.

    The last mark is a decimal mark, unless three digits follow each mark and the marks are alike: those part thousands. One
    mark alone, with three digits behind it and up to three before, may be either, and leaves it open.

    Args:
        text: Digits and signs, such as ``"1.250,50"`` or ``"-3"``.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, number = match.groups()
    groups = re.split("[.,]", number)
    marks = re.findall("[.,]", number)
    if not marks:
        return Decimal(sign + number)
    thousands = groups[0] not in ("", "0") and len(groups[0]) <= 3 and not groups[0].startswith("0")
    whole = thousands and all(len(group) == 3 for group in groups[1:])
    if whole and len(set(marks)) == 1:
        return Decimal(sign + "".join(groups)) if len(marks) > 1 else None
    before, last = groups[:-1], groups[-1]
    parted = len(before) == 1 or (thousands and all(len(group) == 3 for group in before[1:]) and marks[-1] not in marks[:-1])
    if not parted or len(set(marks[:-1])) > 1 or not last:
        return None
    return Decimal(f"{sign}{''.join(before)}.{last}")
