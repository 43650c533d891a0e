"""Several runs side by side: what there is, and which of them is better, where and by how much."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.config import Project
from inkdigits.errors import ModelError, UsageError
from inkdigits.inference.classifier import Classifier, load_model
from inkdigits.modeling import metrics
from inkdigits.modeling.evaluate import EvaluateSettings, Evaluation, evaluate
from inkdigits.modeling.meta import checked
from inkdigits.runs import Run

logger = logging.getLogger(__name__)

#: Images are predicted for so long to tell the speed, and so many at once.
_SECONDS, _BATCH = 0.5, 512
#: A smaller probability of the test is told as smaller than this.
_LEAST_P = 1e-15


def overview(project: Project | None = None) -> list[dict[str, Any]]:
    """What is known of every classifier in ``models/``, the one trained last first.

    Args:
        project: Where; by default the current one.

    Returns:
        of each ``name``, ``task``, ``data``, ``recipe``, ``epochs``, ``seed``, ``validation`` and ``test`` (as ``meta.json``
        has them; None where that was not measured), ``from`` and ``teachers``, the runs that it has learnt from,
        ``parameters``, ``kilobytes`` and ``trained``, a date as ISO 8601; of one that is damaged its ``fault`` instead.
    """
    found = []
    for run in sorted(Run.all(project), key=lambda run: -run.model().stat().st_mtime_ns):
        file = run.model().stat()
        trained = datetime.fromtimestamp(file.st_mtime, UTC).astimezone().isoformat(" ", "minutes")[:16]
        known = {"name": run.name, "trained": trained, "kilobytes": round(file.st_size / 1e3)}
        try:
            meta = checked(run.meta(), run.folder)
        except ModelError as error:
            found.append({**known, "fault": str(error)})
            continue
        told = {key: meta.get(key) for key in ("task", "recipe", "seed", "validation", "test", "parameters")}
        learnt = {"from": meta["settings"].get("start"), "teachers": [teacher["run"] for teacher in meta.get("teachers", [])]}
        epochs = meta.get("training", {}).get("epochs")
        found.append({**known, **told, **learnt, "epochs": epochs, "data": meta["data"]["source"]})
    return found


def overview_table(runs: Sequence[dict[str, Any]]) -> str:
    """The same for people."""
    learnt = any(run.get("from") or run.get("teachers") for run in runs)
    names = ("run", "task", "data", "recipe", *(["learnt from"] if learnt else []), "epochs", "seed")
    rows: list[tuple[str, ...]] = [(*names, "validation, %", "test, %", "kB", "trained")]
    for run in runs:
        size_and_date = (str(run["kilobytes"]), run["trained"])
        if "fault" in run:
            rows.append((run["name"], "damaged", *[""] * len(names), *size_and_date))
            continue
        origin = [", ".join(filter(None, (run["from"], *run["teachers"])))] if learnt else []
        what = (run["name"], run["task"], run["data"], run["recipe"], *origin, str(run["epochs"]), str(run["seed"]))
        rows.append((*what, _accuracy(run["validation"]), _accuracy(run["test"]), *size_and_date))
    return _aligned(rows, left=5 if learnt else 4)


def _accuracy(found: dict[str, Any] | None) -> str:
    if not found:
        return "–"
    low, high = found["interval95"]
    return f"{100 * found['accuracy']:.2f} ({100 * low:.2f}–{100 * high:.2f})"


def _aligned(rows: Sequence[Sequence[str]], left: int) -> str:
    """Rows as text; so many columns are flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            f"{cell:<{width}}" if place < left else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


