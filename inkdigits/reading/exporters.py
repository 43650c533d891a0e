"""Documents as text, JSON, CSV, TSV, hOCR and pictures: the file's suffix says which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TypeAlias

from inkdigits import __version__
from inkdigits.errors import UsageError
from inkdigits.files import Form, as_cell, atomic, csv_rows, json_list, printable, unused
from inkdigits.geometry import Box
from inkdigits.reading import overlay
from inkdigits.reading.results import Document, Line, Word, rows_of
from inkdigits.reading.values import DecimalMark

#: A document with the name of what was read.
NamedDocument: TypeAlias = tuple[str, Document]
Named: TypeAlias = Sequence[NamedDocument]

_COLUMNS = (
    *("source", "page", "line", "text", "word", "position", "label", "best", "confidence"),
    *("left", "top", "right", "bottom"),
)
#: Suffixes of overlay pictures, and the formats behind them.
PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def save(documents: Named, path: Path) -> None:
    """Write documents in the form that the file's suffix names, whole or not at all.

    Raises:
        UsageError: The suffix names no form, or a picture was asked for of several documents.
    """
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        if len(documents) != 1:
            raise UsageError(f"{path} is one picture, but {len(documents)} were read: draw them one by one")
        with atomic(path) as file:
            overlay.draw(documents[0][1]).save(file, PICTURES[suffix])
        return
    content = as_text(documents, suffix.removeprefix("."))
    with atomic(path, "w") as file:
        file.write(content)


def save_pictures(document: Document, path: Path, taken: set[Path] | None = None) -> None:
    """Draw every page that was read: the first into the file, the others beside it, with their numbers after its name.

    Args:
        taken: Files that are of other documents; those of the other pages are added.
    """
    taken = {path} if taken is None else taken
    for place, page in enumerate(document.pages):
        with atomic(path_of_page(path, page.number, not place, taken)) as file:
            overlay.draw(document, page.number).save(file, PICTURES[path.suffix.lower()])


def path_of_page(path: Path, number: int, first: bool, taken: set[Path]) -> Path:
    """Where the picture of a page goes: the first one of a file to the path itself, the others beside it."""
    if first:
        return path
    target = unused(path.with_stem(f"{path.stem}-page{number}"), taken)
    taken.add(target)
    return target


def as_text(documents: Named, form: str, layout: str = "digits") -> str:
    """Documents in one of the forms that ``form_of`` knows."""
    return form_of(form, len(documents) > 1, layout).text(documents)


def form_of(form: str, several: bool = False, layout: str = "digits", decimal: DecimalMark = "auto") -> Form[NamedDocument]:
    """How documents are written as txt, json, csv, tsv or hocr.

    Args:
        several: There is more than one: of txt and of tables by their layout, rows then begin with the document's name.
        layout: Of csv and tsv: ``digits``, a row for each digit, or ``table``, the numbers as they stand on the page.
        decimal: Of the values in json, as ``Document.to_dict`` takes it.

    Raises:
        UsageError: There is no such form, layout or mark.
    """
    if layout not in ("digits", "table"):
        raise UsageError(f"there is no layout {layout!r}: use digits or table")
    if layout == "table" and form not in ("csv", "tsv"):
        raise UsageError(f"a table is written as csv or tsv, not {form!r}: leave out the layout")
    delimiter = "," if form == "csv" else "\t"
    if form == "txt":
        return Form("", lambda named: _text(*named, several))
    if form == "json":
        return json_list(lambda named: {"source": printable(named[0]), **named[1].to_dict(decimal)})
    if form in ("csv", "tsv") and layout == "table":
        return Form("", lambda named: csv_rows(_page_rows(*named, several), delimiter))
    if form in ("csv", "tsv"):
        header = (*_COLUMNS, *(f"p{label}" for label in range(10)))
        return Form(csv_rows([header], delimiter), lambda named: csv_rows(_rows(*named), delimiter))
    if form in ("hocr", "html"):
        return Form(_HOCR_HEAD, lambda named: _hocr(*named), end="</body>\n</html>\n")
    raise UsageError(f"readings cannot be written as {form or 'a file without suffix'!r}: use txt, json, csv, tsv or hocr")


def _text(name: str, document: Document, several: bool) -> str:
    """The lines' texts; with several documents, each line after the name of its picture and a tab."""
    prefix = f"{printable(name)}\t" if several else ""
    return "".join(f"{prefix}{line}\n" for line in document.text.split("\n"))


def _rows(name: str, document: Document) -> Iterator[tuple[object, ...]]:
    """A row for each digit, with the text of its line; one also for a page without any.

    Pages, lines, words and positions are numbered from 1; the lines of each page anew.
    """
    for page in document.pages:
        if not page.digits:
            yield as_cell(name), page.number, *[""] * (len(_COLUMNS) + 8)
        for number, line in enumerate(page.lines, start=1):
            for row in _digit_rows(line):
                yield as_cell(name), page.number, number, line.text, *row


def _page_rows(name: str, document: Document, several: bool) -> Iterator[list[object]]:
    """The numbers as they stand on the page: a row for each line, a column for what stands below one another.

    With several documents or pages, each row begins with the document's name and the page's number, also of a page where there
    is nothing.
    """
    for page in document.pages:
        place = [as_cell(name), page.number] if several or len(document.pages) > 1 else []
        for row in rows_of(page) or ([[]] if place else []):
            yield [*place, *row]


def _digit_rows(line: Line) -> Iterator[tuple[object, ...]]:
    digits = [(number, digit) for number, word in enumerate(line.words, start=1) for digit in word.digits]
    for position, (word, digit) in enumerate(digits, start=1):
        plain = digit.to_dict()
        label = "" if digit.label is None else digit.label
        yield word, position, label, digit.best, plain["confidence"], *digit.box, *plain["probabilities"]


_HOCR_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml">\n<head>\n'
    f'<title>Digits</title>\n<meta name="ocr-system" content="inkdigits {__version__}"/>\n'
    '<meta name="ocr-capabilities" content="ocr_page ocr_line ocrx_word ocrx_cinfo"/>\n</head>\n<body>\n'
)


def _hocr(name: str, document: Document) -> str:
    """A page of hOCR for each page; there ``ppageno`` counts from 0, as hOCR wants it."""
    pages = []
    for page in document.pages:
        lines = "".join(_hocr_line(line) for line in page.lines)
        image = f"image &quot;{escape(_quoted(name))}&quot;; " if name else ""
        title = f"{image}{_bbox((0, 0, *page.size))}; ppageno {page.number - 1}"
        pages.append(f'<div class="ocr_page" title="{title}">\n{lines}</div>\n')
    return "".join(pages)


def _quoted(name: str) -> str:
    """A name between hOCR's quotes, which know no escape for themselves."""
    return printable(name).replace('"', "\\x22")


def _hocr_line(line: Line) -> str:
    return f'<span class="ocr_line" title="{_bbox(line.box)}">{" ".join(_hocr_word(word) for word in line.words)}</span>\n'


def _hocr_word(word: Word) -> str:
    characters = "".join(
        f'<span class="ocrx_cinfo" title="x_bboxes {" ".join(map(str, character.box))};'
        f' x_conf {100 * character.confidence:.2f}">{character.text}</span>'
        for character in word.characters
    )
    least = 100 * min((character.confidence for character in word.characters), default=0.0)
    return f'<span class="ocrx_word" title="{_bbox(word.box)}; x_wconf {least:.0f}">{characters}</span>'


def _bbox(box: Box) -> str:
    return "bbox " + " ".join(map(str, box))
