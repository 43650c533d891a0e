from __future__ import annotations

import pytest

import inkdigits
from inkdigits import errors


def test_every_name_that_is_promised_is_there() -> None:
    for name in inkdigits.__all__:
        assert getattr(inkdigits, name) is not None
    assert set(inkdigits.__all__) <= set(dir(inkdigits))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = inkdigits.nonsense


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    drawn = errors.__doc__ or ""
    for name, found in vars(errors).items():
        if isinstance(found, type) and issubclass(found, Exception):
            assert name in drawn
            assert name in inkdigits.__all__
    assert issubclass(errors.ImageError, ValueError)
    assert issubclass(errors.MissingExtraError, ImportError)
    assert issubclass(errors.LeakageError, errors.DataError)
