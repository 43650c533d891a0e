from __future__ import annotations

import contextlib
import itertools
import zipfile
from pathlib import Path

import numpy as np
import pytest

from inkdigits.dataset import Dataset
from inkdigits.errors import ModelError, UsageError
from inkdigits.learn import loader
from inkdigits.learn.ann import ACTIVATIONS, NeuralNetwork

KINDS = [
    (hidden, output, cost)
    for hidden, output, cost in itertools.product(ACTIVATIONS, ACTIVATIONS, ("quadratic", "cross-entropy"))
    if cost == "quadratic" or output in ("sigmoid", "softmax")
]


@pytest.fixture(scope="module")
def examples(sample: Dataset) -> loader.Examples:
    images, labels = sample.split("train").take(np.arange(3000)).labelled()
    return loader.Examples(images.reshape(-1, 784).astype(np.float32) / 255, labels)


def network_and_examples(hidden: str, output: str, cost: str) -> tuple[NeuralNetwork, np.ndarray, np.ndarray]:
    network = NeuralNetwork((6, 5, 4, 3), activation=hidden, output=output, cost=cost, seed=1, dtype=np.float64)
    rng = np.random.default_rng(2)
    for bias in network.biases:
        bias += rng.normal(0, 0.3, bias.shape)
    return network, rng.normal(0, 1, (7, 6)), np.eye(3)[rng.integers(0, 3, 7)]


@pytest.mark.parametrize(("hidden", "output", "cost"), KINDS)
def test_gradients_are_the_finite_differences(hidden: str, output: str, cost: str) -> None:
    network, inputs, targets = network_and_examples(hidden, output, cost)
    nabla_w, nabla_b = network.backpropagation(network.forward(inputs), targets)
    step = 1e-6
    for parameter, gradient in zip([*network.weights, *network.biases], [*nabla_w, *nabla_b], strict=True):
        numeric = np.empty_like(parameter)
        for index in np.ndindex(*parameter.shape):
            kept = parameter[index]
            parameter[index] = kept + step
            above = network.cost_of(inputs, targets)
            parameter[index] = kept - step
            below = network.cost_of(inputs, targets)
            parameter[index] = kept
            numeric[index] = (above - below) / (2 * step)
        assert np.abs(gradient - numeric).max() <= 1e-5 * np.abs(numeric).max() + 1e-9


@pytest.mark.parametrize(("hidden", "output", "cost"), KINDS)
def test_gradients_are_those_of_pytorch(hidden: str, output: str, cost: str) -> None:
    torch = pytest.importorskip("torch")
    functions = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "softmax": lambda z: torch.softmax(z, 1)}
    network, inputs, targets = network_and_examples(hidden, output, cost)
    values = [p for pair in zip(network.weights, network.biases, strict=True) for p in pair]
    parameters = [torch.tensor(value, requires_grad=True) for value in values]
    a, y = torch.tensor(inputs), torch.tensor(targets)
    for layer in range(3):
        a = functions[output if layer == 2 else hidden](a @ parameters[2 * layer] + parameters[2 * layer + 1])
    if cost == "quadratic":
        value = 0.5 * ((a - y) ** 2).sum() / len(y)
    elif output == "softmax":
        value = -(y * a.log()).sum() / len(y)
    else:
        value = torch.nn.functional.binary_cross_entropy(a, y, reduction="sum") / len(y)
    value.backward()
    assert network.cost_of(inputs, targets) == pytest.approx(float(value.detach()), rel=1e-9)
    nabla_w, nabla_b = network.backpropagation(network.forward(inputs), targets)
    ours = [g for pair in zip(nabla_w, nabla_b, strict=True) for g in pair]
    for gradient, parameter in zip(ours, parameters, strict=True):
        np.testing.assert_allclose(gradient, parameter.grad.numpy(), rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_extreme_inputs_are_finite(name: str) -> None:
    with np.errstate(all="raise", under="ignore"):
        found = ACTIVATIONS[name].function(np.array([[-1e4, 0, 1e4], [5, 5, 5]], np.float32))
    assert np.isfinite(found).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "how"),
    [
        ({}, {"lr": 3.0}),
        ({"activation": "relu", "cost": "cross-entropy"}, {"lr": 0.02, "momentum": 0.9, "lr_end": 0.0}),
        ({"activation": "tanh", "cost": "cross-entropy"}, {"lr": 0.003, "optimizer": "adam"}),
        ({"activation": "relu", "output": "sigmoid", "cost": "cross-entropy"}, {"lr": 0.1, "l2": 1e-4}),
    ],
)
def test_it_learns_and_the_same_seed_gives_the_same_network(examples: loader.Examples, settings: dict, how: dict) -> None:
    def trained(seed: int) -> NeuralNetwork:
        network = NeuralNetwork((784, 30, 10), **settings, seed=seed)
        history = network.train(*examples.pair, epochs=6, seed=seed, augment=loader.shifted, **how)
        assert history[-1].cost < 0.5 * history[0].cost
        return network

    first, again, other = trained(3), trained(3), trained(4)
    assert np.mean(first.predict(examples.inputs) == examples.labels) > 0.9
    for mine, same, different in zip(first.weights, again.weights, other.weights, strict=True):
        np.testing.assert_array_equal(mine, same)
        assert (mine != different).any()


