"""The form of a document as JSON; ``docs/data_dictionary.md`` describes it, and a service can publish it."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from inkdigits.errors import DataError
from inkdigits.settings import explained

Pixels = Annotated[int, Field(strict=True)]
BoxSchema = tuple[Pixels, Pixels, Pixels, Pixels]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DigitSchema(_Schema):
    """A digit."""

    label: Annotated[int, Field(strict=True, ge=0, le=9)] | None
    best: Annotated[int, Field(strict=True, ge=0, le=9)]
    confidence: Probability
    probabilities: Annotated[tuple[Probability, ...], Field(min_length=10, max_length=10)]
    box: BoxSchema


class SignSchema(_Schema):
    """A sign, at a position among the word's characters, from 0."""

    position: Annotated[int, Field(strict=True, ge=0)]
    label: Annotated[str, Field(min_length=1, max_length=1)] | None
    best: Annotated[str, Field(min_length=1, max_length=1)]
    confidence: Probability
    box: BoxSchema


class WordSchema(_Schema):
    """A word; ``value`` is a number as text, so that no digit of it is lost."""

    text: str
    best_text: str
    value: str | None
    confidence: Probability
    box: BoxSchema
    digits: tuple[DigitSchema, ...]
    signs: tuple[SignSchema, ...]


class LineSchema(_Schema):
    """A line."""

    text: str
    best_text: str
    confidence: Probability
    missed: Probability
    box: BoxSchema
    words: tuple[WordSchema, ...]


class PageSchema(_Schema):
    """A page, numbered from 1."""

    number: Annotated[int, Field(strict=True, ge=1)]
    size: tuple[Annotated[int, Field(strict=True, ge=0)], Annotated[int, Field(strict=True, ge=0)]]
    text: str
    lines: tuple[LineSchema, ...]
    ignored: tuple[BoxSchema, ...]


class DocumentSchema(_Schema):
    """A document; the command line adds the name of what was read."""

    source: str | None = None
    schema_version: int
    text: str
    best_text: str
    digits_text: str
    pages: tuple[PageSchema, ...]


def checked(content: Any, version: int) -> DocumentSchema:
    """The content, if it has the form.

    Raises:
        DataError: It has not, or is of another version than ``version``.
    """
    found = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(content, dict) and found != version:
        raise DataError(f"the reading has the schema version {found!r}, not {version}: read the picture again")
    try:
        return DocumentSchema.model_validate(content)
    except pydantic.ValidationError as error:
        raise DataError(explained(error, "the reading")) from None
