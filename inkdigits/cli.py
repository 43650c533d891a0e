"""The command line: thin commands over importable steps. Heavy imports stand inside them, so that --help is quick."""

from __future__ import annotations

import errno
import io
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from inkdigits import __version__
from inkdigits.errors import InkdigitsError, MissingExtraError, UsageError
from inkdigits.learn.commands import learn

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
F = TypeVar("F", bound=Callable[..., Any])


def main() -> None:
    """Entry point."""
    run(cli)


def run(command: click.Command) -> None:
    """Run a command; every error that we raise on purpose becomes one line on stderr and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character shows its number
            stream.reconfigure(errors="backslashreplace")
    try:
        code = command.main(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("stopped", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (UsageError, MissingExtraError) as error:
        _fail(error, 2)
    except InkdigitsError as error:
        _fail(error, 1)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has stopped; Python would complain of it at exit
        sys.exit(1)
    except OSError as error:
        fix = "; free some space and try again, what was there is still there" if error.errno in _DISK_FULL else ""
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}{fix}", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: object, code: int) -> None:
    click.echo(f"inkdigits: {' '.join(str(message).split())}", err=True)
    sys.exit(code)


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
    \b
    Making pictures to learn from:
      inkdigits synthesize line -o made-lines
    \b
    A network of one's own in nothing but NumPy, and what else there is:
      inkdigits learn train
      inkdigits baselines --quick
    """
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format="%(message)s", force=True)
    if not verbose:
        for name in ("torch", "onnxscript", "onnx_ir", "matplotlib", "PIL"):
            logging.getLogger(name).setLevel(logging.ERROR)
    warnings.showwarning = _show_warning


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    click.echo(f"inkdigits: warning: {message}", err=True)


def _transpose(function: F) -> F:
    return click.option(
        "--transpose", is_flag=True, help="Swap rows and columns of the images, as EMNIST's IDX files need it."
    )(function)


def _model(function: F) -> F:
    return click.option(
        "--model", metavar="MODEL", help="A run's name, its folder or an ONNX file.  [default: the shipped model]"
    )(function)


cli.add_command(learn)


@cli.command()
@click.argument("source", default="mnist")
@_transpose
def data(source: str, transpose: bool) -> None:
    """Get a data set, check it, and keep it under data/interim.

    \b
    SOURCE is one of
      mnist                 the 60,000 + 10,000 images (default)
      openml                the same set as OpenML has it, mnist_784
      kaggle:FOLDER_OR_CSV  Digit Recognizer's train.csv and test.csv
      idx:FOLDER            IDX files such as EMNIST's, gzipped or not
      folder:PATH           pictures in folders named 0 to 9
      sklearn               1,797 images of 8×8 pixels, NOT MNIST: the last resort offline

    Example: inkdigits data kaggle:digit-recognizer
    """
    from inkdigits import dataset

    _describe(dataset.prepare(source, transpose=transpose))


@cli.command()
@click.argument("source", default="mnist")
@_transpose
def features(source: str, transpose: bool) -> None:
    """Make model inputs of a data set, split into train, validation and test, under data/processed.

    Example: inkdigits features folder:my-digits
    """
    from inkdigits import dataset

    _describe(dataset.make_features(source, transpose=transpose))


def _describe(found: Any) -> None:
    for name, part in found.parts.items():
        labels = "no labels" if part.labels is None else "labelled"
        click.echo(f"{found.name}  {name:10} {len(part):6,d} images, {labels}")


@cli.command()
@click.option(
    "--recipe",
    default="default",
    show_default=True,
    help="fast (seconds), default (minutes), best (a quarter of an hour); tiny-1k, tiny-5k, tiny-9k: of so many parameters.",
)
@click.option(
    "--task", default="digits", show_default=True, help="digits, is:D (is it a 5? is:5) or pair:D,E (5 or 3? pair:5,3)."
)
@click.option("--data", default="mnist", show_default=True, help="A source, as for 'inkdigits data'.")
@click.option("--epochs", type=int, help="In place of the recipe's.")
@click.option("--batch-size", type=int, help="In place of the recipe's.")
@click.option("--lr", type=float, help="Highest learning rate, in place of the recipe's.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same model.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--run", help="Name of the folder below models/.  [default: from recipe, task, data and seed]")
@click.option(
    "--teacher", "teachers", multiple=True, metavar="RUN", help="Learn the answers of this run; several: of their mean."
)
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("--tensorboard", is_flag=True, help="Write curves for TensorBoard too.")
@_transpose
def train(resume: bool, tensorboard: bool, **settings: Any) -> None:
    """Train a network into models/<run>/.

    Example: inkdigits train --recipe fast --task is:5
    """
    from tqdm.contrib.logging import logging_redirect_tqdm

    with _Extra("train"):
        from inkdigits.modeling.settings import TrainSettings
        from inkdigits.modeling.train import train as step
    with logging_redirect_tqdm():
        result = step(TrainSettings(**settings), resume=resume, tensorboard=tensorboard)
    accuracy, seconds = result.meta["validation"]["accuracy"], result.meta["training_seconds"]
    click.echo(
        f"{result.folder / 'model.onnx'}  {result.meta['parameters']:,d} parameters, {seconds:.1f} s of training,"
        f" {100 * accuracy:.2f} % on the validation images"
    )


