"""inkdigits learns handwritten digits and reads them.

::

    import inkdigits

    reader = inkdigits.Reader()  # loads once; inkdigits.read(…) does it with a default one
    reading = reader.read("cheque.jpg")  # .text, .best_text, .pages, .digits
    readings = reader.read_many(["a.png", "b.png"], mode="digit")
    fields = reader.read_fields("form.jpg", "template.json")  # {"amount": …}
    model = inkdigits.load_model()  # .predict(images), .predict_proba(images), .classes_
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
    from inkdigits.forms.reader import FormReading
    from inkdigits.forms.results import FieldReading
    from inkdigits.forms.template import Field, Template
    from inkdigits.inference.classifier import Classifier, load_model
    from inkdigits.inference.sheet_finder import Sheet
    from inkdigits.limits import Limits
    from inkdigits.reader import Reader, find_sheet, read, read_fields, read_fields_pages, read_many, read_pages
    from inkdigits.reading.reading import Reading
    from inkdigits.reading.rectify import rectified
    from inkdigits.reading.results import Digit, Document, Line, Page, Sign, Word

__version__ = "0.2.0"

#: Names that are imported when first used, so that ``import inkdigits`` and ``inkdigits --help`` are quick.
_LAZY = {
    "Classifier": "inference.classifier",
    "Digit": "reading.results",
    "Document": "reading.results",
    "Field": "forms.template",
    "FieldReading": "forms.results",
    "FormReading": "forms.reader",
    "Line": "reading.results",
    "Limits": "limits",
    "Page": "reading.results",
    "Reader": "reader",
    "Reading": "reading.reading",
    "Sheet": "inference.sheet_finder",
    "Sign": "reading.results",
    "Template": "forms.template",
    "Word": "reading.results",
    "find_sheet": "reader",
    "load_model": "inference.classifier",
    "read": "reader",
    "read_fields": "reader",
    "read_fields_pages": "reader",
    "read_many": "reader",
    "read_pages": "reader",
    "rectified": "reading.rectify",
}

__all__ = [
    "ChecksumError",
    "Classifier",
    "DataError",
    "Digit",
    "Document",
    "Field",
    "FieldReading",
    "FormReading",
    "ImageError",
    "InkdigitsError",
    "LeakageError",
    "LeakageWarning",
    "Limits",
    "Line",
    "MissingExtraError",
    "ModelError",
    "Page",
    "Reader",
    "Reading",
    "Sheet",
    "Sign",
    "Template",
    "UsageError",
    "Word",
    "find_sheet",
    "load_model",
    "read",
    "read_fields",
    "read_fields_pages",
    "read_many",
    "read_pages",
    "rectified",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'inkdigits' has no attribute {name!r}")
    return getattr(importlib.import_module(f"inkdigits.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
