"""What was found in pictures: ``Document → Page → Line → Word → Digit``, plain values that know nothing of files.

Pages are numbered from 1, everywhere: here, in JSON, in tables.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from inkdigits.geometry import Box, enclosing
from inkdigits.limits import DEFAULTS, Limits
from inkdigits.reading.columns import Span, columns_of
from inkdigits.reading.values import DecimalMark, value_of

if TYPE_CHECKING:
    from inkdigits.images import Picture
    from inkdigits.reading.schema import WordSchema

#: What stands in the text for a digit that the reader is unsure of.
UNSURE = "?"
#: Characters of a text that stand in what Python shows of it.
_LONGEST_SHOWN = 60
#: Version of the form that ``Document.to_dict`` gives; it rises when a key changes its meaning or goes.
SCHEMA_VERSION = 2


@dataclass(frozen=True, eq=False)
class Digit:
    """One digit. Two are equal if label, probabilities and box are.

    Attributes:
        label: 0 to 9, or None where the reader is unsure.
        probabilities: float32 (10,). Their sum falls short of 1 by the probability that it is no digit.
        box: left, top, right, bottom in pixels of the source, as it stands upright (a camera's orientation is applied).
        image: The network input uint8 (28, 28) that was classified; None where the digit was read within its line.
    """

    label: int | None
    probabilities: NDArray[np.float32]
    box: Box
    image: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.probabilities.shape != (10,):
            raise ValueError(f"probabilities have the shape {self.probabilities.shape}, not (10,)")

    def _key(self) -> tuple[int | None, bytes, Box]:
        return self.label, self.probabilities.tobytes(), self.box

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digit) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def best(self) -> int:
        """The most probable label, sure or not."""
        return int(self.probabilities.argmax())

    @property
    def confidence(self) -> float:
        """Probability of the best label, in [0, 1]."""
        return float(self.probabilities.max())

    @property
    def text(self) -> str:
        """The label, with ``?`` where the reader is unsure."""
        return UNSURE if self.label is None else str(self.label)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the network input, in plain values."""
        # The shortest decimals that give the same float32 back.
        probabilities = [float(str(p)) for p in self.probabilities]
        return {
            "label": self.label,
            "best": self.best,
            "confidence": max(probabilities),
            "probabilities": probabilities,
            "box": list(self.box),
        }


@dataclass(frozen=True)
class Sign:
    """A sign among digits.

    Attributes:
        label: One of ``.,-/:+×=()%½``, or None where it may be a digit.
        best: The most probable one.
        confidence: Its probability, in [0, 1]; the rest is that of other signs, of digits, and of there being nothing.
        box: As of a digit.
    """

    label: str | None
    best: str
    confidence: float
    box: Box

    @property
    def text(self) -> str:
        """The label, with ``?`` where the reader is unsure."""
        return UNSURE if self.label is None else self.label

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain values."""
        return {"label": self.label, "best": self.best, "confidence": self.confidence, "box": list(self.box)}


def _spelt(text: str) -> str:
    """A text with ½ as it is typed, after a blank where something stands before it."""
    return text.replace("½", " 1/2").strip()


@dataclass(frozen=True)
class Word:
    """Digits and signs that belong together: a number, as far as the spacing tells it.

    Attributes:
        characters: From left to right.
    """

    characters: tuple[Digit | Sign, ...]

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The digits alone, from left to right."""
        return tuple(character for character in self.characters if isinstance(character, Digit))

    @property
    def text(self) -> str:
        """The labels, with ``?`` where the reader is unsure; 2½ is written ``2 1/2``."""
        return _spelt("".join(character.text for character in self.characters))

    @property
    def best_text(self) -> str:
        """The best guess for every digit and sign, otherwise as ``text``."""
        return _spelt("".join(str(character.best) for character in self.characters))

    @property
    def confidence(self) -> float:
        """Probability that ``best_text`` is right, in [0, 1], as far as its characters tell."""
        return math.prod(character.confidence for character in self.characters)

    @property
    def value(self) -> Decimal | None:
        """The number; None where a digit or sign is unsure or it is none."""
        return self.number()

    def number(self, decimal: DecimalMark = "auto") -> Decimal | None:
        """The same, where it is known which mark parts the whole from its decimals; ``values.value_of`` says how.

        Args:
            decimal: ``auto``, ``point`` or ``comma``.

        Raises:
            UsageError: There is no such mark.
        """
        return value_of("".join(character.text for character in self.characters), decimal)

    @property
    def box(self) -> Box:
        """The box around all characters; ``(0, 0, 0, 0)`` where there are none."""
        return enclosing(character.box for character in self.characters)

    def to_dict(self, decimal: DecimalMark = "auto") -> dict[str, Any]:
        """Everything in plain values.

        Args:
            decimal: How marks of the number are taken, as ``number`` takes it.

        Raises:
            UsageError: There is no such mark.
        """
        value = self.number(decimal)
        return {
            "text": self.text,
            "best_text": self.best_text,
            "value": None if value is None else str(value),
            "confidence": self.confidence,
            "box": list(self.box),
            "digits": [digit.to_dict() for digit in self.digits],
            "signs": [
                {"position": position, **sign.to_dict()}
                for position, sign in enumerate(self.characters)
                if isinstance(sign, Sign)
            ],
        }


@dataclass(frozen=True)
class Line:
    """Words that stand beside one another.

    Attributes:
        words: From left to right.
        missed: Probability that something on the line that was put aside is a digit.
    """

    words: tuple[Word, ...]
    missed: float = 0.0

    @property
    def confidence(self) -> float:
        """Probability that ``best_text`` is right as a whole, in [0, 1]: each character, and no digit missed."""
        return (1 - self.missed) * math.prod(word.confidence for word in self.words)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Every digit, from left to right."""
        return tuple(digit for word in self.words for digit in word.digits)

    @property
    def text(self) -> str:
        """The words, parted by blanks, with ``?`` where the reader is unsure."""
        return " ".join(word.text for word in self.words)

    @property
    def best_text(self) -> str:
        """The same with the best guess for every digit."""
        return " ".join(word.best_text for word in self.words)

    @property
    def digits_text(self) -> str:
        """The digits' labels alone, without blanks and signs, with ``?`` where the reader is unsure."""
        return "".join(digit.text for digit in self.digits)

    @property
    def box(self) -> Box:
        """The box around all words; ``(0, 0, 0, 0)`` where there are none."""
        return enclosing(character.box for word in self.words for character in word.characters)

    def to_dict(self, decimal: DecimalMark = "auto") -> dict[str, Any]:
        """Everything in plain values.

        Args:
            decimal: How marks of numbers are taken, as ``Word.number`` takes it.

        Raises:
            UsageError: There is no such mark.
        """
        return {
            "text": self.text,
            "best_text": self.best_text,
            "confidence": self.confidence,
            "missed": self.missed,
            "box": list(self.box),
            "words": [word.to_dict(decimal) for word in self.words],
        }


@dataclass(frozen=True)
class Page:
    """What was found on one page, or in one picture.

    Attributes:
        lines: From top to bottom.
        ignored: Boxes of what was seen and is no digit.
        size: Width and height in pixels.
        number: Of the page in its file, from 1.
    """

    lines: tuple[Line, ...]
    ignored: tuple[Box, ...] = ()
    size: tuple[int, int] = (0, 0)
    number: int = 1

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Every digit, in reading order."""
        return tuple(digit for line in self.lines for digit in line.digits)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The words as cells of a table: a row is a line, a column what stands below one another; both from 1."""
        return cells_of(self)

    @property
    def text(self) -> str:
        """The lines' texts, one below the other."""
        return "\n".join(line.text for line in self.lines)

    def to_dict(self, decimal: DecimalMark = "auto") -> dict[str, Any]:
        """Everything in plain values.

        Args:
            decimal: How marks of numbers are taken, as ``Word.number`` takes it.

        Raises:
            UsageError: There is no such mark.
        """
        return {
            "number": self.number,
            "size": list(self.size),
            "text": self.text,
            "lines": [line.to_dict(decimal) for line in self.lines],
            "ignored": [list(box) for box in self.ignored],
        }


@dataclass(frozen=True, repr=False)
class Document:
    """All that was found in one picture, or in one file of several pages.

    Attributes:
        pages: In their order.
        source: The picture that was read, for drawing; it is kept as long as the document is.
        limits: Those with which it was read.
    """

    pages: tuple[Page, ...]
    source: Picture | None = field(default=None, repr=False, compare=False)
    limits: Limits = field(default=DEFAULTS, repr=False, compare=False)

    def __str__(self) -> str:
        """``text``."""
        return self.text

    def __repr__(self) -> str:
        """Its type, how much was found, and how the text begins."""
        text = self.text if len(self.text) <= _LONGEST_SHOWN else f"{self.text[:_LONGEST_SHOWN]}…"
        return f"<{type(self).__name__}: {len(self.pages)} pages, {len(self.digits)} digits, {text!r}>"

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every line, page by page."""
        return tuple(line for page in self.pages for line in page.lines)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Every digit, in reading order."""
        return tuple(digit for line in self.lines for digit in line.digits)

    @property
    def ignored(self) -> tuple[tuple[Box, ...], ...]:
        """Boxes of what was seen and is no digit, page by page."""
        return tuple(page.ignored for page in self.pages)

    @property
    def text(self) -> str:
        """The lines one below the other, numbers parted by blanks, with ``?`` where the reader is unsure."""
        return "\n".join(line.text for line in self.lines)

    @property
    def best_text(self) -> str:
        """The same with the best guess for every digit."""
        return "\n".join(line.best_text for line in self.lines)

    @property
    def digits_text(self) -> str:
        """Digits and line ends alone, with ``?`` where the reader is unsure."""
        return "\n".join(line.digits_text for line in self.lines)

    def to_dict(self, decimal: DecimalMark = "auto") -> dict[str, Any]:
        """Everything in plain values, as ``from_dict`` takes it; ``docs/data_dictionary.md`` describes the keys.

        Args:
            decimal: Which mark parts the whole of a number from its decimals: ``auto``, ``point`` or ``comma``.

        Raises:
            UsageError: There is no such mark.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            "text": self.text,
            "best_text": self.best_text,
            "digits_text": self.digits_text,
            "pages": [page.to_dict(decimal) for page in self.pages],
        }

    def to_json(self) -> str:
        """``to_dict`` as JSON."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, content: Any) -> Self:
        """What ``to_dict`` has given, as an object that is equal to the first; the picture itself is not in it.

        Args:
            content: A mapping, as ``to_dict`` gives it or ``json.loads`` reads it.

        Raises:
            DataError: A key is missing or unknown, a value has another form, or the schema is of another version.
        """
        from inkdigits.reading.schema import checked

        pages = []
        for page in checked(content, SCHEMA_VERSION).pages:
            lines = [Line(tuple(_word(word) for word in line.words), line.missed) for line in page.lines]
            pages.append(Page(tuple(lines), tuple(page.ignored), page.size, page.number))
        return cls(tuple(pages))


def _word(word: WordSchema) -> Word:
    characters: list[Digit | Sign] = [
        Digit(digit.label, np.array(digit.probabilities, np.float32), digit.box) for digit in word.digits
    ]
    for sign in word.signs:  # from left to right
        characters.insert(sign.position, Sign(sign.label, sign.best, sign.confidence, sign.box))
    return Word(tuple(characters))


# --- Tables ---------------------------------------------------------------------------------------------------------

#: Words stand in one column if they overlap, their outer digits counting with this share of their smaller side.
_MIDDLE_PART = 0.5


@dataclass(frozen=True)
class Cell:
    """A word in a table; rows and columns are numbered from 1."""

    row: int
    column: int
    word: Word


def cells_of(page: Page) -> tuple[Cell, ...]:
    """The words of a page as cells, row by row; a row is a line, a column what stands below one another."""
    along = _direction(page)
    columns = columns_of([[_span(word, along) for word in line.words] for line in page.lines])
    return tuple(
        Cell(row, column, word)
        for row, (line, numbers) in enumerate(zip(page.lines, columns, strict=True), start=1)
        for word, column in zip(line.words, numbers, strict=True)
    )


def rows_of(page: Page) -> list[list[str]]:
    """The texts of a page's cells, row by row; all rows are equally long, and words that share a cell are parted by blanks."""
    cells = cells_of(page)
    columns = max((cell.column for cell in cells), default=0)
    rows = [[""] * columns for _ in page.lines]
    for cell in cells:
        found = rows[cell.row - 1][cell.column - 1]
        rows[cell.row - 1][cell.column - 1] = f"{found} {cell.word.text}".strip()
    return rows


def _middle(box: Box) -> NDArray[np.float64]:
    return np.array([box[0] + box[2], box[1] + box[3]]) / 2


def _direction(page: Page) -> NDArray[np.float64]:
    """The unit vector along which the page's lines run, from all pairs of neighbouring digits: float64 (2,)."""
    way = np.zeros(2)
    for line in page.lines:
        for before, after in itertools.pairwise(digit.box for digit in line.digits):
            way += _middle(after) - _middle(before)
    length = float(np.hypot(*way))
    return way / length if length else np.array([1.0, 0.0])


def _span(word: Word, along: NDArray[np.float64]) -> Span:
    """Where a word's middle part begins and ends along its line: between the middles of its outer digits, and some more."""
    places = [float(_middle(character.box) @ along) for character in word.characters]
    left, top, right, bottom = word.characters[0].box
    half = _MIDDLE_PART / 2 * min(right - left, bottom - top)
    return min(places) - half, max(places) + half
