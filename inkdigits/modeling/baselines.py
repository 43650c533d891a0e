"""Baselines: classical models, a network from scratch and a convolutional one, on the same three questions.

Each is trained on MNIST's training split and measured once on its test images. Beside it stands what textbooks have found:
A. Géron, "Hands-On Machine Learning", 3rd edition (2022), chapters 3, 5, 7 and 14, whose figures of level 1 and of SGD are
cross-validated on training images; M. Nielsen, "Neural Networks and Deep Learning" (2015), chapters 1 and 3.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import precision_score, recall_score, roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from inkdigits.config import Project
from inkdigits.dataset import Split
from inkdigits.errors import DataError, UsageError
from inkdigits.features import make_features
from inkdigits.files import read_json, write_json
from inkdigits.inference.tasks import task
from inkdigits.modeling.estimators import ConvolutionalNetwork, NumpyNetwork

#: The three levels, and the tasks that they are.
LEVELS = {1: "is:5", 2: "pair:5,3", 3: "digits"}
#: Training and test images of ``quick``.
QUICK = (4_000, 2_000)


def mean_ink(X: NDArray[np.floating]) -> NDArray[np.floating]:
    """How dark each image is: (N, 1)."""
    return X.mean(axis=1, keepdims=True)


def with_shifts(X: NDArray[np.floating], y: NDArray[np.generic]) -> tuple[NDArray[np.floating], NDArray[np.generic]]:
    """Images in rows of 784 and their labels, each five times: as it is and moved by one pixel up, down, left and right."""
    images = X.reshape(-1, 28, 28)
    moved = [np.roll(images, step, axis) for axis in (1, 2) for step in (-1, 1)]
    return np.concatenate([images, *moved]).reshape(-1, X.shape[1]), np.tile(y, 5)


@dataclass(frozen=True)
class Baseline:
    """A model to compare with.

    Attributes:
        make: Makes it, untrained; True: a smaller one, for ``quick``.
        books: Accuracies that books give for it, by task.
        shifts: It is trained on images moved by one pixel, too.
    """

    make: Callable[[bool], Any]
    books: Mapping[str, float]
    shifts: bool = False


def _forest(quick: bool) -> RandomForestClassifier:
    return RandomForestClassifier(50 if quick else 100, random_state=42, n_jobs=-1)


def _extra_trees(quick: bool) -> ExtraTreesClassifier:
    return ExtraTreesClassifier(50 if quick else 100, random_state=42, n_jobs=-1)


def _mlp(quick: bool) -> MLPClassifier:
    return MLPClassifier((100,), random_state=42, max_iter=20 if quick else 60, early_stopping=True)


def _ensemble(quick: bool) -> list[tuple[str, Any]]:
    return [("forest", _forest(quick)), ("extra trees", _extra_trees(quick)), ("mlp", _mlp(quick))]


def _stacking(quick: bool) -> StackingClassifier:
    return StackingClassifier(_ensemble(quick), LogisticRegression(max_iter=500), cv=3)


BASELINES: Mapping[str, Baseline] = {
    "always the most common": Baseline(lambda quick: DummyClassifier(strategy="most_frequent"), {"is:5": 0.910}),
    "darkness": Baseline(lambda quick: make_pipeline(FunctionTransformer(mean_ink), GaussianNB()), {"digits": 0.2225}),
    "SGD": Baseline(lambda quick: SGDClassifier(random_state=42), {"is:5": 0.957, "digits": 0.867}),
    "SGD, standardised": Baseline(
        lambda quick: make_pipeline(StandardScaler(), SGDClassifier(max_iter=50 if quick else 1000, random_state=42)),
        {"digits": 0.897},
    ),
    "logistic regression": Baseline(lambda quick: LogisticRegression(max_iter=50 if quick else 300), {}),
    "k-NN, 5": Baseline(lambda quick: KNeighborsClassifier(5), {"digits": 0.9688}),
    "k-NN, 4, by distance": Baseline(lambda quick: KNeighborsClassifier(4, weights="distance"), {"digits": 0.9714}),
    "k-NN, 4, by distance, shifted": Baseline(
        lambda quick: KNeighborsClassifier(4, weights="distance"), {"digits": 0.9763}, shifts=True
    ),
    "SVC, γ = 1/784": Baseline(lambda quick: SVC(gamma="auto"), {"digits": 0.9435}),
    "SVC, C = 10": Baseline(lambda quick: SVC(C=10), {"digits": 0.985}),
    "SVC, polynomial": Baseline(lambda quick: SVC(kernel="poly", degree=3), {}),
    "decision tree": Baseline(lambda quick: DecisionTreeClassifier(random_state=42), {}),
    "random forest": Baseline(_forest, {"digits": 0.9705}),
    "extra trees": Baseline(_extra_trees, {}),
    "gradient boosting": Baseline(
        lambda quick: HistGradientBoostingClassifier(max_iter=5 if quick else 100, random_state=42), {}
    ),
    "MLP": Baseline(_mlp, {"digits": 0.9799}),
    "voting": Baseline(lambda quick: VotingClassifier(_ensemble(quick), voting="soft"), {"digits": 0.9727}),
    "stacking": Baseline(_stacking, {"digits": 0.9784}),
    "NumPy [784, 30, 10]": Baseline(lambda quick: NumpyNetwork(epochs=10 if quick else 30), {"digits": 0.9542}),
    "NumPy [784, 256, 128, 10]": Baseline(
        lambda quick: NumpyNetwork((256, 128), 10 if quick else 20, 50, 0.05, 0.9, "relu", "cross-entropy"), {"digits": 0.9804}
    ),
    "convolutional": Baseline(lambda quick: ConvolutionalNetwork(10 if quick else 2), {"digits": 0.9914}),
}


@dataclass(frozen=True)
class Result:
    """What was measured of one model at one level.

    Attributes:
        accuracy: On the test images, in [0, 1].
        precision, recall, auc: Of the positive class, where there are two.
        fit_seconds, predict_seconds: Wall time of training, and of predicting all test images.
        size_bytes: What the trained model takes on disk.
        book: The accuracy that a book gives, or None.
    """

    level: int
    model: str
    accuracy: float
    precision: float | None
    recall: float | None
    auc: float | None
    fit_seconds: float
    predict_seconds: float
    size_bytes: int
    book: float | None


def measure(
    levels: tuple[int, ...] = (1, 2, 3),
    quick: bool = False,
    models: tuple[str, ...] = (),
    project: Project | None = None,
) -> Iterator[Result]:
    """Train and measure baselines, one after the other; what is in ``reports`` already is not done again.

    Args:
        levels: Which of the three.
        quick: On 4,000 training and 2,000 test images, with smaller models, and never kept.
        models: Names out of ``BASELINES``; all by default.
        project: Where data and reports are; by default the current one.

    Yields:
        a result a model and level.

    Raises:
        UsageError: There is no such level or model.
    """
    unknown = [name for name in models if name not in BASELINES] or [str(level) for level in levels if level not in LEVELS]
    if unknown:
        known = ", ".join(f'"{name}"' for name in BASELINES)
        raise UsageError(f'there is no "{unknown[0]}": levels are 1, 2 and 3, models {known}')
    project = project or Project.current()
    data = make_features("mnist", project)
    path = project.reports / "baselines.json"
    kept = {} if quick else _kept(path)
    for level in levels:
        found = task(LEVELS[level])
        train, test = (found.select(_some(data.split(name), quick, i)) for i, name in enumerate(("train", "test")))
        for name in models or BASELINES:
            if (level, name) not in kept:
                kept[level, name] = _measured(level, name, train, test, quick)
                if not quick:
                    write_json(path, [asdict(result) for result in kept.values()])
            yield kept[level, name]


def _some(data: Split, quick: bool, which: int) -> Split:
    return data.take(np.arange(QUICK[which])) if quick else data


def _kept(path: Path) -> dict[tuple[int, str], Result]:
    """The results of an earlier run."""
    if not path.exists():
        return {}
    try:
        results = [Result(**row) for row in read_json(path)]
    except TypeError:
        raise DataError(f"{path} has other columns than this version writes: move it away and run again") from None
    return {(result.level, result.model): result for result in results}


Examples = tuple[NDArray[np.generic], NDArray[np.generic]]


def _measured(level: int, name: str, train: Examples, test: Examples, quick: bool) -> Result:
    X: NDArray[np.floating]
    (X, y), (X_test, y_test) = ((images.reshape(len(images), -1).astype(np.float32) / 255, y) for images, y in (train, test))
    baseline = BASELINES[name]
    if baseline.shifts:
        X, y = with_shifts(X, y)
    model = baseline.make(quick)
    started = time.perf_counter()
    model.fit(X, y)
    fitted = time.perf_counter()
    predicted = model.predict(X_test)
    done = time.perf_counter()
    binary = LEVELS[level] != "digits"
    return Result(
        level,
        name,
        float(np.mean(predicted == y_test)),
        float(precision_score(y_test, predicted, zero_division=0)) if binary else None,
        float(recall_score(y_test, predicted)) if binary else None,
        float(roc_auc_score(y_test, _scores(model, X_test))) if binary else None,
        round(fitted - started, 3),
        round(done - fitted, 3),
        len(pickle.dumps(model)),
        baseline.books.get(LEVELS[level]),
    )


def _scores(model: Any, X: NDArray[np.generic]) -> NDArray[np.generic]:
    """How much each image looks like the positive class."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)[:, 1]
    return model.decision_function(X)


def row(result: Result) -> str:
    """A result as a line of the table."""

    def share(value: float | None) -> str:
        return f"{100 * value:6.2f}" if value is not None else "     –"

    return (
        f"{result.level}  {result.model:30} {share(result.accuracy)} {share(result.book)} {share(result.precision)}"
        f" {share(result.recall)} {share(result.auc)} {result.fit_seconds:9.2f} {result.predict_seconds:9.2f}"
        f" {result.size_bytes / 1e6:9.2f}"
    )


HEADER = f"   {'model':30}  acc.    book  prec.  recall   AUC   fit, s predict, s  size, MB"
