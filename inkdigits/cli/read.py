"""The command that reads pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import click

from inkdigits.cli import options
from inkdigits.errors import ImageError, MissingExtraError, UsageError
from inkdigits.files import printable

if TYPE_CHECKING:
    from inkdigits.files import Form
    from inkdigits.forms.results import FieldReading
    from inkdigits.limits import Limits
    from inkdigits.reader import Reader
    from inkdigits.reading.candidates import Unit
    from inkdigits.reading.page import Mode
    from inkdigits.reading.reading import Reading
    from inkdigits.reading.values import DecimalMark

T = TypeVar("T")

#: So many pictures are read at once: enough for a batch, few enough that results come soon.
_BATCH = 32


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...")
@click.option(
    "--mode", default="auto", show_default=True, help="digit: all ink is one; line: one line; page, auto: anything anywhere."
)
@click.option("--min-confidence", type=float, metavar="P", help="Give digits that are less sure as '?'.  [default: 0.98]")
@click.option("--max-error", type=float, metavar="E", help="The same, told as the largest chance of error.  [default: 0.02]")
@click.option(
    "--per",
    type=click.Choice(["digit", "line"]),
    default="digit",
    show_default=True,
    help="What may err so much: each digit, or the text of a line, which is then given whole, or with '?' for each character.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each picture in place of the text.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to a .txt, .json, .csv, .tsv or .hocr file.")
@click.option(
    "--layout",
    type=click.Choice(["digits", "table"]),
    default="digits",
    show_default=True,
    help="Of a .csv or .tsv file. digits: a row for each; table: numbers in rows and columns, as they stand on the page.",
)
@click.option(
    "--decimal",
    type=click.Choice(["auto", "point", "comma"]),
    default="auto",
    show_default=True,
    help="The decimal mark of the values in JSON; the other one parts thousands. auto: as they look.",
)
@click.option(
    "--draw",
    type=click.Path(path_type=Path),
    help="Draw boxes and labels, or the fields: a .png file, or a folder for many; page 2 goes beside it.",
)
@click.option(
    "--explain", type=click.Path(path_type=Path), help="Show the steps for one picture, or its first page, in this .png file."
)
@click.option(
    "--sheet",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Cut the sheet out of the photo of one, into this .png file; - prints its four corners.",
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
@options.pages
@options.limit
def read(
    pictures: tuple[str, ...],
    mode: Mode,
    min_confidence: float | None,
    max_error: float | None,
    per: Unit,
    as_json: bool,
    output: Path | None,
    layout: str,
    decimal: DecimalMark,
    draw: Path | None,
    explain: Path | None,
    sheet: Path | None,
    template: Path | None,
    model: Path | None,
    pages: Collection[int] | None,
    limits: Limits,
) -> int:
    """Read the digits in pictures. '?' stands where the reader is unsure.

    A PICTURE is a file, a folder, a pattern such as 'scans/*.jpg', or - for the standard input. Of a TIFF or PDF every page is
    read; --draw writes one picture a page, --explain shows the first.

    \b
    Example: inkdigits read examples/*.png
    Example: inkdigits read scans/ --mode line -o digits.csv
    Example: inkdigits read table.jpg -o table.csv --layout table
    Example: inkdigits read forms.pdf --pages 2-5 --fields form.json
    Example: inkdigits read photo.jpg --explain why.png
    Example: inkdigits read photo.jpg --sheet sheet.png
    """
    from inkdigits.cli.pictures import check_outputs, expanded
    from inkdigits.reader import Reader, confidence_threshold

    names = expanded(pictures)
    threshold = confidence_threshold(min_confidence, max_error)
    altered = mode != "auto" or per != "digit" or layout != "digits" or decimal != "auto"
    chosen = (template, output, draw, explain, as_json, min_confidence, max_error, altered, pages)
    if sheet and any(option not in (None, False) for option in chosen):
        raise UsageError("--sheet cuts out a sheet and reads nothing: leave out the options of reading")
    if sheet:
        return _cut_sheet(Reader(model, limits=limits), names, sheet, limits)
    if output and as_json:
        raise UsageError(f"the suffix of {output} chooses the form: leave out --json")
    if layout == "table" and (template or not output or output.suffix.lower() not in (".csv", ".tsv")):
        raise UsageError("--layout table is for numbers that are written with -o to a .csv or .tsv file")
    if decimal != "auto" and (template or not (as_json or (output and output.suffix.lower() == ".json"))):
        raise UsageError("--decimal is for the values in JSON: add --json, or -o with a .json file")
    if template and (explain or mode != "auto" or per != "digit"):
        raise UsageError("--fields gives whole fields: leave out --mode, --per and --explain; --draw shows what is read where")
    check_outputs(names, output, draw, explain, [template, model])
    reader = Reader(model, limits=limits)
    if template:
        return _read_fields(reader, names, template, threshold, pages, as_json, output, draw)
    return _read_digits(reader, names, mode, threshold, per, pages, as_json, output, layout, decimal, draw, explain)


def _read_digits(
    reader: Reader,
    names: list[str],
    mode: Mode,
    threshold: float,
    per: Unit,
    pages: Collection[int] | None,
    as_json: bool,
    output: Path | None,
    layout: str,
    decimal: DecimalMark,
    draw: Path | None,
    explain: Path | None,
) -> int:
    """Read pictures, print or write what stands in them, and give the exit code."""
    from inkdigits.cli.pictures import overlays
    from inkdigits.files import atomic
    from inkdigits.reading import exporters

    failed, drawings, several = 0, overlays(names, draw), len(names) > 1
    taken = set(drawings)
    form = exporters.form_of(_suffix(output), several, layout, decimal) if output else None
    with _kept(output, form, f"{len(names):,d} pictures") as keep:
        for number, (name, found) in enumerate(_readings(reader, names, mode, threshold, per, pages)):
            shown = printable(name)
            if isinstance(found, ImageError | MissingExtraError):
                failed = _tell(shown, found)
                continue
            if not found.digits:
                click.echo(f"inkdigits: {shown}: no digit was found", err=True)
            if draw:
                exporters.save_pictures(found, drawings[number], taken)
            if explain:
                with atomic(explain) as file:
                    reader.explain(found).save(file, "PNG")
            if keep:
                keep((shown, found))
            elif as_json:
                click.echo(json.dumps({"source": shown, **found.to_dict(decimal)}))
            else:
                prefix = f"{shown}\t" if several else ""
                click.echo(prefix + found.text.replace("\n", f"\n{prefix}"))
    return failed


def _suffix(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


@contextmanager
def _kept(output: Path | None, form: Form[T] | None, total: str) -> Iterator[Callable[[T], None] | None]:
    """Write what is kept into a file as it comes, and say how much that was, also where the work is stopped; None: no file."""
    from inkdigits.files import part_of

    if not (output and form):
        yield None
        return
    count = 0

    def keep(part: T) -> None:
        nonlocal count
        add(part)
        count += 1

    try:
        with form.growing(output) as add:
            yield keep
    except BaseException:
        if count:
            click.echo(f"inkdigits: stopped; {part_of(output)} holds {count:,d} of {total}", err=True)
        raise
    if count:
        click.echo(f"{output}  {count:,d} of {total}")


def _cut_sheet(reader: Reader, names: list[str], target: Path, limits: Limits) -> int:
    """Write the sheet in a photo, or print its corners, and give the exit code."""
    from PIL import Image

    from inkdigits import images
    from inkdigits.cli.pictures import check_outputs, source
    from inkdigits.files import atomic
    from inkdigits.reading.rectify import rectified

    to_file = str(target) != "-"
    if to_file and target.suffix.lower() != ".png":
        raise UsageError(f"{target} should end in .png, or be - to print the corners")
    if len(names) != 1:
        raise UsageError(f"--sheet is for one photo, not for {len(names)}: name one")
    check_outputs(names, explain=target if to_file else None)
    name = names[0]
    picture = next(images.pages(source(name), limits))
    corners = reader.find_sheet(picture).sheet
    if corners is None:
        return _tell(printable(name), ImageError("no sheet was found: give a photo in which its edges are seen"))
    click.echo(" ".join(f"{x:.4f},{y:.4f}" for x, y in corners))
    if to_file:
        with atomic(target) as file:
            Image.fromarray(rectified(picture, corners)).save(file, "PNG")
    return 0


def _readings(
    reader: Reader, names: list[str], mode: Mode, threshold: float, per: Unit, pages: Collection[int] | None
) -> Iterator[tuple[str, Reading | ImageError | MissingExtraError]]:
    """Each picture's name and what was read, or why it could not be."""
    from inkdigits.cli.pictures import source

    rest = iter(names)
    while batch := list(islice(rest, _BATCH)):
        sources = map(source, batch)
        found = reader.read_many(sources, mode, min_confidence=threshold, per=per, pages=pages, on_error="return")
        yield from zip(batch, found, strict=True)


def _tell(name: str, error: Exception) -> Literal[1]:
    """Say on stderr which picture could not be read, and give the exit code for that."""
    message = printable(error)
    click.echo(f"inkdigits: {message}" if name in message else f"inkdigits: {name}: {message}", err=True)
    return 1


def _read_fields(
    reader: Reader,
    names: list[str],
    path: Path,
    threshold: float,
    wanted: Collection[int] | None,
    as_json: bool,
    output: Path | None,
    draw: Path | None,
) -> int:
    """Read forms, print or write their fields, and give the exit code."""
    from inkdigits.cli.pictures import overlays, source
    from inkdigits.files import atomic
    from inkdigits.forms import exporters
    from inkdigits.forms.template import Template
    from inkdigits.reading.exporters import PICTURES, path_of_page

    template, failed, drawings, told = Template.load(path), 0, overlays(names, draw), set[str]()
    taken = set(drawings)
    form = exporters.form_of(_suffix(output), [field.name for field in template.fields]) if output else None
    with _kept(output, form, f"the sheets of {len(names):,d} pictures") as keep:
        for place, name in enumerate(names):
            shown = printable(name)
            pages: list[tuple[int, dict[str, FieldReading]]] = []
            try:
                for found in reader.read_fields_pages(source(name), template, min_confidence=threshold, pages=wanted):
                    if draw:
                        target = path_of_page(drawings[place], found.page, not pages, taken)
                        with atomic(target) as file:
                            found.draw().save(file, PICTURES[target.suffix.lower()])
                    pages.append((found.page, dict(found)))  # without the sheet itself
            except (ImageError, MissingExtraError) as error:
                failed = _tell(shown, error)
                continue
            for number, fields in pages:
                _tell_left_out(shown, fields, told)
                if keep:
                    keep((shown, number, fields))
                    continue
                if as_json:
                    plain = {key: value.to_dict() for key, value in fields.items()}
                    click.echo(json.dumps({"source": shown, "page": number, "fields": plain}))
                    continue
                prefix = [*([shown] if len(names) > 1 else []), *([str(number)] if len(pages) > 1 else [])]
                click.echo("\n".join("\t".join([*prefix, key, value.shown]) for key, value in fields.items()))
    return failed


def _tell_left_out(name: str, fields: dict[str, FieldReading], told: set[str]) -> None:
    """Say of each field once that signs were seen in it for which it has no place, such as a decimal point."""
    for key, value in fields.items():
        if value.left_out and key not in told:
            told.add(key)
            signs = " and ".join(repr(sign) for sign in dict.fromkeys(value.left_out))
            click.echo(
                f"inkdigits: {name}: {signs} was seen in the field {key}, and left out: a pattern, such as"
                ' "pattern": "amount", gives signs a place',
                err=True,
            )
