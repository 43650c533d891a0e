"""A picture of a form and its template → what stands in each field.

A constraint does not only accept or refuse what was read. Of all texts that satisfy it, the most probable one is taken, and
its confidence is its share of the probability of all of them: a check digit mends a doubtful digit, or shows that two
readings remain.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import ImageError, UsageError
from inkdigits.forms import overlay
from inkdigits.forms.results import FieldReading
from inkdigits.forms.search import most_probable
from inkdigits.forms.template import Field, Template
from inkdigits.geometry import Corners
from inkdigits.inference.ctc import SYMBOLS
from inkdigits.inference.tasks import NON_DIGIT
from inkdigits.reading.candidates import Candidate, digit_candidates
from inkdigits.reading.recogniser import Recogniser
from inkdigits.reading.rectify import rectified


@dataclass(frozen=True, eq=False)
class FormReading(Mapping[str, FieldReading]):
    """What stands in the fields of a form: a mapping of their names.

    Attributes:
        fields: What was read in each, by name.
        sheet: uint8 (H, W), the sheet as it was read: flat, if the template has corners.
        template: Its fields.
        page: The number of the page in its file, from 1.
    """

    fields: Mapping[str, FieldReading]
    sheet: NDArray[np.uint8] = field(repr=False)
    template: Template = field(repr=False)
    page: int = 1

    def __getitem__(self, name: str) -> FieldReading:
        return self.fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def draw(self) -> Image.Image:
        """The sheet with the box of each field, what was read in it, and its digits.

        Green is what the reader is sure of, orange what it is not, grey a field that is empty.
        """
        return overlay.draw(self.sheet, self.template, self)


def template_of(given: Template | Mapping[str, Any] | str | PathLike[str]) -> Template:
    """A template, from itself, from plain data, or from a JSON file.

    Raises:
        UsageError: It is none, or not understood.
    """
    if isinstance(given, Template):
        return given
    if isinstance(given, str | PathLike):
        return Template.load(given)
    if isinstance(given, Mapping):
        return Template.from_dict(given)
    raise UsageError(f"the template is {given!r}: give a Template, the same as a dictionary, or a file's name")


def read_sheet(
    picture: NDArray[np.uint8], template: Template, recogniser: Recogniser, min_confidence: float, page: int = 1
) -> FormReading:
    """Read the fields of a form.

    Args:
        picture: uint8 (H, W).
        template: Its fields.
        recogniser: The networks.
        min_confidence: Fields below it are unsure; in [0, 1].
        page: Its number.

    Returns:
        a reading for each field, by name.

    Raises:
        ImageError: No frame is found, the corners span no sheet, or a field is smaller than a pixel.
    """
    if template.corners is not None:
        corners = _frame(picture, recogniser) if template.corners == "find" else template.corners
        picture = rectified(picture, corners, template.aspect)
    fields = [_candidates(picture, field, recogniser) for field in template.fields]
    everything = [candidate for candidates in fields for candidate in candidates]
    recogniser.classify(everything)
    recogniser.rescore(everything)
    recogniser.weigh(everything)
    found = {
        field.name: _constrained(field, candidates, min_confidence)
        for field, candidates in zip(template.fields, fields, strict=True)
    }
    return FormReading(found, picture, template, page)


def _frame(picture: NDArray[np.uint8], recogniser: Recogniser) -> Corners:
    """The corners of the frame in a photo; where none is printed, of the sheet."""
    found = recogniser.sheet_finder.find(picture)
    corners = found.frame or found.sheet
    if corners is None:
        raise ImageError("no frame was found in the picture: give its four corners in the template")
    return corners


def _candidates(sheet: NDArray[np.uint8], field: Field, recogniser: Recogniser) -> list[Candidate]:
    """Where digits may stand in a field, with boxes in pixels of the sheet."""
    height, width = sheet.shape
    left, top, right, bottom = (round(v * side) for v, side in zip(field.box, (width, height, width, height), strict=True))
    if left >= right or top >= bottom:
        raise ImageError(f"field {field.name!r} is smaller than a pixel on a sheet of {width} × {height}: use a larger picture")
    if not field.cells:
        place = sheet[top:bottom, left:right]
        # The line recogniser may overlook a digit that stands by itself in a long field; one look at all ink finds it.
        return [found.moved(left, top) for found in recogniser.line_candidates(place) or digit_candidates(place)]
    walls = np.linspace(left, right, field.cells + 1).round().astype(int)
    candidates = []
    for start, end in itertools.pairwise(walls):
        found = digit_candidates(sheet[top:bottom, start : max(end, start + 1)])
        candidates += [candidate.moved(int(start), top) for candidate in found]
    return candidates


def _constrained(field: Field, candidates: list[Candidate], min_confidence: float) -> FieldReading:
    digits = tuple(candidate.digit(min_confidence) for candidate in candidates if candidate.is_digit())
    best, confidence = most_probable([_row(candidate, field.signs) for candidate in candidates], field.says)
    signs = "".join(candidate.sign[0] for candidate in candidates if candidate.sign and not candidate.is_digit())
    left_out = "".join(sign for sign in signs if sign not in field.signs)
    return FieldReading(best if confidence >= min_confidence else None, best, confidence, digits, left_out)


def _row(candidate: Candidate, signs: str) -> dict[str, float]:
    """What a candidate may be, and how probable that is: a digit, one of ``signs``, or nothing that counts."""
    *digits, other = candidate.known().tolist()
    row = {str(label): probability for label, probability in enumerate(digits)}
    if candidate.symbol is not None and signs:
        said = candidate.symbol.probabilities
        rest = max(1 - float(said[:NON_DIGIT].sum()), 1e-6)
        row |= {sign: other * float(said[SYMBOLS.index(sign)]) / rest for sign in signs}
    return row | {"": other - sum(row.get(sign, 0.0) for sign in signs)}
