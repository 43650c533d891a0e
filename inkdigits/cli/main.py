"""The group of all commands."""

from __future__ import annotations

import click

from inkdigits import __version__
from inkdigits.cli.data import data, features, synthesize
from inkdigits.cli.evaluate import compare, evaluate, list_runs, plots, predict, report, score
from inkdigits.cli.learn import learn
from inkdigits.cli.read import read
from inkdigits.cli.serve import corrections, page, serve
from inkdigits.cli.train import baselines, quantize, train, train_reader
from inkdigits.console import set_verbosity


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
@click.option("-v", "--verbose", is_flag=True, help="Say more of what is going on.")
def cli(verbose: bool) -> None:
    """Learn handwritten digits, and read them.

    \b
    Learning, step by step:
      inkdigits data mnist
      inkdigits features mnist
      inkdigits train --recipe fast
      inkdigits evaluate --model fast
      inkdigits report --model fast
    \b
    Reading:
      inkdigits read photo.jpg
      inkdigits read photo.jpg --explain why.png
      inkdigits serve
    \b
    Synthetic pictures to learn from:
      inkdigits synthesize line -o synthetic-lines
    \b
    A network of one's own in nothing but NumPy, and what else there is:
      inkdigits learn train
      inkdigits baselines --quick
    """
    set_verbosity(verbose)


for command in (
    *(data, features, synthesize),
    *(train, train_reader, quantize, baselines),
    *(evaluate, predict, list_runs, compare, plots, report, score),
    *(read, serve, page, corrections, learn),
):
    cli.add_command(command)
