"""Train a network and save it.

Run it as ``python -m inkdigits.learn.train_model`` or ``inkdigits learn train``.
"""

from __future__ import annotations

import re
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from inkdigits.config import Project
from inkdigits.console import run
from inkdigits.errors import UsageError
from inkdigits.files import check_writable
from inkdigits.learn import loader
from inkdigits.learn.ann import ACTIVATIONS, COSTS, OPTIMIZERS, Epoch, NeuralNetwork

#: Less than this share right is hardly better than guessing, which has a tenth.
_GUESSING = 0.2
#: The network's file below a project's ``models/``.
MODEL = "mnist_ann.npz"


def default_model() -> Path:
    """Where a network is kept unless another file is named."""
    return Project.current().models / MODEL


def layers_of(text: str) -> tuple[int, ...]:
    """Numbers of neurons from text such as ``784,30,10``.

    Raises:
        UsageError: it is something else, or doesn't begin with MNIST's 784 pixels and end with its 10 digits.
    """
    if not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)+", text):
        raise UsageError(f"layers are {text!r}: give numbers with commas between them, such as 784,30,10")
    layers = tuple(int(number) for number in text.split(","))
    if (layers[0], layers[-1]) != (784, 10):
        raise UsageError(f"layers are {text}: images of 28×28 pixels need 784 inputs first, ten digits 10 outputs last")
    return layers


@click.command()
@click.option("--layers", default="784,256,128,10", show_default=True, help="Neurons of each layer.")
@click.option("--activation", type=click.Choice(list(ACTIVATIONS)), default="relu", show_default=True, help="Of hidden layers.")
@click.option("--cost", type=click.Choice(COSTS), default="cross-entropy", show_default=True)
@click.option("--optimizer", type=click.Choice(list(OPTIMIZERS)), default="sgd", show_default=True)
@click.option("--epochs", default=20, show_default=True, help="How often every image is seen.")
@click.option("--batch-size", default=50, show_default=True, help="Images a step.")
@click.option("--lr", default=0.05, show_default=True, help="The learning rate η at the start.")
@click.option("--lr-end", type=float, default=0.0, show_default=True, help="Where it falls to, in a straight line.")
@click.option("--momentum", default=0.9, show_default=True, help="μ of sgd, β₁ of adam.")
@click.option("--l2", default=0.0, show_default=True, help="λ of the L2 regularisation.")
@click.option("--shift/--no-shift", default=True, show_default=True, help="Move the images by up to a pixel.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same network.")
@click.option("--data", "source", default="mnist", show_default=True, help="A source, as for 'inkdigits data'.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=default_model, show_default=f"models/{MODEL}")
def main(
    layers: str,
    activation: str,
    cost: str,
    optimizer: str,
    epochs: int,
    batch_size: int,
    lr: float,
    lr_end: float,
    momentum: float,
    l2: float,
    shift: bool,
    seed: int,
    source: str,
    output: Path,
) -> None:
    """Train a network and save it. It says after each epoch how well it does; an older file is kept as a backup.

    \b
    Example: inkdigits learn train
    Example: inkdigits learn train --layers 784,30,10 --activation sigmoid --cost quadratic --lr 3 --lr-end 3 \\
               --momentum 0 --batch-size 10 --epochs 30 --no-shift
    """
    check_writable(output)
    network = NeuralNetwork(layers_of(layers), activation=activation, cost=cost, seed=seed)
    train, validation = loader.load("train", source), loader.load("validation", source)

    bar = tqdm(total=epochs * len(train), desc="training", unit=" images", leave=False, disable=None)

    def say(epoch: Epoch) -> None:
        accuracy = 100 * (epoch.accuracy or 0)
        tqdm.write(
            f"epoch {epoch.number:2d}/{epochs}  cost {epoch.cost:.4f}  validation {accuracy:.2f} %  {epoch.seconds:.1f} s"
        )

    def augment(inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        bar.update(len(inputs))  # each mini-batch comes by here
        return loader.shifted(inputs, rng) if shift else inputs

    with bar:
        history = network.train(
            *train.pair,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            lr_end=lr_end,
            momentum=momentum,
            optimizer=optimizer,
            l2=l2,
            seed=seed,
            augment=augment,
            validation=validation.pair,
            on_epoch=say,
        )
    network.save(output)
    if (accuracy := history[-1].accuracy) is not None and accuracy < _GUESSING:
        click.echo(
            f"inkdigits: {100 * accuracy:.0f} % right is hardly better than guessing: try a lower --lr, or --momentum 0",
            err=True,
        )
    click.echo(f"{output}  layers {layers}, {sum(w.size for w in (*network.weights, *network.biases)):,d} parameters")


if __name__ == "__main__":
    run(main)
