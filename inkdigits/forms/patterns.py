"""Patterns: what digits and signs a field holds, and in which order."""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from inkdigits.inference.ctc import SIGNS
from inkdigits.reading.values import value_of

#: A point and a comma look alike in many a hand: a pattern that wants one takes the other for it.
_ALIKE = {".": "[.,]", ",": "[.,]"}
#: Forms are no longer, and have no more digits that may be missing: each of these doubles the ways to read a text.
_LONGEST, _MOST_OPEN = 64, 12
#: The years that dates of four digits may have.
_YEARS = range(1500, 2200)


@dataclass(frozen=True)
class Pattern:
    """What a field holds.

    Attributes:
        signs: The signs that can stand in it.
        read: What a text of digits and signs says, in the pattern's own form; None where it can't stand there.
    """

    signs: str
    read: Callable[[str], str | None]


@functools.lru_cache(maxsize=256)
def pattern_of(form: str) -> Pattern:
    """The pattern of a form.

    Args:
        form: ``date``, ``time``, ``amount`` or ``score``; or what stands there, character by character: ``d`` for a digit,
            ``d?`` for one that may be missing, a sign or a blank for itself. If the number of digits is fixed, signs may be
            missing.

    Raises:
        ValueError: There is no such form, it has a character that is neither, or it is too long.
    """
    if form in NAMED:
        return NAMED[form]
    parts = re.findall(r"d\??|.", form, re.DOTALL)
    strange = [part for part in parts if part not in ("d", "d?", " ") and part not in SIGNS]
    if strange or "d" not in form:
        named = ", ".join(NAMED)
        raise ValueError(f"the pattern is {form!r}: use {named}, or d for a digit, d? for one that may be missing, and {SIGNS}")
    if len(form) > _LONGEST or parts.count("d?") > _MOST_OPEN:
        raise ValueError(f"the pattern {form[:20]}… is too long: give {_LONGEST} characters and {_MOST_OPEN} times d? at most")
    fixed = "d?" not in parts
    expression = re.compile("".join(_expression(part, optional=fixed or part == " ") for part in parts))
    digits_at = [number for number, part in enumerate(parts) if part.startswith("d")]

    def read(text: str) -> str | None:
        match = expression.fullmatch(text)
        if match is None:
            return None
        digits = dict(zip(digits_at, match.groups(default=""), strict=True))
        return "".join(digits.get(number, part) for number, part in enumerate(parts))

    return Pattern("".join(dict.fromkeys(sign for part in parts for sign in _signs(part))), read)


def _expression(part: str, optional: bool) -> str:
    if part.startswith("d"):
        return r"(\d)" + part[1:]
    return _ALIKE.get(part, re.escape(part)) + ("?" if optional else "")


def _signs(part: str) -> str:
    if part in _ALIKE:
        return ".,"
    return part if part in SIGNS else ""


def _date(text: str) -> str | None:
    """A day of the calendar: day, month, year; month, day, year; or year, month, day. Two digits of the year are enough."""
    match = re.fullmatch(r"(\d{1,4})([-/.,])(\d{1,2})\2(\d{1,4})", text) or re.fullmatch(r"(\d\d)()(\d\d)(\d{4}|\d\d)", text)
    if match is None:
        return None
    first, _, second, third = match.groups()
    orders = [(third, second, first), (third, first, second), (first, second, third)]
    return text.replace(",", ".") if any(_is_day(*order) for order in orders) else None


def _is_day(year: str, month: str, day: str) -> bool:
    if len(year) not in (2, 4) or max(len(month), len(day)) > 2 or (len(year) == 4 and int(year) not in _YEARS):
        return False
    try:
        datetime.date(int(year) if len(year) == 4 else 2000 + int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _time(text: str) -> str | None:
    """A time of the day, hours and minutes, perhaps seconds."""
    match = re.fullmatch(r"(\d{1,2})([:.,])([0-5]\d)(?:\2([0-5]\d))?", text)
    return text.replace(",", ".") if match and int(match[1]) < 24 else None


def _amount(text: str) -> str | None:
    """An amount of money: two decimals or none, or a dash in their place."""
    match = re.fullmatch(r"[\d.,]*\d(?:[.,]?-{1,2}|=)?", text)
    value = value_of(text) if match else None
    if value is None and match and re.fullmatch(r"\d{1,3}[.,]\d{3}", text):  # nobody pays a tenth of a cent
        value = value_of(text, "comma" if "." in text else "point")
    return text if value is not None and int(value.as_tuple().exponent) in (0, -2) else None


def _score(text: str) -> str | None:
    """Two numbers of a game or a part of a whole, with a sign between them."""
    return text if re.fullmatch(r"\d{1,3}[-:/]\d{1,3}", text) else None


NAMED = {
    "date": Pattern("-/.,", _date),
    "time": Pattern(":.,", _time),
    "amount": Pattern(".,-=", _amount),
    "score": Pattern("-:/", _score),
}
