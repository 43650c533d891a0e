"""The questions of the check are drawn anew each time: none of them may blame a network that is right."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from inkdigits.learn.ann import NeuralNetwork
from inkdigits.learn.exercise import steps
from tests.learn import solution

DRAWS = 300


def our_own(layers: tuple[int, ...]) -> NeuralNetwork:
    return NeuralNetwork(layers, dtype=np.float64)


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> Any:
    def anew() -> steps.Named:
        steps._reference.cache_clear()
        steps._questions.cache_clear()
        return steps._one_step()

    request.addfinalizer(anew)
    return anew


@pytest.mark.parametrize("network_class", [solution.NeuralNetwork, our_own])
def test_a_network_that_is_right_passes_whatever_is_drawn(network_class: Any, draw: Any) -> None:
    for _ in range(DRAWS):
        given = draw()
        network = filled(network_class, given)
        inputs, targets = given["inputs"], given["targets"]
        activations = network.forward(inputs)
        assert steps._forward(given, named(a=activations)) is None
        weights, biases = network.backpropagation(activations, targets)
        assert steps._gradients(given, named(w=weights, b=biases)) is None
        network.train(inputs, targets.argmax(1), epochs=int(given["epochs"]), batch_size=len(inputs), lr=float(given["lr"]))
        assert steps._step(given, named(w=network.weights, b=network.biases)) is None


@pytest.mark.parametrize("network_class", [solution.NeuralNetwork, our_own])
def test_a_network_that_is_right_gives_the_labels(network_class: Any) -> None:
    for _ in range(DRAWS):
        given = steps._many_values()
        assert steps._predict(given, {"labels": filled(network_class, given).predict(given["inputs"])}) is None


@pytest.mark.parametrize("network_class", [solution.NeuralNetwork, our_own])
def test_a_network_that_is_right_takes_its_batches_rightly(network_class: Any, draw: Any) -> None:
    for _ in range(DRAWS // 10):
        given = draw() | steps._BATCHES
        inputs, labels = given["inputs"].copy(), given["targets"].argmax(1)

        def row(seed: int, epochs: int, given: steps.Named = given) -> np.ndarray:
            network = filled(network_class, given)
            size, lr = int(given["batch_size"]), float(given["lr"])
            network.train(given["inputs"], given["targets"].argmax(1), epochs=epochs, batch_size=size, lr=lr, seed=seed)
            return np.concatenate([array.ravel() for array in (*network.weights, *network.biases)])

        one = np.array([row(int(seed), 1) for seed in given["seeds"]])
        answer = {"one": one, "several": row(3, int(given["epochs"])), "inputs": inputs, "labels": labels}
        assert steps._batches(given, answer) is None


def filled(network_class: Any, given: steps.Named) -> Any:
    network = network_class(steps._LAYERS)
    network.weights = [given[f"w{i}"].copy() for i, _ in enumerate(pairwise(steps._LAYERS))]
    network.biases = [given[f"b{i}"].copy() for i, _ in enumerate(pairwise(steps._LAYERS))]
    return network


def named(**lists: list[np.ndarray]) -> steps.Named:
    return {f"{name}{i}": array for name, arrays in lists.items() for i, array in enumerate(arrays)}
