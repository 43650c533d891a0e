"""Check digits: functions that say whether a text of digits is one that can be."""

from __future__ import annotations

from collections.abc import Callable


def luhn(text: str) -> bool:
    """Luhn's check digit, as on payment cards. Source: ISO/IEC 7812-1, annex B."""
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(text))]
    return len(text) > 1 and sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def mod_11_10(text: str) -> bool:
    """ISO/IEC 7064, MOD 11,10, as in the German tax number."""
    product = 10
    for digit in text[:-1]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return len(text) > 1 and (product + int(text[-1])) % 10 == 1


def mod_97_10(text: str) -> bool:
    """ISO/IEC 7064, MOD 97-10, whose two check digits stand at the end, as in the structured creditor reference."""
    return len(text) > 2 and int(text) % 97 == 1


def ean(text: str) -> bool:
    """GTIN: EAN-8, UPC-A, EAN-13 and ISBN-13. Source: GS1 General Specifications, 7.9.1."""
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(reversed(text)))
    return len(text) in (8, 12, 13, 14) and total % 10 == 0


def isbn(text: str) -> bool:
    """ISBN of 13 digits, or of 10 whose last is no X. Source: ISO 2108."""
    if len(text) == 10:
        return sum(int(d) * (10 - i) for i, d in enumerate(text)) % 11 == 0
    return len(text) == 13 and text[:3] in ("978", "979") and ean(text)


CHECKS: dict[str, Callable[[str], bool]] = {
    "luhn": luhn,
    "mod11-10": mod_11_10,
    "mod97-10": mod_97_10,
    "ean": ean,
    "isbn": isbn,
}
