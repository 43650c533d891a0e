"""The NumPy network against scikit-learn's, and the network of ``inkdigits learn train``.

python benchmarks/learn.py [--epochs 30]

[784, 30, 10] with the sigmoid and mini-batches of 10 on MNIST's 55,000 training images: seconds an epoch of both, in
turns so that the machine's moods reach both, and the accuracy of ours on the test images after all epochs with the
quadratic cost and η = 3.0. Then the defaults of ``inkdigits learn train``: seconds in all, and test images that are wrong.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from inkdigits.learn import loader
from inkdigits.learn.ann import NeuralNetwork
from inkdigits.learn.train_model import main as train_model

ROUNDS = 3


def epoch_seconds(train: loader.Examples) -> tuple[list[float], list[float]]:
    """Seconds of an epoch of ours and of scikit-learn's, ``ROUNDS`` each, in turns."""
    ours, theirs = [], []
    for seed in range(ROUNDS):
        network = NeuralNetwork((784, 30, 10), seed=seed)
        started = time.perf_counter()
        network.train(*train.pair, epochs=1, batch_size=10, lr=3.0, seed=seed)
        ours.append(time.perf_counter() - started)
        peer = MLPClassifier(
            (30,), activation="logistic", solver="sgd", batch_size=10, learning_rate_init=0.1, max_iter=1, random_state=seed
        )
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            peer.fit(*train.pair)
        theirs.append(time.perf_counter() - started)
    return ours, theirs


def nielsen(train: loader.Examples, test: loader.Examples, epochs: int, seed: int) -> float:
    """Accuracy of the book's network on the test images, in [0, 1]."""
    network = NeuralNetwork((784, 30, 10), seed=seed)
    network.train(*train.pair, epochs=epochs, batch_size=10, lr=3.0, seed=seed)
    return float(np.mean(network.predict(test.inputs) == test.labels))


def default(train: loader.Examples, test: loader.Examples, seed: int) -> tuple[float, int]:
    """Seconds of training with the command's defaults, and the number of test images that are wrong."""
    d: dict[str, Any] = {str(option.name): option.default for option in train_model.params}
    layers = tuple(int(n) for n in d["layers"].split(","))
    network = NeuralNetwork(layers, activation=d["activation"], cost=d["cost"], seed=seed)
    settings = {name: d[name] for name in ("epochs", "batch_size", "lr", "lr_end", "momentum", "optimizer", "l2")}
    started = time.perf_counter()
    network.train(*train.pair, **settings, seed=seed, augment=loader.shifted if d["shift"] else None)
    seconds = time.perf_counter() - started
    return seconds, int(np.sum(network.predict(test.inputs) != test.labels))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=30, help="of the book's network")
    parser.add_argument("--seeds", type=int, default=5, help="how many of each network are trained")
    options = parser.parse_args()
    train, test = loader.load("train"), loader.load("test")
    ours, theirs = epoch_seconds(train)
    print("[784, 30, 10], mini-batches of 10, seconds an epoch of 55,000 images")
    print(f"  inkdigits.learn               {min(ours):.2f}   ({', '.join(f'{s:.2f}' for s in ours)})")
    print(f"  scikit-learn MLPClassifier    {min(theirs):.2f}   ({', '.join(f'{s:.2f}' for s in theirs)})")
    print(f"  ratio                         {np.median(theirs) / np.median(ours):.1f}")
    accuracy = [100 * nielsen(train, test, options.epochs, seed) for seed in range(options.seeds)]
    print(f"  accuracy on the test images   {np.mean(accuracy):.2f} ± {np.std(accuracy, ddof=1):.2f} % (n = {options.seeds})")
    results = [default(train, test, seed) for seed in range(options.seeds)]
    seconds, wrong = np.array(results).T
    print("the defaults of inkdigits learn train")
    print(f"  training                      {seconds.mean():.1f} s")
    print(f"  wrong of 10,000               {wrong.mean():.0f} ± {wrong.std(ddof=1):.0f} (n = {options.seeds})")


if __name__ == "__main__":
    main()
