"""The step: MNIST's training images → a folder of synthetic pictures and the truth about them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, Self

import cv2
import numpy as np
from pydantic import Field, model_validator
from tqdm import tqdm

from inkdigits.config import Project
from inkdigits.features import make_features
from inkdigits.files import atomic, new_folder
from inkdigits.inference.ctc import SIGNS, symbol_of
from inkdigits.settings import settings
from inkdigits.synthesis import scenes
from inkdigits.synthesis.allographs import DigitStrokes
from inkdigits.synthesis.scenes import Scene


@settings
class SynthesizeSettings:
    """What to make.

    Attributes:
        kind: ``digit``, ``line`` or ``page``.
        count: How many pictures.
        seed: The same seed makes the same pictures.
        data: The source of the strokes; only images to train on are used.
        text: Digits and signs to be written, in place of random ones; of a page, lines separated by ``|``.
        height: Of a line's picture, in pixels; in [16, 1000].

    Raises:
        UsageError: A value lies outside its range, or the text cannot be written.
    """

    kind: Literal["digit", "line", "page"] = "line"
    count: Annotated[int, Field(ge=1, le=10_000_000)] = 100
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    data: str = "mnist"
    text: str | None = None
    height: Annotated[int, Field(ge=16, le=1000)] = 64

    @model_validator(mode="after")
    def _text_fits(self) -> Self:
        if self.text is None:
            return self
        if self.kind == "digit":
            raise ValueError("a picture of one digit shows any: text is for lines and pages")
        admitted = f"0123456789 {SIGNS}" + ("|" if self.kind == "page" else "")
        if set(self.text) - set(admitted) or not set(self.text) & set("0123456789½"):
            raise ValueError(
                f"text is {self.text!r}: give digits, {SIGNS} and spaces for a line, or such lines separated by | for a page"
            )
        return self


def maker(settings: SynthesizeSettings, project: Project | None = None) -> Callable[[int], Scene]:
    """A function that makes the picture of a number; the same number gives the same picture, in any order."""
    strokes = DigitStrokes(make_features(settings.data, project).split("train"))
    text = settings.text

    def make(number: int) -> Scene:
        rng = np.random.default_rng([settings.seed, number])
        if settings.kind == "digit":
            return scenes.digit(strokes, rng)
        if settings.kind == "line":
            return scenes.line(strokes, rng, settings.height, text=text)
        return scenes.page(strokes, rng, text=None if text is None else text.replace("|", "\n"))

    return make


def synthesize(settings: SynthesizeSettings, folder: Path, project: Project | None = None) -> Path:
    """Write pictures into a folder, with ``labels.csv`` and ``boxes.csv``.

    ``labels.csv`` has the columns file, lines (the digits) and text (digits and signs); ``boxes.csv`` a row for each digit,
    sign, and other writing, which is an x.

    Args:
        settings: What to make.
        folder: A new one.
        project: Where the data are; by default the current one.

    Returns:
        the path of ``labels.csv``. The folder appears when all is in it.

    Raises:
        DataError: The folder holds files already.
        UsageError: There is no such source.
    """
    make = maker(settings, project)
    with new_folder(folder) as beside:
        _write(settings, make, beside)
    return folder / "labels.csv"


def _write(settings: SynthesizeSettings, make: Callable[[int], Scene], folder: Path) -> None:
    labels, boxes = _Table("file", "lines", "text"), _Table("file", "character", "left", "top", "right", "bottom")
    for number in tqdm(range(settings.count), desc="making pictures", unit="", disable=None):
        scene, name = make(number), f"{number:06d}.png"
        with atomic(folder / name) as file:
            file.write(cv2.imencode(".png", scene.picture)[1].tobytes())
        labels.add(name, "|".join(scene.lines), "|".join(scene.signed_lines))
        for character, box in (one for line in scene.characters for one in line):
            boxes.add(name, symbol_of(character), *box)
    boxes.write(folder / "boxes.csv")
    labels.write(folder / "labels.csv")


class _Table:
    def __init__(self, *header: str) -> None:
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._writer.writerow(header)

    def add(self, *row: object) -> None:
        self._writer.writerow(row)

    def write(self, path: Path) -> None:
        with atomic(path, "w") as file:
            file.write(self._text.getvalue())
