"""Templates: the fields of a form and what is known of their content."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StrictBool,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

from inkdigits.errors import DataError, UsageError
from inkdigits.files import as_cell, read_json
from inkdigits.forms.check_digits import CHECKS
from inkdigits.forms.patterns import pattern_of
from inkdigits.geometry import Corners
from inkdigits.inference.ctc import SIGNS
from inkdigits.reading.values import value_of
from inkdigits.settings import explained, settings

Share = Annotated[float, pydantic.Field(strict=True, ge=0, le=1)]
#: Corners may lie a little outside the picture.
Coordinate = Annotated[float, pydantic.Field(strict=True, ge=-0.5, le=1.5)]
Point = tuple[Coordinate, Coordinate]
Count = Annotated[int, pydantic.Field(strict=True, ge=0)]
Digits = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]+$")]
#: A text of digits and signs that a field may be restricted to.
Text = Annotated[str, StringConstraints(strict=True, pattern=f"^[0-9{re.escape(SIGNS)}]*[0-9½][0-9{re.escape(SIGNS)}]*$")]
Number = Annotated[Decimal, pydantic.Field(allow_inf_nan=False)]
#: The most places with a digit or a line, in all fields of a template together: each takes some milliseconds.
MOST_PLACES = 2_000
Check = Literal["luhn", "mod11-10", "mod97-10", "ean", "isbn"]
assert set(CHECKS) == set(Check.__args__)  # type: ignore[attr-defined]


def _known_pattern(form: str) -> str:
    pattern_of(form)
    return form


def _usable_name(name: str) -> str:
    if as_cell(name) != name:
        raise ValueError(f"a field is called {name!r}: begin with a letter or digit, and use no control characters")
    return name


def _check_size(places: int) -> None:
    if places > MOST_PLACES:
        raise ValueError(f"the fields have {places} places for digits, more than {MOST_PLACES}: make several templates of it")


@settings
class Field:
    """A place on a form and what is known of its content.

    Attributes:
        name: Key of the field in the result.
        box: left, top, right, bottom as shares of the sheet, in [0, 1].
        cells: Number of equal boxes side by side with a digit each; 0: the digits stand freely on a line.
        length: How many digits there are: a number, or the least and the most.
        allowed: The only texts that can be.
        pattern: What digits and signs stand there: ``date``, ``time``, ``amount`` or ``score``, or a form such as
            ``dd/dd/dddd``, as ``patterns.pattern_of`` takes it; None: digits alone.
        range: The least and the most that the text may be worth as a number.
        previous: What a meter showed the time before; the text is worth no less.
        monotone: ``up``, or ``down`` where a meter counts down and shows no more than before.
        check: Name of a check digit, or a function that says whether a text can be.
        optional: The field may be empty, whatever the other constraints say.

    Raises:
        UsageError: A value lies outside its range, or two of them contradict each other.
    """

    name: Annotated[str, StringConstraints(strict=True, min_length=1), AfterValidator(_usable_name)]
    box: tuple[Share, Share, Share, Share]
    cells: Count = 0
    length: Count | tuple[Count, Count] | None = None
    allowed: tuple[Text, ...] | None = None
    pattern: Annotated[str, AfterValidator(_known_pattern)] | None = None
    range: tuple[Number, Number] | None = None
    previous: Digits | None = None
    monotone: Literal["up", "down"] = "up"
    check: Check | Callable[[str], bool] | None = None
    optional: StrictBool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        left, top, right, bottom = self.box
        if left >= right or top >= bottom:
            raise ValueError(f"field {self.name!r} has the box {list(self.box)}: give left < right and top < bottom")
        shortest, longest = self.lengths()
        if shortest > longest:
            raise ValueError(f"field {self.name!r} has the length {[shortest, longest]}: give the least and the most")
        if self.cells and self.length is not None and shortest > self.cells:
            raise ValueError(f"field {self.name!r} has {shortest} digits in {self.cells} cells: give at most {self.cells}")
        if longest == 0:
            raise ValueError(f"field {self.name!r} has the length 0: give at least 1, or leave the field out")
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError(f"field {self.name!r} has the range {list(self.range)}: give the least and the most")
        if self.monotone == "down" and self.previous is None:
            raise ValueError(f"field {self.name!r} counts down from nothing: give what it showed before as previous")
        longest = min(longest, self.cells or longest)
        if self.allowed is not None and not any(shortest <= len(text) <= longest for text in self.allowed):
            raise ValueError(f"field {self.name!r} allows no text that fits its length and cells: give at least one")
        return self

    def lengths(self) -> tuple[int, float]:
        """The fewest and the most digits."""
        if self.length is None:
            return 0, float("inf")
        return (self.length, self.length) if isinstance(self.length, int) else self.length

    @property
    def signs(self) -> str:
        """The signs that can stand in this field."""
        return "" if self.pattern is None else pattern_of(self.pattern).signs

    def says(self, text: str) -> str | None:
        """What a text says in this field, in the form of its pattern.

        Args:
            text: Digits and signs, or nothing.

        Returns:
            the text, with the signs that the pattern wants; None where it cannot stand there.
        """
        if not text:
            return "" if self.optional else None
        said = text if self.pattern is None else pattern_of(self.pattern).read(text)
        return said if said is not None and self._admits(said) else None

    def _admits(self, text: str) -> bool:
        digits = "".join(filter(str.isdigit, text))
        shortest, longest = self.lengths()
        if not shortest <= len(digits) <= longest or (self.allowed is not None and text not in self.allowed):
            return False
        if self.range is not None or self.previous is not None:
            value = value_of(text)
            if value is None or (self.range is not None and not self.range[0] <= value <= self.range[1]):
                return False
            growth = 0 if self.previous is None else value - Decimal(self.previous)
            if growth < 0 if self.monotone == "up" else growth > 0:
                return False
        if isinstance(self.check, str):
            return CHECKS[self.check](digits)
        return self.check is None or bool(self.check(text))


@settings
class Template:
    """The fields of a form.

    Attributes:
        fields: In any order; their names differ.
        corners: Where the sheet's top left, top right, bottom right and bottom left corner are, as shares of the picture;
            ``find`` to look for the largest frame; None where the sheet is the picture.
        aspect: Width over height of the rectified sheet, in [0.01, 100]; by default as the corners lie.

    Raises:
        UsageError: A value lies outside its range.
    """

    fields: Annotated[tuple[Field, ...], pydantic.Field(min_length=1)]
    corners: tuple[Point, Point, Point, Point] | Literal["find"] | None = None
    aspect: Annotated[float, pydantic.Field(strict=True, ge=0.01, le=100)] | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        doubled = [name for name, count in Counter(field.name for field in self.fields).items() if count > 1]
        if doubled:
            raise ValueError(f"several fields are called {', '.join(sorted(doubled))}: give each its own name")
        _check_size(sum(max(field.cells, 1) for field in self.fields))
        return self

    @classmethod
    def grid(cls, rows: int, columns: int, corners: Corners | Literal["find"] | None = None, **known: Any) -> Template:
        """A grid of equal cells with a digit each, called r1c1, r1c2 and so on.

        The cells are as wide and high as they lie; of a photo from far aside, that is roughly so.

        Args:
            rows: In [1, 1000].
            columns: In [1, 1000].
            corners: As for ``Template``.
            **known: ``length``, ``allowed``, ``check`` and ``optional`` of every ``Field``.

        Raises:
            UsageError: A value lies outside its range.
        """
        return _of_grid({"rows": rows, "columns": columns, **known}, corners)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Template:
        """A template from plain data.

        Args:
            content: ``{"corners": …, "aspect": …, "fields": [{"name": …, "box": […], …}]}``. In place of ``fields`` there may
                be ``"grid": {"rows": 9, "columns": 9, "optional": true}``, which has its own aspect.

        Raises:
            UsageError: A key or value is not known.
        """
        if isinstance(content, Mapping) and "grid" in content:
            if "fields" in content or "aspect" in content:
                raise UsageError("the template has a grid and fields or an aspect of its own: leave out one of them")
            if others := sorted(set(content) - {"grid", "corners"}):
                raise UsageError(f"the template has the unknown key {others[0]!r}: leave it out, or correct its name")
            return _of_grid(content["grid"], content.get("corners"))
        try:
            return TypeAdapter(cls).validate_python(dict(content) if isinstance(content, Mapping) else content)
        except pydantic.ValidationError as error:
            raise UsageError(explained(error, "the template")) from None

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Template:
        """A template from a JSON file.

        Args:
            path: Of the file.

        Raises:
            UsageError: The file is missing or no template.
        """
        try:
            content = read_json(Path(path))
        except FileNotFoundError:
            raise UsageError(f"the template {path} does not exist: check its name") from None
        except OSError as error:
            raise UsageError(f"the template {path} cannot be read ({error.strerror}): name the JSON file") from None
        except ValueError:
            raise UsageError(f"the template {str(path)!r} cannot be the name of a file: name the JSON file") from None
        except DataError as error:
            raise UsageError(f"the template {error}") from None
        try:
            return cls.from_dict(content)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None


class _Grid(BaseModel):
    """A grid of cells; what else is said goes to every field, which checks it."""

    model_config = ConfigDict(extra="forbid")

    rows: Annotated[StrictInt, pydantic.Field(ge=1, le=1000)]
    columns: Annotated[StrictInt, pydantic.Field(ge=1, le=1000)]
    length: Any = None
    allowed: Any = None
    check: Any = None
    optional: Any = False

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        _check_size(self.rows * self.columns)
        return self


def _of_grid(content: Any, corners: Any) -> Template:
    try:
        grid = _Grid.model_validate(content)
    except pydantic.ValidationError as error:
        raise UsageError(explained(error, "the grid")) from None
    rows, columns, known = grid.rows, grid.columns, grid.model_dump(exclude={"rows", "columns"})
    try:
        Field("any", (0, 0, 1, 1), cells=1, **known)
    except UsageError as error:
        raise UsageError(f"the grid: {error}") from None
    fields = [
        {
            "name": f"r{row + 1}c{column + 1}",
            "box": (column / columns, row / rows, (column + 1) / columns, (row + 1) / rows),
            "cells": 1,
            **known,
        }
        for row in range(rows)
        for column in range(columns)
    ]
    return Template.from_dict({"fields": fields, "corners": corners})
