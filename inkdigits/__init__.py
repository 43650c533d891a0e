"""inkdigits learns handwritten digits and reads them.

::

    import inkdigits

    reading = inkdigits.read("cheque.jpg")  # .text, .best_text, .lines, .digits
    readings = inkdigits.read_many(["a.png", "b.png"], mode="digit")
    model = inkdigits.load_model()  # .predict(images), .predict_proba(images)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from inkdigits.errors import (
    ChecksumError,
    DataError,
    ImageError,
    InkdigitsError,
    LeakageError,
    LeakageWarning,
    MissingExtraError,
    ModelError,
    UsageError,
)

if TYPE_CHECKING:
    from inkdigits.modeling.predict import Classifier, load_model
    from inkdigits.reading.reader import read, read_many
    from inkdigits.reading.results import Digit, Line, Reading

__version__ = "0.1.0"

__all__ = [
    "ChecksumError",
    "Classifier",
    "DataError",
    "Digit",
    "ImageError",
    "InkdigitsError",
    "LeakageError",
    "LeakageWarning",
    "Line",
    "MissingExtraError",
    "ModelError",
    "Reading",
    "UsageError",
    "load_model",
    "read",
    "read_many",
]

#: Names that are imported when first used, so that ``import inkdigits`` and ``inkdigits --help`` are quick.
_LAZY = {
    "Classifier": "modeling.predict",
    "load_model": "modeling.predict",
    "read": "reading.reader",
    "read_many": "reading.reader",
    "Digit": "reading.results",
    "Line": "reading.results",
    "Reading": "reading.results",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'inkdigits' has no attribute {name!r}")
    return getattr(importlib.import_module(f"inkdigits.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