@cli.command()
@click.argument("run")
def quantize(run: str) -> None:
    """Write a run's network in 8 bits, smaller and faster, as models/RUN/model-int8.onnx.

    Example: inkdigits quantize default
    """
    with _Extra("train"):
        from inkdigits.modeling.quantize import quantize as step

    result = step(run)
    after, before = 100 * result.accuracy, 100 * result.accuracy_before
    click.echo(f"{result.path}  {after:.2f} % on the validation images, {before:.2f} % before")


@cli.command()
@click.option("--digits", default=300_000, show_default=True, help="Pictures of one digit to make.")
@click.option("--lines", default=300_000, show_default=True, help="Pictures of lines to make.")
@click.option("--digit-epochs", default=8, show_default=True, help="How often each picture of a digit is seen.")
@click.option("--line-epochs", default=4, show_default=True, help="How often each line is seen.")
@click.option("--data", default="mnist", show_default=True, help="The source of the strokes, as for 'inkdigits data'.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed makes the same pictures.")
@click.option("--run", default="reader", show_default=True, help="Name of the folder below models/.")
@click.option("--only", type=click.Choice(["digit", "line"]), help="Train one of the two networks; keep the run's other one.")
def train_reader(**settings: Any) -> None:
    """Train the networks of 'inkdigits read' on made pictures into models/<run>/. It takes two hours on two cores.

    Example: inkdigits train-reader --digits 20000 --lines 10000 --run trial
    """
    from tqdm.contrib.logging import logging_redirect_tqdm

    with _Extra("train"):
        from inkdigits.modeling.train_reader import ReaderSettings
        from inkdigits.modeling.train_reader import train_reader as step
    with logging_redirect_tqdm():
        click.echo(step(ReaderSettings(**settings)))


@cli.command()
@click.option("--level", "levels", type=click.IntRange(1, 3), multiple=True, help="1: is it a 5? 2: 5 or 3? 3: which digit?")
@click.option("--model", "models", multiple=True, help="One of the table's models; may be given again.  [default: all]")
@click.option("--quick", is_flag=True, help="On a part of the data, in about a minute.")
def baselines(levels: tuple[int, ...], models: tuple[str, ...], quick: bool) -> None:
    """Climb the ladder: classical models and networks on the three levels, measured on the test images.

    All of it takes hours; what is done is kept in reports/baselines.json, and not done again.

    \b
    Example: inkdigits baselines --quick
    Example: inkdigits baselines --level 3 --model "random forest"
    """
    with _Extra("train"):
        from inkdigits.modeling import baselines as step

    click.echo(step.HEADER)
    for result in step.climb(levels or (1, 2, 3), quick, models):
        click.echo(step.row(result))


@cli.command()
@click.argument("kind", type=click.Choice(["digit", "line", "page"]))
@click.option("-n", "--count", default=100, show_default=True, help="How many pictures.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A new folder.")
@click.option("--seed", default=0, show_default=True, help="The same seed makes the same pictures.")
@click.option("--text", help="Digits to write, in place of random ones; of a page, lines separated by |.")
@click.option("--height", default=64, show_default=True, help="Of a line's picture, in pixels.")
@click.option("--data", default="mnist", show_default=True, help="The source of the strokes, as for 'inkdigits data'.")
def synthesize(output: Path, **settings: Any) -> None:
    """Make pictures of handwriting with the truth about them: labels.csv and boxes.csv.

    \b
    Example: inkdigits synthesize line -n 1000 --seed 1 -o made-lines
    Example: inkdigits synthesize page --text '2026|11 21' -n 3 -o made-pages
    """
    with _Extra("train"):
        from inkdigits.synthesis.synthesize import SynthesizeSettings
        from inkdigits.synthesis.synthesize import synthesize as step

    click.echo(step(SynthesizeSettings(**settings), output))


