"""Commands that get and make data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inkdigits.cli import options
from inkdigits.extras import require

if TYPE_CHECKING:
    from inkdigits.dataset import Dataset


class _SourcesHelp(click.Command):
    """A command whose help lists the sources; they are imported when it is asked for."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        from inkdigits.sources import SOURCES

        with formatter.section("SOURCE is one of"):
            formatter.write_dl([(source.usage(), source.summary) for source in SOURCES.values()])


@click.command(cls=_SourcesHelp)
@click.argument("source", default="mnist")
@options.transpose
def data(source: str, transpose: bool) -> None:
    """Get a data set, check it, and keep it under data/interim.

    Example: inkdigits data kaggle:digit-recognizer
    """
    from inkdigits import sources

    _describe(sources.prepare(source, transpose=transpose))


@click.command()
@click.argument("source", default="mnist")
@options.transpose
def features(source: str, transpose: bool) -> None:
    """Make network inputs of a data set. They are split into train, validation and test, under data/processed.

    Example: inkdigits features folder:my-digits
    """
    from inkdigits.features import make_features

    _describe(make_features(source, transpose=transpose))


def _describe(found: Dataset) -> None:
    for name, split in found.splits.items():
        labels = "no labels" if split.labels is None else "labelled"
        writers = "" if split.writers is None else f", {len(set(split.writers.tolist()))} writers"
        click.echo(f"{found.name}  {name:10} {len(split):6,d} images, {labels}{writers}")


@click.command()
@click.argument("kind", type=click.Choice(["digit", "line", "page"]))
@click.option("-n", "--count", default=100, show_default=True, help="How many pictures.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A new folder.")
@click.option("--seed", default=0, show_default=True, help="The same seed makes the same pictures.")
@click.option("--text", help="Digits to write, in place of random ones; of a page, lines separated by |.")
@click.option("--height", default=64, show_default=True, help="Of a line's picture, in pixels.")
@options.strokes
def synthesize(output: Path, **settings: Any) -> None:
    """Make synthetic pictures of handwriting. The truth about them is in labels.csv and boxes.csv.

    \b
    Example: inkdigits synthesize line -n 1000 --seed 1 -o synthetic-lines
    Example: inkdigits synthesize page --text '2026|11 21' -n 3 -o synthetic-pages
    """
    with require("train"):
        from inkdigits.synthesis.synthesize import SynthesizeSettings
        from inkdigits.synthesis.synthesize import synthesize as step

    click.echo(step(SynthesizeSettings(**settings), output))
