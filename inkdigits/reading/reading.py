"""A reading: a document that can write and draw itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from inkdigits.reading import exporters, overlay
from inkdigits.reading.results import Document

if TYPE_CHECKING:
    from PIL import Image


class Reading(Document):
    """All that was found in one picture, or in one file of several pages.

    ``inkdigits.read`` gives it. A reading of an open stream cannot be drawn, since the stream has been read to its end.

    Attributes:
        pages: In their order; ``Document`` says what else follows from them.
        source: The picture that was read, for ``draw``; it is kept as long as the reading is.
        limits: Those with which it was read.
    """

    def to_csv(self, layout: Literal["digits", "table"] = "digits") -> str:
        """What was read as a table.

        Args:
            layout: ``digits``: a row for each digit, under a header: its page, line, word and position, labels, box and
                probabilities; ``table``: the numbers as they stand on the page, a row for each line, a column for what stands
                below one another.

        Raises:
            UsageError: There is no such layout.
        """
        return exporters.as_text([("", self)], "csv", layout)

    def to_tsv(self) -> str:
        """``to_csv`` with tabs."""
        return exporters.as_text([("", self)], "tsv")

    def to_hocr(self) -> str:
        """An hOCR page, as OCR tools exchange it, with a character for each digit.

        Source: hOCR 1.2, http://kba.github.io/hocr-spec/1.2/.
        """
        return exporters.as_text([("", self)], "hocr")

    def draw(self, number: int | None = None) -> Image.Image:
        """A page of the picture with a box around each digit: green where the reader is sure, orange where it is not.

        What was put aside is grey.

        Args:
            number: Of one of the pages that were read, from 1; None: the first of them.

        Raises:
            ImageError: The picture is no longer where it was, or no such page was read.
        """
        return overlay.draw(self, number)

    def save(self, path: str | Path) -> None:
        """Write what was read, in the form that the file's suffix names, whole or not at all.

        Args:
            path: A file that ends in .txt, .json, .csv, .tsv, .hocr, or in .png or .jpg for the overlay picture.

        Raises:
            UsageError: The suffix names no form.
        """
        exporters.save([("", self)], Path(path))
