"""Trained networks as they are used: ONNX files run by ONNX Runtime, without PyTorch."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import onnxruntime
from tqdm import tqdm

from inkdigits import features, formats
from inkdigits.config import Project
from inkdigits.errors import DataError, ImageError, ModelError, UsageError
from inkdigits.files import atomic, natural, read_json, sha256_file
from inkdigits.modeling.tasks import Task, task

#: Key of the task's name in the ONNX file's own metadata.
TASK_KEY = "inkdigits.task"
_BATCH = 512
_WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
_SHIPPED = _WEIGHTS / "default" / "model.onnx"
#: The classifier and the line reader that ``inkdigits.read`` uses.
READER_DIGIT, READER_LINE = _WEIGHTS / "reader" / "digit.onnx", _WEIGHTS / "reader" / "line.onnx"


class Classifier:
    """A trained network.

    Args:
        path: An ONNX file written by ``inkdigits train``: float32 [N, 1, 28, 28] of 0 to 255 in, probabilities out.

    Raises:
        ModelError: the file is missing, damaged, or no such model.

    Attributes:
        path: The ONNX file.
        task: What it tells apart.
    """

    def __init__(self, path: Path) -> None:
        session = open_onnx(path)
        self.path = path
        self.task = _task_of(path, session)
        self._session = session

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        """Calibrated probabilities.

        Args:
            images: uint8 (N, 28, 28), 0 = paper, 255 = ink, as ``inkdigits.features`` makes them.

        Returns:
            float32 (N, C), a column for each of the task's classes.

        Raises:
            ImageError: the array has another shape or type.
        """
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
            raise ImageError(f"images are {images.dtype} {images.shape}, not uint8 (N, 28, 28): see inkdigits.features.prepare")
        probabilities = np.empty((len(images), len(self.task.classes)), np.float32)
        for i in range(0, len(images), _BATCH):
            batch = images[i : i + _BATCH, None].astype(np.float32)
            probabilities[i : i + _BATCH] = self._session.run(["probabilities"], {"images": batch})[0]
        return probabilities

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The most probable class of each image, int64 (N,): the digit itself for the task ``digits``."""
        return self.predict_proba(images).argmax(1)

    def meta(self) -> dict[str, Any]:
        """The ``meta.json`` beside the model; empty where there is none or it tells of another model.

        Raises:
            ModelError: it is damaged.
        """
        path = self.path.with_name("meta.json")
        content = read_json(path) if path.is_file() else {}
        if not isinstance(content, dict):
            raise ModelError(f"{path} is not a JSON object: train the model again")
        return content if content.get("model_sha256") == sha256_file(self.path) else {}


def open_onnx(path: Path) -> onnxruntime.InferenceSession:
    """An ONNX file, ready to run.

    Raises:
        ModelError: the file is missing or damaged.
    """
    if not path.is_file():
        raise ModelError(f"{path} does not exist: train it first, or check its name")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors come as exceptions; nothing is printed beside them
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base class
        reason = str(error).splitlines()[0][:120]
        raise ModelError(f"{path} is no ONNX model or is damaged ({reason}): train it again") from None


def _task_of(path: Path, session: onnxruntime.InferenceSession) -> Task:
    name = session.get_modelmeta().custom_metadata_map.get(TASK_KEY)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    fits = len(inputs) == 1 and inputs[0].name == "images" and inputs[0].shape[1:] == [1, 28, 28]
    if name is None or not fits or [o.name for o in outputs] != ["probabilities"]:
        raise ModelError(
            f"{path} was not made by inkdigits train: it lacks the task in its metadata or does not map images"
            " [N, 1, 28, 28] to probabilities"
        )
    found = task(name)
    if outputs[0].shape[1:] != [len(found.classes)]:
        raise ModelError(
            f"{path} gives probabilities of shape {outputs[0].shape}, but its task {name} has {len(found.classes)} classes"
        )
    return found


