from __future__ import annotations

import numpy as np
import pytest

from inkdigits.dataset import Split
from inkdigits.errors import UsageError
from inkdigits.inference.tasks import task

LABELS = np.arange(10)


@pytest.mark.parametrize("digit", range(10))
def test_is_it_that_digit(digit: int) -> None:
    found = task(f"is:{digit}")
    np.testing.assert_array_equal(found.targets(LABELS), (digit == LABELS).astype(int))
    assert found.classes == (f"not {digit}", str(digit))


def test_one_or_the_other() -> None:
    found = task("pair:5,3")
    images, targets = found.select(Split(np.zeros((10, 28, 28), np.uint8), LABELS))
    assert len(images) == 2
    assert [found.classes[t] for t in targets] == ["3", "5"]
    assert found.classes[1] == "5"  # the digit named first is the positive one


def test_all_digits() -> None:
    np.testing.assert_array_equal(task("digits").targets(LABELS), LABELS)
    assert not task("digits").binary


@pytest.mark.parametrize("name", ["", "is:", "is:10", "is:x", "pair:5", "pair:5,5", "pair:5,3,1", "letters", "is:٣"])
def test_unknown_tasks_name_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match=r"use digits, is:D .* or pair:D,E"):
        task(name)


def test_labels_are_digits_where_all_classes_are() -> None:
    assert task("digits").labels.tolist() == list(range(10))
    assert task("pair:5,3").labels.tolist() == [3, 5]
    assert task("pair:5,3").labels.dtype == np.int64
    assert task("is:5").labels.tolist() == ["not 5", "5"]
