"""What a service is made with."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from inkdigits.errors import UsageError
from inkdigits.limits import Limits

#: What a picture from a stranger may cost, unless the service is told otherwise.
STRANGERS = Limits(pixels=50_000_000, pages=50, seconds=5, memory=400)


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of a service.

    Attributes:
        model: A folder that ``inkdigits train-reader`` has made; None: the weights that ship with inkdigits.
        workers: Processes that read, each on a core of its own, with networks of its own: some 150 MB. By default one a core,
            eight at most.
        waiting: So many requests may wait for one of them; more are refused. All of them together may hold a body each.
        seconds: For one request to be read; the process that takes longer is ended and replaced.
        memory_mb: Of each process that reads, on Linux; the process that takes more ends and is replaced.
        body_mb: Size of a request.
        body_seconds: For a request to arrive.
        files: Pictures in one request.
        token: What a request must know; None: everybody may ask.
        origin: A site whose pages may ask, too; None: none but the service's own page.
        corrections: A SQLite file in which corrections are kept, with their pictures; None: nothing is kept.
        corrections_mb: It grows no larger.
        limits: What a picture may cost.

    Raises:
        UsageError: A number lies outside its range.
    """

    model: Path | None = None
    workers: int = min(8, os.cpu_count() or 1)
    waiting: int = 32
    seconds: float = 30.0
    memory_mb: int = 2_000
    body_mb: int = 20
    body_seconds: float = 30.0
    files: int = 256
    token: str | None = None
    origin: str | None = None
    corrections: Path | None = None
    corrections_mb: int = 1_000
    limits: Limits = STRANGERS

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value > 0:
                raise UsageError(f"{field.name} is {value!r}: give a number above 0")
        if self.token == "":
            raise UsageError("the token is empty: give one that cannot be guessed, or none")