def test_l2_keeps_weights_small(examples: loader.Examples) -> None:
    sizes = []
    for l2 in (0.0, 1e-2):
        network = NeuralNetwork((784, 20, 10), seed=0)
        network.train(*examples.pair, epochs=3, l2=l2)
        sizes.append(sum(float(np.sum(w * w)) for w in network.weights))
    assert sizes[1] < 0.5 * sizes[0]


def test_training_that_diverges_stops_and_says_so(examples: loader.Examples) -> None:
    network = NeuralNetwork((784, 30, 10), activation="relu", cost="cross-entropy")
    with pytest.raises(UsageError, match=r"diverges.*in epoch 1.*1000"):
        network.train(*examples.pair, lr=1e4)


@pytest.mark.parametrize("lr", [100, 1000, 1e6])
def test_a_network_that_has_died_of_a_high_learning_rate_says_so(examples: loader.Examples, lr: float) -> None:
    with pytest.raises(UsageError, match="diverges"):
        NeuralNetwork((784, 30, 10)).train(*examples.pair, lr=lr)


def test_a_good_network_can_be_trained_on(examples: loader.Examples) -> None:
    network = NeuralNetwork((784, 60, 10), activation="relu", cost="cross-entropy")
    network.train(*examples.pair, epochs=12, lr=0.1)
    later = network.train(*examples.pair, epochs=1, lr=0.01, augment=loader.shifted)
    assert later[0].cost < 1
    perfect = NeuralNetwork((2, 2), cost="quadratic", output="relu")
    perfect.weights[0][:] = np.eye(2)
    assert perfect.train(np.eye(2), np.array([0, 1]), epochs=1, batch_size=2, lr=0.1)[0].cost == 0


