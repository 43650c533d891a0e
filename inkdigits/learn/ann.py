"""A neural network in nothing but NumPy, to be read from top to bottom.

The formulas and their names are those of M. Nielsen, "Neural Networks and Deep Learning" (2015), chapters 2 and 3. He
writes one example as a column; here each example is a row, so that a whole mini-batch is one matrix product:

    a[0] = x                               the inputs, (N, layers[0])
    a[l] = f(a[l-1] W[l] + b[l])           forward, layer by layer
    δ[L] = ∂C/∂z[L]                        how the cost C changes with the last layer's weighted input z
    δ[l] = (δ[l+1] W[l+1]ᵀ) ∘ f'(z[l])     backpropagation, layer by layer from the end
    ∂C/∂W[l] = a[l-1]ᵀ δ[l] / N            the mean over the examples
    ∂C/∂b[l] = mean of δ[l]

::

    network = NeuralNetwork((784, 30, 10))
    network.train(images, labels, epochs=30, batch_size=10, lr=3.0)
    network.predict(images)
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inkdigits.errors import ModelError, UsageError
from inkdigits.files import atomic
from inkdigits.learn.validation import backup_name, check_layers, check_name, check_settings, loaded_arrays

Arrays = list[np.ndarray]
#: Outputs that differ by no more than this between examples are the same.
_DEAD = 1e-6

# --- Activations ------------------------------------------------------------------------------------------------------
#
# Each comes with its step of backpropagation: from the change of the cost with the activation a, ∂C/∂a, to its change with
# the weighted input z. All of them can tell it from a alone, so z need not be kept.


class Activation(NamedTuple):
    """A function f(z), and ``back(a, ∂C/∂a)`` = ∂C/∂z where a = f(z); arrays are (N, neurons)."""

    function: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray, np.ndarray], np.ndarray]


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), in a form that cannot overflow. Source: Nielsen, equation 3."""
    return 0.5 * (1 + np.tanh(0.5 * z))


def relu(z: np.ndarray) -> np.ndarray:
    """z where that is positive, else 0. Source: V. Nair and G. Hinton, ICML 2010."""
    return np.maximum(z, 0)


def softmax(z: np.ndarray) -> np.ndarray:
    """exp(z) divided by its sum over the neurons; taking off the largest z changes nothing and cannot overflow.

    Source: Nielsen, equation 78.
    """
    exp = np.exp(z - z.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, lambda a, da: da * a * (1 - a)),
    "tanh": Activation(np.tanh, lambda a, da: da * (1 - a * a)),
    "relu": Activation(relu, lambda a, da: da * (a > 0)),
    # Every output of a softmax depends on every z; the sum brings the others in.
    "softmax": Activation(softmax, lambda a, da: a * (da - (da * a).sum(axis=1, keepdims=True))),
}

# --- Costs ------------------------------------------------------------------------------------------------------------


def quadratic(a: np.ndarray, y: np.ndarray) -> float:
    """½ ‖a - y‖², the mean over the examples. Source: Nielsen, equation 26."""
    difference = a - y
    return float(0.5 * np.vdot(difference, difference) / len(y))


def cross_entropy(a: np.ndarray, y: np.ndarray, exclusive: bool) -> float:
    """-Σ y ln a, the mean over the examples; where the neurons don't exclude each other, also -Σ (1 - y) ln (1 - a).

    Source: Nielsen, equations 80 (exclusive, for softmax) and 63 (for sigmoid).
    """
    tiny = np.finfo(a.dtype).tiny  # ln 0 is infinite, and 0 · ln 0 should be 0
    cost = -np.sum(y * np.log(np.maximum(a, tiny)))
    if not exclusive:
        cost -= np.sum((1 - y) * np.log(np.maximum(1 - a, tiny)))
    return float(cost / len(y))


COSTS = ("quadratic", "cross-entropy")

# --- Optimisers: from gradients to steps --------------------------------------------------------------------------------
#
# All parameters lie in one vector, and so does their gradient: w and ∇C are (parameters,).


class SGD:
    """Gradient descent with momentum: v ← μ v - η ∇C, then w ← w + v. Source: Nielsen, equations 107 and 108."""

    def __init__(self, parameters: np.ndarray, momentum: float | None = None) -> None:
        self.parameters = parameters
        self.momentum = momentum or 0.0
        self.velocity = np.zeros_like(parameters)

    def step(self, gradient: np.ndarray, lr: float) -> None:
        """Change the parameters in place; ``lr`` is η. The gradient is used up: new arrays would cost time."""
        gradient *= lr
        if self.momentum:
            self.velocity *= self.momentum
            self.velocity -= gradient
            self.parameters += self.velocity
        else:
            self.parameters -= gradient


