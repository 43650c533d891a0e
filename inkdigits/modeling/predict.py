"""The step: a file or folder of digits → a file of predictions. It needs no PyTorch."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inkdigits import formats, images, preparation, sources
from inkdigits.config import Project
from inkdigits.errors import DataError, ImageError, UsageError
from inkdigits.files import as_cell, atomic, in_order, printable
from inkdigits.inference.classifier import load_model


@dataclass(frozen=True)
class Predictions:
    """Labels of many images.

    Attributes:
        names: Of each image: the picture's file name, or its number counted from 1.
        classes: What each column of the probabilities means.
        probabilities: float32 (N, C).
        faults: A line for each picture that could not be read.
    """

    names: list[str]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    faults: list[str] = field(default_factory=list)

    def save(self, path: Path, form: str | None = None) -> None:
        """Write the predictions, whole or not at all.

        Args:
            path: The file.
            form: ``csv``, ``json`` or ``kaggle`` (ImageId,Label); by default as the file's suffix says.

        Raises:
            UsageError: There is no such form, or Kaggle's was asked for another task.
        """
        form = form or path.suffix.lower().removeprefix(".")
        writers = {"csv": self._write_csv, "json": self._write_json, "kaggle": self._write_kaggle}
        if form not in writers:
            raise UsageError(f"predictions cannot be written as {form or 'a file without suffix'!r}: use csv, json or kaggle")
        if form == "kaggle" and self.classes != formats.DIGITS:
            raise UsageError(f"Kaggle's form is for digits, not for {' and '.join(self.classes)}: use csv or json")
        if form == "kaggle" and self.faults:
            raise DataError(f"Kaggle's form numbers the pictures, and one cannot be read: {self.faults[0]}")
        with atomic(path, "w") as file:
            writers[form](file)

    def _rows(self) -> list[tuple[str, str, list[float]]]:
        best = self.probabilities.argmax(1)
        rounded = np.round(self.probabilities.astype(np.float64), 6).tolist()
        return [(name, self.classes[i], row) for name, i, row in zip(self.names, best, rounded, strict=True)]

    def _write_csv(self, file: IO[str]) -> None:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "label", "confidence", *(f"p({name})" for name in self.classes)])
        writer.writerows([as_cell(name), label, max(row), *row] for name, label, row in self._rows())

    def _write_json(self, file: IO[str]) -> None:
        keys = ("image", "label", "confidence", "probabilities")
        rows = [(printable(name), label, max(row), row) for name, label, row in self._rows()]
        json.dump([dict(zip(keys, row, strict=True)) for row in rows], file, indent=1)
        file.write("\n")

    def _write_kaggle(self, file: IO[str]) -> None:
        file.write("ImageId,Label\n")
        file.writelines(f"{i},{label}\n" for i, (_, label, _) in enumerate(self._rows(), start=1))


def predict(source: Path, model: str | Path | None = None, project: Project | None = None) -> Predictions:
    """Labels for every image of an IDX file, a CSV in Kaggle's format, or a folder of pictures of one digit each.

    Pictures of a folder that cannot be read are left out and named in ``faults``.

    Args:
        source: The file or folder.
        model: As for ``load_model``.
        project: Where runs are looked for; by default the current one.

    Raises:
        DataError: The file is damaged or of another form, or the folder holds no picture that can be read.
        ModelError: There is no such model.
    """
    classifier = load_model(model, project)
    faults: list[str] = []
    if source.is_dir():
        names, inputs = _read_folder(source, faults)
    elif source.suffix.lower() in images.SUFFIXES:
        raise DataError(f"{source} is a picture: name its folder, or read it with 'inkdigits read --mode digit {source}'")
    else:
        _check_no_source(source)
        inputs = preparation.prepare_batch(_read_file(source))
        names = [str(i) for i in range(1, len(inputs) + 1)]
    return Predictions(names, classifier.task.classes, classifier.predict_proba(inputs), faults)


def _check_no_source(path: Path) -> None:
    kind, _, location = str(path).partition(":")
    if kind in sources.SOURCES and not path.exists():
        raise UsageError(
            f"{path} is the name of a source: give the file or the folder itself{f', {location}' if location else ''}"
        )


def _read_file(path: Path) -> NDArray[np.uint8]:
    if path.suffix.lower() == ".csv":
        return formats.read_kaggle_csv(path)[0]
    array = formats.read_idx(path)
    if array.ndim != 3 or not array.size:
        raise DataError(f"{path} has the shape {array.shape}, not (images, rows, columns): give the file of images")
    return array


def _read_folder(folder: Path, faults: list[str]) -> tuple[list[str], NDArray[np.uint8]]:
    names, pictures = [], []
    paths = in_order(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    for path in tqdm(paths, desc="reading pictures", unit="", disable=None):
        try:
            pictures.append(preparation.prepare(images.load(path)))
            names.append(path.name)
        except ImageError as error:
            faults.append(str(error))
    if not pictures:
        raise DataError(f"{folder} holds no picture that can be read" + (f" ({faults[0]})" if faults else ""))
    return names, np.stack(pictures)
