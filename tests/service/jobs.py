"""Jobs that go wrong, for the processes of a pool; they are imported there."""

from __future__ import annotations

import os
import time
from pathlib import Path

from inkdigits.errors import UsageError
from inkdigits.reader import Reader
from inkdigits.service.jobs import Answer


def pid(reader: Reader) -> Answer:
    return Answer(str(os.getpid()).encode(), "text/plain")


def sleep(reader: Reader, seconds: float) -> Answer:
    time.sleep(seconds)
    return pid(reader)


def end(reader: Reader) -> Answer:
    os._exit(9)


def end_once(reader: Reader, mark: Path) -> Answer:
    if not mark.exists():
        mark.touch()
        os._exit(9)
    return pid(reader)


def complain(reader: Reader) -> Answer:
    raise UsageError("that cannot be")


def broken_reader() -> Reader:
    return Reader("nowhere")


def take_memory(reader: Reader, megabytes: int) -> Answer:
    bytes(megabytes * 1_000_000)
    return pid(reader)