@cli.command()
@_model
@click.option("--data", default="mnist", show_default=True, help="A source, as for 'inkdigits data'.")
@click.option("--part", help="train, validation or test.  [default: test, or what has labels]")
@click.option("--predictions", type=click.Path(path_type=Path), help="Measure this CSV (ImageId,Label) in place of a model.")
@click.option("--strict", is_flag=True, help="Fail where training images are among those evaluated.")
@click.option("--precision", default=0.99, show_default=True, help="Of a binary task: the precision to find a threshold for.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the JSON to a file too.")
@_transpose
def evaluate(as_json: bool, output: Path | None, **settings: Any) -> None:
    """Measure a model, or answers made elsewhere, on a labelled source.

    \b
    Example: inkdigits evaluate --model fast
    Example: inkdigits evaluate --predictions submission.csv --data idx:secret-set
    """
    import json

    from inkdigits.files import write_json
    from inkdigits.modeling.evaluate import EvaluateSettings
    from inkdigits.modeling.evaluate import evaluate as step

    result = step(EvaluateSettings(**settings))
    if output:
        write_json(output, result.to_dict())
    click.echo(json.dumps(result.to_dict(), indent=2) if as_json else result.to_table())


@cli.command()
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The file of answers: .csv or .json.")
@click.option("--format", "form", help="csv, json or kaggle (ImageId,Label).  [default: by the file's ending]")
@_model
def predict(source: Path, output: Path, form: str | None, model: str | None) -> int:
    """Answer every image of an IDX file, a CSV in Kaggle's format or a folder of pictures of one digit each.

    \b
    Example: inkdigits predict test.csv -o submission.csv --format kaggle --model default
    Example: inkdigits predict my-digits/ -o answers.json
    """
    from inkdigits.modeling.predict import predict as step

    result = step(source, model)
    result.save(output, form)
    click.echo(f"{output}  {len(result.names):,d} answers")
    for fault in result.faults:
        click.echo(f"inkdigits: {fault}", err=True)
    return 1 if result.faults else 0


@cli.command()
@click.option("--model", default="fast", show_default=True, metavar="RUN", help="A run's name.")
@click.option("--data", help="A source.  [default: what the run was trained from]")
def plots(model: str, data: str | None) -> None:
    """Draw every figure of a run into reports/figures.

    Example: inkdigits plots --model fast
    """
    with _Extra("train"):
        from inkdigits import plots as step

    for path in step.make_plots(model, data):
        click.echo(path)


@cli.command()
@click.option("--model", default="fast", show_default=True, metavar="RUN", help="A run's name.")
@click.option("--data", help="A source.  [default: what the run was trained from]")
def report(model: str, data: str | None) -> None:
    """Write reports/index.html: every figure of a run on one page that needs no network.

    Example: inkdigits report --model fast
    """
    with _Extra("train"):
        from inkdigits import report as step

    click.echo(step.make_report(model, data))


@cli.command()
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...")
@click.option(
    "--mode", default="auto", show_default=True, help="digit: all ink is one; line: one line; page: anything; auto: what fits."
)
@click.option("--min-confidence", type=float, metavar="P", help="Give digits that are less sure as '?'.  [default: 0.98]")
@click.option("--max-error", type=float, metavar="E", help="The same, told as the largest chance of error.  [default: 0.02]")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each picture in place of the text.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to a .txt, .json, .csv, .tsv or .hocr file.")
@click.option(
    "--draw",
    type=click.Path(path_type=Path),
    help="Draw boxes and labels: a .png file, or a folder for many; page 2 goes beside it.",
)
@click.option(
    "--explain", type=click.Path(path_type=Path), help="Show the steps for one picture, or its first page, in this .png file."
)
@click.option(
    "--fields",
    "template",
    type=click.Path(path_type=Path),
    help="Read the fields of this JSON template; -o takes .csv, .tsv or .json.",
)
def read(
    pictures: tuple[str, ...],
    mode: str,
    min_confidence: float | None,
    max_error: float | None,
    as_json: bool,
    output: Path | None,
    draw: Path | None,
    explain: Path | None,
    template: Path | None,
) -> int:
    """Read the digits in pictures; '?' stands where the reader is unsure.

    A PICTURE is a file, a folder, a pattern such as 'scans/*.jpg', or - for the standard input. Of a TIFF or PDF every page is
    read; --draw writes one picture a page, --explain shows the first.

    \b
    Example: inkdigits read examples/*.png
    Example: inkdigits read scans/ --mode line -o digits.csv
    Example: inkdigits read photo.jpg --explain why.png
    """
    from inkdigits.reading import batch, commands

    names = batch.expanded(pictures)
    sure = {"min_confidence": min_confidence, "max_error": max_error}
    if output and as_json:
        raise UsageError(f"the ending of {output} chooses the form: leave out --json")
    batch.check_outputs(names, output, draw, explain)
    if template:
        if draw or explain or mode != "auto":
            raise UsageError("--fields knows where the digits are, and draws nothing: leave out --mode, --draw and --explain")
        return commands.read_fields(names, template, as_json, output, sure)
    return commands.read_digits(names, mode, as_json, output, draw, explain, sure)


class _Extra:
    """Turns a failed import inside the block into the error that names the extra."""

    def __init__(self, extra: str) -> None:
        self.extra = extra

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("inkdigits"):
            raise MissingExtraError(error.name or "a package", self.extra) from None
