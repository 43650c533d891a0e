"""What stood in the fields of forms, as CSV, TSV and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from inkdigits.errors import UsageError
from inkdigits.files import Form, as_cell, csv_rows, json_list, printable
from inkdigits.forms.results import FieldReading

#: A picture's name, the number of a page in it, from 1, and what stands in the fields there.
Sheet: TypeAlias = tuple[str, int, Mapping[str, FieldReading]]


def form_of(form: str, names: Sequence[str]) -> Form[Sheet]:
    """How sheets are written as csv, tsv or json: what stood in each of these fields, with its confidence.

    Raises:
        UsageError: There is no such form.
    """

    def plain(sheet: Sheet) -> object:
        source, page, found = sheet
        return {"source": printable(source), "page": page, "fields": {name: found[name].to_dict() for name in names}}

    if form == "json":
        return json_list(plain)
    if form not in ("csv", "tsv"):
        raise UsageError(f"fields cannot be written as {form or 'a file without suffix'!r}: use csv, tsv or json")
    delimiter = "," if form == "csv" else "\t"
    header = ("source", "page", *names, *(f"{name} confidence" for name in names))

    def row(sheet: Sheet) -> str:
        source, page, found = sheet
        fields = [found[name] for name in names]
        shown, sure = (field.shown for field in fields), (round(field.confidence, 6) for field in fields)
        return csv_rows([(as_cell(source), page, *shown, *sure)], delimiter)

    return Form(csv_rows([header], delimiter), row)
