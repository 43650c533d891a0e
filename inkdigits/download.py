"""Fetching files over HTTPS: short time-outs, resumable, whole or not at all."""

from __future__ import annotations

import http.client
import os
import urllib.error
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
    try:
        try:
            _fetch_rest(url, part, timeout_s)
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            part.unlink(missing_ok=True)  # what is there is no beginning of what the server has
            _fetch_rest(url, part, timeout_s)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # the disk's fault, not the server's
        raise DataError(f"{url} could not be fetched ({error}): check the network and try again") from None
    os.replace(part, target)


def _fetch_rest(url: str, part: Path, timeout_s: float) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=timeout_s) as response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        length = response.headers.get("Content-Length")
        total = int(length) + have * resumed if length else None
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(total=total, initial=have * resumed, unit="B", unit_scale=True, desc=part.stem, disable=None) as bar,
        ):
            while chunk := response.read(_CHUNK_BYTES):
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    if total is not None and part.stat().st_size != total:
        raise http.client.IncompleteRead(b"", total - part.stat().st_size)
