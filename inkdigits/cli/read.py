"""The command that reads pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from inkdigits.errors import ImageError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from inkdigits.reader import Reader
    from inkdigits.reading.page import Mode
    from inkdigits.reading.reading import Reading

#: So many pictures are read at once: enough for a batch, few enough that results come soon.
_BATCH = 32


@click.command()
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
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="A folder that 'inkdigits train-reader' has made.  [default: the shipped weights]",
)
def read(
    pictures: tuple[str, ...],
    mode: Mode,
    min_confidence: float | None,
    max_error: float | None,
    as_json: bool,
    output: Path | None,
    draw: Path | None,
    explain: Path | None,
    template: Path | None,
    model: Path | None,
) -> int:
    """Read the digits in pictures; '?' stands where the reader is unsure.

    A PICTURE is a file, a folder, a pattern such as 'scans/*.jpg', or - for the standard input. Of a TIFF or PDF every page is
    read; --draw writes one picture a page, --explain shows the first.

    \b
    Example: inkdigits read examples/*.png
    Example: inkdigits read scans/ --mode line -o digits.csv
    Example: inkdigits read photo.jpg --explain why.png
    """
    from inkdigits.cli.pictures import check_outputs, expanded
    from inkdigits.reader import Reader, confidence_threshold

    names = expanded(pictures)
    threshold = confidence_threshold(min_confidence, max_error)
    if output and as_json:
        raise UsageError(f"the suffix of {output} chooses the form: leave out --json")
    if template and (draw or explain or mode != "auto"):
        raise UsageError("--fields knows where the digits are, and draws nothing: leave out --mode, --draw and --explain")
    if template:
        return _read_fields(model, names, template, threshold, as_json, output)
    check_outputs(names, output, draw, explain)
    return _read_digits(Reader(model), names, mode, threshold, as_json, output, draw, explain)


def _read_digits(
    reader: Reader,
    names: list[str],
    mode: Mode,
    threshold: float,
    as_json: bool,
    output: Path | None,
    draw: Path | None,
    explain: Path | None,
) -> int:
    """Read pictures, print or write what stands in them, and give the exit code."""
    from inkdigits.cli.pictures import overlays
    from inkdigits.files import atomic
    from inkdigits.reading import exporters, overlay

    failed, kept, drawings = 0, [], overlays(names, draw)
    for number, (name, found) in enumerate(_readings(reader, names, mode, threshold)):
        shown = click.format_filename(name)
        if isinstance(found, ImageError | MissingExtraError):
            failed = _tell(shown, found)
            continue
        if draw:
            exporters.save_pictures(found, drawings[number])
        if explain:
            with atomic(explain) as file:
                overlay.explain(found).save(file, "PNG")
        if output:
            kept.append((shown, found))
        elif as_json:
            click.echo(json.dumps({"source": shown, **found.to_dict()}))
        else:
            prefix = f"{shown}\t" if len(names) > 1 else ""
            click.echo(prefix + found.text.replace("\n", f"\n{prefix}"))
    if output and kept:
        exporters.save(kept, output)
        click.echo(f"{output}  {len(kept):,d} of {len(names):,d} pictures")
    return failed


def _readings(
    reader: Reader, names: list[str], mode: Mode, threshold: float
) -> Iterator[tuple[str, Reading | ImageError | MissingExtraError]]:
    """Each picture's name and what was read, or why it could not be."""
    from inkdigits.cli.pictures import source

    rest = iter(names)
    while batch := list(islice(rest, _BATCH)):
        found = reader.read_many(map(source, batch), mode, min_confidence=threshold, on_error="return")
        yield from zip(batch, found, strict=True)


def _tell(name: str, error: Exception) -> Literal[1]:
    """Say on stderr which picture could not be read, and give the exit code for that."""
    click.echo(f"inkdigits: {error}" if name in str(error) else f"inkdigits: {name}: {error}", err=True)
    return 1


def _read_fields(model: Path | None, names: list[str], path: Path, threshold: float, as_json: bool, output: Path | None) -> int:
    """Read forms, print or write their fields, and give the exit code."""
    from inkdigits.cli.pictures import check_outputs, source
    from inkdigits.forms import exporters
    from inkdigits.forms.template import Template
    from inkdigits.reader import Reader

    template, failed, sheets = Template.load(path), 0, []
    if output:
        exporters.as_text([], [], output.suffix.lower().removeprefix("."))
    check_outputs(names, output, None, None)
    reader = Reader(model)
    for name in names:
        shown = click.format_filename(name)
        try:
            pages = list(reader.read_fields_pages(source(name), template, min_confidence=threshold))
        except (ImageError, MissingExtraError) as error:
            failed = _tell(shown, error)
            continue
        for number, fields in enumerate(pages, start=1):
            if output:
                sheets.append((shown, number, fields))
                continue
            if as_json:
                plain = {key: value.to_dict() for key, value in fields.items()}
                click.echo(json.dumps({"source": shown, "page": number, "fields": plain}))
                continue
            prefix = [*([shown] if len(names) > 1 else []), *([str(number)] if len(pages) > 1 else [])]
            click.echo("\n".join("\t".join([*prefix, key, value.shown]) for key, value in fields.items()))
    if output and sheets:
        exporters.save(sheets, [field.name for field in template.fields], output)
        click.echo(f"{output}  {len(sheets):,d} sheets of {len(names):,d} pictures")
    return failed
