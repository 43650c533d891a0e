"""What the processes of a service do: pictures in, the bytes of an answer out."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from inkdigits import images
from inkdigits.errors import ImageError, MissingExtraError, UsageError
from inkdigits.files import parsed_json, printable
from inkdigits.forms.template import Template
from inkdigits.inference.classifier import Classifier, load_model
from inkdigits.inference.tasks import READER
from inkdigits.inference.trial_process import limit_memory
from inkdigits.limits import Limits
from inkdigits.reader import Reader
from inkdigits.reading import exporters
from inkdigits.reading.candidates import Unit
from inkdigits.reading.page import Mode
from inkdigits.reading.reading import Reading
from inkdigits.reading.rectify import rectified
from inkdigits.reading.values import DecimalMark
from inkdigits.service import open_inference
from inkdigits.service.store import Correction

Form = Literal["json", "text", "csv", "tsv", "hocr"]
#: What each form is called in HTTP, and among the exporters.
MEDIA_TYPES: dict[str, str] = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "hocr": "text/html; charset=utf-8",
}


@dataclass(frozen=True)
class Options:
    """How pictures are read: as ``Reader.read`` takes it."""

    mode: Mode = "auto"
    min_confidence: float | None = None
    max_error: float | None = None
    per: Unit = "digit"
    pages: frozenset[int] | None = None


@dataclass(frozen=True)
class Upload:
    """A picture that was sent: what it is called, which may be nothing, and its file."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """The body of an answer with headers that go with it, and what is counted of it."""

    content: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    pictures: int = 1
    digits: int = 0
    unsure: int = 0
    refused: int = 0


def ready_reader(model: Path | None, limits: Limits, memory_mb: int) -> Reader:
    """A reader that has read once: its first picture takes longer, since libraries are loaded and memory is taken.

    It reads in one thread: with two, a line takes half as long again, since each waits for the other between two layers.

    Args:
        model: As for ``Reader``.
        limits: As for ``Reader``.
        memory_mb: This process may take so much, on Linux; one that takes more ends.
    """
    limit_memory(memory_mb)
    reader = Reader(model, threads=1, limits=limits)
    paper = np.full((64, 256), 255, np.uint8)
    paper[12:52, [40, 41, 42, 43, 80, 81, 82, 83]] = 0
    reader.read(paper)
    return reader


def read(
    reader: Reader, uploads: Sequence[Upload], several: bool, options: Options, form: Form, layout: str, decimal: DecimalMark
) -> Answer:
    """Read one picture, or several as one batch, of which bad ones are told beside the readings of the others.

    Raises:
        InkdigitsError: The options cannot be, or the only picture cannot be read.
    """
    if form == "json" and layout != "digits":
        raise UsageError(f"the layout is {layout!r}, which is for format=csv and format=tsv: add one of them")
    if not several:
        document = reader.read(uploads[0].content, **asdict(options))
        if form == "json":
            source = {"source": printable(uploads[0].name)} if uploads[0].name else {}
            return _answer(json.dumps({**source, **document.to_dict(decimal)}), form, [document])
        return _answer(_text([(uploads[0].name, document)], form, layout), form, [document])
    found = reader.read_many([upload.content for upload in uploads], on_error="return", **asdict(options))
    readings = [one for one in found if isinstance(one, Reading)]
    if form == "json":
        results = [_entry(upload.name, one, decimal) for upload, one in zip(uploads, found, strict=True)]
        return _answer(json.dumps({"results": results}), form, readings, len(found) - len(readings))
    for upload, one in zip(uploads, found, strict=True):  # other forms have no place for what could not be read
        if not isinstance(one, Reading):
            one.prefix = f"{upload.name}: "
            raise one
    named = [(upload.name, one) for upload, one in zip(uploads, readings, strict=True)]
    return _answer(_text(named, form, layout), form, readings)


def _text(named: exporters.Named, form: Form, layout: str) -> str:
    return exporters.as_text(named, "txt" if form == "text" else form, layout)


def _entry(name: str, found: Reading | ImageError | MissingExtraError, decimal: DecimalMark) -> dict[str, Any]:
    if isinstance(found, Reading):
        return {"source": printable(name), **found.to_dict(decimal)}
    found.prefix = ""  # its place in the list, which it has here anyhow
    return {"source": printable(name), "error": str(found)}


def _answer(text: str, form: Form, readings: Sequence[Reading], refused: int = 0) -> Answer:
    digits = [digit for reading in readings for digit in reading.digits]
    unsure = sum(digit.label is None for digit in digits)
    return Answer(text.encode(), MEDIA_TYPES[form], {}, len(readings), len(digits), unsure, refused)


def fields(
    reader: Reader,
    upload: Upload,
    template: bytes,
    min_confidence: float | None,
    max_error: float | None,
    wanted: frozenset[int] | None,
) -> Answer:
    """Read a form, whose template is JSON, on every page of a picture.

    Raises:
        InkdigitsError: The template or the picture cannot be used.
    """
    form = Template.from_dict(parsed_json(template, "the template"))
    found = reader.read_fields_pages(upload.content, form, min_confidence=min_confidence, max_error=max_error, pages=wanted)
    pages = [{name: value.to_dict() for name, value in page.items()} for page in found]
    return Answer(json.dumps({"pages": pages}).encode(), MEDIA_TYPES["json"])


def check_corrections(reader: Reader, upload: Upload, corrections: Sequence[Correction]) -> Answer:
    """Make sure that a picture is one, and that every correction lies on one of its pages.

    Raises:
        InkdigitsError: The picture cannot be read, or a correction lies elsewhere.
    """
    sizes = [page.shape for page in images.pages(upload.content, reader.limits)]
    for one in corrections:
        if one.page > len(sizes):
            raise UsageError(f"a correction is on page {one.page}: the picture has {len(sizes)}")
        height, width = sizes[one.page - 1]
        if one.box[2] > width or one.box[3] > height:
            raise UsageError(f"the box {list(one.box)} reaches out of its page, which has {width} x {height} pixels")
    return Answer(json.dumps({"saved": len(corrections)}).encode(), MEDIA_TYPES["json"])


def draw(reader: Reader, upload: Upload, options: Options) -> Answer:
    """The picture with boxes and labels, of several pages the first that is wanted.

    Raises:
        InkdigitsError: It cannot be read.
    """
    return _picture(reader, upload, options, lambda reading: reading.draw())


def explain(reader: Reader, upload: Upload, options: Options) -> Answer:
    """The steps from the picture to its digits.

    Raises:
        InkdigitsError: It cannot be read.
    """
    return _picture(reader, upload, options, reader.explain)


def _picture(reader: Reader, upload: Upload, options: Options, drawn: Callable[[Reading], Any]) -> Answer:
    reading = next(reader.read_pages(upload.content, **asdict(options)))
    file = io.BytesIO()
    drawn(reading).save(file, "PNG")
    labels = [digit.label for digit in reading.digits]
    return Answer(file.getvalue(), "image/png", digits=len(labels), unsure=labels.count(None))


def sheet(reader: Reader, upload: Upload) -> Answer:
    """The sheet in a photo as if it lay flat: its printed frame, or, where there is none, the paper; as forms are read.

    Raises:
        InkdigitsError: The picture cannot be read, or no sheet is found.
    """
    picture = images.load(upload.content, reader.limits)
    found = reader.find_sheet(picture)
    corners = found.frame or found.sheet
    if corners is None:
        raise ImageError("no frame was found in the picture: take it from straight above, on a darker ground")
    file = io.BytesIO()
    Image.fromarray(rectified(picture, corners)).save(file, "PNG")
    return Answer(file.getvalue(), "image/png")


def infer(reader: Reader, name: str, upload: Upload, json_length: int | None) -> Answer:
    """Ask a classifier about prepared images, by the Open Inference Protocol.

    Raises:
        UsageError: It is no such request.
    """
    classifier = reader.classifier if name == READER else _classifier()
    content, told, images = open_inference.infer(classifier, name, upload.content, json_length)
    headers = {} if told is None else {open_inference.JSON_LENGTH: str(told)}
    kind = MEDIA_TYPES["json"] if told is None else "application/octet-stream"
    return Answer(content, kind, headers, pictures=images, digits=images)


@functools.cache
def _classifier() -> Classifier:
    return load_model()
