from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkdigits.forms.check_digits import CHECKS, ean, isbn, luhn, mod_11_10, mod_97_10


@pytest.mark.parametrize(
    ("check", "right"),
    [
        (luhn, "79927398713"),
        (luhn, "4111111111111111"),
        (mod_11_10, "86095742719"),
        (mod_11_10, "02476291358"),
        (mod_97_10, "79444"),
        (ean, "4006381333931"),
        (ean, "73513537"),
        (ean, "036000291452"),
        (isbn, "9783161484100"),
        (isbn, "0306406152"),
    ],
)
def test_published_examples(check: object, right: str) -> None:
    assert callable(check)
    assert check(right)
    for place, digit in enumerate(right):
        wrong = f"{right[:place]}{(int(digit) + 1) % 10}{right[place + 1 :]}"
        assert not check(wrong)


@pytest.mark.parametrize("name", ["luhn", "mod11-10"])
@given(text=st.text("0123456789", min_size=1, max_size=18))
def test_exactly_one_digit_completes_a_text(name: str, text: str) -> None:
    assert sum(CHECKS[name](text + digit) for digit in "0123456789") == 1


@given(text=st.text("0123456789", min_size=1, max_size=18))
def test_two_digits_complete_a_text_of_mod_97(text: str) -> None:
    fitting = [f"{last:02d}" for last in range(100) if mod_97_10(f"{text}{last:02d}")]
    assert f"{98 - int(text) * 100 % 97:02d}" in fitting


def test_a_text_too_short_has_no_check_digit() -> None:
    assert not any(check("") or check("0") for check in CHECKS.values())
