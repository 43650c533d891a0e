"""The ladder: classical models, a network from scratch and a convolutional one, on the same three questions.

Each rung is trained on MNIST's training part and measured once on its test images. Beside it stands what textbooks have found:
A. Géron, "Hands-On Machine Learning", 3rd edition (2022), chapters 3, 5, 7 and 14, whose figures of level 1 and of SGD are
cross-validated on training images; M. Nielsen, "Neural Networks and Deep Learning" (2015), chapters 1 and 3.
"""

from __future__ import annotations

import logging
import pickle
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import precision_score, recall_score, roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from inkdigits import dataset
from inkdigits.config import Project
from inkdigits.errors import DataError, UsageError
from inkdigits.files import read_json, write_json
from inkdigits.learn.ann import NeuralNetwork
from inkdigits.modeling.tasks import task

#: The three levels, and the tasks that they are.
LEVELS = {1: "is:5", 2: "pair:5,3", 3: "digits"}
#: Training and test images of ``quick``.
QUICK = (4_000, 2_000)


# --- Rungs that scikit-learn lacks --------------------------------------------------------------------------------------


class NumpyNetwork(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The network of ``inkdigits.learn`` as a scikit-learn classifier.

    Args:
        hidden: Neurons of the hidden layers.
        epochs, batch_size, lr, momentum: As ``NeuralNetwork.train`` has them; the learning rate falls to 0.
        activation, cost: As ``NeuralNetwork`` has them.
        random_state: Seed.
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (30,),
        epochs: int = 30,
        batch_size: int = 10,
        lr: float = 3.0,
        momentum: float = 0.0,
        activation: str = "sigmoid",
        cost: str = "quadratic",
        random_state: int = 0,
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.momentum = momentum
        self.activation = activation
        self.cost = cost
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> NumpyNetwork:
        """Train on X, (N, features) in 0 to 1, and y, any N labels."""
        self.classes_, targets = np.unique(y, return_inverse=True)
        layers = (X.shape[1], *self.hidden, len(self.classes_))
        self.network_ = NeuralNetwork(layers, activation=self.activation, cost=self.cost, seed=self.random_state)
        self.network_.train(
            X,
            targets,
            epochs=self.epochs,
            batch_size=min(self.batch_size, len(X)),
            lr=self.lr,
            lr_end=0.0,
            momentum=self.momentum,
            seed=self.random_state,
        )
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """The outputs, (N, classes); of two classes how much the second is ahead, (N,)."""
        outputs = self.network_.outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Labels, (N,)."""
        return self.classes_[self.network_.predict(X)]


class ConvolutionalNetwork(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The network of recipe ``fast`` as a scikit-learn classifier of 28×28 images in rows of 784 levels in 0 to 1.

    Args:
        epochs: How often every image is seen.
        random_state: Seed.
    """

    def __init__(self, epochs: int = 2, random_state: int = 0) -> None:
        self.epochs = epochs
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> ConvolutionalNetwork:
        """Train on X, (N, 784) in 0 to 1, and y, N labels of up to ten kinds; one image in twelve is put aside."""
        import tempfile

        from inkdigits.modeling.loop import TrainingLoop
        from inkdigits.modeling.settings import TrainSettings
        from inkdigits.modeling.tasks import Task

        self.classes_, targets = np.unique(y, return_inverse=True)
        count = len(self.classes_)
        held_out = np.arange(len(X)) % 12 == 11
        images = _images(X)
        parts = {
            "train": dataset.Part(images[~held_out], targets[~held_out]),
            "validation": dataset.Part(images[held_out], targets[held_out]),
        }
        kinds = Task("baseline", tuple(map(str, self.classes_)), tuple(i if i < count else -1 for i in range(10)))
        settings = TrainSettings("fast", epochs=self.epochs, seed=self.random_state, device="cpu")
        with tempfile.TemporaryDirectory() as folder:
            loop = TrainingLoop(settings.resolved_recipe(), kinds, dataset.Dataset("baseline", parts), settings, Path(folder))
            with _silent("inkdigits.modeling.loop"):
                loop.run()
        self.network_ = loop.calibrated_network().eval()
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probabilities, (N, classes)."""
        import torch

        with torch.inference_mode():
            parts = torch.from_numpy(_images(X))[:, None].float().split(1000)
            return torch.cat([torch.softmax(self.network_(part), 1) for part in parts]).numpy()

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Labels, (N,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Keep a module from telling of its progress."""
    other, level = logging.getLogger(name), logging.getLogger(name).level
    other.setLevel(logging.WARNING)
    try:
        yield
    finally:
        other.setLevel(level)


def _images(X: np.ndarray) -> np.ndarray:
    return np.rint(X.reshape(-1, 28, 28) * 255).astype(np.uint8)


def mean_ink(X: np.ndarray) -> np.ndarray:
    """How dark each image is: (N, 1)."""
    return X.mean(axis=1, keepdims=True)


def with_shifts(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images in rows of 784 and their labels, each five times: as it is and moved by one pixel up, down, left and right."""
    images = X.reshape(-1, 28, 28)
    moved = [np.roll(images, step, axis) for axis in (1, 2) for step in (-1, 1)]
    return np.concatenate([images, *moved]).reshape(-1, X.shape[1]), np.tile(y, 5)


# --- The ladder ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rung:
    """A model of the ladder.

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


def _team(quick: bool) -> list[tuple[str, Any]]:
    return [("forest", _forest(quick)), ("extra trees", _extra_trees(quick)), ("mlp", _mlp(quick))]


def _stacking(quick: bool) -> StackingClassifier:
    return StackingClassifier(_team(quick), LogisticRegression(max_iter=500), cv=3)


LADDER: Mapping[str, Rung] = {
    "always the most common": Rung(lambda quick: DummyClassifier(strategy="most_frequent"), {"is:5": 0.910}),
    "darkness": Rung(lambda quick: make_pipeline(FunctionTransformer(mean_ink), GaussianNB()), {"digits": 0.2225}),
    "SGD": Rung(lambda quick: SGDClassifier(random_state=42), {"is:5": 0.957, "digits": 0.867}),
    "SGD, standardised": Rung(
        lambda quick: make_pipeline(StandardScaler(), SGDClassifier(max_iter=50 if quick else 1000, random_state=42)),
        {"digits": 0.897},
    ),
    "logistic regression": Rung(lambda quick: LogisticRegression(max_iter=50 if quick else 300), {}),
    "k-NN, 5": Rung(lambda quick: KNeighborsClassifier(5), {"digits": 0.9688}),
    "k-NN, 4, by distance": Rung(lambda quick: KNeighborsClassifier(4, weights="distance"), {"digits": 0.9714}),
    "k-NN, 4, by distance, shifted": Rung(
        lambda quick: KNeighborsClassifier(4, weights="distance"), {"digits": 0.9763}, shifts=True
    ),
    "SVC, γ = 1/784": Rung(lambda quick: SVC(gamma="auto"), {"digits": 0.9435}),
    "SVC, C = 10": Rung(lambda quick: SVC(C=10), {"digits": 0.985}),
    "SVC, polynomial": Rung(lambda quick: SVC(kernel="poly", degree=3), {}),
    "random forest": Rung(_forest, {"digits": 0.9705}),
    "extra trees": Rung(_extra_trees, {}),
    "gradient boosting": Rung(lambda quick: HistGradientBoostingClassifier(max_iter=5 if quick else 100, random_state=42), {}),
    "MLP": Rung(_mlp, {"digits": 0.9799}),
    "voting": Rung(lambda quick: VotingClassifier(_team(quick), voting="soft"), {"digits": 0.9727}),
    "stacking": Rung(_stacking, {"digits": 0.9784}),
    "NumPy [784, 30, 10]": Rung(lambda quick: NumpyNetwork(epochs=10 if quick else 30), {"digits": 0.9542}),
    "NumPy [784, 256, 128, 10]": Rung(
        lambda quick: NumpyNetwork((256, 128), 10 if quick else 20, 50, 0.05, 0.9, "relu", "cross-entropy"), {"digits": 0.9804}
    ),
    "convolutional": Rung(lambda quick: ConvolutionalNetwork(10 if quick else 2), {"digits": 0.9914}),
}


@dataclass(frozen=True)
class Result:
    """What was measured of one model at one level.

    Attributes:
        accuracy: On the test images, in [0, 1].
        precision, recall, auc: Of the positive class, where there are two.
        fit_seconds, predict_seconds: Wall time of training, and of answering all test images.
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


def climb(levels: tuple[int, ...] = (1, 2, 3), quick: bool = False, models: tuple[str, ...] = ()) -> Iterator[Result]:
    """Train and measure the models of the ladder, one after the other; what is in ``reports`` already is not done again.

    Args:
        levels: Which of the three.
        quick: On 4,000 training and 2,000 test images, with smaller models, and never kept.
        models: Names out of ``LADDER``; all by default.

    Raises:
        UsageError: there is no such level or model.
    """
    unknown = [name for name in models if name not in LADDER] or [str(level) for level in levels if level not in LEVELS]
    if unknown:
        known = ", ".join(f'"{name}"' for name in LADDER)
        raise UsageError(f'there is no "{unknown[0]}": levels are 1, 2 and 3, models {known}')
    data = dataset.make_features("mnist")
    path = Project.current().reports / "baselines.json"
    kept = {} if quick else _kept(path)
    for level in levels:
        found = task(LEVELS[level])
        train, test = (found.select(_some(data.part(part), quick, i)) for i, part in enumerate(("train", "test")))
        for name in models or LADDER:
            if (level, name) not in kept:
                kept[level, name] = _measured(level, name, train, test, quick)
                if not quick:
                    write_json(path, [asdict(result) for result in kept.values()])
            yield kept[level, name]


def _some(part: dataset.Part, quick: bool, which: int) -> dataset.Part:
    return part.take(np.arange(QUICK[which])) if quick else part


def _kept(path: Path) -> dict[tuple[int, str], Result]:
    """The results of an earlier run."""
    if not path.exists():
        return {}
    try:
        results = [Result(**row) for row in read_json(path)]
    except TypeError:
        raise DataError(f"{path} has other columns than this version writes: move it away and run again") from None
    return {(result.level, result.model): result for result in results}


Examples = tuple[np.ndarray, np.ndarray]


def _measured(level: int, name: str, train: Examples, test: Examples, quick: bool) -> Result:
    (X, y), (X_test, y_test) = ((images.reshape(len(images), -1).astype(np.float32) / 255, y) for images, y in (train, test))
    rung = LADDER[name]
    if rung.shifts:
        X, y = with_shifts(X, y)
    model = rung.make(quick)
    started = time.perf_counter()
    with warnings.catch_warnings():
        if quick:  # its models are stopped early on purpose
            warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    fitted = time.perf_counter()
    answers = model.predict(X_test)
    done = time.perf_counter()
    binary = LEVELS[level] != "digits"
    return Result(
        level,
        name,
        float(np.mean(answers == y_test)),
        float(precision_score(y_test, answers, zero_division=0)) if binary else None,
        float(recall_score(y_test, answers)) if binary else None,
        float(roc_auc_score(y_test, _scores(model, X_test))) if binary else None,
        round(fitted - started, 3),
        round(done - fitted, 3),
        len(pickle.dumps(model)),
        rung.books.get(LEVELS[level]),
    )


def _scores(model: Any, X: np.ndarray) -> np.ndarray:
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


HEADER = f"   {'model':30}  right   book  prec.  recall   AUC   fit, s  answer, s  size, MB"
