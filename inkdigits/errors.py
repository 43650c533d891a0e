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
        prefix: What stands in front of the message.
    """

    index: int | None = None
    prefix: str = ""

    def __str__(self) -> str:
        return self.prefix + super().__str__()


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
        self.module, self.extra = module, extra
        super().__init__(f"this needs {module}, which is not installed: pip install 'inkdigits[{extra}]'")

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str], dict[str, object]]:
        return type(self), (self.module, self.extra), {"index": self.index, "prefix": self.prefix}


class LeakageWarning(UserWarning):
    """Training images are among those that a figure is measured on."""