class Adam:
    """Steps scaled by running means of the gradient (m) and of its square (v).

    Source: D. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1; β₁ = ``momentum``.
    """

    def __init__(self, parameters: np.ndarray, momentum: float | None = None) -> None:
        self.parameters = parameters
        self.beta1, self.beta2, self.epsilon = 0.9 if momentum is None else momentum, 0.999, 1e-8
        self.m, self.v = np.zeros_like(parameters), np.zeros_like(parameters)
        self.t = 0

    def step(self, gradient: np.ndarray, lr: float) -> None:
        """Change the parameters in place."""
        self.t += 1
        self.m *= self.beta1
        self.m += (1 - self.beta1) * gradient
        self.v *= self.beta2
        self.v += (1 - self.beta2) * gradient * gradient
        # The running means begin at 0; this takes out what that leaves.
        first, second = 1 - self.beta1**self.t, 1 - self.beta2**self.t
        self.parameters -= (lr / first) * self.m / (np.sqrt(self.v / second) + self.epsilon)


OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}

# --- The network ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Epoch:
    """What is known after an epoch.

    Attributes:
        number: 1 for the first.
        cost: Mean over the epoch's mini-batches, as they were met, without the L2 term.
        accuracy: On the validation examples, in [0, 1], or None without any.
        seconds: Wall time of the epoch's training.
    """

    number: int
    cost: float
    accuracy: float | None
    seconds: float