def load_model(model: str | Path | None = None) -> Classifier:
    """Load a trained classifier.

    Args:
        model: None for the one that ships with inkdigits; a path to an ONNX file or a run's folder; or a run's name
            below ``models/``.

    Raises:
        ModelError: there is no such model, or the file is damaged or of another kind.
    """
    if model is None:
        return Classifier(_SHIPPED)
    path = Path(model)
    if path.is_dir():
        return Classifier(path / "model.onnx")
    if path.exists():
        return Classifier(path)
    run = Project.current().models / path / "model.onnx"
    if not run.is_file():
        runs = sorted(p.parent.name for p in Project.current().models.glob("*/model.onnx"))
        known = f"the runs here are {', '.join(runs)}" if runs else "there are no runs here yet: inkdigits train makes one"
        raise ModelError(f"there is no model {str(model)!r}: {known}")
    return Classifier(run)


# --- The step: a file or folder of digits → a file of answers -------------------------------------------------------


@dataclass(frozen=True)
class Predictions:
    """Answers for many images.

    Attributes:
        names: Of each image: the picture's file name, or its number counted from 1.
        classes: What each column of the probabilities means.
        probabilities: float32 (N, C).
        faults: A line for each picture that could not be read.
    """

    names: list[str]
    classes: tuple[str, ...]
    probabilities: np.ndarray
    faults: list[str] = field(default_factory=list)

    def save(self, path: Path, form: str | None = None) -> None:
        """Write the answers, whole or not at all.

        Args:
            path: The file.
            form: ``csv``, ``json`` or ``kaggle`` (ImageId,Label); by default as the file's ending says.

        Raises:
            UsageError: there is no such form, or Kaggle's was asked for another task.
        """
        form = form or path.suffix.lower().removeprefix(".")
        writers = {"csv": self._write_csv, "json": self._write_json, "kaggle": self._write_kaggle}
        if form not in writers:
            raise UsageError(f"answers cannot be written as {form or 'a file without ending'!r}: use csv, json or kaggle")
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
        writer.writerows([name, label, max(row), *row] for name, label, row in self._rows())

    def _write_json(self, file: IO[str]) -> None:
        keys = ("image", "label", "confidence", "probabilities")
        json.dump(
            [dict(zip(keys, (name, label, max(row), row), strict=True)) for name, label, row in self._rows()], file, indent=1
        )
        file.write("\n")

    def _write_kaggle(self, file: IO[str]) -> None:
        file.write("ImageId,Label\n")
        file.writelines(f"{i},{label}\n" for i, (_, label, _) in enumerate(self._rows(), start=1))


def predict(source: Path, model: str | Path | None = None) -> Predictions:
    """Answers for every image of an IDX file, a CSV in Kaggle's format, or a folder of pictures of one digit each.

    Pictures of a folder that cannot be read are left out and named in ``faults``.

    Raises:
        DataError: the file is damaged or of another form, or the folder holds no picture that can be read.
        ModelError: there is no such model.
    """
    from inkdigits.reading import images as reading_images

    classifier = load_model(model)
    faults: list[str] = []
    if source.is_dir():
        names, images = _read_folder(source, faults)
    elif source.suffix.lower() == ".csv":
        images = features.prepare_batch(formats.read_kaggle_csv(source)[0])
        names = [str(i) for i in range(1, len(images) + 1)]
    elif source.suffix.lower() in reading_images.ENDINGS:
        raise DataError(f"{source} is a picture: name its folder, or read it with 'inkdigits read --mode digit {source}'")
    else:
        array = formats.read_idx(source)
        if array.ndim != 3 or not array.size:
            raise DataError(f"{source} has the shape {array.shape}, not (images, rows, columns): give the file of images")
        images = features.prepare_batch(array)
        names = [str(i) for i in range(1, len(images) + 1)]
    return Predictions(names, classifier.task.classes, classifier.predict_proba(images), faults)


def _read_folder(folder: Path, faults: list[str]) -> tuple[list[str], np.ndarray]:
    from inkdigits.reading import images as reading_images

    names, pictures = [], []
    found = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    paths = sorted(found, key=natural)
    for path in tqdm(paths, desc="reading pictures", unit="", disable=None):
        try:
            pictures.append(features.prepare(reading_images.load(path)))
            names.append(path.name)
        except ImageError as error:
            faults.append(str(error))
    if not pictures:
        raise DataError(f"{folder} holds no picture that can be read" + (f" ({faults[0]})" if faults else ""))
    return names, np.stack(pictures)
