"""Fetching files over HTTPS: short time-outs, resumable, whole or not at all."""

from __future__ import annotations

import http.client
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from tqdm import tqdm

from inkdigits.errors import DataError

#: Seconds without a byte after which a server is given up.
TIMEOUT_S = 5.0
_CHUNK_BYTES = 1 << 16


def fetch(url: str, target: Path, timeout_s: float = TIMEOUT_S) -> None:
    """Download ``url`` to ``target``.

    What has arrived is kept in ``target`` + ``.part``; a later call asks the server for the rest only. ``target``
    itself appears once everything is there. Whether it is the right thing is the caller's to check.

    Raises:
        DataError: the server cannot be reached, refuses, or breaks off.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    with _open(url, have, timeout_s) as response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        start = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=target.name, disable=None) as bar,
        ):
            while chunk := _receive(response, url):
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    if total is not None and part.stat().st_size != total:
        raise _fault(url, f"{part.stat().st_size} of {total} bytes came")
    part.replace(target)


def _open(url: str, start: int, timeout_s: float) -> http.client.HTTPResponse:
    """The server's answer, from byte ``start`` on where it can; from the beginning where ``start`` lies beyond the end."""
    try:
        _connect_once(url, timeout_s)
    except OSError as error:
        raise _fault(url, error) from None
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        return urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if start and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return _open(url, 0, timeout_s)
        raise _fault(url, error) from None
    except (OSError, http.client.HTTPException) as error:
        raise _fault(url, error) from None


def _connect_once(url: str, timeout_s: float) -> None:
    """Try a server's addresses in turn within one time-out for all; urllib would grant it to each of them."""
    parts = urllib.parse.urlsplit(url)
    if urllib.request.getproxies().get(parts.scheme):
        return  # a proxy connects in our place
    deadline = time.monotonic() + timeout_s
    last: OSError = TimeoutError("timed out")
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    for *_, (host, *_) in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            break
        try:
            socket.create_connection((str(host), port), remaining).close()
        except OSError as error:
            last = error
        else:
            return
    raise last


def _receive(response: http.client.HTTPResponse, url: str) -> bytes:
    try:
        return response.read1(_CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _fault(url, error) from None


def _fault(url: str, reason: object) -> DataError:
    return DataError(f"{url} could not be fetched ({reason}): check the network and try again")
