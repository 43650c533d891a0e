"""The steps of the check: what is asked of a student's network, and what a wrong answer teaches."""

from __future__ import annotations

import copy
import functools
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inkdigits.learn import loader
from inkdigits.learn.ann import NeuralNetwork, sigmoid

Named = Mapping[str, np.ndarray]

#: Shares of digits that must be read rightly, each well below what a correct network reaches (0.97, 0.93).
LEARNS, TEST = 0.9, 0.89
#: An epoch may take so many times as long as our own, measured just before.
SLOWEST = 8.0
_LAYERS = (6, 5, 4, 3)
#: Standard deviation of the first weights of 784 inputs that is taken for 1 / √784 = 0.036, if widely.
_SPREADS = 0.01, 0.12


@dataclass(frozen=True)
class Step:
    """One question, and the judgement of its answer.

    Attributes:
        name: As in the exercise's README.
        task: The function of ``worker.py`` that asks.
        given: Makes the arrays that the task is given.
        hint: What is wrong with an answer, to be said to the student, or None where it is right.
        seconds: Wall time after which the student's code is stopped.
        figure: What to tell of an answer that is right, such as how many digits are.
        timed: It is asked three times, and the answer has the ``seconds`` of the fastest.
    """

    name: str
    task: str
    given: Callable[[], Named]
    hint: Callable[[Named, Named], str | None]
    seconds: float = 20.0
    figure: Callable[[Named, Named], str] = lambda given, answer: ""
    timed: bool = False


def _nothing() -> Named:
    return {}


# --- Contract and shapes ----------------------------------------------------------------------------------------------


_METHODS = ("forward", "backpropagation", "train", "predict")


def _contract(given: Named, answer: Named) -> str | None:
    missing = [name for name, there in zip(_METHODS, answer["there"], strict=True) if not there]
    return f"NeuralNetwork has no method {', '.join(missing)}: keep the names of the ann.py you began with" if missing else None


def _listed(answer: Named, name: str) -> list[np.ndarray]:
    """The arrays w0, w1, … of an answer."""
    return [answer[f"{name}{i}"] for i in range(sum(key[0] == name and key[1:].isdigit() for key in answer))]


def _shapes(given: Named, answer: Named) -> str | None:
    w, b, a = (_listed(answer, name) for name in "wba")
    shapes = [array.shape for array in w]
    if shapes == [(4, 5), (3, 4), (2, 3)]:
        return "the weights are transposed: examples are rows, so W[l] is (neurons of the layer before, neurons of this one)"
    if shapes != [(5, 4), (4, 3), (3, 2)]:
        return f"layers (5, 4, 3, 2) need weights of the shapes (5, 4), (4, 3), (3, 2), and yours have {shapes}"
    if [array.shape for array in b] != [(4,), (3,), (2,)]:
        return f"layers (5, 4, 3, 2) need biases of the shapes (4,), (3,), (2,), and yours have {[array.shape for array in b]}"
    if [array.shape for array in a] != [(7, 5), (7, 4), (7, 3), (7, 2)]:
        return (
            "forward gives a list of the activations of all layers, and the first are the inputs; for 7 examples and layers"
            f" (5, 4, 3, 2) their shapes are (7, 5), (7, 4), (7, 3), (7, 2), and yours are {[array.shape for array in a]}"
        )
    if any(np.ptp(array) == 0 for array in w):
        return "all weights are the same: neurons that start alike stay alike, so begin with random ones"
    if not all(np.array_equal(*pair) for pair in zip(w, _listed(answer, "t"), strict=True)):
        return "two networks with the same seed differ: draw the weights from np.random.default_rng(seed)"
    spread = float(answer["spread"][0])
    if not _SPREADS[0] <= spread <= _SPREADS[1]:
        return (
            f"the first weights of layers (784, 30, 10) spread by {spread:.2g}: divide normal random weights by the square root"
            " of the number of inputs, or sums of 784 products are so large that the sigmoid is flat there"
        )
    return None


# --- Values -----------------------------------------------------------------------------------------------------------


@functools.cache
def _reference() -> NeuralNetwork:
    rng = np.random.default_rng()  # another one at each check: what it answers is in no ann.py
    network = NeuralNetwork(_LAYERS, seed=int(rng.integers(2**31)), dtype=np.float64)
    for bias in network.biases:
        bias += rng.normal(0, 0.7, bias.shape)
    return network


