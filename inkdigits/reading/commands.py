"""What ``inkdigits read`` does with the pictures that it is given."""

from __future__ import annotations

import json
from pathlib import Path

import click

from inkdigits.errors import ImageError, MissingExtraError
from inkdigits.files import atomic
from inkdigits.reading import batch, overlay, writers
from inkdigits.reading.fields import Template, read_fields_pages
from inkdigits.reading.reader import read


def read_digits(
    names: list[str],
    mode: str,
    as_json: bool,
    output: Path | None,
    draw: Path | None,
    explain: Path | None,
    sure: dict[str, float | None],
) -> int:
    """Read pictures, print or write what stands in them, and give the exit code."""
    failed, readings, overlays = 0, [], batch.overlays(names, draw)
    for number, (name, source) in enumerate(batch.sources(names)):
        shown = click.format_filename(name)
        try:
            reading = read(source, mode, **sure)
        except (ImageError, MissingExtraError) as error:
            failed = _tell(shown, error)
            continue
        if draw:
            writers.save_pictures(reading, overlays[number])
        if explain:
            with atomic(explain) as file:
                overlay.explain(reading).save(file, "PNG")
        if output:
            readings.append((shown, reading))
        elif as_json:
            click.echo(json.dumps({"source": shown, **reading.to_dict()}))
        else:
            prefix = f"{shown}\t" if len(names) > 1 else ""
            click.echo(prefix + reading.text.replace("\n", f"\n{prefix}"))
    if output and readings:
        writers.save(readings, output)
        click.echo(f"{output}  {len(readings):,d} of {len(names):,d} pictures")
    return failed


def _tell(name: str, error: Exception) -> int:
    """Say on stderr which picture could not be read, and give the exit code for that."""
    click.echo(f"inkdigits: {error}" if name in str(error) else f"inkdigits: {name}: {error}", err=True)
    return 1


def read_fields(names: list[str], template: Path, as_json: bool, output: Path | None, sure: dict[str, float | None]) -> int:
    """Read forms, print or write their fields, and give the exit code."""
    form, failed, sheets = Template.load(template), 0, []
    if output:
        writers.fields_as_text([], [], output.suffix.lower().removeprefix("."))
    for name, source in batch.sources(names):
        shown = click.format_filename(name)
        try:
            pages = list(read_fields_pages(source, form, **sure))
        except (ImageError, MissingExtraError) as error:
            failed = _tell(shown, error)
            continue
        for page, found in enumerate(pages, start=1):
            if output:
                sheets.append((shown, page, found))
                continue
            if as_json:
                fields = {key: value.to_dict() for key, value in found.items()}
                click.echo(json.dumps({"source": shown, "page": page, "fields": fields}))
                continue
            prefix = [*([shown] if len(names) > 1 else []), *([str(page)] if len(pages) > 1 else [])]
            click.echo("\n".join("\t".join([*prefix, key, value.shown]) for key, value in found.items()))
    if output and sheets:
        writers.save_fields(sheets, [field.name for field in form.fields], output)
        click.echo(f"{output}  {len(sheets):,d} sheets of {len(names):,d} pictures")
    return failed
