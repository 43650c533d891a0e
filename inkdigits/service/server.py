"""The server: uvicorn, which here also gives up who connects and does not ask."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from inkdigits.errors import UsageError

#: Seconds in which a request's head must be here; its body has a limit of its own.
_HEAD_S = 10.0
#: Seconds in which some of an answer must be taken: 48 kB, the way uvicorn waits.
_TAKE_S = 10.0
#: Seconds in which running requests are answered when the service is to end.
_GRACE_S = 30


class _Protocol(H11Protocol):
    """A connection that is closed where no request comes over it, or no answer is taken; uvicorn would keep it for ever."""

    _alarm: asyncio.TimerHandle | None = None
    _untaken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()
        self._taken()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._untaken = asyncio.get_running_loop().call_later(_TAKE_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taken()

    def _taken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    def _wait(self) -> None:
        """Wait for the head of a request, if none is being answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._alarm is None and not self.transport.is_closing():
            self._alarm = asyncio.get_running_loop().call_later(_HEAD_S, self.transport.close)

    def _stop(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


class _Server(uvicorn.Server):
    """A server that tells when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def run(app: ASGIApp, host: str, port: int, connections: int, ready: Callable[[str], None]) -> None:
    """Serve until a signal ends it.

    Args:
        app: The service.
        host: The address at which it listens.
        port: The port at which it listens; 0: any that is free.
        connections: So many at once; more are answered with 503.
        ready: Is called with the service's URL as soon as it answers.

    Raises:
        UsageError: It cannot listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, since asyncio sends small answers at once over sockets of TCP alone: others wait 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise UsageError(f"{host} port {port} cannot be listened at ({error.strerror}): choose another") from None
    shown = f"[{host}]" if ":" in host else host
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        log_level="warning",
        access_log=False,  # there is one of our own, with ids
        timeout_graceful_shutdown=_GRACE_S,
        limit_concurrency=connections,
        server_header=False,
    )
    with listening:
        _Server(config, lambda: ready(f"http://{shown}:{listening.getsockname()[1]}")).run([listening])