@functools.cache
def _questions() -> tuple[np.ndarray, np.ndarray]:
    """Inputs (8, 6) and targets (8, 3), of which each label has its share: of one label alone, no cost is low enough."""
    rng = np.random.default_rng()
    labels = rng.permutation(8) % _LAYERS[-1]
    return rng.normal(0, 1, (8, _LAYERS[0])), np.eye(_LAYERS[-1])[labels]


def _values() -> Named:
    network, (inputs, targets) = _reference(), _questions()
    return {**_of(network), "inputs": inputs, "targets": targets}


def _of(network: NeuralNetwork) -> Named:
    """A network's layers, weights and biases, by the names that ``worker.filled`` knows."""
    lists = {"w": network.weights, "b": network.biases}
    named = {f"{letter}{i}": array for letter, arrays in lists.items() for i, array in enumerate(arrays)}
    return {"layers": np.array(_LAYERS), **named}


def _close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return found.shape == wanted.shape and bool(np.allclose(found, wanted, rtol=1e-3, atol=1e-6))


def _forward(given: Named, answer: Named) -> str | None:
    wanted, found = _reference().forward(given["inputs"]), _listed(answer, "a")
    layer = next((i for i, pair in enumerate(zip(found, wanted, strict=False)) if not _close(*pair)), None)
    if layer is None:
        return (
            None if len(found) == len(wanted) else "forward gives a list of all layers' activations, a[0] (the inputs) to a[L]"
        )
    if layer == 0:
        return "a[0] should be the inputs themselves"
    if not np.isfinite(found[layer]).all():
        return f"a[{layer}] holds numbers that are not finite"
    before, w, b = wanted[layer - 1], given[f"w{layer - 1}"], given[f"b{layer - 1}"]
    if _close(found[layer], sigmoid(before @ w)):
        return f"a[{layer}] lacks the bias: the weighted input is z = a[l-1] W[l] + b[l]"
    if _close(found[layer], before @ w + b):
        return f"a[{layer}] is the weighted input z itself: a neuron gives back its sigmoid, 1 / (1 + exp(-z))"
    return f"a[{layer}] is wrong: work a[{layer - 1}] W[{layer}] + b[{layer}] out by hand for two inputs, then take the sigmoid"


def _gradients(given: Named, answer: Named) -> str | None:
    network, (inputs, targets) = _reference(), _questions()
    nabla_w, nabla_b = network.backpropagation(network.forward(inputs), targets)
    found_w, found_b = _listed(answer, "w"), _listed(answer, "b")
    if len(found_w) != len(nabla_w) or len(found_b) != len(nabla_b):
        return "backpropagation gives two lists: one gradient for each of the weights, and one for each of the biases"
    for kind, found, wanted in (("W", found_w, nabla_w), ("b", found_b, nabla_b)):
        for layer in range(len(wanted), 0, -1):
            if not _close(found[layer - 1], wanted[layer - 1]):
                return _wrong_gradient(f"∂C/∂{kind}[{layer}]", found[layer - 1], wanted[layer - 1], layer == len(wanted))
    return None


def _wrong_gradient(name: str, found: np.ndarray, wanted: np.ndarray, last: bool) -> str:
    if found.shape != wanted.shape:
        turned = ", which is transposed" if found.T.shape == wanted.shape else ""
        return f"{name} has the shape {found.shape}{turned}: a gradient has the shape of what it belongs to, {wanted.shape}"
    if not np.isfinite(found).all():
        return f"{name} holds numbers that are not finite"
    if not found.any():
        return f"{name} is zero everywhere, as if the cost didn't depend on it"
    ratio, count = float(np.sum(found * wanted) / np.sum(wanted * wanted)), len(_questions()[0])
    if _close(found, ratio * wanted):
        if ratio < 0:
            return f"{name} has the wrong sign: it tells where the cost rises, and a step goes the other way"
        if np.isclose(ratio, count):
            return f"{name} is {count} times too large for {count} examples: the cost is their mean, so divide by N"
        if np.isclose(ratio, 1 / count):
            return f"{name} is {count} times too small for {count} examples: is it divided by N twice?"
        half = ": is the cost ½ ‖a - y‖², with the half?" if np.isclose(ratio, 2) else ""
        return f"{name} is {ratio:.3g} times what it should be{half}"
    if last:
        return f"{name} is wrong, at the last layer: δ[L] is (a[L] - y) ∘ σ'(z[L]), and σ'(z) is a (1 - a)"
    return (
        f"{name} is wrong, behind a layer that is right: δ goes back through the weights, δ[l+1] W[l+1]ᵀ, then ∘ σ'(z[l]), and"
        " σ'(z) is a (1 - a)"
    )


