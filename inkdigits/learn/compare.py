"""Play with the network: train several that differ in one thing each, and draw how they learn.

Run it as ``python -m inkdigits.learn.compare`` or ``inkdigits learn compare``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from inkdigits.config import Project
from inkdigits.console import run
from inkdigits.extras import require
from inkdigits.files import atomic, check_writable
from inkdigits.learn import loader
from inkdigits.learn.ann import Epoch, NeuralNetwork

#: What each network has in place of the first one's; the learning rate that suits it is a part of it.
NETWORKS: Mapping[str, dict[str, Any]] = {
    "784,30,10": {},
    "narrower: 784,10,10": {"layers": (784, 10, 10)},
    "wider: 784,100,10": {"layers": (784, 100, 10)},
    "deeper: 784,30,30,30,10": {"layers": (784, 30, 30, 30, 10)},
    "no hidden layer: 784,10": {"layers": (784, 10)},
    "tanh, learning rate 1": {"activation": "tanh", "lr": 1.0},
    "relu, learning rate 0.5": {"activation": "relu", "lr": 0.5},
    "cross-entropy, learning rate 0.5": {"cost": "cross-entropy", "lr": 0.5},
    "learning rate 0.1": {"lr": 0.1},
}


def compare(train: loader.Examples, validation: loader.Examples, epochs: int, seed: int) -> dict[str, list[Epoch]]:
    """Train every network of ``NETWORKS`` on the same examples: what was known of each after every epoch."""
    histories = {}
    for name, changes in NETWORKS.items():
        settings = {"layers": (784, 30, 10), "lr": 3.0, **changes}
        lr = settings.pop("lr")
        network = NeuralNetwork(**settings, seed=seed)
        histories[name] = network.train(*train.pair, epochs=epochs, lr=lr, seed=seed, validation=validation.pair)
        last = histories[name][-1]
        accuracy = 100 * (last.accuracy or 0)
        click.echo(f"{name:33} validation {accuracy:.2f} %  cost {last.cost:.4f}  {last.seconds:.1f} s an epoch")
    return histories


def draw(histories: Mapping[str, list[Epoch]], path: Path) -> None:
    """Draw the validation accuracy of each network over the epochs into a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    axis = figure.subplots()
    for name, history in histories.items():
        axis.plot([e.number for e in history], [100 * (e.accuracy or 0) for e in history], marker=".", label=name)
    axis.set_title("[784, 30, 10] with sigmoid and the quadratic cost, and what a change does")
    axis.set(xlabel="epoch", ylabel="validation accuracy, %")
    worst = min(history[-1].accuracy or 0 for history in histories.values())
    axis.set_ylim(bottom=max(0, 100 * worst - 5))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    with atomic(path) as file:
        figure.savefig(file, format="png", dpi=110)


@click.command()
@click.option("--epochs", default=10, show_default=True, help="How often every image is seen.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same networks.")
@click.option("--data", "source", default="mnist", show_default=True, help="A source, as for 'inkdigits data'.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The picture.  [default: reports/figures/compare.png]")
def main(epochs: int, seed: int, source: str, output: Path | None) -> None:
    """Train networks that differ in one thing each. Each differs from [784, 30, 10]; how they learn is drawn.

    Example: inkdigits learn compare --epochs 5
    """
    with require("train"):  # before the work, not after it
        import matplotlib.figure  # noqa: F401
    path = output or Project.current().reports / "figures" / "compare.png"
    check_writable(path)
    draw(compare(loader.load("train", source), loader.load("validation", source), epochs, seed), path)
    click.echo(path)


if __name__ == "__main__":
    run(main)
