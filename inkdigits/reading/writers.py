"""Readings as text, JSON, CSV, TSV, hOCR and pictures: the file's ending says which."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from inkdigits import __version__
from inkdigits.errors import UsageError
from inkdigits.files import atomic
from inkdigits.reading.locate import Box
from inkdigits.reading.results import Line, Reading

if TYPE_CHECKING:
    from inkdigits.reading.fields import FieldReading

#: Readings with the names of what was read.
Named = Sequence[tuple[str, Reading]]

#: The form on a page, from 1, of a picture, and what stands in its fields.
Sheet: TypeAlias = "tuple[str, int, Mapping[str, FieldReading]]"

_COLUMNS = (
    *("source", "page", "line", "text", "word", "position", "label", "best", "confidence"),
    *("left", "top", "right", "bottom"),
)
#: Endings of overlay pictures, and the formats behind them.
PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def save(readings: Named, path: Path) -> None:
    """Write readings in the form that the file's ending names, whole or not at all.

    Raises:
        UsageError: the ending names no form, or a picture was asked for of several readings.
    """
    ending = path.suffix.lower()
    if ending in PICTURES:
        if len(readings) != 1:
            raise UsageError(f"{path} is one picture, but {len(readings)} were read: draw them one by one")
        with atomic(path) as file:
            readings[0][1].draw().save(file, PICTURES[ending])
        return
    content = as_text(readings, ending.removeprefix("."))
    with atomic(path, "w") as file:
        file.write(content)


def save_pictures(reading: Reading, path: Path) -> None:
    """Draw every page that was read: the first into the file, the others beside it, with their numbers after its name."""
    for page in range(len(reading.sizes)):
        target = path if page == 0 else path.with_stem(f"{path.stem}-page{page + 1}")
        with atomic(target) as file:
            reading.draw(page).save(file, PICTURES[path.suffix.lower()])


def save_fields(sheets: Sequence[Sheet], names: Sequence[str], path: Path) -> None:
    """Write what stood in the fields of forms, a sheet a row, as .csv, .tsv or .json, whole or not at all.

    Raises:
        UsageError: the ending names no such form.
    """
    content = fields_as_text(sheets, names, path.suffix.lower().removeprefix("."))
    with atomic(path, "w") as file:
        file.write(content)


def fields_as_text(sheets: Sequence[Sheet], names: Sequence[str], form: str) -> str:
    """The sheets as csv, tsv or json, with the confidence of each field.

    Raises:
        UsageError: there is no such form.
    """
    if form == "json":
        plain = [
            {"source": source, "page": page, "fields": {name: found[name].to_dict() for name in names}}
            for source, page, found in sheets
        ]
        return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
    if form not in ("csv", "tsv"):
        raise UsageError(f"fields cannot be written as {form or 'a file without ending'!r}: use csv, tsv or json")
    file = io.StringIO()
    writer = csv.writer(file, delimiter="," if form == "csv" else "\t", lineterminator="\n")
    writer.writerow(("source", "page", *names, *(f"{name} confidence" for name in names)))
    for source, page, found in sheets:
        row = [found[name] for name in names]
        writer.writerow((source, page, *(f.shown for f in row), *(round(f.confidence, 6) for f in row)))
    return file.getvalue()


def as_text(readings: Named, form: str) -> str:
    """Readings in one of the forms txt, json, csv, tsv and hocr.

    Raises:
        UsageError: there is no such form.
    """
    if form == "txt":
        return text(readings)
    if form == "json":
        plain = [{"source": name, **reading.to_dict()} for name, reading in readings]
        return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
    if form in ("csv", "tsv"):
        return table(readings, "," if form == "csv" else "\t")
    if form in ("hocr", "html"):
        return hocr(readings)
    raise UsageError(f"readings cannot be written as {form or 'a file without ending'!r}: use txt, json, csv, tsv or hocr")


def text(readings: Named) -> str:
    """The lines' texts; with several readings, each line after the name of its picture and a tab."""
    rows = []
    for name, reading in readings:
        prefix = f"{name}\t" if len(readings) > 1 else ""
        rows += [prefix + line for line in reading.text.split("\n")]
    return "".join(f"{row}\n" for row in rows)


def table(readings: Named, delimiter: str) -> str:
    """A row for each digit, under a header, with the text of its line; one also for a page without any."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow((*_COLUMNS, *(f"p{label}" for label in range(10))))
    for name, reading in readings:
        for page in range(reading.first_page, reading.first_page + len(reading.sizes)):
            if not any(line.page == page for line in reading.lines):
                writer.writerow((name, page + 1, *[""] * (len(_COLUMNS) + 8)))
            for number, line in enumerate(reading.lines, start=1):
                if line.page == page:
                    writer.writerows((name, page + 1, number, line.text, *row) for row in _digit_rows(line))
    return file.getvalue()


def _digit_rows(line: Line) -> Iterator[tuple[object, ...]]:
    digits = [(number, digit) for number, word in enumerate(line.words, start=1) for digit in word.digits]
    for position, (word, digit) in enumerate(digits, start=1):
        probabilities = [round(p, 6) for p in digit.probabilities.tolist()]
        label = "" if digit.label is None else digit.label
        yield word, position, label, digit.best, max(probabilities), *digit.box, *probabilities


def hocr(readings: Named) -> str:
    """One hOCR document with a page for each page of each reading."""
    pages = []
    for name, reading in readings:
        for page, size in enumerate(reading.sizes, start=reading.first_page):
            lines = "".join(_hocr_line(line) for line in reading.lines if line.page == page)
            box = (0, 0, *size)
            image = f"image &quot;{escape(name)}&quot;; " if name else ""
            pages.append(f'<div class="ocr_page" title="{image}{_bbox(box)}; ppageno {page}">\n{lines}</div>\n')
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml">\n<head>\n'
        f'<title>Digits</title>\n<meta name="ocr-system" content="inkdigits {__version__}"/>\n'
        '<meta name="ocr-capabilities" content="ocr_page ocr_line ocrx_word ocrx_cinfo"/>\n</head>\n<body>\n'
        f"{''.join(pages)}</body>\n</html>\n"
    )


def _hocr_line(line: Line) -> str:
    return f'<span class="ocr_line" title="{_bbox(line.box)}">{" ".join(_hocr_word(word) for word in line.words)}</span>\n'


def _hocr_word(word: Line) -> str:
    characters = "".join(
        f'<span class="ocrx_cinfo" title="x_bboxes {" ".join(map(str, d.box))}; x_conf {100 * d.confidence:.2f}">{shown}</span>'
        for d, shown in zip(word.digits, word.text, strict=True)
    )
    sure = 100 * min(d.confidence for d in word.digits)
    return f'<span class="ocrx_word" title="{_bbox(word.box)}; x_wconf {sure:.0f}">{characters}</span>'


def _bbox(box: Box) -> str:
    return "bbox " + " ".join(map(str, box))
