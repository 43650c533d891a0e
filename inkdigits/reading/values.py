"""What a text of digits and signs is worth as a number."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

from inkdigits.errors import UsageError

#: Which mark parts the whole from its decimals; ``auto``: as it stands.
DecimalMark: TypeAlias = Literal["auto", "point", "comma"]
#: A sign, digits with marks among them, perhaps ½, and what closes an amount: a dash or two, perhaps after a comma, or an
#: equals sign.
_NUMBER = re.compile(r"([-+]?)(\d[\d.,]*?)?(½?)(?:[.,]?-{1,2}|=|[.,])?")


def value_of(text: str, decimal: DecimalMark = "auto") -> Decimal | None:
    """The number that a text says; None where it says none, as a date does, or leaves it open.

    With ``auto`` the last mark is a decimal mark, unless three digits follow each mark and the marks are alike: those part
    thousands. One mark alone, with three digits behind it and up to three before, may be either, and leaves it open.

    Args:
        text: Digits and signs, such as ``"1.250,50"``, ``"-3"`` or ``"2½"``.
        decimal: ``point`` or ``comma`` where it is known what parts the whole from its decimals; the other parts thousands.

    Raises:
        UsageError: There is no such mark.
    """
    if decimal not in get_args(DecimalMark):
        raise UsageError(f"the decimal mark is {decimal!r}: use auto, point or comma")
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, number, half = match.groups()
    if half:
        return Decimal(f"{sign}{number or 0}.5") if (number or "0").isdigit() else None
    if not number:
        return None
    groups = re.split("[.,]", number)
    marks = re.findall("[.,]", number)
    if not marks:
        return Decimal(sign + number)
    if decimal != "auto":
        return _marked(sign, groups, marks, "." if decimal == "point" else ",")
    if _parts_thousands(groups) and len(set(marks)) == 1:
        return Decimal(sign + "".join(groups)) if len(marks) > 1 else None
    before, last = groups[:-1], groups[-1]
    parted = len(before) == 1 or (_parts_thousands(before) and marks[-1] not in marks[:-1])
    if not parted or len(set(marks[:-1])) > 1 or not last:
        return None
    return Decimal(f"{sign}{''.join(before)}.{last}")


def _marked(sign: str, groups: list[str], marks: list[str], mark: str) -> Decimal | None:
    """The number of groups of digits with marks between them, ``mark`` before the decimals and no other place."""
    if mark in marks[:-1]:
        return None
    decimals = groups.pop() if marks[-1] == mark else "0"
    if not decimals or (len(groups) > 1 and not _parts_thousands(groups)):
        return None
    value = "".join(groups)
    return Decimal(f"{sign}{value}.{decimals}" if marks[-1] == mark else sign + value)


def _parts_thousands(groups: list[str]) -> bool:
    """Whether groups of digits are those of a number whose thousands are parted."""
    first, *others = groups
    return 0 < len(first) <= 3 and not first.startswith("0") and all(len(group) == 3 for group in others)