def test_slow_beginnings_are_no_divergence(examples: loader.Examples) -> None:
    NeuralNetwork((784, 30, 30, 30, 10)).train(*examples.pair, epochs=1, lr=0.5)
    NeuralNetwork((784, 30, 10)).train(*examples.pair, epochs=1, lr=0.001)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": (784,)}, "two numbers or more"),
        ({"layers": (784, 0, 10)}, "at least 1"),
        ({"activation": "gelu"}, "no activation 'gelu': choose sigmoid, tanh, relu, softmax"),
        ({"cost": "hinge"}, "no cost 'hinge'"),
        ({"output": "tanh", "cost": "cross-entropy"}, "between 0 and 1, not tanh's"),
    ],
)
def test_networks_that_cannot_be(settings: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        NeuralNetwork(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 5000}, "batch size is 5000"),
        ({"lr": -1}, "learning rate is -1"),
        ({"momentum": 1.0}, "momentum is 1.0"),
        ({"optimizer": "lbfgs"}, "no optimizer 'lbfgs'"),
        ({"lr_end": -0.1}, "last learning rate is -0.1"),
        ({"l2": float("nan")}, "l2 is nan"),
        ({"labels": np.zeros(3, int)}, r"3000 inputs have labels int64 \(3,\)"),
        ({"labels": np.zeros(3000)}, "labels float64"),
        ({"inputs": np.full((3000, 784), np.nan)}, "not finite"),
        ({"validation": (np.zeros((5, 3)), np.zeros(5, int))}, r"first layer wants \(N, 784\)"),
        ({"labels": np.full(3000, 10)}, "labels must be 0 to 9"),
        ({"inputs": np.zeros((3000, 28, 28))}, r"first layer wants \(N, 784\)"),
    ],
)
def test_examples_and_settings_that_do_not_fit(examples: loader.Examples, settings: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        NeuralNetwork().train(**{"inputs": examples.inputs, "labels": examples.labels, **settings})


def test_saved_and_loaded_it_answers_the_same_and_the_older_file_is_kept(examples: loader.Examples, tmp_path: Path) -> None:
    path = tmp_path / "mnist_ann.npz"
    networks = [NeuralNetwork((784, 12, 10), activation="tanh", cost="cross-entropy", seed=seed) for seed in range(3)]
    for network in networks:
        network.save(path)
    kept = [tmp_path / "mnist_ann.backup.npz", path]
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    for file, network in zip(kept, networks[1:], strict=True):
        found = NeuralNetwork.load(file)
        assert (found.layers, found.activation, found.cost) == ((784, 12, 10), "tanh", "cross-entropy")
        np.testing.assert_array_equal(found.outputs(examples.inputs), network.outputs(examples.inputs))


def test_files_that_are_no_networks(tmp_path: Path) -> None:
    good = tmp_path / "good.npz"
    NeuralNetwork((784, 5, 10)).save(good)
    with np.load(good) as file:
        arrays = {name: file[name] for name in file.files}

    def refused(message: str, **changed: object) -> None:
        path = tmp_path / "bad.npz"
        np.savez(path, **{**arrays, **changed})  # type: ignore[arg-type]
        with pytest.raises(ModelError, match=message):
            NeuralNetwork.load(path)

    refused("holds numbers that are not finite", weights_1=np.full((784, 5), 1e300))
    refused("weights_1 is <U1", weights_1=np.full((784, 5), "a"))
    refused("weights_1 is complex", weights_1=np.ones((784, 5), complex))
    refused("weights_1", layers=np.array([784, 10**13, 10]))
    refused("Object arrays cannot be loaded", weights_1=np.array([{"a": 1}], dtype=object))
    refused(r"weights_1 is float64 \(5, 784\), its layers need", weights_1=np.zeros((5, 784)))
    refused("weights_2 holds numbers that are not finite", weights_2=np.full((5, 10), np.nan))
    refused("biases_3", layers=np.array([784, 5, 10, 10]), weights_3=np.zeros((10, 10)))
    refused("no activation 'evil'", names=np.array(["evil", "softmax", "cross-entropy"]))
    (tmp_path / "cut.npz").write_bytes(good.read_bytes()[:200])
    (tmp_path / "text.npz").write_text("weights")
    with zipfile.ZipFile(tmp_path / "empty.npz", "w"):
        pass
    for name in ("cut", "text", "empty"):
        with pytest.raises(ModelError, match="train it again"):
            NeuralNetwork.load(tmp_path / f"{name}.npz")
    with pytest.raises(ModelError, match="does not exist"):
        NeuralNetwork.load(tmp_path / "nowhere.npz")
    with pytest.raises(UsageError, match="is a folder"):
        NeuralNetwork().save(tmp_path)


def test_any_damage_to_a_file_is_a_model_error(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    NeuralNetwork((3, 2, 2)).save(path)
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(400):
        damaged = bytearray(good)
        for place in rng.integers(0, len(good), rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged[: int(rng.integers(1, len(good) + 1))] if rng.random() < 0.3 else damaged))
        with contextlib.suppress(ModelError):
            assert NeuralNetwork.load(path).layers == (3, 2, 2)
