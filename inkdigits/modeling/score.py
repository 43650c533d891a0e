"""How well a reader reads labelled pictures: digits, numbers and pages, whole and one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from inkdigits.errors import InkdigitsError, UsageError
from inkdigits.labelled import LabelledPicture
from inkdigits.modeling.metrics import wilson_interval
from inkdigits.reader import Reader
from inkdigits.reading.page import Mode
from inkdigits.reading.reading import Reading

UNSURE = "?"
#: So many pictures are read, and held, at once.
_BATCH = 32
#: A digit of the truth beside one that was read, or beside nothing, and the other way round.
Pair = tuple[str | None, str | None]


def aligned(true: str, read: str) -> list[Pair]:
    """The pairs of a shortest alignment: equal digits, one for another, left out, or added. ``?`` stands for any digit.

    Of alignments of one length it is the one that takes digits for one another, before it leaves out and adds.
    """
    rows, columns = len(true) + 1, len(read) + 1
    cost = np.zeros((rows, columns), np.int64)
    cost[:, 0], cost[0] = np.arange(rows), np.arange(columns)
    for i in range(1, rows):
        for j in range(1, columns):
            differ = read[j - 1] not in (true[i - 1], UNSURE)
            cost[i, j] = min(cost[i - 1, j - 1] + differ, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    pairs: list[Pair] = []
    i, j = rows - 1, columns - 1
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (read[j - 1] not in (true[i - 1], UNSURE)):
            i, j = i - 1, j - 1
            pairs.append((true[i], read[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            pairs.append((true[i], None))
        else:
            j -= 1
            pairs.append((None, read[j]))
    return pairs[::-1]


def digits_of(text: str) -> str:
    """The digits of a text alone, and ``?``; ½ is written 1/2, as in the reader's own texts."""
    return "".join(character for character in text.replace("½", "1/2") if character in "0123456789?")


@dataclass(frozen=True)
class Scored:
    """What was read in one labelled picture.

    Attributes:
        picture: It, and what is true.
        best: The digits as they were read, the best guess for each.
        answered: The same with ``?`` where the reader is unsure.
        best_text: With signs and blanks.
        confidence: The probability that all of it is right, as the reader sees it.
    """

    picture: LabelledPicture
    best: str
    answered: str
    best_text: str
    confidence: float

    @property
    def true(self) -> str:
        """The true digits."""
        return digits_of(self.picture.text)

    @cached_property
    def pairs_of_best(self) -> list[Pair]:
        """The true digits beside the best guess."""
        return aligned(self.true, self.best)

    @cached_property
    def pairs_answered(self) -> list[Pair]:
        """The true digits beside what was answered."""
        return aligned(self.true, self.answered)

    @property
    def exact(self) -> bool:
        """Whether the best guess has the true digits, no more and no fewer; of what holds none: whether none is answered."""
        return self.best == self.true if self.true else not self.answered.strip(UNSURE)


@dataclass(frozen=True)
class Score:
    """What was found.

    Attributes:
        name: Of what was measured, for headings.
        scored: A picture each.
        refused: What could not be read, and why.
    """

    name: str
    scored: list[Scored]
    refused: list[str]

    def mistakes(self) -> list[Scored]:
        """Those whose digits were read wrong, the surest first."""
        return sorted((one for one in self.scored if not one.exact), key=lambda one: -one.confidence)

    def to_dict(self) -> dict[str, Any]:
        """All figures, for programs."""
        groups = sorted({one.picture.group for one in self.scored if one.picture.group is not None})
        best = Counter(pair for one in self.scored for pair in one.pairs_of_best)
        return {
            "name": self.name,
            **_figures(self.scored),
            "groups": {group: _figures([one for one in self.scored if one.picture.group == group]) for group in groups},
            "confusion": [[best[str(true), str(read)] for read in range(10)] for true in range(10)],
            "left_out": [best[str(true), None] for true in range(10)],
            "added": [best[None, str(read)] for read in range(10)],
            "refused": self.refused,
            "mistakes": [
                {
                    "file": one.picture.path.as_posix(),
                    "text": one.picture.text,
                    "read": one.best_text,
                    "answered": one.answered,
                    "confidence": round(one.confidence, 5),
                }
                for one in self.mistakes()
            ],
        }

    def to_table(self) -> str:
        """The figures, for people."""
        found = self.to_dict()
        low, high = found["interval95"]
        lines = [
            f"{self.name}: {_number(found['count'], 'picture')}, {_number(found['digits'], 'digit')}",
            f"all digits right     {100 * found['exact']:.2f} %  (95 % interval {100 * low:.2f} to {100 * high:.2f};"
            f" {found['wrong']} of {found['count']} wrong)",
        ]
        if found["exact_with_signs"] is not None:
            lines.append(f"and all signs        {100 * found['exact_with_signs']:.2f} %")
        if found["digits"]:
            lines.append(f"digits wrong, left out or added  {100 * found['character_error_rate']:.2f} % of the true ones")
            answered = f"{100 * found['coverage']:.2f} % of the digits"
            errors = "" if found["error_answered"] is None else f", of which {100 * found['error_answered']:.2f} % are wrong"
            lines.append(f"answered without ?   {answered}{errors}")
        lines.append(f"invented             {_number(found['invented'], 'digit')} without ? where there is none")
        lines.append(f"silently left out    {_number(found['silent'], 'digit')}")
        if len(found["groups"]) > 1:
            width = max(map(len, found["groups"]))
            lines += ["", f"{'group':{width}}  pictures  all right, %  answered, %"]
            for group, one in found["groups"].items():
                coverage = "–" if one["coverage"] is None else f"{100 * one['coverage']:.2f}"
                lines.append(f"{group:{width}}  {one['count']:8d}  {100 * one['exact']:12.2f}  {coverage:>11}")
        lines += ["", "digits (row: true, column: read)", " " * 9 + "".join(f"{d:>6}" for d in range(10)) + "  left out"]
        rows = zip([*range(10), "added"], [*found["confusion"], found["added"]], [*found["left_out"], 0], strict=True)
        lines += [
            f"{name!s:>9}" + "".join(f"{count or '·':>6}" for count in counts) + f"{out or '·':>10}"
            for name, counts, out in rows
        ]
        return "\n".join([*lines, *(f"not read: {fault}" for fault in self.refused)])


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _figures(scored: Sequence[Scored]) -> dict[str, Any]:
    exact, digits = sum(one.exact for one in scored), sum(len(one.true) for one in scored)
    edits = sum(true != read for one in scored for true, read in one.pairs_of_best)
    pairs = Counter(
        "invented" if true is None and read != UNSURE
        else "unsure" if read == UNSURE
        else "silent" if read is None
        else "right" if true == read
        else "wrong"
        for one in scored
        for true, read in one.pairs_answered
    )  # fmt: skip
    answered = pairs["right"] + pairs["wrong"]
    with_signs = [one for one in scored if digits_of(one.picture.text) != "".join(one.picture.text.split())]
    return {
        "count": len(scored),
        "digits": digits,
        "exact": exact / len(scored),
        "interval95": list(wilson_interval(exact, len(scored))),
        "wrong": len(scored) - exact,
        "exact_with_signs": np.mean([_spelt(one.best_text) == _spelt(one.picture.text) for one in scored])
        if with_signs
        else None,
        "character_error_rate": edits / digits if digits else None,
        "coverage": answered / digits if digits else None,
        "error_answered": (pairs["wrong"] + pairs["invented"]) / (answered + pairs["invented"]) if answered else None,
        "invented": pairs["invented"],
        "silent": pairs["silent"],
    }


