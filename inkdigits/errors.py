"""Everything that inkdigits raises on purpose.

::

    InkdigitsError
    ├── UsageError(ValueError)          a setting or name that does not exist or lies outside its range
    ├── ImageError(ValueError)          not a picture, or one that cannot be used
    ├── DataError                       a data file that is missing, damaged or of the wrong form
    │   ├── ChecksumError               bytes that are not the published ones
    │   └── LeakageError                training images among those a figure is measured on
    ├── ModelError                      a model file of the wrong kind, shape or task
    └── MissingExtraError(ImportError)  an optional dependency is not installed

    LeakageWarning(UserWarning)         the same finding as LeakageError, where the work goes on

A message names the value, the limit and the fix, and fits on one line.
"""

from __future__ import annotations


class InkdigitsError(Exception):
    """Base of all errors raised by inkdigits.

    Attributes:
        index: Of the picture in the list that was read, from 0; None where there was no list.
    """

    index: int | None = None


class UsageError(InkdigitsError, ValueError):
    """A setting or name that does not exist or lies outside its range."""


class ImageError(InkdigitsError, ValueError):
    """Not a picture, or one that cannot be used."""


class DataError(InkdigitsError):
    """A data file that is missing, damaged or of the wrong form."""


class ChecksumError(DataError):
    """Bytes that are not the published ones."""


class LeakageError(DataError):
    """Training images among those that a figure is to be measured on."""


class ModelError(InkdigitsError):
    """A model file of the wrong kind, shape or task."""


class MissingExtraError(InkdigitsError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"this needs {module}, which is not installed: pip install 'inkdigits[{extra}]'")


class LeakageWarning(UserWarning):
    """Training images are among those that a figure is measured on."""
