"""Forms and grids: fields at known places, each with what is known of its content.

A constraint does not only accept or refuse what was read. Of all texts that satisfy it, the most probable one is taken, and
its confidence is its share of the probability of all of them: a check digit mends a doubtful digit, or shows that two
readings remain.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from inkdigits.errors import ImageError, UsageError
from inkdigits.reading import images
from inkdigits.reading.checks import CHECKS
from inkdigits.reading.frame import Corners, find_corners, straightened
from inkdigits.reading.images import Picture
from inkdigits.reading.line import NONE
from inkdigits.reading.places import Place, classify, digit_places, line_places
from inkdigits.reading.reader import least_confidence
from inkdigits.reading.results import UNSURE, Digit

#: The search for texts ends when what has not been looked at is, all together, less probable than this share of what was
#: admitted, or after so many texts.
_REST, _MOST_TEXTS = 1e-4, 20_000


@dataclass(frozen=True)
class Field:
    """A place on a form and what is known of its content.

    Attributes:
        name: Key of the field in the result.
        box: left, top, right, bottom as shares of the sheet, in 0 to 1.
        cells: Number of equal boxes side by side with a digit each; 0: the digits stand freely on a line.
        length: How many digits there are: a number, or the least and the most.
        allowed: The only texts that can be.
        check: ``luhn``, ``mod11-10``, ``mod97-10``, ``ean``, ``isbn``, or a function that says whether a text can be.
        optional: The field may be empty, whatever the other constraints say.
    """

    name: str
    box: tuple[float, float, float, float]
    cells: int = 0
    length: int | tuple[int, int] | None = None
    allowed: Sequence[str] | None = None
    check: str | Callable[[str], bool] | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name):
            raise UsageError(f"a field is called {self.name!r}: give it a text that is not empty")
        if len(self.box) != 4 or not all(isinstance(v, int | float) for v in self.box):
            self._fault("box", list(self.box), "left, top, right, bottom as shares in 0 to 1")
        left, top, right, bottom = self.box
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            self._fault("box", list(self.box), "left, top, right, bottom as shares in 0 to 1")
        if isinstance(self.check, str) and self.check not in CHECKS:
            self._fault("check", self.check, f"{', '.join(CHECKS)} or a function")
        if not (self.check is None or isinstance(self.check, str) or callable(self.check)):
            self._fault("check", self.check, f"{', '.join(CHECKS)} or a function")
        if not isinstance(self.cells, int) or self.cells < 0:
            self._fault("cells", self.cells, "their number, or 0 for a line")
        if self.length is not None and not self._is_length():
            self._fault("length", self.length, "a number of digits, or the least and the most")
        if self.allowed is not None and (isinstance(self.allowed, str) or not all(isinstance(t, str) for t in self.allowed)):
            self._fault("allowed", self.allowed, "a list of texts, in quotation marks")
        if self.allowed is not None and not all(text.isascii() and text.isdecimal() for text in self.allowed):
            self._fault("allowed", self.allowed, "texts of digits alone")
        if not isinstance(self.optional, bool):
            self._fault("optional", self.optional, "true or false")
        least = self.length if isinstance(self.length, int) or self.length is None else self.length[0]
        if self.cells and least is not None and least > self.cells:
            self._fault("length", self.length, f"at most {self.cells}, a digit for each of its cells")

    def _fault(self, key: str, value: object, right: str) -> NoReturn:
        raise UsageError(f"field {self.name!r} has the {key} {value!r}: give {right}")

    def _is_length(self) -> bool:
        bounds = (self.length, self.length) if isinstance(self.length, int) else self.length
        if not isinstance(bounds, tuple) or len(bounds) != 2 or not all(isinstance(v, int) for v in bounds):
            return False
        return 0 <= bounds[0] <= bounds[1]

    def admits(self, text: str) -> bool:
        """Whether a text can stand in this field."""
        if not text:
            return self.optional
        if self.length is not None:
            least, most = (self.length, self.length) if isinstance(self.length, int) else self.length
            if not least <= len(text) <= most:
                return False
        if self.allowed is not None and text not in self.allowed:
            return False
        check = CHECKS[self.check] if isinstance(self.check, str) else self.check
        return check is None or bool(check(text))


@dataclass(frozen=True)
class Template:
    """The fields of a form.

    Attributes:
        fields: In any order; their names differ.
        corners: Where the sheet's top left, top right, bottom right and bottom left corner are, as shares of the picture;
            ``find`` to look for the largest frame; None where the sheet is the picture.
        aspect: Width over height of the straightened sheet; by default as the corners lie.
    """

    fields: tuple[Field, ...]
    corners: Corners | str | None = None
    aspect: float | None = None

    def __post_init__(self) -> None:
        if not self.fields:
            raise UsageError("the template has no fields: give at least one")
        doubled = [name for name, count in Counter(field.name for field in self.fields).items() if count > 1]
        if doubled:
            raise UsageError(f"several fields are called {', '.join(sorted(doubled))}: give each its own name")
        if isinstance(self.corners, str):
            if self.corners != "find":
                raise UsageError(f"corners are {self.corners!r}: give four points, 'find' or nothing")
        elif self.corners is not None and not (len(self.corners) == 4 and np.isin(np.shape(self.corners), (4, 2)).all()):
            raise UsageError(f"the template has {len(self.corners)} corners: give four points, or 'find'")
        elif self.corners is not None and not all(-0.5 <= v <= 1.5 for corner in self.corners for v in corner):
            raise UsageError(f"corners are {list(self.corners)}: give them as shares of the picture, in 0 to 1")
        if self.aspect is not None and not (isinstance(self.aspect, int | float) and 0.01 <= self.aspect <= 100):
            raise UsageError(f"aspect is {self.aspect!r}: give width over height, between 0.01 and 100")

    @classmethod
    def grid(cls, rows: int, columns: int, corners: Corners | str | None = None, **known: Any) -> Template:
        """A grid of equal cells with a digit each, called r1c1 to r9c9; ``known`` goes to every ``Field``."""
        if not (isinstance(rows, int) and isinstance(columns, int) and 1 <= rows <= 1000 and 1 <= columns <= 1000):
            raise UsageError(f"the grid has {rows!r} rows and {columns!r} columns: give whole numbers between 1 and 1000")
        fields = []
        for row in range(rows):
            for column in range(columns):
                box = (column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)
                fields.append(Field(f"r{row + 1}c{column + 1}", box, cells=1, **known))
        return cls(tuple(fields), corners, columns / rows)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Template:
        """A template from plain data: ``{"corners": …, "aspect": …, "fields": [{"name": …, "box": […], …}]}``.

        In place of ``fields`` there may be ``"grid": {"rows": 9, "columns": 9, "optional": true}``.

        Raises:
            UsageError: a key or value is not known.
        """
        _check_keys("the template", content, {"corners", "aspect", "fields", "grid"})
        corners = content.get("corners")
        if corners is not None and not isinstance(corners, str):
            try:
                corners = tuple((float(x), float(y)) for x, y in corners)
            except (TypeError, ValueError):
                raise UsageError(f"corners are {corners!r}: give four points [x, y], or 'find'") from None
        if "grid" in content:
            if both := sorted({"fields", "aspect"} & set(content)):
                raise UsageError(f"the template has grid and {' and '.join(both)}: leave out one of them")
            known = set(Field.__dataclass_fields__) - {"name", "box", "cells"}
            _check_keys("the grid", content["grid"], {"rows", "columns"} | known, {"rows", "columns"})
            return cls.grid(corners=corners, **_with_tuples(content["grid"]))
        if not isinstance(content.get("fields"), list | tuple):
            raise UsageError("the template has no list of fields: give fields or grid")
        fields = tuple(_field(f"field {number}", field) for number, field in enumerate(content["fields"], start=1))
        return cls(fields, corners, content.get("aspect"))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Template:
        """A template from a JSON file.

        Raises:
            UsageError: there is none, or it is not understood.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"{path} does not exist: check its name") from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read as a template ({error}): give a JSON file") from None
        try:
            return cls.from_dict(content)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None


