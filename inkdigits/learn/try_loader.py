"""Look at the data: some training and test images with their labels.

Run it as ``python -m inkdigits.learn.try_loader`` or ``inkdigits learn look``.
"""

from __future__ import annotations

import click
import numpy as np

from inkdigits.console import run
from inkdigits.learn import loader


@click.command()
@click.option("-n", "--count", type=click.IntRange(min=1), default=8, show_default=True, help="How many images of each split.")
@click.option("--seed", type=click.IntRange(min=0), help="Of the choice.  [default: another one each time]")
@click.option("--data", "source", default="mnist", show_default=True, help="A source, as for 'inkdigits data'.")
def main(count: int, seed: int | None, source: str) -> None:
    """Show a random selection of labelled training and test images.

    Example: inkdigits learn look -n 12
    """
    rng = np.random.default_rng(seed)
    for split in ("train", "test"):
        examples = loader.load(split, source)
        chosen = rng.choice(len(examples), min(count, len(examples)), replace=False)
        title = f"{split}: {len(examples):,d} images, {len(chosen)} of them"
        loader.show(examples.inputs[chosen], [str(label) for label in examples.labels[chosen]], title)


if __name__ == "__main__":
    run(main)