class NeuralNetwork:
    """Layers of neurons, each connected with all of the layer before.

    Args:
        layers: How many inputs, hidden neurons (any number of layers) and outputs, such as (784, 30, 10).
        activation: Of the hidden layers: ``sigmoid``, ``tanh``, ``relu`` or ``softmax``.
        output: Of the last layer; by default ``softmax`` with the cross-entropy, else ``sigmoid``.
        cost: ``quadratic`` or ``cross-entropy``; the latter needs outputs between 0 and 1: sigmoid or softmax.
        seed: The same seed gives the same weights.
        dtype: float32, or float64 to check gradients.

    Attributes:
        weights: W[1] … W[L], each (inputs, neurons).
        biases: b[1] … b[L], each (neurons,).

    Raises:
        UsageError: layers, names or their combination make no network.
    """

    def __init__(
        self,
        layers: Sequence[int] = (784, 30, 10),
        *,
        activation: str = "sigmoid",
        output: str | None = None,
        cost: str = "quadratic",
        seed: int = 0,
        dtype: type[np.floating] = np.float32,
    ) -> None:
        output = output or ("softmax" if cost == "cross-entropy" else "sigmoid")
        check_layers(layers)
        check_name("activation", activation, ACTIVATIONS)
        check_name("activation", output, ACTIVATIONS)
        check_name("cost", cost, COSTS)
        if cost == "cross-entropy" and output not in ("sigmoid", "softmax"):
            raise UsageError(f"the cross-entropy needs outputs between 0 and 1, not {output}'s: choose sigmoid or softmax")
        self.layers = tuple(layers)
        self.activation, self.output, self.cost = activation, output, cost
        rng = np.random.default_rng(seed)
        self.weights: Arrays = []
        self.biases: Arrays = []
        for inputs, neurons in itertools.pairwise(layers):
            # Weighted inputs should begin with a standard deviation near 1, or neurons saturate (Nielsen, chapter 3). ReLU
            # loses half of them and needs twice the variance. Source: K. He et al., ICCV 2015, equation 10.
            variance = (2 if activation == "relu" else 1) / inputs
            self.weights.append(rng.normal(0, np.sqrt(variance), (inputs, neurons)).astype(dtype))
            self.biases.append(np.zeros(neurons, dtype))

    def forward(self, inputs: np.ndarray) -> Arrays:
        """The activations of every layer, a[0] … a[L], for inputs (N, layers[0])."""
        activations = [inputs]
        for layer, (w, b) in enumerate(zip(self.weights, self.biases, strict=True), start=1):
            z = activations[-1] @ w
            z += b
            activations.append(self._activation(layer).function(z))
        return activations

    def backpropagation(
        self, activations: Arrays, targets: np.ndarray, out: tuple[Arrays, Arrays] | None = None
    ) -> tuple[Arrays, Arrays]:
        """The gradient of the mean cost: ∂C/∂W[1 … L] and ∂C/∂b[1 … L].

        Args:
            activations: What ``forward`` gave.
            targets: y, (N, layers[-1]): one row of zeros with a single 1 for each example.
            out: Where to write them; by default new arrays.
        """
        last = len(self.weights)
        nabla_w, nabla_b = out or (list(map(np.empty_like, self.weights)), list(map(np.empty_like, self.biases)))
        delta = activations[-1] - targets
        # For the cross-entropy this is ∂C/∂z already: f' cancels out (Nielsen, equation 61 for sigmoid, exercise after equation
        # 82 for softmax, whose targets must add up to 1). For the quadratic cost it is ∂C/∂a.
        if self.cost == "quadratic":
            delta = self._activation(last).back(activations[-1], delta)
        delta /= len(targets)
        for layer in range(last, 0, -1):  # Python counts W[1] as weights[0]
            before = activations[layer - 1]
            np.matmul(before.T, delta, out=nabla_w[layer - 1])
            delta.sum(axis=0, out=nabla_b[layer - 1])
            if layer > 1:
                delta = self._activation(layer - 1).back(before, delta @ self.weights[layer - 1].T)
        return nabla_w, nabla_b

    def train(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        *,
        epochs: int = 10,
        batch_size: int = 10,
        lr: float = 3.0,
        lr_end: float | None = None,
        momentum: float | None = None,
        optimizer: str = "sgd",
        l2: float = 0.0,
        seed: int = 0,
        augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> list[Epoch]:
        """Learn from examples, in mini-batches that are drawn anew in every epoch.

        Args:
            inputs: (N, layers[0]), best between 0 and 1.
            labels: int (N,) of 0 to layers[-1] - 1.
            epochs: How often every example is seen.
            batch_size: Examples a step; the last ones of an epoch may be fewer.
            lr: The learning rate η.
            lr_end: If given, η falls linearly to this.
            momentum: μ of ``sgd`` (by default 0) or β₁ of ``adam`` (0.9), in [0, 1).
            optimizer: ``sgd`` or ``adam``.
            l2: λ of the L2 regularisation ½ λ Σ W². Source: Nielsen, equation 87, his λ / n.
            seed: Of the shuffling and the augmentation; the same seed gives the same network.
            augment: Changes the inputs of each mini-batch, such as ``loader.shifted``.
            validation: Inputs and labels on which to measure after every epoch.
            on_epoch: Called with what is known after every epoch.

        Returns:
            what was known after every epoch.

        Raises:
            UsageError: the examples don't fit the layers, a setting lies outside its range, or the training diverges.
        """
        inputs, labels = self._checked(inputs, labels)
        if validation:
            validation = self._checked(*validation)
        check_settings(len(labels), epochs, batch_size, lr, lr_end, momentum, l2)
        check_name("optimizer", optimizer, OPTIMIZERS)
        rng = np.random.default_rng(seed)
        targets = np.eye(self.layers[-1], dtype=inputs.dtype)[labels]  # y: a 1 at the label's place
        descent = OPTIMIZERS[optimizer](self._joined(), momentum)
        highest = self._highest_cost(inputs, targets)
        total = epochs * math.ceil(len(inputs) / batch_size)
        rates = (lr if lr_end is None else lr + (lr_end - lr) * step / total for step in range(total))
        history = []
        for number in range(1, epochs + 1):
            started = time.perf_counter()
            order = rng.permutation(len(inputs))
            batches = (order[start : start + batch_size] for start in range(0, len(order), batch_size))
            # zip asks for a batch before it asks for a rate: an epoch takes as many rates as it has batches.
            cost = self._epoch(inputs, targets, zip(batches, rates, strict=False), descent, l2, augment, rng)
            seconds = time.perf_counter() - started
            if not cost <= highest or self._is_dead(inputs):  # nan compares as false
                fix = f"try a tenth of the learning rate, {lr / 10:g}" + (", or a lower momentum" if momentum else "")
                raise UsageError(f"the training diverges: its cost is {cost:.3g} in epoch {number}; {fix}")
            accuracy = float(np.mean(self.predict(validation[0]) == validation[1])) if validation else None
            history.append(Epoch(number, cost, accuracy, seconds))
            if on_epoch:
                on_epoch(history[-1])
        return history

    def _epoch(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        steps: Iterable[tuple[np.ndarray, float]],
        descent: SGD | Adam,
        l2: float,
        augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None,
        rng: np.random.Generator,
    ) -> float:
        """One step for each mini-batch, given by its examples' places and the learning rate: the mean cost over all."""
        cost = 0.0
        gradient = np.empty_like(descent.parameters)
        nabla = self._split(gradient)
        with np.errstate(over="ignore", invalid="ignore"):  # the caller finds what diverges
            for batch, lr in steps:
                x, y = inputs[batch], targets[batch]
                activations = self.forward(augment(x, rng) if augment else x)
                nabla_w, _ = self.backpropagation(activations, y, out=nabla)
                cost += self._cost(activations[-1], y) * len(batch)
                if l2:
                    for g, w in zip(nabla_w, self.weights, strict=True):
                        g += l2 * w
                descent.step(gradient, lr)
                if not math.isfinite(cost):
                    break
        return cost / len(inputs)

    def cost_of(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        """The mean cost C, without the L2 term, of inputs (N, layers[0]) whose targets are (N, layers[-1])."""
        return self._cost(self.forward(inputs)[-1], targets)

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """The last layer's activations, (N, layers[-1]), for inputs (N, layers[0])."""
        inputs = self._checked_inputs(inputs)
        parts = np.array_split(inputs, max(1, len(inputs) // 1000))
        return np.concatenate([self.forward(part)[-1] for part in parts])

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Labels, int64 (N,): the output neuron that is most active, for inputs (N, layers[0])."""
        return self.outputs(inputs).argmax(axis=1)

    def save(self, path: str | Path) -> None:
        """Write the network to an ``.npz`` file, whole or not at all; the file that was there is kept as ``….backup.npz``.

        Raises:
            UsageError: there is a folder of that name.
        """
        path = Path(path)
        if path.is_dir():
            raise UsageError(f"{path} is a folder: name a file, such as mnist_ann.npz")
        arrays = {f"weights_{n}": w for n, w in enumerate(self.weights, start=1)}
        arrays |= {f"biases_{n}": b for n, b in enumerate(self.biases, start=1)}
        names = np.array([self.activation, self.output, self.cost])
        if path.exists():
            with atomic(backup_name(path)) as file:
                file.write(path.read_bytes())
        with atomic(path) as file:
            np.savez(file, layers=np.array(self.layers), names=names, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> NeuralNetwork:
        """Read a network that ``save`` has written; its numbers become float32.

        Raises:
            ModelError: the file is missing or damaged, holds pickled objects, or is no network of this kind.
        """
        path = Path(path)
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            layers = [int(n) for n in arrays["layers"]]
            weights = loaded_arrays("weights", arrays, list(itertools.pairwise(layers)))
            biases = loaded_arrays("biases", arrays, [(n,) for n in layers[1:]])
            activation, output, cost = map(str, arrays["names"])
            network = cls(layers, activation=activation, output=output, cost=cost)
        except FileNotFoundError:
            raise ModelError(f"{path} does not exist: train a network first, with inkdigits learn train") from None
        except Exception as error:  # NumPy has no exception of its own for what it cannot read
            raise ModelError(f"{path} is no network of inkdigits learn train, or damaged ({error}): train it again") from None
        network.weights, network.biases = weights, biases
        return network

    def _highest_cost(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        """What costs more diverges: four times the best answer to everything or, of a single label, the first answers."""
        constant = self._cost(np.broadcast_to(targets.mean(axis=0), targets.shape), targets)
        return 4 * (constant or self._cost(self.outputs(inputs), targets))

    def _is_dead(self, inputs: np.ndarray) -> bool:
        """Whether its outputs are the same for all inputs: no gradient will bring such a network back."""
        return bool(np.ptp(self.outputs(inputs[:1000]), axis=0).max() < _DEAD)

    def _joined(self) -> np.ndarray:
        """All weights and biases in one vector, which they become views of; those of a neuron lie together, for speed."""
        vector = np.concatenate([p.ravel(order="F") for p in (*self.weights, *self.biases)])
        self.weights, self.biases = self._split(vector)
        return vector

    def _split(self, vector: np.ndarray) -> tuple[Arrays, Arrays]:
        """The weights and biases in such a vector, as views."""
        shapes = [p.shape for p in (*self.weights, *self.biases)]
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        parts = [part.reshape(shape, order="F") for part, shape in zip(np.split(vector, ends[:-1]), shapes, strict=True)]
        return parts[: len(self.weights)], parts[len(self.weights) :]

    def _activation(self, layer: int) -> Activation:
        return ACTIVATIONS[self.output if layer == len(self.weights) else self.activation]

    def _cost(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        if self.cost == "quadratic":
            return quadratic(outputs, targets)
        return cross_entropy(outputs, targets, exclusive=self.output == "softmax")

    def _checked_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs as the network's own numbers, (N, layers[0])."""
        array = np.asarray(inputs, self.weights[0].dtype)
        if array.ndim != 2 or array.shape[1] != self.layers[0]:
            raise UsageError(f"inputs have the shape {array.shape}; the first layer wants (N, {self.layers[0]})")
        return array

    def _checked(self, inputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Examples that fit the layers."""
        inputs, labels = self._checked_inputs(inputs), np.asarray(labels)
        if labels.shape != (len(inputs),) or labels.dtype.kind not in "iu":
            raise UsageError(f"{len(inputs)} inputs have labels {labels.dtype} {labels.shape}: give one whole number each")
        if not len(labels) or labels.min() < 0 or labels.max() >= self.layers[-1]:
            raise UsageError(f"labels must be 0 to {self.layers[-1] - 1}, one for each of the last layer's neurons")
        if not np.isfinite(inputs).all():
            raise UsageError("inputs hold numbers that are not finite: numbers between 0 and 1 are best")
        return inputs, labels
