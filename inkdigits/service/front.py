"""What every request passes: its id, the token, the log, the counters, and the headers of the answer."""

from __future__ import annotations

import hmac
import json
import logging
import re
import time
import uuid
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkdigits.service.metrics import Metrics
from inkdigits.service.problems import ProblemError

log = logging.getLogger("inkdigits.service")

_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
#: What needs no token: the page, which shows nothing by itself, and what a supervisor asks.
_OPEN = re.compile(r"/|/look|/fields|/static/.*|/v1/about|/v2/health/.*")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


class Front:
    """Around the application."""

    def __init__(self, app: ASGIApp, token: str | None, origin: str | None, metrics: Metrics) -> None:
        self._app, self._token, self._origin, self._metrics = app, token, origin, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, started, status = Headers(scope=scope), time.perf_counter(), 500
        given = headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = MutableHeaders(scope=message)
                told["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    told.setdefault(name, value)
            await send(message)

        try:
            problem = self._problem(scope, headers)
            app = problem.response(scope["path"], request_id) if problem else self._app
            await app(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "other")  # not the path itself, of which there may be any number
            self._metrics.requests.labels(route, status).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            line = {"id": request_id, "method": scope["method"], "path": scope["path"], "status": status}
            log.info(json.dumps({**line, "seconds": round(seconds, 4)}))

    def _problem(self, scope: Scope, headers: Headers) -> ProblemError | None:
        """Why a request may not be answered."""
        close = {"Connection": "close"}
        if (
            scope["method"] == "POST"
            and headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
            and (self._origin is None or headers.get("origin") != self._origin)
        ):  # a page that one visits would use the service that runs on one's machine
            detail = "pages of other sites may not ask: start the service with --origin to name one that may"
            return ProblemError(HTTPStatus.FORBIDDEN, detail, close)
        if self._token is None or _OPEN.fullmatch(scope["path"]) or scope["method"] == "OPTIONS":  # CORS asks before it sends
            return None
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), self._token.encode()):
            return None
        detail = "the token is missing or another one: send it as 'Authorization: Bearer …'"
        return ProblemError(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer", **close})