def _many_values() -> Named:
    """Inputs (200, 6) to a network that gives each label often; of many of them no output is above ½, or several are."""
    rng = np.random.default_rng()
    while True:
        network, inputs = NeuralNetwork(_LAYERS, seed=int(rng.integers(2**31)), dtype=np.float64), rng.normal(0, 3, (200, 6))
        network.weights[-1] *= 4
        network.biases[-1] -= network.weights[-1].mean(axis=0) * len(network.weights[-1]) / 2
        given = {**_of(network), "inputs": inputs}
        labels, by_threshold = _labels(given)
        shares = np.bincount(labels, minlength=_LAYERS[-1]) / len(labels)
        if shares.min() >= 0.1 and np.mean(labels != by_threshold) >= 0.1:
            return given


def _labels(given: Named) -> tuple[np.ndarray, np.ndarray]:
    """The right labels, and what a wrong rule gives: the first output above ½."""
    network = NeuralNetwork(_LAYERS, dtype=np.float64)
    network.weights, network.biases = _listed(given, "w"), _listed(given, "b")
    outputs = network.forward(given["inputs"])[-1]
    return outputs.argmax(axis=1), (outputs > 0.5).argmax(axis=1)


def _predict(given: Named, answer: Named) -> str | None:
    (wanted, by_threshold), found = _labels(given), answer["labels"]
    if found.shape != wanted.shape:
        return f"predict gives one label for each example, an array of the shape {wanted.shape}, and yours is {found.shape}"
    if np.array_equal(found, wanted):
        return None
    if np.array_equal(found, by_threshold):
        return "the label is that of the most active output, whether several are above ½ or none is: leave out the threshold"
    return "the label is the number of the output neuron that is most active, counted from 0"


_STEP = {"epochs": np.array(2), "lr": np.array(0.7)}


def _one_step() -> Named:
    return {**_values(), **_STEP}


def _after(steps: int, lr: float) -> list[np.ndarray]:
    """Weights and biases after so many steps with all examples."""
    network, (inputs, targets) = copy.deepcopy(_reference()), _questions()
    for _ in range(steps):
        nabla_w, nabla_b = network.backpropagation(network.forward(inputs), targets)
        network.weights = [w - lr * nabla for w, nabla in zip(network.weights, nabla_w, strict=True)]
        network.biases = [b - lr * nabla for b, nabla in zip(network.biases, nabla_b, strict=True)]
    return [*network.weights, *network.biases]


def _step(given: Named, answer: Named) -> str | None:
    epochs, lr, count = int(_STEP["epochs"]), float(_STEP["lr"]), len(_questions()[0])
    wanted, found = _after(epochs, lr), [*_listed(answer, "w"), *_listed(answer, "b")]
    if [array.shape for array in found] != [array.shape for array in wanted]:
        return "after train, the weights and biases have other shapes than before, or are no longer all there"
    if not all(np.isfinite(array).all() for array in found):
        return "after train, weights or biases hold numbers that are not finite"
    if all(map(_close, found, wanted)):
        return None
    before = [*_reference().weights, *_reference().biases]
    if all(map(_close, found, before)):
        return "train leaves weights and biases as they were: W[l] ← W[l] - η ∂C/∂W[l]"
    for steps, rate, why in (
        (epochs, -lr, "train goes uphill: take η times the gradient off, W[l] ← W[l] - η ∂C/∂W[l]"),
        (1, lr, "it goes half as far as it should: does the loop go over all epochs, with the lr that the caller gives?"),
        (epochs, lr / count, "its steps are 8 times too small for 8 examples: the gradients are means already"),
        (epochs, lr * count, "its steps are 8 times too large for 8 examples: the gradients are means already"),
        (epochs, 1.0, "its steps leave out η: W[l] ← W[l] - η ∂C/∂W[l], with the lr that the caller gives"),
        (epochs, 3.0, "its steps have η = 3, and the caller gives another lr"),
    ):
        if all(map(_close, found, _after(steps, rate))):
            return why
    half = len(wanted) // 2
    for what, part in (("biases", slice(half, None)), ("weights", slice(0, half))):
        if all(map(_close, found[part], before[part])):
            return f"train leaves the {what} as they were: each step moves weights and biases"
    return (
        "two epochs with all examples in one mini-batch end elsewhere: are epochs, batch_size and lr what the caller says,"
        " and is every label still beside its own input?"
    )


