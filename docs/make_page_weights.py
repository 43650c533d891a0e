"""Train the NumPy network that the page compares with the others, and choose the training images that it shows.

    python docs/make_page_weights.py

It is what ``inkdigits learn train`` trains: 99 % on MNIST. The images are from MNIST's training set (Y. LeCun, C. Cortes and
C. Burges; CC BY-SA 3.0), 30 of each digit. Needs inkdigits[train].
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import inkdigits
from inkdigits.learn import loader, train_model
from inkdigits.learn.ann import NeuralNetwork

FOLDER = Path(inkdigits.__file__).parent / "weights" / "page"
#: Columns of the picture of training images, and how many there are of each digit.
COLUMNS, EACH = 20, 30


def as_onnx(network: NeuralNetwork) -> onnx.ModelProto:
    """The network as convolutions: the first sees the whole image, the others a pixel each. Weights are rounded to 16 bits."""
    nodes = [helper.make_node("Div", ["images", "full"], ["0"])]
    constants = [numpy_helper.from_array(np.float32(255), "full"), numpy_helper.from_array(np.array([0, 10]), "shape")]
    before, last = "0", len(network.weights) - 1
    for layer, (weights, biases) in enumerate(zip(network.weights, network.biases, strict=True)):
        inputs, neurons = weights.shape
        kernels = weights.T.reshape(neurons, *((1, 28, 28) if layer == 0 else (inputs, 1, 1)))
        constants += [
            numpy_helper.from_array(kernels.astype(np.float16), f"w{layer}"),
            numpy_helper.from_array(biases.astype(np.float32), f"b{layer}"),
        ]
        nodes += [
            helper.make_node("Cast", [f"w{layer}"], [f"weights{layer}"], to=TensorProto.FLOAT),
            helper.make_node("Conv", [before, f"weights{layer}", f"b{layer}"], [f"z{layer}"]),
        ]
        before = f"z{layer}"
        if layer < last:
            nodes.append(helper.make_node("Relu", [before], [f"a{layer}"]))
            before = f"a{layer}"
    nodes += [
        helper.make_node("Reshape", [before, "shape"], ["z"]),
        helper.make_node("Softmax", ["z"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "numpy",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"inkdigits.task": "digits"})
    onnx.checker.check_model(model)
    return model


def known(data: loader.Examples) -> Image.Image:
    """Some training images of each digit, in the order of their digits."""
    random = np.random.default_rng(0)
    chosen = np.concatenate([random.choice(np.flatnonzero(data.labels == label), EACH, replace=False) for label in range(10)])
    images = np.rint(255 * data.inputs[chosen]).astype(np.uint8).reshape(-1, COLUMNS, 28, 28)
    return Image.fromarray(images.transpose(0, 2, 1, 3).reshape(-1, COLUMNS * 28))


def main() -> None:
    """Write both."""
    FOLDER.mkdir(exist_ok=True)
    known(loader.load("train")).save(FOLDER / "known.png", optimize=True)
    with tempfile.TemporaryDirectory() as folder:
        network = Path(folder) / "network.npz"
        train_model.main(["--output", str(network)], standalone_mode=False)
        onnx.save(as_onnx(NeuralNetwork.load(network)), FOLDER / "numpy.onnx")


if __name__ == "__main__":
    main()
