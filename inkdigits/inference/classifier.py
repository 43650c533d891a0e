"""The classifier: images of one digit each → labels with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.config import Project
from inkdigits.errors import ImageError, ModelError
from inkdigits.inference.session import Session
from inkdigits.inference.tasks import Task, task
from inkdigits.runs import Run

#: Key of the task's name in the ONNX file's own metadata.
TASK_KEY = "inkdigits.task"
_BATCH = 512
#: A small batch to try a model on.
_EXAMPLE = (2, 1, 28, 28)
#: How far the sum of a row's probabilities may be from 1, in rounded numbers of 8 bits too.
_SUM_OFF = 0.02


class Classifier:
    """A trained network that tells digits apart, with the methods of a fitted scikit-learn classifier.

    It can be shared between threads, pickled, and used after a fork.

    Args:
        path: An ONNX file written by ``inkdigits train``: float32 [N, 1, 28, 28] of 0 to 255 in, probabilities out.
        threads: Threads of one batch; None: as many as there are cores.
        providers: ONNX Runtime's execution providers; None: the processor.

    Attributes:
        path: The ONNX file.
        task: What it tells apart.
        classes_: What each column of the probabilities means: int64 of digits (``digits``, ``pair:5,3``), else str
            (``is:5``: ``not 5`` and ``5``). Of a binary task the second is the positive class.

    Raises:
        ModelError: The file is missing, damaged, or no such model.
        UsageError: ``threads`` or ``providers`` cannot be.
    """

    def __init__(self, path: Path, threads: int | None = None, providers: Sequence[str] | None = None) -> None:
        self._session = Session(Path(path), {"images": _EXAMPLE}, threads, providers)
        self.path = self._session.path
        self.task = _task_of(self._session)
        self.classes_ = self.task.labels
        self._checked(self._session.run({"images": np.full(_EXAMPLE, 128, np.float32)}))

    def __repr__(self) -> str:
        return f"Classifier({str(self.path)!r}, task={self.task.name!r})"

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities.

        Args:
            images: uint8 (N, 28, 28), 0 = paper, 255 = ink, as ``inkdigits.preparation`` makes them.

        Returns:
            float32 (N, C), a column for each of ``classes_``; every row sums to 1.

        Raises:
            ImageError: The array has another shape or type.
            ModelError: What the network gives are no probabilities, or it was closed.
        """
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
            raise ImageError(
                f"images are {images.dtype} {images.shape}, not uint8 (N, 28, 28): prepare pictures with"
                " inkdigits.preparation.prepare; rows of 784 levels become such by .reshape(-1, 28, 28).astype('uint8')"
            )
        probabilities = np.empty((len(images), len(self.task.classes)), np.float32)
        for i in range(0, len(images), _BATCH):
            batch = images[i : i + _BATCH, None].astype(np.float32)
            probabilities[i : i + _BATCH] = self._checked(self._session.run({"images": batch}))
        return probabilities

    def _checked(self, outputs: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The probabilities, if those of each row are 1 together."""
        probabilities = outputs[0]
        if (np.abs(probabilities.sum(1) - 1) > _SUM_OFF).any():
            raise ModelError(f"{self.path} does not give probabilities, which are 1 together: train it again")
        return probabilities

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.int64] | NDArray[np.str_]:
        """The most probable label of each image.

        Args:
            images: As for ``predict_proba``.

        Returns:
            (N,), elements of ``classes_``.

        Raises:
            ImageError: As ``predict_proba``.
        """
        return self.classes_[self.predict_proba(images).argmax(1)]

    def meta(self) -> dict[str, Any]:
        """The ``meta.json`` beside the model; empty where there is none or it tells of another model.

        Raises:
            ModelError: It is damaged.
        """
        return Run(self.path.parent).meta_of(self.path)

    def close(self) -> None:
        """Give the memory back."""
        self._session.close()


def _task_of(session: Session) -> Task:
    path, name = session.path, session.metadata().get(TASK_KEY)
    inputs, outputs = session.input_shapes(), session.output_shapes()
    fits = list(inputs) == ["images"] and inputs["images"][1:] == [1, 28, 28]
    if name is None or not fits or list(outputs) != ["probabilities"]:
        raise ModelError(
            f"{path} was not made by inkdigits train: it lacks the task in its metadata or does not map images"
            " [N, 1, 28, 28] to probabilities"
        )
    found = task(name)
    if outputs["probabilities"][1:] != [len(found.classes)]:
        shape = outputs["probabilities"]
        raise ModelError(f"{path} gives probabilities of shape {shape}, but its task {name} has {len(found.classes)} classes")
    return found


def load_model(model: str | Path | None = None, project: Project | None = None) -> Classifier:
    """Load a trained classifier.

    Args:
        model: None for the one that ships with inkdigits; a path to an ONNX file or a run's folder; or a run's name
            below ``models/``.
        project: Where runs are looked for; by default the current one.

    Raises:
        ModelError: There is no such model, or the file is damaged or of another kind.
    """
    if model is None:
        return Classifier(Run.shipped("default").model())
    path, project = Path(model), project or Project.current()
    run = Run(project.models / path)
    if path.is_dir() and (Run(path).model().is_file() or not run.model().is_file()):  # data may be in a folder of that name
        return Classifier(Run(path).model())
    if path.is_file():
        return Classifier(path)
    if not run.model().is_file():
        runs = [known.name for known in Run.all(project)]
        known = f"the runs here are {', '.join(runs)}" if runs else "there are no runs here yet: inkdigits train makes one"
        raise ModelError(f"there is no model {str(model)!r}: {known}")
    return Classifier(run.model())