# --- Mini-batches -----------------------------------------------------------------------------------------------------

#: Eight examples make two mini-batches, of which the second is short. The first two seeds are the same.
_BATCHES = {"batch_size": np.array(5), "epochs": np.array(4), "lr": np.array(0.7), "seeds": np.array([3, 3, 4, 5, 6, 7, 8])}


def _epoch_of_batches() -> Named:
    return {**_values(), **_BATCHES}


def _row_after(*batches: Sequence[int]) -> np.ndarray:
    """All weights and biases in a row after a step with each of these mini-batches."""
    network, (inputs, targets) = copy.deepcopy(_reference()), _questions()
    for batch in batches:
        rows = list(batch)
        nabla_w, nabla_b = network.backpropagation(network.forward(inputs[rows]), targets[rows])
        network.weights = [w - float(_BATCHES["lr"]) * nabla for w, nabla in zip(network.weights, nabla_w, strict=True)]
        network.biases = [b - float(_BATCHES["lr"]) * nabla for b, nabla in zip(network.biases, nabla_b, strict=True)]
    return np.concatenate([array.ravel() for array in (*network.weights, *network.biases)])


def _batches(given: Named, answer: Named) -> str | None:
    inputs, targets = _questions()
    if not (np.array_equal(answer["inputs"], inputs) and np.array_equal(answer["labels"], targets.argmax(axis=1))):
        return "after train, the caller's inputs or labels are others: draw an order and take inputs[order], which is a copy"
    everyone, size, one = range(len(inputs)), int(_BATCHES["batch_size"]), answer["one"]
    # Which examples the first mini-batch has decides, since the others are in the second one.
    parts = {first: [i for i in everyone if i not in first] for first in itertools.combinations(everyone, size)}
    ends = {first: _row_after(first, rest) for first, rest in parts.items()}
    found = [next((first for first, end in ends.items() if _close(row, end)), None) for row in one]
    batches = f"{len(inputs)} examples in mini-batches of {size}"
    if None in found:
        if any(_close(one[0], _row_after(first)) for first in parts):
            return f"the last mini-batch is left out: {batches} make two steps, the second with {len(inputs) - size}"
        return (
            f"an epoch of {batches} ends elsewhere than a step with {size} of them and one with the {len(inputs) - size} others"
        )
    if set(found) == {tuple(everyone)[:size]}:
        return "the examples are taken as they come: who meets sorted digits so learns the last ones alone; draw a new order"
    if found[0] != found[1]:
        return "two trainings with the same seed differ: draw the order from np.random.default_rng(seed)"
    if len(set(found)) == 1:
        return "the order is the same with every seed that train is given: draw it from np.random.default_rng(seed)"
    epochs = int(_BATCHES["epochs"])
    if any(_close(answer["several"], _row_after(*[first, rest] * epochs)) for first, rest in parts.items()):
        return "the order is the same in each epoch: draw a new one inside the loop over the epochs"
    return None


# --- Learning ---------------------------------------------------------------------------------------------------------


@functools.cache
def _pixels() -> np.ndarray:
    """The pixels come in another order at each check, to which neurons are blind; who knows the images by heart isn't."""
    return np.random.default_rng().permutation(784)


def _bytes(examples: loader.Examples, rows: np.ndarray) -> np.ndarray:
    """Images, uint8 (N, 784), in that order, with hardly any noise: a sum of their pixels tells none of them either."""
    noise = np.random.default_rng().integers(-4, 5, (len(rows), 784))
    return np.clip(np.rint(examples.inputs[rows][:, _pixels()] * 255) + noise, 0, 255).astype(np.uint8)


@functools.cache
def _split(name: str) -> loader.Examples:
    return loader.load(name)


@functools.cache
def _names() -> np.ndarray:
    return np.random.default_rng().permutation(10)


def _renamed(labels: np.ndarray) -> np.ndarray:
    """Labels under other names, which only this check knows: who knows the digits already has to learn them all the same."""
    return _names()[labels]


