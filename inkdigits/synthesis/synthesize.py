"""The step: MNIST's training images → a folder of made pictures and the truth about them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from inkdigits import dataset
from inkdigits.errors import UsageError
from inkdigits.files import atomic, check_new
from inkdigits.synthesis import scenes
from inkdigits.synthesis.forms import DigitStrokes
from inkdigits.synthesis.scenes import Scene

KINDS = ("digit", "line", "page")


@dataclass(frozen=True)
class SynthesizeSettings:
    """What to make.

    Attributes:
        kind: ``digit``, ``line`` or ``page``.
        count: How many pictures.
        seed: The same seed makes the same pictures.
        data: The source of the strokes; only images to train on are used.
        text: Digits to be written, in place of random ones; of a page, lines separated by ``|``.
        height: Of a line's picture, in pixels.
    """

    kind: str = "line"
    count: int = 100
    seed: int = 0
    data: str = "mnist"
    text: str | None = None
    height: int = 64

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"there is no kind {self.kind!r}: use {', '.join(KINDS)}")
        if not 1 <= self.count <= 10_000_000:
            raise UsageError(f"count is {self.count}: choose it between 1 and 10000000")
        if not 16 <= self.height <= 1000:
            raise UsageError(f"height is {self.height}: choose it between 16 and 1000 pixels")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"seed is {self.seed}: choose it between 0 and {2**31 - 1}")
        admitted = "0123456789 |" if self.kind == "page" else "0123456789 "
        if self.text is not None and self.kind == "digit":
            raise UsageError("a picture of one digit shows any: text is for lines and pages")
        if self.text is not None and (set(self.text) - set(admitted) or not set(self.text) & set("0123456789")):
            raise UsageError(
                f"text is {self.text!r}: give digits and spaces for a line, or such lines separated by | for a page"
            )


def maker(settings: SynthesizeSettings) -> Callable[[int], Scene]:
    """A function that makes the picture of a number; the same number gives the same picture, in any order."""
    images, labels = dataset.make_features(settings.data).part("train").labelled()
    strokes = DigitStrokes(images, labels)
    text = settings.text

    def make(number: int) -> Scene:
        rng = np.random.default_rng([settings.seed, number])
        if settings.kind == "digit":
            return scenes.digit(strokes, rng)
        if settings.kind == "line":
            return scenes.line(strokes, rng, settings.height, text=text)
        return scenes.page(strokes, rng, text=None if text is None else text.replace("|", "\n"))

    return make


def synthesize(settings: SynthesizeSettings, folder: Path) -> Path:
    """Write pictures into a folder, with ``labels.csv`` (file, lines) and ``boxes.csv`` (a row for each digit).

    Returns:
        the path of ``labels.csv``, which is written last: where it is, all pictures are.

    Raises:
        DataError: the folder holds files already.
        UsageError: there is no such source.
    """
    check_new(folder)
    make = maker(settings)
    labels, boxes = _Table("file", "lines"), _Table("file", "digit", "left", "top", "right", "bottom")
    for number in tqdm(range(settings.count), desc="making pictures", unit="", disable=None):
        scene, name = make(number), f"{number:06d}.png"
        with atomic(folder / name) as file:
            file.write(cv2.imencode(".png", scene.picture)[1].tobytes())
        labels.add(name, "|".join(scene.lines))
        for label, box in zip("".join(scene.lines), scene.boxes, strict=True):
            boxes.add(name, label, *box)
    boxes.write(folder / "boxes.csv")
    labels.write(folder / "labels.csv")
    return folder / "labels.csv"


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
