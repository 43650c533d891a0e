"""Readings as text, JSON, CSV, TSV, hOCR and pictures: the file's ending says which."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from inkdigits import __version__
from inkdigits.errors import UsageError
from inkdigits.files import atomic
from inkdigits.reading.locate import Box
from inkdigits.reading.results import Line, Reading

#: Readings with the names of what was read.
Named = Sequence[tuple[str, Reading]]

_COLUMNS = ("source", "page", "line", "position", "label", "best", "confidence", "left", "top", "right", "bottom")
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
    raise UsageError(
        f"readings cannot be written as {form or 'a file without ending'!r}: use txt, json, csv, tsv, hocr, png or jpg"
    )


def text(readings: Named) -> str:
    """The lines' texts; with several readings, each line after the name of its picture and a tab."""
    rows = []
    for name, reading in readings:
        prefix = f"{name}\t" if len(readings) > 1 else ""
        rows += [prefix + line for line in reading.text.split("\n")]
    return "".join(f"{row}\n" for row in rows)


def table(readings: Named, delimiter: str) -> str:
    """A row for each digit, under a header."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow((*_COLUMNS, *(f"p{label}" for label in range(10))))
    for name, reading in readings:
        for number, line in enumerate(reading.lines, start=1):
            for position, digit in enumerate(line.digits, start=1):
                probabilities = [round(p, 6) for p in digit.probabilities.tolist()]
                label = "" if digit.label is None else digit.label
                row = (name, line.page + 1, number, position, label, digit.best, max(probabilities))
                writer.writerow((*row, *digit.box, *probabilities))
    return file.getvalue()


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
    characters = "".join(
        f'<span class="ocrx_cinfo" title="x_bboxes {" ".join(map(str, d.box))}; x_conf {100 * d.confidence:.2f}">{shown}</span>'
        for d, shown in zip(line.digits, line.text, strict=True)
    )
    sure = 100 * min(d.confidence for d in line.digits)
    word = f'<span class="ocrx_word" title="{_bbox(line.box)}; x_wconf {sure:.0f}">{characters}</span>'
    return f'<span class="ocr_line" title="{_bbox(line.box)}">{word}</span>\n'


def _bbox(box: Box) -> str:
    return "bbox " + " ".join(map(str, box))