def _spelt(text: str) -> str:
    return "".join(text.replace("½", "1/2").split())


def score(
    pictures: Sequence[LabelledPicture],
    reader: Reader,
    mode: Mode = "auto",
    max_error: float | None = None,
    name: str = "pictures",
) -> Score:
    """Read labelled pictures, and say how well.

    Args:
        pictures: What to read.
        reader: It.
        mode: How to read what does not tell its mode.
        max_error: As of ``Reader.read``.
        name: Of the pictures, for headings.

    Raises:
        UsageError: There is no picture that can be read, or no such mode.
    """
    scored, refused = [], []
    with tqdm(total=len(pictures), desc="reading", unit=" pictures", disable=None, leave=False) as bar:
        for batch_mode, batch in _batches(pictures, mode):
            whole: list[LabelledPicture] = []
            loaded = []
            for picture in batch:
                try:
                    loaded.append(picture.load(reader.limits))
                    whole.append(picture)
                except InkdigitsError as error:
                    refused.append(str(error))
            for picture, reading in zip(
                whole, reader.read_many(loaded, batch_mode, max_error=max_error, on_error="return"), strict=True
            ):
                if isinstance(reading, Reading):
                    scored.append(_scored(picture, reading))
                else:
                    refused.append(f"{picture.path}: {reading}")
            bar.update(len(batch))
    if not scored:
        raise UsageError(f"none of the {len(pictures)} pictures can be read: {refused[0] if refused else 'there are none'}")
    return Score(name, scored, refused)


def _batches(pictures: Sequence[LabelledPicture], mode: Mode) -> Iterator[tuple[Mode, list[LabelledPicture]]]:
    """Pictures of one mode, not too many of them, in their order."""
    for found, run in groupby(pictures, key=lambda picture: picture.mode or mode):
        all_of_it = list(run)
        for start in range(0, len(all_of_it), _BATCH):
            yield cast(Mode, found), all_of_it[start : start + _BATCH]


def _scored(picture: LabelledPicture, reading: Reading) -> Scored:
    confidence = float(np.prod([line.confidence for line in reading.lines]))
    return Scored(picture, digits_of(reading.best_text), digits_of(reading.text), reading.best_text, confidence)


#: Of a tile on the sheet of mistakes: its width and height in pixels, how many stand in a row, and how many are shown.
_TILE, _COLUMNS, _MOST = (240, 150), 5, 60


def mistakes_sheet(found: Score) -> Image.Image:
    """The pictures that were read wrong, the surest first; below each what was read and what is true."""
    shown = found.mistakes()[:_MOST]
    rows = max(1, -(-len(shown) // _COLUMNS))
    sheet = Image.new("RGB", (_COLUMNS * _TILE[0], rows * _TILE[1]), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    if not shown:
        pen.text((10, 10), "no digit was read wrong", fill="black", font=font)
    for number, one in enumerate(shown):
        x, y = number % _COLUMNS * _TILE[0], number // _COLUMNS * _TILE[1]
        tile = Image.fromarray(one.picture.load())
        tile.thumbnail((_TILE[0] - 10, _TILE[1] - 50))
        sheet.paste(tile, (x + 4, y + 4))
        told = (f"read {one.best_text or 'nothing'}, {100 * one.confidence:.1f} %", f"true {one.picture.text or 'nothing'}")
        for row, text in enumerate(told):
            pen.text(
                (x + 4, y + _TILE[1] - 42 + 18 * row),
                text.replace("\n", " | ")[:34],
                fill=("firebrick", "black")[row],
                font=font,
            )
    return sheet
