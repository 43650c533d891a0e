"""Pictures and what is written in them: a folder with ``labels.csv``, or folders named 0 to 9."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from inkdigits import images
from inkdigits.errors import DataError
from inkdigits.files import in_order
from inkdigits.formats import DIGITS
from inkdigits.geometry import Box
from inkdigits.images import SUFFIXES
from inkdigits.limits import DEFAULTS, Limits

LABELS = "labels.csv"
#: What a text may hold: digits, the signs of numbers, blanks, and | or a line break between lines.
_TEXT = re.compile(r"[0-9.,\-/:+×=()%½ |\n]*")
#: A box is cut out with so much of its height around it, as a digit is read that stands there.
_MARGIN = 0.15


@dataclass(frozen=True)
class LabelledPicture:
    """A picture, or a part of it, and what is written there.

    Attributes:
        path: Of the picture's file.
        text: Digits, signs and blanks, lines separated by line breaks; empty: nothing that is a digit.
        mode: How to read it: ``digit``, ``line`` or ``page``; None: not told.
        group: What it has in common with others, such as its writer or sheet; None: not told.
        page: Of its file, from 1.
        box: The part of the page that is meant; None: all of it.
    """

    path: Path
    text: str
    mode: str | None = None
    group: str | None = None
    page: int = 1
    box: Box | None = None

    def load(self, limits: Limits = DEFAULTS) -> NDArray[np.uint8]:
        """What is meant of the picture, uint8 (H, W).

        Raises:
            ImageError: The picture cannot be read.
            DataError: It has no such page, or the box lies outside of it.
        """
        for number, picture in enumerate(images.pages(self.path, limits), start=1):
            if number == self.page:
                return picture if self.box is None else self._cut(picture, self.box)
        raise DataError(f"{self.path} has no page {self.page}: correct the column page of {LABELS}")

    def _cut(self, picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
        left, top, right, bottom = box
        height, width = picture.shape
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise DataError(f"the box {list(box)} lies outside of {self.path}, which has {width} × {height} pixels: correct it")
        around = round(_MARGIN * (bottom - top))
        return picture[max(0, top - around) : bottom + around, max(0, left - around) : right + around]


def labelled_pictures(folder: Path) -> list[LabelledPicture]:
    """All labelled pictures of a folder, in the order in which they are named.

    A ``labels.csv`` has the columns ``file`` (in the folder, or in ``images`` below it) and ``text`` (or ``label``). It may
    have ``mode``, ``group``, ``page`` and ``box`` (left, top, right and bottom in pixels, with blanks between); others are left
    aside. Without it, the folders named 0 to 9 hold pictures of one digit each.

    Raises:
        DataError: There are none, or a row of ``labels.csv`` cannot be; the message names it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: name one that holds {LABELS}, or folders 0 to 9 with pictures")
    found = _of_table(folder) if (folder / LABELS).is_file() else _of_folders(folder)
    if not found:
        raise DataError(
            f"{folder} holds no labelled pictures: put them in folders 0 to 9, or name them in {LABELS} (file,text)"
        )
    return found


def _of_folders(folder: Path) -> list[LabelledPicture]:
    return [
        LabelledPicture(path, label, "digit")
        for label in DIGITS
        for path in in_order((folder / label).glob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    ]


def _of_table(folder: Path) -> list[LabelledPicture]:
    path = folder / LABELS
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns, rows = tuple(reader.fieldnames or ()), list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}): save it as CSV in UTF-8") from None
    text = next((name for name in ("text", "label") if name in columns), None)
    if "file" not in columns or text is None:
        raise DataError(
            f"{path} has the columns {', '.join(columns) or 'none'}: name the pictures in file, what they say in text"
        )
    found = []
    for number, row in enumerate(rows, start=2):
        try:
            found.append(_of_row(folder, row, text))
        except ValueError as error:
            raise DataError(f"{path} row {number}: {error}") from None
    return found


def _of_row(folder: Path, row: dict[str, Any], text_column: str) -> LabelledPicture:
    """A row's picture; what is wrong with it is raised as a ValueError."""
    name, text = row["file"] or "", row[text_column]
    place = PurePosixPath(name.replace("\\", "/"))
    path = next((path for path in (folder / place, folder / "images" / place) if path.is_file()), None)
    if path is None or place.is_absolute() or ".." in place.parts:
        raise ValueError(f"there is no picture {name!r} in {folder}: correct the column file")
    if text is None or None in row:
        raise ValueError("it has another number of columns than the first row: put texts that hold a comma in quotes")
    if not _TEXT.fullmatch(text.replace("\r\n", "\n")):
        raise ValueError(f"the text is {text!r}: write digits, the signs .,-/:+×=()%½ and blanks, and | between lines")
    mode, group, page, box = ((row.get(column) or "").strip() for column in ("mode", "group", "page", "box"))
    if mode not in ("", "digit", "line", "page", "auto"):
        raise ValueError(f"the mode is {mode!r}: use digit, line or page, or leave it empty")
    if page and not (page.isdecimal() and int(page)):
        raise ValueError(f"the page is {page!r}: give a number from 1 on")
    sides = box.split()
    if box and not (len(sides) == 4 and all(map(str.isdecimal, sides))):
        raise ValueError(f"the box is {box!r}: give left, top, right and bottom in pixels, such as 10 20 34 52")
    lines = "\n".join(line.strip() for line in text.replace("|", "\n").splitlines())
    told = mode or ("digit" if box and len(lines) <= 1 else None)
    left_top_right_bottom = cast(Box, tuple(map(int, sides))) if sides else None
    return LabelledPicture(path, lines.strip("\n"), told, group or None, int(page or 1), left_top_right_bottom)
