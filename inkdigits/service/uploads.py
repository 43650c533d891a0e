"""What a request brings: its pictures, read to the last byte or refused before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, TypeVar

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from inkdigits.service.jobs import Upload
from inkdigits.service.problems import ProblemError
from inkdigits.service.settings import ServiceSettings

T = TypeVar("T")

#: What a form is called.
FORM = "multipart/form-data"
#: What a picture may be called that comes by itself; the last two are what clients say of it that were told nothing.
PICTURES = ("image/*", "application/pdf", "application/octet-stream", "application/x-www-form-urlencoded", "")
#: A connection on which something is still to come cannot be used for another request.
_CLOSE = {"Connection": "close"}
#: The last boundary of a form stands in so many bytes at its end.
_END_BYTES = 1_000
#: Bytes of a form's part that is no file: a template.
_PART_BYTES = 1_000_000


@dataclass(frozen=True)
class Received:
    """The body of a request.

    Attributes:
        pictures: Its files, in their order.
        several: They came as a form, which may hold any number.
        parts: What else the form held.
    """

    pictures: list[Upload]
    several: bool = False
    parts: dict[str, bytes] = field(default_factory=dict)

    def only(self) -> Upload:
        """The picture, where there must be one.

        Raises:
            ProblemError: There are more.
        """
        if len(self.pictures) != 1:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"there are {len(self.pictures)} pictures: send one")
        return self.pictures[0]

    def part(self, name: str) -> bytes:
        """Something else that the form must hold.

        Raises:
            ProblemError: It is not there.
        """
        if name not in self.parts:
            raise ProblemError(
                HTTPStatus.BAD_REQUEST, f"there is no {name}: send a form with a picture and with the part {name!r}"
            )
        return self.parts[name]


async def received(request: Request, settings: ServiceSettings, kinds: Sequence[str] = (*PICTURES, FORM)) -> Received:
    """Read the body of a request: a picture's bytes, or a form with one picture or more.

    Nothing of it is written to the disk.

    Args:
        request: The request.
        settings: Its limits.
        kinds: What it may be.

    Raises:
        ProblemError: It is too large, too slow, or of another kind.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not any(fnmatchcase(kind, known) for known in kinds):
        fix = f"use {', '.join(filter(None, kinds))}"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the content type is {kind!r}: {fix}", _CLOSE)
    if (coding := request.headers.get("content-encoding", "identity")) != "identity":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body is packed ({coding!r}): send it as it is", _CLOSE)
    try:
        async with asyncio.timeout(settings.body_seconds):
            if kind == FORM:
                return await _form(request, settings)
            content = b"".join([part async for part in _body(request, settings)])
    except TimeoutError:
        detail = f"the request was not here after {settings.body_seconds:g} seconds: send less, or over a faster connection"
        raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, detail, _CLOSE) from None
    except ClientDisconnect:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the connection ended before the request did: send it again") from None
    if not content:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the request has no body: see /openapi.json for what it takes")
    return Received([Upload(_name(request.query_params.get("name")), content)])


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What some work gives, or no more of it where nobody waits for that any more.

    Args:
        request: Whose body was read to its end: nothing but the end of its connection can come after it.
        work: It may be cancelled.

    Raises:
        ProblemError: The connection has ended.
    """
    done, gone = asyncio.ensure_future(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((done, gone), return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the connection ended before there was an answer: wait for it")
        return done.result()
    finally:
        for task in (done, gone):
            task.cancel()


async def _body(request: Request, settings: ServiceSettings) -> AsyncGenerator[bytes, None]:
    most = settings.body_mb * 1_000_000
    too_large = ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the request has more than {settings.body_mb} MB: send less at once", _CLOSE
    )
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > most:
        raise too_large
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise too_large
        yield part


async def _form(request: Request, settings: ServiceSettings) -> Received:
    end = _End(_body(request, settings))
    parser = MultiPartParser(request.headers, end.parts(), max_files=settings.files, max_fields=8, max_part_size=_PART_BYTES)
    parser.spool_max_size = settings.body_mb * 1_000_000 + 1  # in memory, which the size of the body bounds
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the form cannot be read: {error.message}", _CLOSE) from None
    if not end.closes(request.headers["content-type"]):  # the parser takes what is there of the last part for all of it
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the form ends before its last boundary: send it again", _CLOSE)
    pictures: list[Upload] = []
    parts: dict[str, bytes] = {}
    for name, value in form.multi_items():
        content = await value.read() if isinstance(value, UploadFile) else value.encode()
        if isinstance(value, UploadFile) and name != "template":
            pictures.append(Upload(_name(value.filename) or f"picture {len(pictures) + 1}", content))
        else:
            parts[name] = content
    await form.close()
    if not pictures:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the form has no picture: send at least one file in it")
    return Received(pictures, True, parts)


class _End:
    """A body that is passed on, of which the last bytes are known."""

    def __init__(self, body: AsyncGenerator[bytes, None]) -> None:
        self._body, self._last = body, b""

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """The body."""
        async for part in self._body:
            self._last = (self._last + part)[-_END_BYTES:]
            yield part

    def closes(self, kind: str) -> bool:
        """Whether the boundary of a form of this content type stands at its end, with no more than a little behind it."""
        boundary = parse_options_header(kind)[1].get(b"boundary", b"")
        return b"--" + boundary + b"--" in self._last


def _name(given: str | None) -> str:
    return (given or "")[:255]
