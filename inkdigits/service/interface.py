"""What the interface takes and gives, as FastAPI checks it and ``/openapi.json`` describes it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from inkdigits.pages import FORM, parsed
from inkdigits.reading.candidates import Unit
from inkdigits.reading.page import Mode
from inkdigits.reading.schema import DocumentSchema
from inkdigits.reading.values import DecimalMark
from inkdigits.service.jobs import Form, Options
from inkdigits.service.problems import PROBLEM

_Share = Annotated[float | None, Field(ge=0, le=1)]


def _known_pages(text: str) -> str:
    parsed(text)
    return text


_Pages = Annotated[str, Field(max_length=200, pattern=f"^{FORM}$"), AfterValidator(_known_pages)]


class Query(BaseModel):
    """How sure a reading must be, of which pages, and what its picture is called."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=255, description="What the picture is called in the answer.")] = ""
    min_confidence: _Share = Field(None, description="Digits that are less sure are '?'.")
    max_error: _Share = Field(None, description="The same, told as the largest chance of error; 0.02 unless one is given.")
    pages: _Pages | None = Field(None, description="Which, such as 2 or 1-3,7; all of them.")

    def numbers(self) -> frozenset[int] | None:
        """The pages' numbers; None: all."""
        return None if self.pages is None else parsed(self.pages)


class ReadQuery(Query):
    """How a picture is read, and what the answer looks like."""

    mode: Mode = Field("auto", description="digit: all ink is one; line: one line; page, auto: anything anywhere.")
    per: Unit = Field("digit", description="What may err so much: each digit, or the text of a line as a whole.")

    def options(self) -> Options:
        """As a reader takes it."""
        return Options(self.mode, self.min_confidence, self.max_error, self.per, self.numbers())


class FormQuery(ReadQuery):
    """… and in which form it is answered."""

    format: Form = "json"
    layout: Annotated[str, Field(pattern="^(digits|table)$")] = "digits"
    decimal: DecimalMark = "auto"


def content(*more: str) -> dict[str, Any]:
    """What a request's body may be, for the description of the interface."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    form: dict[str, Any] = {"type": "object", "required": ["picture", *more], "properties": {"picture": binary["schema"]}}
    form["properties"] |= {name: {"type": "string"} for name in more}
    kinds: dict[str, Any] = {} if more else dict.fromkeys(("image/*", "application/pdf", "application/octet-stream"), binary)
    return {"requestBody": {"required": True, "content": {**kinds, "multipart/form-data": {"schema": form}}}}


BODY_OF_TENSORS = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}, "application/octet-stream": {}},
    }
}


class Saved(BaseModel):
    """How many corrections were kept."""

    saved: int


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    error: str | None = None


class Results(BaseModel):
    """What was read in the pictures of a form."""

    results: list[DocumentSchema | dict[str, str]]


def answers(*kinds: str, model: Any = None) -> dict[int | str, dict[str, Any]]:
    """What an answer may be, for the description of the interface."""
    told = {"content": {kind.partition(";")[0]: {} for kind in kinds}, **({"model": model} if model else {})}
    return {int(HTTPStatus.OK): {"description": "What was found.", **told}}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    int(status): {"description": status.phrase, "content": {PROBLEM: {"schema": Problem.model_json_schema()}}}
    for status in (
        *(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.METHOD_NOT_ALLOWED,
        ),
        *(HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        *(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT),
        HTTPStatus.INSUFFICIENT_STORAGE,
    )
}
