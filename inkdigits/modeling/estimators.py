"""Our own networks as scikit-learn classifiers."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from inkdigits.dataset import Dataset, Split
from inkdigits.inference.tasks import Task
from inkdigits.learn.ann import NeuralNetwork
from inkdigits.modeling.loop import TrainingLoop
from inkdigits.modeling.objectives import Classification, schedule_of
from inkdigits.modeling.recipes import recipe
from inkdigits.runs import Run


class NumpyNetwork(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The network of ``inkdigits.learn`` as a scikit-learn classifier.

    Args:
        hidden: Neurons of the hidden layers.
        epochs: As ``NeuralNetwork.train`` has it.
        batch_size: As ``NeuralNetwork.train`` has it.
        lr: Learning rate at first; it falls to 0.
        momentum: As ``NeuralNetwork.train`` has it.
        activation: As ``NeuralNetwork`` has it.
        cost: As ``NeuralNetwork`` has it.
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

    def fit(self, X: NDArray[np.generic], y: NDArray[np.generic]) -> NumpyNetwork:
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

    def decision_function(self, X: NDArray[np.generic]) -> NDArray[np.generic]:
        """The outputs, (N, classes); of two classes how much the second is ahead, (N,)."""
        outputs = self.network_.outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict(self, X: NDArray[np.generic]) -> NDArray[np.generic]:
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

    def fit(self, X: NDArray[np.generic], y: NDArray[np.generic]) -> ConvolutionalNetwork:
        """Train on X, (N, 784) in 0 to 1, and y, N labels of up to ten kinds; one image in twelve is put aside."""
        self.classes_, targets = np.unique(y, return_inverse=True)
        count = len(self.classes_)
        held_out = np.arange(len(X)) % 12 == 11
        images = _images(X)
        splits = {
            "train": Split(images[~held_out], targets[~held_out]),
            "validation": Split(images[held_out], targets[held_out]),
        }
        task = Task("baseline", tuple(map(str, self.classes_)), tuple(i if i < count else -1 for i in range(10)))
        plan = replace(recipe("fast"), epochs=self.epochs)
        objective = Classification(plan, task, Dataset("baseline", splits), self.random_state, "cpu")
        with tempfile.TemporaryDirectory() as folder:
            loop = TrainingLoop(objective, schedule_of(plan), Run(Path(folder)), seed=self.random_state, quiet=True)
            loop.train()
        self.network_ = objective.calibrated(loop.network).eval()
        return self

    def predict_proba(self, X: NDArray[np.generic]) -> NDArray[np.generic]:
        """Probabilities, (N, classes)."""
        with torch.inference_mode():
            parts = torch.from_numpy(_images(X))[:, None].float().split(1000)
            return torch.cat([torch.softmax(self.network_(part), 1) for part in parts]).numpy()

    def predict(self, X: NDArray[np.generic]) -> NDArray[np.generic]:
        """Labels, (N,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]


def _images(X: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.rint(X.reshape(-1, 28, 28) * 255).astype(np.uint8)