def _small() -> Named:
    """Training images, and the same in another order as questions."""
    rows, epochs = np.arange(3000), 10
    images, labels = _bytes(_split("train"), rows), _renamed(_split("train").labels[rows])
    return {"inputs": images, "labels": labels, "questions": images[_shuffle(len(rows))], "epochs": np.array(epochs)}


@functools.cache
def _shuffle(count: int) -> np.ndarray:
    return np.random.default_rng().permutation(count)


def _test_set() -> Named:
    train, rows = _split("train"), np.arange(20_000)
    questions = _bytes(_split("test"), _shuffle(len(_split("test"))))
    labels = _renamed(train.labels[rows])
    return {"inputs": _bytes(train, rows), "labels": labels, "questions": questions, "epochs": np.array(4)}


def _judged(least: float, labels: Callable[[Named], np.ndarray], hint: str) -> Callable[[Named, Named], str | None]:
    """The judgement that at least this share of the questions, which have these labels, is answered rightly."""

    def judge(given: Named, answer: Named) -> str | None:
        found, wanted = answer["labels"], labels(given)
        if found.shape != wanted.shape:
            return f"predict gives labels of the shape {found.shape} for {len(wanted)} examples"
        right = np.mean(found == wanted)
        return None if right >= least else f"{100 * right:.1f} % are right, {100 * least:.0f} % are wanted: {hint}"

    return judge


def _share(labels: Callable[[Named], np.ndarray]) -> Callable[[Named, Named], str]:
    return lambda given, answer: f"{100 * np.mean(answer['labels'] == labels(given)):.2f} % right"


def _own_labels(given: Named) -> np.ndarray:
    return given["labels"][_shuffle(len(given["labels"]))]


def _test_labels(given: Named) -> np.ndarray:
    return _renamed(_split("test").labels[_shuffle(len(_split("test")))])


#: Examples that a timed network has not been trained with, and the share of them that shows that it has been trained.
_HELD_OUT, _TRAINED = np.arange(20_000, 22_000), 0.86


def _epoch() -> Named:
    """The examples of an epoch, and how long our own network takes for it just now."""
    train, rows = _split("train"), np.arange(20_000)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        NeuralNetwork((784, 30, 10)).train(train.inputs[rows], train.labels[rows], epochs=1)
        times.append(time.perf_counter() - started)
    images, questions = _bytes(train, rows), _bytes(train, _HELD_OUT)
    labels = _renamed(train.labels[rows])
    ours = np.array(min(times))
    return {"inputs": images, "labels": labels, "questions": questions, "epochs": np.array(1), "ours": ours}


def _times_ours(given: Named, answer: Named) -> str:
    return f"{float(answer['seconds'] / given['ours']):.1f} times as long as ours"


def _speed(given: Named, answer: Named) -> str | None:
    wanted = _renamed(_split("train").labels[_HELD_OUT])
    right = float(np.mean(answer["labels"] == wanted)) if answer["labels"].shape == wanted.shape else 0.0
    if right < _TRAINED:
        return (
            f"after an epoch it reads {100 * right:.0f} % of new digits, and {100 * _TRAINED:.0f} % are wanted: does it learn"
            " as much in each epoch as before, and leave no work out when it is timed?"
        )
    if float(answer["seconds"]) <= SLOWEST * float(given["ours"]):
        return None
    return f"an epoch takes {_times_ours(given, answer)}: let a matrix product take the whole mini-batch at once"


STEPS = (
    Step("contract", "contract", _nothing, _contract),
    Step("shapes", "shapes", _nothing, _shapes),
    Step("forward", "forward", _values, _forward),
    Step("gradients", "gradients", _values, _gradients),
    Step("predict", "predict", _many_values, _predict),
    Step("step", "step", _one_step, _step),
    Step("batches", "batches", _epoch_of_batches, _batches),
    Step(
        "learns",
        "learn",
        _small,
        _judged(
            LEARNS, _own_labels, "does every mini-batch move all weights and biases against their gradients, by η times them?"
        ),
        seconds=60.0,
        figure=_share(_own_labels),
    ),
    Step(
        "test",
        "learn",
        _test_set,
        _judged(TEST, _test_labels, "it does well on digits that it has learnt from; has it learnt them by heart?"),
        seconds=180.0,
        figure=_share(_test_labels),
    ),
    Step("speed", "learn", _epoch, _speed, seconds=60.0, figure=_times_ours, timed=True),
)
