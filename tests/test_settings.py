from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any

import pydantic
import pytest

import inkdigits
from inkdigits.errors import UsageError
from inkdigits.settings import settings


@settings
class Example:
    """Settings."""

    name: str = "x"
    count: Annotated[int, pydantic.Field(ge=1)] = 3
    sizes: tuple[int, ...] = ()


def test_they_are_plain_dataclasses_that_are_checked() -> None:
    made = Example("y", sizes=(1, 2))
    assert asdict(made) == {"name": "y", "count": 3, "sizes": (1, 2)}
    assert replace(made, count=5) == Example("y", 5, (1, 2))
    assert pydantic.TypeAdapter(Example).json_schema()["properties"]["count"]["minimum"] == 1
    with pytest.raises(UsageError, match="count is 0: it should be greater than or equal to 1"):
        replace(made, count=0)


@pytest.mark.parametrize(
    ("values", "named", "message"),
    [
        ((5,), {}, "^name is 5: it should be a valid string"),
        (("x", "many"), {}, "^count is 'many'"),
        ((), {"sizes": (1, "b")}, r"^sizes\[1\] is 'b'"),
        ((), {"colour": "red"}, "^it has the unknown key 'colour'"),
        ((), {"int": 1}, "^it has the unknown key 'int'"),
    ],
)
def test_a_fault_is_named_with_its_place(values: tuple[Any, ...], named: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Example(*values, **named)


@pytest.mark.parametrize("key", ["my-key", "int", "tuple", "0", ""])
def test_any_unknown_key_is_named(key: str) -> None:
    field = {"name": "a", "box": [0, 0, 1, 1]}
    for content in ({"fields": [field], key: 1}, {"fields": [{**field, key: 1}]}, {"grid": {"rows": 1, "columns": 1, key: 1}}):
        with pytest.raises(UsageError, match=f"has the unknown key '{key}'"):
            inkdigits.Template.from_dict(content)
    with pytest.raises(inkdigits.DataError, match=f"the reading has the unknown key '{key}'"):
        inkdigits.Reading.from_dict({**inkdigits.Reading(()).to_dict(), key: 1})
