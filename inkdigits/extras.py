"""Optional dependencies: what belongs to an extra is imported inside ``with require("extra"):``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from inkdigits.errors import MissingExtraError


@contextmanager
def require(extra: str) -> Iterator[None]:
    """Import packages of an extra in this block; one that is missing names the extra that brings it.

    Args:
        extra: A name from ``[project.optional-dependencies]``, such as ``train``.

    Raises:
        MissingExtraError: A package outside inkdigits is not installed.

    Example:
        ``with require("pdf"): import pypdfium2``
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("inkdigits"):
            raise
        raise MissingExtraError(error.name or "a package", extra) from None
