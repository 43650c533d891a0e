"""Commands that measure, predict and report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from inkdigits.cli import options
from inkdigits.config import Project
from inkdigits.errors import UsageError
from inkdigits.extras import require
from inkdigits.files import atomic, check_outputs, check_writable, printable, write_json


@click.command()
@options.model
@options.source
@click.option("--split", help="train, validation or test.  [default: test, or what has labels]")
@click.option("--predictions", type=click.Path(path_type=Path), help="Measure this CSV (ImageId,Label) in place of a model.")
@click.option("--strict", is_flag=True, help="Fail where training images are among those evaluated.")
@click.option("--precision", type=float, help="Of a binary task: find a threshold for this precision, such as 0.99.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the JSON to a file too.")
@options.transpose
def evaluate(as_json: bool, output: Path | None, **settings: Any) -> None:
    """Measure a model, or predictions made elsewhere. The images are those of a labelled source.

    \b
    Example: inkdigits evaluate --model fast
    Example: inkdigits evaluate --predictions submission.csv --data idx:secret-set
    """
    with require("train"):
        from inkdigits.modeling.evaluate import EvaluateSettings
        from inkdigits.modeling.evaluate import evaluate as step

    if settings["predictions"] is None:
        settings["model"] = options.model_or_last(settings["model"])
    _check_output(output, settings["predictions"], settings["model"], settings["data"])
    result = step(EvaluateSettings(**settings))
    if output:
        write_json(output, result.to_dict())
    click.echo(json.dumps(result.to_dict(), indent=2) if as_json else result.to_table())


@click.command()
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The file of predictions: .csv or .json.")
@click.option("--format", "form", help="csv, json or kaggle (ImageId,Label).  [default: by the file's suffix]")
@options.model
def predict(source: Path, output: Path, form: str | None, model: str | None) -> int:
    """Label images of one digit each. They come from an IDX file, a CSV in Kaggle's format or a folder of pictures.

    \b
    Example: inkdigits predict test.csv -o submission.csv --format kaggle --model default
    Example: inkdigits predict my-digits/ -o predictions.json
    """
    from inkdigits.modeling.predict import predict as step

    model = options.model_or_last(model)
    _check_output(output, source, model)
    result = step(source, model)
    result.save(output, form)
    click.echo(f"{output}  {len(result.names):,d} predictions")
    for fault in result.faults:
        click.echo(f"inkdigits: {printable(fault)}", err=True)
    return 1 if result.faults else 0


def _check_output(output: Path | None, source: Path | None, model: str | None, data: str | None = None) -> None:
    """Say before the work if something that is to be read would be written over."""
    if not output:
        return
    inputs = [] if source is None else [source]
    if model is not None:
        inputs += [Path(model), Project.current().models / model]
    if data is not None:
        from inkdigits import sources

        inputs += sources.find(data).inputs()
    check_outputs([output], inputs)
    check_writable(output)


@click.command()
@options.run
@click.option("--data", help="A source.  [default: what the run was trained from]")
def plots(name: str | None, data: str | None) -> None:
    """Draw every figure of a run into reports/figures.

    Example: inkdigits plots --model fast
    """
    with require("train"):
        from inkdigits.plots import make_plots

    for path in make_plots(options.run_or_last(name), data):
        click.echo(path)


@click.command()
@options.run
@click.option("--data", help="A source.  [default: what the run was trained from]")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Another file.  [default: reports/RUN.html]")
def report(name: str | None, data: str | None, output: Path | None) -> None:
    """Write every figure of a run on one page. It needs no network; reports/index.html lists the pages.

    Example: inkdigits report --model fast
    """
    with require("train"):
        from inkdigits.report import make_report

    if output:
        check_writable(output)
    click.echo(make_report(options.run_or_last(name), data, output=output))


@click.command("runs")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
def list_runs(as_json: bool) -> None:
    """List the runs in models/. What each has learnt, how well, how large it is and when.

    Example: inkdigits runs
    """
    with require("train"):
        from inkdigits.modeling.compare import overview, overview_table

    found = overview()
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif found:
        click.echo(overview_table(found))
    else:
        click.echo("There are no runs here yet: inkdigits train --recipe fast makes one in seconds.", err=True)


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL MODEL ...")
@click.option("--data", help="A source, as for 'inkdigits data'.  [default: that of the models, else mnist]")
@click.option("--split", default="validation", show_default=True, help="train, validation or test.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the tables.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a page too, .html, which shows where they differ.")
def compare(models: tuple[str, ...], data: str | None, split: str, as_json: bool, output: Path | None) -> None:
    """Compare models on the same images. Which is better, by McNemar's test; where each errs; how large and fast they are.

    \b
    Example: inkdigits compare fast default
    Example: inkdigits compare fast default -o comparison.html
    """
    with require("train"):
        from inkdigits.modeling.compare import compare as step
        from inkdigits.report import make_comparison

    if output:
        if output.suffix != ".html":
            raise UsageError(f"{output} should end in .html: the page is written there")
        check_writable(output)
    found = step(models, data, split)
    click.echo(json.dumps(found.to_dict(), indent=2) if as_json else found.to_table())
    if output:
        make_comparison(found, output)
        click.echo(output, err=as_json)


@click.command()
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--model", type=click.Path(path_type=Path), help="A reader's folder.  [default: the shipped weights]")
@click.option("--mode", default="auto", show_default=True, help="digit, line, page or auto, where labels.csv tells none.")
@click.option("--max-error", type=float, metavar="E", help="As of 'inkdigits read'.  [default: 0.02]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the tables.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the JSON to a file too.")
@click.option("--draw", type=click.Path(path_type=Path), help="Show what was read wrong, the surest first, in this .png file.")
def score(
    folder: Path,
    model: Path | None,
    mode: Any,
    max_error: float | None,
    as_json: bool,
    output: Path | None,
    draw: Path | None,
) -> int:
    """Measure the reader on one's own pictures.

    A FOLDER holds them. Either labels.csv names them, with the columns file and text, and perhaps mode, group, page and
    box; or they lie in folders named 0 to 9, a digit each. An export of corrections is such a folder.

    \b
    Example: inkdigits score my-numbers/ --mode line
    Example: inkdigits score my-digits/ --draw wrong.png
    """
    from inkdigits.labelled import labelled_pictures
    from inkdigits.modeling.score import mistakes_sheet
    from inkdigits.modeling.score import score as step
    from inkdigits.reader import Reader

    for path, suffix in ((output, ".json"), (draw, ".png")):
        if path and path.suffix.lower() != suffix:
            raise UsageError(f"{path} should end in {suffix}")
    pictures = labelled_pictures(folder)
    check_outputs(filter(None, (output, draw)), {picture.path for picture in pictures})
    found = step(pictures, Reader(model), mode, max_error, str(folder))
    if output:
        write_json(output, found.to_dict())
    if draw:
        with atomic(draw) as file:
            mistakes_sheet(found).save(file, "PNG")
    click.echo(json.dumps(found.to_dict(), indent=2) if as_json else found.to_table())
    return 1 if found.refused else 0
