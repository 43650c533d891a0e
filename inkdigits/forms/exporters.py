"""What stood in the fields of forms, as CSV, TSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from inkdigits.errors import UsageError
from inkdigits.files import as_cell, atomic, printable
from inkdigits.forms.reader import FieldReading

#: A picture's name, the number of a page in it, from 1, and what stands in the fields there.
Sheet: TypeAlias = tuple[str, int, Mapping[str, FieldReading]]


def save(sheets: Sequence[Sheet], names: Sequence[str], path: Path) -> None:
    """Write what stood in the fields of forms, a sheet a row, as .csv, .tsv or .json, whole or not at all.

    Raises:
        UsageError: The suffix names no such form.
    """
    content = as_text(sheets, names, path.suffix.lower().removeprefix("."))
    with atomic(path, "w") as file:
        file.write(content)


def as_text(sheets: Sequence[Sheet], names: Sequence[str], form: str) -> str:
    """The sheets as csv, tsv or json, with the confidence of each field.

    Raises:
        UsageError: There is no such form.
    """
    if form == "json":
        plain = [
            {"source": printable(source), "page": page, "fields": {name: found[name].to_dict() for name in names}}
            for source, page, found in sheets
        ]
        return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
    if form not in ("csv", "tsv"):
        raise UsageError(f"fields cannot be written as {form or 'a file without suffix'!r}: use csv, tsv or json")
    file = io.StringIO()
    writer = csv.writer(file, delimiter="," if form == "csv" else "\t", lineterminator="\n")
    writer.writerow(("source", "page", *names, *(f"{name} confidence" for name in names)))
    for source, page, found in sheets:
        row = [found[name] for name in names]
        writer.writerow((as_cell(source), page, *(f.shown for f in row), *(round(f.confidence, 6) for f in row)))
    return file.getvalue()
