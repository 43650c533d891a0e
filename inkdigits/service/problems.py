"""Errors as problem documents. Source: RFC 9457."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse

from inkdigits.errors import ImageError, InkdigitsError, MissingExtraError, UsageError
from inkdigits.service.pool import BusyError, LostError, TooLongError
from inkdigits.service.store import FullError

#: What an error of ours is called in HTTP; the first kind that fits.
_STATUS: tuple[tuple[type[InkdigitsError], HTTPStatus], ...] = (
    (BusyError, HTTPStatus.SERVICE_UNAVAILABLE),
    (TooLongError, HTTPStatus.GATEWAY_TIMEOUT),
    (FullError, HTTPStatus.INSUFFICIENT_STORAGE),
    (LostError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (MissingExtraError, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (ImageError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UsageError, HTTPStatus.BAD_REQUEST),
    (InkdigitsError, HTTPStatus.BAD_REQUEST),
)
#: The media type of a problem document.
PROBLEM = "application/problem+json"
#: Seconds after which one may come again.
_RETRY_AFTER_S = "2"


class ProblemError(Exception):
    """An answer that is an error.

    Attributes:
        status: Of HTTP.
        detail: What is wrong, and what to do about it.
        headers: That go with it.
    """

    def __init__(self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}

    @classmethod
    def of(cls, error: InkdigitsError) -> ProblemError:
        """What one of our errors is in HTTP."""
        status = next(status for kind, status in _STATUS if isinstance(error, kind))
        busy = status == HTTPStatus.SERVICE_UNAVAILABLE
        return cls(status, str(error), {"Retry-After": _RETRY_AFTER_S} if busy else None)

    def response(self, path: str, request_id: str) -> JSONResponse:
        """The document, for a request to this path."""
        content = {"type": "about:blank", "title": self.status.phrase, "status": int(self.status), "detail": self.detail}
        if path.startswith("/v2/"):
            content["error"] = self.detail  # as the Open Inference Protocol calls it
        return JSONResponse({**content, "request_id": request_id}, self.status, self.headers, media_type=PROBLEM)
