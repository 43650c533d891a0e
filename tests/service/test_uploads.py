"""However a request comes in, its limits hold: properties of what is received."""

from __future__ import annotations

import asyncio
import itertools
from http import HTTPStatus
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from inkdigits.service.problems import ProblemError
from inkdigits.service.settings import ServiceSettings
from inkdigits.service.uploads import Received, received

SETTINGS = ServiceSettings(body_mb=1, files=3)
LIMIT = 1_000_000


def request(parts: list[bytes], headers: dict[str, str]) -> Request:
    """A request whose body comes in these parts."""
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": lines, "query_string": b"", "path": "/"}, receive)


def given_in(parts: list[bytes], **headers: str) -> Received | HTTPStatus:
    try:
        return asyncio.run(
            received(request(parts, {name.replace("_", "-"): value for name, value in headers.items()}), SETTINGS)
        )
    except ProblemError as error:
        return error.status


def parted(content: bytes, places: list[int]) -> list[bytes]:
    """A body in the parts between some places."""
    bounds = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[start:end] for start, end in itertools.pairwise(bounds)]


@given(st.integers(LIMIT - 3, LIMIT + 3), st.lists(st.integers(0, 2 * LIMIT), max_size=6), st.booleans())
def test_a_body_is_taken_whole_or_not_at_all(size: int, places: list[int], declared: bool) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    found = given_in(parted(content, places), **({"content_length": str(size)} if declared else {}))
    if size > LIMIT:
        assert found == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    else:
        assert isinstance(found, Received)
        assert found.only().content == content


FILES = st.lists(st.binary(max_size=200).filter(lambda content: b"--edge" not in content), min_size=1, max_size=5)


@given(FILES, st.lists(st.integers(0, 2_000), max_size=8), st.integers(0, 40))
def test_a_form_has_all_its_pictures_or_is_refused(files: list[bytes], places: list[int], missing: int) -> None:
    head = b'--edge\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n\r\n'
    form = b"".join(head + content + b"\r\n" for content in files) + b"--edge--\r\n"
    whole = missing <= len(b"\r\n")
    found = given_in(parted(form[: len(form) - missing], places), content_type="multipart/form-data; boundary=edge")
    if len(files) > SETTINGS.files and (whole or not isinstance(found, Received)):
        assert found == HTTPStatus.BAD_REQUEST
    elif whole:
        assert isinstance(found, Received)
        assert [picture.content for picture in found.pictures] == files
    else:
        assert found == HTTPStatus.BAD_REQUEST


@given(
    st.binary(min_size=1, max_size=500), st.lists(st.integers(0, 500), max_size=3), st.text("abcdefgh", min_size=1, max_size=8)
)
def test_any_bytes_for_a_form_are_refused_or_are_one(content: bytes, places: list[int], boundary: str) -> None:
    found = given_in(parted(content, places), content_type=f"multipart/form-data; boundary={boundary}")
    assert found == HTTPStatus.BAD_REQUEST or (isinstance(found, Received) and found.pictures)