# --- Which is better ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """Models on the same images.

    Attributes:
        names: Of the models; the others are compared with the first.
        evaluations: Of each, on the same images in the same order.
        kilobytes: The size of each file.
        images_per_s: The speed of each, on this machine.
    """

    names: list[str]
    evaluations: list[Evaluation]
    kilobytes: list[int]
    images_per_s: list[float]

    def correct(self, number: int) -> NDArray[np.bool_]:
        """Which predictions of a model are right; bool (N,)."""
        found = self.evaluations[number]
        right: NDArray[np.bool_] = found.predicted == found.targets
        return right

    def to_dict(self) -> dict[str, Any]:
        """All figures, for programs."""
        first, models = self.correct(0), []
        for number, name in enumerate(self.names):
            correct = self.correct(number)
            figures = metrics.accuracy_summary(int(correct.sum()), len(correct))
            known = {"name": name, **figures, "kilobytes": self.kilobytes[number], "images_per_s": self.images_per_s[number]}
            copies = self.evaluations[number].copies
            known["training_images_among_them"] = None if copies is None else int(copies.sum())
            if number:
                better, worse = int((correct & ~first).sum()), int((first & ~correct).sum())
                known |= {"right_where_first_errs": better, "wrong_where_first_is_right": worse, "p": mcnemar(better, worse)}
            known["wrong_by_class"] = {
                label: int(((self.evaluations[number].targets == place) & ~correct).sum())
                for place, label in enumerate(self.evaluations[number].task.classes)
            }
            models.append(known)
        return {"data": self.evaluations[0].name.partition(" on ")[2], "images": len(first), "models": models}

    def to_table(self) -> str:
        """The figures, for people."""
        found = self.to_dict()
        rows = [("model", "accuracy, %", "wrong", "better", "worse", "p", "kB", "images/s")]
        for model in found["models"]:
            against = (
                [f"{model['right_where_first_errs']}", f"{model['wrong_where_first_is_right']}", _probability(model["p"])]
                if "p" in model
                else ["", "", ""]
            )
            speed = f"{model['images_per_s']:,.0f}"
            rows.append((model["name"], _accuracy(model), str(model["wrong"]), *against, str(model["kilobytes"]), speed))
        classes = list(found["models"][0]["wrong_by_class"])
        errors = [("wrong by class", *classes)]
        errors += [(model["name"], *(str(model["wrong_by_class"][label]) for label in classes)) for model in found["models"]]
        lines = [f"{found['images']:,} images of {found['data']}", "", _aligned(rows, left=1), "", _aligned(errors, left=1), ""]
        return "\n".join([*lines, *self.verdicts()])

    def verdicts(self) -> list[str]:
        """Of each model but the first a sentence: whether it is better than the first, and how sure that is."""
        first, *others = self.to_dict()["models"]
        return [_verdict(first["name"], model) for model in others]


def _verdict(first: str, model: dict[str, Any]) -> str:
    better, worse, p = model["right_where_first_errs"], model["wrong_where_first_is_right"], model["p"]
    if better == worse:
        return f"{model['name']} and {first} are right equally often."
    which = "better" if better > worse else "worse"
    sure = f"is {which} than {first} (McNemar's test, p {_probability(p) if p < _LEAST_P else f'= {p:.2g}'})"
    if p < 0.05:
        return f"{model['name']} {sure}."
    chance = f"chance alone would part them as far in {100 * p:.0f} of 100 cases"
    return f"{model['name']} cannot be told from {first} on these images: {chance}."


def _probability(p: float) -> str:
    return f"{p:.2g}" if p >= _LEAST_P else f"< {_LEAST_P:g}"


def mcnemar(better: int, worse: int) -> float:
    """How probable it is that two models that are equally good differ on so many images or more.

    The exact, two-sided test. Source: Q. McNemar, Psychometrika 12 (1947), 153–157.

    Args:
        better: Images on which the second alone is right.
        worse: Images on which the first alone is right.
    """
    differ, fewer = better + worse, min(better, worse)
    if better == worse:
        return 1.0
    # The sum of binomial terms, in logarithms: numbers of images may be large.
    logs = [
        math.lgamma(differ + 1) - math.lgamma(k + 1) - math.lgamma(differ - k + 1) - differ * math.log(2)
        for k in range(fewer + 1)
    ]
    return min(1.0, 2 * math.fsum(map(math.exp, logs)))


def compare(
    models: Sequence[str], data: str | None = None, split: str | None = "validation", project: Project | None = None
) -> Comparison:
    """Measure models on the same images.

    Args:
        models: Names of runs, folders or ONNX files; at least two, all of one task.
        data: A source; by default the one from which all of them have learnt, or MNIST where they differ in that.
        split: Of it. The validation split is there to choose by; who chooses by the test split has none left.
        project: Where; by default the current one.

    Raises:
        DataError: The data cannot be had.
        ModelError: There is no such model.
        UsageError: There are fewer than two models, or they have learnt different tasks.
    """
    project = project or Project.current()
    if len(set(models)) < 2 or len(set(models)) < len(models):
        raise UsageError(f"{' and '.join(models) or 'nothing'} cannot be compared: name two models or more, each once")
    loaded = [load_model(name, project) for name in models]
    tasks = list(dict.fromkeys(model.task.name for model in loaded))
    if len(tasks) > 1:
        raise UsageError(f"the models have learnt the tasks {' and '.join(tasks)}: compare models of one")
    own, transpose = _common_data(loaded)
    settings = EvaluateSettings(data=data or own, split=split, transpose=transpose and data in (None, own))
    evaluations = [evaluate(replace(settings, model=name), project) for name in models]
    speeds = [_images_per_s(model, evaluations[0].images) for model in loaded]
    sizes = [round(model.path.stat().st_size / 1e3) for model in loaded]
    return Comparison(list(models), evaluations, sizes, speeds)


def _common_data(models: Sequence[Classifier]) -> tuple[str, bool]:
    """The source from which all of the models have learnt, and whether its images are transposed."""
    known = [model.meta().get("data", {}) for model in models]
    first = known[0]
    # By what they hold: a folder has many names.
    if not first.get("source") or any(data.get("splits") != first.get("splits") for data in known):
        logger.info("the models have not learnt from the same data: they are compared on MNIST (--data names other images)")
        return "mnist", False
    return first["source"], first["transpose"]


def _images_per_s(model: Classifier, images: NDArray[np.uint8]) -> float:
    batch = images[:_BATCH]
    model.predict_proba(batch)  # what is done but once
    count, started = 0, time.perf_counter()
    while (seconds := time.perf_counter() - started) < _SECONDS:
        model.predict_proba(batch)
        count += len(batch)
    return count / seconds
