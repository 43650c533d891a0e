"""What one picture may cost: small files can ask for much work."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from inkdigits.errors import UsageError


@dataclass(frozen=True)
class Limits:
    """What a file may cost at most; one that asks for more is refused with an ``ImageError`` that names the limit.

    The defaults take any photo and any scan. A service that reads what strangers send may want less.

    Attributes:
        pixels: Of a page.
        pages: Of a file.
        seconds: For drawing a page of a PDF. Other formats take as long as their pixels, which are limited.
        memory: For decoding a page, in MB; drawing one of a PDF keeps to it on Linux alone.
        components: Marks on a page that may be writing, in all sizes in which it is looked at: about two for each letter.

    Raises:
        UsageError: A limit is no number above 0.
    """

    pixels: int = 150_000_000
    pages: int = 1_000
    seconds: float = 8.0
    memory: int = 700
    components: int = 20_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value, kinds = getattr(self, field.name), (int, float) if field.name == "seconds" else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < math.inf:
                kind = "whole number" if len(kinds) == 1 else "number"
                raise UsageError(f"the limit {field.name} is {value!r}: give a {kind} above 0")


DEFAULTS = Limits()
