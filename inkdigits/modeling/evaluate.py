"""Measuring a model, or predictions made elsewhere, on any labelled source."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from inkdigits import formats, leakage, sources
from inkdigits.config import Project
from inkdigits.dataset import Split
from inkdigits.errors import DataError, InkdigitsError, LeakageError, LeakageWarning, ModelError, UsageError
from inkdigits.extras import require
from inkdigits.features import make_features
from inkdigits.inference.classifier import Classifier, load_model
from inkdigits.inference.tasks import Task, task
from inkdigits.modeling import metrics
from inkdigits.modeling.meta import checked
from inkdigits.preparation import prepare_batch
from inkdigits.runs import Run
from inkdigits.settings import settings

logger = logging.getLogger(__name__)

COVERAGES = (1.0, 0.99, 0.95, 0.90)


@settings
class EvaluateSettings:
    """What to measure, and on what.

    Attributes:
        model: A run's name, a folder or an ONNX file; None for the shipped model.
        data: A source; see ``inkdigits.sources``.
        split: ``train``, ``validation`` or ``test``; by default the test split where that has labels, else all images
            that have.
        predictions: A CSV ``ImageId,Label`` to measure in place of a model.
        strict: Raise, instead of warning, where training images are among those evaluated or that cannot be checked.
        precision: Of a binary task, the precision for which to give a threshold, in (0, 1]; None: give none. It is chosen by
            the very images, so those should not be the test images.
        transpose: Swap rows and columns of the images (EMNIST's IDX files).

    Raises:
        UsageError: A value lies outside its range.
    """

    model: str | None = None
    data: str = "mnist"
    split: str | None = None
    predictions: Path | None = None
    strict: bool = False
    precision: Annotated[float, Field(gt=0, le=1)] | None = None
    transpose: bool = False


@dataclass(frozen=True)
class Evaluation:
    """What was found.

    Attributes:
        task: What was told apart.
        images: uint8 (N, 28, 28), those that the task is about.
        targets: int64 (N,), their class indices.
        predicted: int64 (N,).
        probabilities: float32 (N, C), or None for predictions made elsewhere.
        copies: bool (N,): a copy of a training image; None where the training images are not to be had.
        name: Model and data, for headings.
        precision: The precision for which a binary task gives its threshold; None: it gives none.
    """

    task: Task
    images: NDArray[np.uint8]
    targets: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32] | None
    copies: NDArray[np.bool_] | None
    name: str
    precision: float | None

    def mistakes(self) -> NDArray[np.int64]:
        """Positions of the wrong predictions, the most confident first; int64."""
        wrong = np.flatnonzero(self.predicted != self.targets)
        if self.probabilities is None:
            return wrong
        return wrong[np.argsort(-self.probabilities[wrong].max(1), kind="stable")]

    def to_dict(self) -> dict[str, Any]:
        """All figures, for programs."""
        confusion = metrics.confusion_matrix(self.targets, self.predicted, len(self.task.classes))
        correct = self.predicted == self.targets
        table: dict[str, Any] = {"name": self.name, "task": self.task.name}
        table |= metrics.accuracy_summary(int(correct.sum()), len(correct))
        table["classes"] = [
            # What is a share of nothing is not known: of a class that was never predicted, or that is not there.
            {"class": name, "precision": p if told else None, "recall": r if count else None, "f1": f if count else None}
            | {"count": int(count)}
            for name, (p, r, f), count, told in zip(
                self.task.classes,
                metrics.precision_recall_f1(confusion).tolist(),
                confusion.sum(1),
                confusion.sum(0),
                strict=True,
            )
        ]
        table["confusion"] = confusion.tolist()
        if self.probabilities is not None:
            table["calibration_error"] = metrics.expected_calibration_error(self.probabilities, self.targets)
            table["error_at_coverage"] = {f"{c:g}": metrics.risk_at(c, self.probabilities, self.targets) for c in COVERAGES}
        table["training_images_among_them"] = None if self.copies is None else int(self.copies.sum())
        if self.copies is not None and self.copies.any() and not self.copies.all():
            unseen = ~self.copies
            table["without_training_images"] = metrics.accuracy_summary(int(correct[unseen].sum()), int(unseen.sum()))
        if self.task.binary and self.probabilities is not None and len(np.unique(self.targets)) == 2:
            table["binary"] = self._binary(self.probabilities[:, 1])
        table["mistakes"] = [self._mistake(i) for i in self.mistakes().tolist()]
        return table

    def _mistake(self, i: int) -> dict[str, Any]:
        found = {"index": i, "label": self.task.classes[self.targets[i]], "predicted": self.task.classes[self.predicted[i]]}
        if self.probabilities is not None:
            found["probabilities"] = [round(p, 5) for p in self.probabilities[i].tolist()]
        return found

    def _binary(self, scores: NDArray[np.float32]) -> dict[str, Any]:
        with require("train"):
            from sklearn.metrics import average_precision_score, roc_auc_score
        found = {
            "positive": self.task.classes[1],
            "roc_auc": float(roc_auc_score(self.targets, scores)),
            "average_precision": float(average_precision_score(self.targets, scores)),
        }
        if self.precision is not None:
            found["threshold"] = threshold_for_precision(scores, self.targets, self.precision)
        return found

    def to_table(self) -> str:
        """The figures, for people."""
        d = self.to_dict()
        low, high = d["interval95"]
        lines = [
            self.name,
            f"accuracy   {100 * d['accuracy']:.2f} %  (95 % interval {100 * low:.2f} to {100 * high:.2f}; "
            f"{d['wrong']} of {d['count']} wrong)",
        ]
        if "without_training_images" in d:
            rest = d["without_training_images"]
            lines.append(f"           {100 * rest['accuracy']:.2f} % on the {rest['count']} that it was not trained on")
        if "calibration_error" in d:
            errors = "  ".join(f"{float(c):.0%}: {100 * e:.2f} %" for c, e in d["error_at_coverage"].items())
            lines += [f"calibration error {100 * d['calibration_error']:.2f} %", f"error at coverage   {errors}"]
        if "binary" in d:
            lines += _binary_lines(d["binary"])
        lines += ["", f"{'class':>8} {'precision':>10} {'recall':>8} {'F1':>8} {'count':>7}"]
        for row in d["classes"]:
            shares = (row["precision"], row["recall"], row["f1"])
            shown = ("–" if share is None else f"{100 * share:.2f}" for share in shares)
            figures = "{:>10} {:>8} {:>8}".format(*shown) + f" {row['count']:7d}"
            lines.append(f"{row['class']:>8} {figures}")
        width = max(5, max(len(name) for name in self.task.classes) + 1)
        lines += [
            "",
            "confusion (row: true, column: predicted)",
            " " * 8 + "".join(f"{name:>{width}}" for name in self.task.classes),
        ]
        for name, counts in zip(self.task.classes, d["confusion"], strict=True):
            lines.append(f"{name:>8}" + "".join(f"{count or '·':>{width}}" for count in counts))
        return "\n".join(lines)


def _binary_lines(binary: dict[str, Any]) -> list[str]:
    lines = [f"ROC AUC {binary['roc_auc']:.4f}   average precision {binary['average_precision']:.4f}"]
    found = binary.get("threshold")
    if found is None:
        return lines
    if found["threshold"] is None:
        return [*lines, f"no threshold gives a precision of {found['wanted_precision']:.1%}"]
    return [
        *lines,
        f"threshold {found['threshold']:.4f} gives precision {found['precision']:.2%} (wanted {found['wanted_precision']:.1%})"
        f" and recall {found['recall']:.2%} on these images",
    ]


def threshold_for_precision(scores: NDArray[np.floating], targets: NDArray[np.int64], precision: float) -> dict[str, Any]:
    """The lowest threshold on the positive class's probability that gives the wanted precision, and its recall.

    Choose it on validation images (``--split validation``) when it is to be used, or it will be too hopeful.

    Args:
        scores: float (N,), probability of the positive class.
        targets: int (N,) of 0 and 1.
        precision: Wanted precision, in (0, 1].
    """
    if not 0 < precision <= 1:
        raise UsageError(f"a precision of {precision} cannot be wanted: choose it above 0 and up to 1")
    order = np.argsort(-scores, kind="stable")
    # Equal scores cannot be parted by a threshold: only the last of each run of them is a candidate.
    last = np.append(np.diff(scores[order]) != 0, True)
    hits, given = np.cumsum(targets[order]), np.arange(1, len(scores) + 1)
    good = np.flatnonzero(last & (hits / given >= precision))
    found: dict[str, Any] = {"wanted_precision": precision, "threshold": None}
    if good.size:
        i = int(good[-1])
        found |= {
            "threshold": float(scores[order][i]),
            "precision": float(hits[i] / given[i]),
            "recall": float(hits[i] / hits[-1]),
        }
    return found


def evaluate(settings: EvaluateSettings, project: Project | None = None) -> Evaluation:
    """Measure a model, or predictions made elsewhere.

    Of a run measured on its own source's test split, the figure is added to the run's ``meta.json``.

    Args:
        settings: What to measure, and on what.
        project: Where runs and data are; by default the current one.

    Raises:
        DataError: The data cannot be had, have no labels, or differ in number from the predictions.
        LeakageError: ``strict``, and training images are among those evaluated or that cannot be checked.
        ModelError: There is no such model.
        UsageError: The settings contradict one another.
    """
    project = project or Project.current()
    if settings.predictions is not None and settings.model is not None:
        raise UsageError("either a model or predictions can be measured, not both: leave one of them out")
    data, split_name = _images(settings, project)
    where = f"{settings.data}, {split_name}"
    if settings.predictions is not None:
        return _evaluate_predictions(settings.predictions, data, where)
    model = load_model(settings.model, project)
    images, targets = model.task.select(data)
    if not len(images):
        raise DataError(f"{where} has no images for the task {model.task.name}")
    if settings.precision is not None and not model.task.binary:
        raise UsageError(f"the task {model.task.name} has no threshold: a precision is for is:D and pair:D,E alone")
    copies = _copies(model, images, project, settings.strict)
    _report_copies(copies, where, settings.strict)
    probabilities = model.predict_proba(images)
    own_name = model.path.parent.name if model.path.name == "model.onnx" else model.path.stem
    name = f"{own_name if settings.model else 'shipped model'} on {where}"
    result = Evaluation(model.task, images, targets, probabilities.argmax(1), probabilities, copies, name, settings.precision)
    if split_name == "test" and settings.model is not None:
        _record(model, result, data)
    return result


def _images(settings: EvaluateSettings, project: Project) -> tuple[Split, str]:
    """The images to measure on and what to call them. Those of a source without splits are taken whole and in order."""
    if settings.split is not None:
        return make_features(settings.data, project, settings.transpose).split(settings.split), settings.split
    data = sources.prepare(settings.data, project, settings.transpose)
    name = data.evaluation_split()
    images, labels = data.split(name).labelled()
    return Split(prepare_batch(images), labels), name if name == "test" else "all images"


def _evaluate_predictions(path: Path, data: Split, where: str) -> Evaluation:
    images, labels = data.labelled()
    predicted = formats.read_predictions(path)
    if len(predicted) != len(labels):
        raise DataError(
            f"{path} has {len(predicted)} predictions for the {len(labels)} images of {where}: one for each is needed"
        )
    return Evaluation(task("digits"), images, labels, predicted, None, None, f"{path.name} on {where}", None)


def _copies(model: Classifier, images: NDArray[np.uint8], project: Project, strict: bool) -> NDArray[np.bool_] | None:
    """Which images the model was trained on, as far as its training images can be had."""
    try:
        training = _training_images(model, project)
    except InkdigitsError as error:
        if strict:
            raise LeakageError(f"it cannot be checked whether the model was trained on these images: {error}") from None
        logger.warning("not checked for training images among those evaluated: %s", error)
        return None
    return leakage.find_copies(training, images)


def _training_images(model: Classifier, project: Project) -> NDArray[np.uint8]:
    """The images that a model and its teachers were trained on, got again from their sources.

    Raises:
        DataError: A source is gone or has changed.
        ModelError: They are not known, since the model has no whole ``meta.json`` of its own.
    """
    meta, images = checked(model.meta(), model.path), {}
    for data in (meta["data"], *(teacher["data"] for teacher in meta.get("teachers", ()))):
        source, transpose, splits = data["source"], data["transpose"], data["splits"]
        training = make_features(source, project, transpose).split("train")
        if training.fingerprint() != splits.get("train"):
            raise DataError(f"{source} has changed since the training")
        images[source, transpose] = model.task.select(training)[0]
    return np.concatenate(list(images.values()))


def _report_copies(copies: NDArray[np.bool_] | None, where: str, strict: bool) -> None:
    if copies is None or not copies.any():
        return
    message = (
        f"{copies.sum()} of the {len(copies)} images of {where} are training images of this model, so the figure flatters it"
    )
    if strict:
        raise LeakageError(f"{message}: evaluate on other images")
    warnings.warn(LeakageWarning(message), stacklevel=3)


def _record(model: Classifier, result: Evaluation, data: Split) -> None:
    """Add the figure to the run's own ``meta.json``, if these are its own source's test images."""
    run, meta = Run(model.path.parent), model.meta()
    try:
        own = checked(meta, model.path)["data"]["splits"].get("test")
    except ModelError:  # it was told that nothing is known of the model
        return
    if model.path.name != run.model().name or own != data.fingerprint():
        return
    correct = result.predicted == result.targets
    meta["test"] = metrics.accuracy_summary(int(correct.sum()), len(correct))
    run.write_meta(meta)