def _check_keys(what: str, content: Any, known: set[str], needed: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    if not isinstance(content, Mapping):
        raise UsageError(f"{what} is {content!r}: give an object with {', '.join(sorted(known))}")
    if unknown := sorted(set(content) - known):
        raise UsageError(f"{what} has the unknown key {unknown[0]!r}: use {', '.join(sorted(known))}")
    if missing := sorted(needed - set(content)):
        raise UsageError(f"{what} lacks {missing[0]!r}: give {', '.join(sorted(needed))}")


def _field(what: str, content: Any) -> Field:
    _check_keys(what, content, set(Field.__dataclass_fields__), {"name", "box"})
    if not isinstance(content["box"], list | tuple):
        raise UsageError(f"{what} has the box {content['box']!r}: give left, top, right, bottom as shares in 0 to 1")
    return Field(**_with_tuples(content))


def _with_tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    """JSON's lists of numbers as tuples."""
    return {key: tuple(v) if isinstance(v, list) and key in ("box", "length") else v for key, v in content.items()}


@dataclass(frozen=True)
class FieldReading:
    """What stands in a field.

    Attributes:
        text: The digits; empty where the field is; None where the reader is unsure.
        best_text: The most probable text that satisfies the constraints; None where none of those looked at does.
        confidence: Its probability, given that the constraints hold; in [0, 1].
        digits: What was read before any constraint, with boxes in pixels of the straightened sheet.
    """

    text: str | None
    best_text: str | None
    confidence: float
    digits: tuple[Digit, ...]

    @property
    def shown(self) -> str:
        """The text, or ``?`` where the reader is unsure."""
        return UNSURE if self.text is None else self.text

    def to_dict(self) -> dict[str, Any]:
        """Everything but the digits in plain values."""
        return {"text": self.text, "best_text": self.best_text, "confidence": round(self.confidence, 6)}


def read_fields(
    source: Picture,
    template: Template | Mapping[str, Any] | str | PathLike[str],
    *,
    min_confidence: float | None = None,
    max_error: float | None = None,
) -> dict[str, FieldReading]:
    """Read the fields of a form.

    Args:
        source: A picture, as for ``inkdigits.read``; of a file of several pages the first; ``read_fields_pages`` reads all.
        template: A ``Template``, the same as plain data, or the path of a JSON file.
        min_confidence, max_error: As for ``inkdigits.read``, of whole fields.

    Returns:
        a reading for each field, by name.

    Raises:
        ImageError: the picture cannot be read, or no frame is found in it.
        UsageError: the template is not understood.
    """
    return next(read_fields_pages(source, template, min_confidence=min_confidence, max_error=max_error))


def read_fields_pages(
    source: Picture,
    template: Template | Mapping[str, Any] | str | PathLike[str],
    *,
    min_confidence: float | None = None,
    max_error: float | None = None,
) -> Iterator[dict[str, FieldReading]]:
    """Read the same form on every page of a file, one at a time; otherwise as ``read_fields``.

    Raises:
        ImageError, UsageError: as ``read_fields``.
    """
    if isinstance(template, str | PathLike):
        template = Template.load(template)
    elif isinstance(template, Mapping):
        template = Template.from_dict(template)
    elif not isinstance(template, Template):
        raise UsageError(f"the template is {template!r}: give a Template, the same as a dictionary, or a file's name")
    least = least_confidence(min_confidence, max_error)
    for sheet in images.pages(source):
        if template.corners is not None:
            corners = find_corners(sheet) if isinstance(template.corners, str) else template.corners
            sheet = straightened(sheet, corners, template.aspect)  # the page is not needed any more
        places = [_places(sheet, field) for field in template.fields]
        classify([place for row in places for place in row])
        yield {field.name: _constrained(field, row, least) for field, row in zip(template.fields, places, strict=True)}


def _places(sheet: np.ndarray, field: Field) -> list[Place]:
    """Where digits may stand in a field, with boxes in pixels of the sheet."""
    height, width = sheet.shape
    left, top, right, bottom = (round(v * side) for v, side in zip(field.box, (width, height, width, height), strict=True))
    if left >= right or top >= bottom:
        raise ImageError(f"field {field.name!r} is smaller than a pixel on a sheet of {width} × {height}: use a larger picture")
    if not field.cells:
        return [place.moved(left, top) for place in line_places(sheet[top:bottom, left:right])]
    edges = np.linspace(left, right, field.cells + 1).round().astype(int)
    places = []
    for start, end in itertools.pairwise(edges):
        found = digit_places(sheet[top:bottom, start : max(end, start + 1)])
        places += [place.moved(int(start), top) for place in found]
    return places


def _constrained(field: Field, places: list[Place], least: float) -> FieldReading:
    rows = [place.known() for place in places]
    digits = tuple(place.digit(least) for place in places if place.known()[NONE] < 0.5)
    best, confidence = most_probable(rows, field.admits)
    return FieldReading(best if confidence >= least else None, best, confidence, digits)


def most_probable(rows: Sequence[np.ndarray], admits: Callable[[str], bool]) -> tuple[str | None, float]:
    """The most probable text that is admitted, and its probability given that an admitted one is right.

    Texts are looked at from the most probable downwards. What was not looked at counts against the answer.

    Args:
        rows: For each place the probabilities of ten digits and of none, float (11,).

    Returns:
        the text and its probability; None and 0 where no text that was looked at is admitted.
    """
    orders = [np.argsort(-row) for row in rows]
    levels = [np.maximum(row[order].astype(np.float64), 1e-12) for row, order in zip(rows, orders, strict=True)]
    levels = [row / row.sum() for row in levels]
    first = (0,) * len(rows)
    heap = [(-float(np.prod([row[0] for row in levels])), first)]
    seen, rest, mass = {first}, 1.0, 0.0
    admitted: dict[str, float] = {}
    while heap and rest > _REST * mass and len(seen) < _MOST_TEXTS:
        negative, choice = heapq.heappop(heap)
        rest += negative
        symbols = [int(order[i]) for order, i in zip(orders, choice, strict=True)]
        text = "".join(str(symbol) for symbol in symbols if symbol != NONE)
        if admits(text):
            admitted[text] = admitted.get(text, 0.0) - negative
            mass -= negative
        for place, i in enumerate(choice):
            following = (*choice[:place], i + 1, *choice[place + 1 :])
            if i < NONE and following not in seen:
                seen.add(following)
                heapq.heappush(heap, (negative / levels[place][i] * levels[place][i + 1], following))
    if not admitted:
        return None, 0.0
    best = max(admitted, key=admitted.__getitem__)
    return best, min(1.0, admitted[best] / (mass + max(rest, 0.0)))
