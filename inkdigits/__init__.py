"""inkdigits learns handwritten digits and reads them.

::

    import inkdigits

    reading = inkdigits.read("cheque.jpg")  # .text, .best_text, .lines, .digits
    readings = inkdigits.read_many(["a.png", "b.png"], mode="digit")
    fields = inkdigits.read_fields("form.jpg", "template.json")  # {"amount": …}
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
    from inkdigits.reading.fields import Field, FieldReading, Template, read_fields, read_fields_pages
    from inkdigits.reading.reader import read, read_many, read_pages
    from inkdigits.reading.results import Digit, Line, Reading

__version__ = "0.1.0"

__all__ = [
    "ChecksumError",
    "Classifier",
    "DataError",
    "Digit",
    "Field",
    "FieldReading",
    "ImageError",
    "InkdigitsError",
    "LeakageError",
    "LeakageWarning",
    "Line",
    "MissingExtraError",
    "ModelError",
    "Reading",
    "Template",
    "UsageError",
    "load_model",
    "read",
    "read_fields",
    "read_fields_pages",
    "read_many",
    "read_pages",
]

#: Names that are imported when first used, so that ``import inkdigits`` and ``inkdigits --help`` are quick.
_LAZY = {
    "Classifier": "modeling.predict",
    "load_model": "modeling.predict",
    "read": "reading.reader",
    "read_many": "reading.reader",
    "read_pages": "reading.reader",
    "read_fields": "reading.fields",
    "read_fields_pages": "reading.fields",
    "Field": "reading.fields",
    "FieldReading": "reading.fields",
    "Template": "reading.fields",
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
