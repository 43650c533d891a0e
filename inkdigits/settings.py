"""Settings and other values from outside: plain frozen dataclasses that pydantic checks."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, dataclass_transform

import pydantic
from pydantic.dataclasses import dataclass

from inkdigits.errors import UsageError

T = TypeVar("T")
#: How pydantic calls a key that is missing, and one that it doesn't know.
_MISSING, _UNKNOWN = ("missing", "missing_argument"), ("extra_forbidden", "unexpected_keyword_argument")


@dataclass_transform(frozen_default=True, field_specifiers=(pydantic.Field,))
def settings(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose values are checked by their types when an object is made.

    ``dataclasses.replace`` and ``asdict`` work as usual, and ``pydantic.TypeAdapter(cls)`` gives the JSON schema.
    A value that does not fit raises a ``UsageError`` that names it.
    """
    checked: Any = dataclass(frozen=True, config=pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=True))(cls)
    validate: Callable[..., None] = checked.__init__
    names = [field.name for field in fields(checked)]

    @functools.wraps(validate)
    def init(self: Any, *values: Any, **named: Any) -> None:
        if len(values) > len(names):
            raise TypeError(f"{cls.__name__} takes {len(names)} values, not {len(values)}")
        try:
            validate(self, **dict(zip(names, values, strict=False)), **named)  # by name, so that a fault has one
        except pydantic.ValidationError as error:
            raise UsageError(explained(error)) from None

    checked.__init__ = init
    result: type[T] = checked
    return result


def explained(error: pydantic.ValidationError, what: str = "") -> str:
    """The first fault that pydantic has found as one line: where it is, the value, and what is right.

    Args:
        error: What was raised.
        what: What was checked, such as ``the template``; it stands in front of the fault's place.
    """
    faults = error.errors(include_url=False)
    first = faults[0]
    place = _place(first)
    if first["type"] in (*_MISSING, *_UNKNOWN):  # the last part is a key that somebody wrote, or should have written
        owner = ", ".join(part for part in (what, _path(_place({"loc": first["loc"][:-1]}))) if part) or "it"
        key = first["loc"][-1]
        if first["type"] in _MISSING:
            return f"{owner} lacks {key!r}: give it"
        return f"{owner} has the unknown key {key!r}: leave it out, or correct its name"
    if first["type"] == "value_error":  # our own words, which name the value
        message = first["msg"].removeprefix("Value error, ")
        return f"{what}: {message}" if what else message
    # Of a value that may be one of several kinds there is a fault for each kind.
    wishes = dict.fromkeys(_wish(fault) for fault in faults if _place(fault) == place)
    value = repr(first["input"])
    shown = value if len(value) <= 60 else f"{value[:57]}..."
    name = ", ".join(part for part in (what, _path(place)) if part) or "it"
    return f"{name} is {shown}: it should {' or '.join(wishes)}"


def _place(fault: Any) -> tuple[str | int, ...]:
    """Names and indices that lead to a fault, without pydantic's names of the kinds that a value may be of."""
    kinds = {"int", "float", "str", "bool", "callable", "tuple"}
    return tuple(part for part in fault["loc"] if isinstance(part, int) or (part.isidentifier() and part not in kinds))


def _path(place: tuple[str | int, ...]) -> str:
    """A place as one writes it in Python: ``fields[0].box``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _wish(fault: Any) -> str:
    wish = re.sub(r"^(Input|Tuple|String) should ", "", str(fault["msg"]))
    return re.sub(r" or (an )?instance of \w+", "", wish)  # names of our own classes help nobody
