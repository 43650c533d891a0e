"""Test a network that was saved: how many of the 10,000 test images does it get wrong, and which?

Run it as ``python -m inkdigits.learn.test_model`` or ``inkdigits learn test``.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from inkdigits.console import run
from inkdigits.errors import ModelError
from inkdigits.learn import loader
from inkdigits.learn.ann import NeuralNetwork
from inkdigits.learn.train_model import default_model


@click.command()
@click.argument("model", type=click.Path(path_type=Path), default=default_model)
@click.option("-n", "--count", type=click.IntRange(min=0), default=8, show_default=True, help="How many mistakes to show.")
@click.option("--data", "source", default="mnist", show_default=True, help="A source, as for 'inkdigits data'.")
def main(model: Path, count: int, source: str) -> None:
    """Test a saved network on the test images. It is models/mnist_ann.npz by default; its most confident mistakes are shown.

    Example: inkdigits learn test models/mnist_ann.npz -n 12
    """
    network = NeuralNetwork.load(model)
    if (network.layers[0], network.layers[-1]) != (784, 10):
        raise ModelError(f"{model} has the layers {network.layers}: images of 28×28 pixels need 784 inputs and 10 outputs")
    test = loader.load("test", source)
    outputs = network.outputs(test.inputs)
    predicted = outputs.argmax(axis=1)
    wrong = np.flatnonzero(predicted != test.labels)
    click.echo(f"{len(wrong):,d} of {len(test):,d} wrong: {100 * (1 - len(wrong) / len(test)):.2f} % correct")
    worst = wrong[np.argsort(outputs[wrong].max(axis=1))[::-1][:count]]
    if len(worst):
        captions = [f"{predicted[i]}, is {test.labels[i]}" for i in worst]
        loader.show(test.inputs[worst], captions, "its most confident mistakes")


if __name__ == "__main__":
    run(main)
