"""Commands that train."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from inkdigits.cli import options
from inkdigits.extras import require


@click.command()
@click.option(
    "--recipe",
    default="default",
    show_default=True,
    help="fast (seconds), default (minutes), best (a quarter of an hour); tiny-1k, tiny-5k, tiny-9k: of so many parameters.",
)
@click.option(
    "--task", default="digits", show_default=True, help="digits, is:D (is it a 5? is:5) or pair:D,E (5 or 3? pair:5,3)."
)
@options.source
@click.option("--epochs", type=int, help="In place of the recipe's.")
@click.option("--batch-size", type=int, help="In place of the recipe's.")
@click.option("--lr", type=float, help="Highest learning rate, in place of the recipe's.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same model.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--run", help="Name of the folder below models/.  [default: from recipe, task, data and seed]")
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="RUN",
    help="Learn the probabilities of this run; several: their mean.",
)
@click.option("--from", "start", metavar="RUN", help="Start from the weights of this run, in place of random ones.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("--overwrite", is_flag=True, help="Begin anew, in the place of what the run holds.")
@click.option("--tensorboard", is_flag=True, help="Write curves for TensorBoard too.")
@options.transpose
def train(resume: bool, overwrite: bool, tensorboard: bool, **settings: Any) -> None:
    """Train a network into models/<run>/.

    \b
    Example: inkdigits train --recipe fast --task is:5
    Example: inkdigits train --recipe fast --data folder:my-digits --from fast --run mine
    """
    from tqdm.contrib.logging import logging_redirect_tqdm

    with require("train"):
        from inkdigits.modeling.settings import TrainSettings
        from inkdigits.modeling.train import train as step
    chosen = TrainSettings(**settings)
    with logging_redirect_tqdm(), _told_how_to_go_on(chosen.run_name()):
        result = step(chosen, resume=resume, tensorboard=tensorboard, overwrite=overwrite)
    accuracy, seconds = result.meta["validation"]["accuracy"], result.meta["training_seconds"]
    click.echo(
        f"{result.run.model()}  {result.meta['parameters']:,d} parameters, {seconds:.1f} s of training,"
        f" {100 * accuracy:.2f} % on the validation images"
    )


@click.command()
@click.option("--digits", default=300_000, show_default=True, help="Synthetic pictures of one digit.")
@click.option("--digit-epochs", default=8, show_default=True, help="How often each picture of a digit is seen.")
@click.option("--lines", default=816_000, show_default=True, help="Synthetic pictures of lines.")
@click.option("--lines-seen", default=1, show_default=True, help="How often each line is seen; 4 pays on a GPU.")
@click.option("--pages", default=96_000, show_default=True, help="Parts of synthetic pages; each is seen once.")
@click.option("--sheets", default=32_000, show_default=True, help="Synthetic photos of sheets; each is seen once.")
@options.strokes
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed makes the same pictures.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--run", default="reader", show_default=True, help="Name of the folder below models/.")
@click.option(
    "--only",
    type=click.Choice(["digit", "line", "page", "sheet"]),
    help="Train one of the networks; keep the run's other ones.",
)
@click.option("--from", "start", metavar="RUN", help="Start from the weights of this reader, in place of random ones.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped; its pictures are made again.")
@click.option("--overwrite", is_flag=True, help="Begin anew, in the place of what the run holds.")
def train_reader(resume: bool, overwrite: bool, **settings: Any) -> None:
    """Train the networks of 'inkdigits read'. On synthetic pictures, into models/<run>/, in some ten hours on two cores.

    \b
    Example: inkdigits train-reader --digits 20000 --lines 9600 --run trial
    Example: inkdigits read photo.jpg --model models/trial
    """
    from tqdm.contrib.logging import logging_redirect_tqdm

    with require("train"):
        from inkdigits.modeling.train_reader import ReaderSettings
        from inkdigits.modeling.train_reader import train_reader as step
    with logging_redirect_tqdm(), _told_how_to_go_on(settings["run"]):
        click.echo(step(ReaderSettings(**settings), resume=resume, overwrite=overwrite).folder)


@contextmanager
def _told_how_to_go_on(run: str) -> Iterator[None]:
    """Say on Ctrl-C that nothing is lost, where something is there."""
    from inkdigits.runs import Run

    try:
        yield
    except KeyboardInterrupt:
        if Run.named(run).is_stopped():
            click.echo("inkdigits: the same command with --resume goes on after the last whole epoch", err=True)
        else:
            click.echo("inkdigits: no epoch was finished, and nothing is kept: the same command begins anew", err=True)
        raise


@click.command()
@click.argument("run")
def quantize(run: str) -> None:
    """Write a run's network in 8 bits, smaller and faster. It is models/RUN/model-int8.onnx.

    Example: inkdigits quantize default
    """
    with require("train"):
        from inkdigits.modeling.quantize import quantize as step

    result = step(run)
    after, before = 100 * result.accuracy, 100 * result.accuracy_before
    click.echo(f"{result.path}  {after:.2f} % on the validation images, {before:.2f} % before")


@click.command()
@click.option("--level", "levels", type=click.IntRange(1, 3), multiple=True, help="1: is it a 5? 2: 5 or 3? 3: which digit?")
@click.option("--model", "models", multiple=True, help="One of the table's models; may be given again.  [default: all]")
@click.option("--quick", is_flag=True, help="On a part of the data, in about a minute.")
def baselines(levels: tuple[int, ...], models: tuple[str, ...], quick: bool) -> None:
    """Measure baselines, from always "no" to networks. They answer the three levels' questions about the test images.

    All of it takes hours; what is done is kept in reports/baselines.json, and not done again.

    \b
    Example: inkdigits baselines --quick
    Example: inkdigits baselines --level 3 --model "random forest"
    """
    with require("train"):
        from inkdigits.modeling import baselines as step

    if quick:  # its models are stopped early on purpose
        warnings.filterwarnings("ignore", module=r"sklearn\.")
    click.echo(step.HEADER)
    for result in step.measure(levels or (1, 2, 3), quick, models):
        click.echo(step.row(result))
