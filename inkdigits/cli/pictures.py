"""Pictures on the command line: which files are meant, and what may be written."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable
from pathlib import Path

from inkdigits import files
from inkdigits.errors import UsageError
from inkdigits.images import SUFFIXES
from inkdigits.reading import exporters

STDIN = "-"


def expanded(names: tuple[str, ...]) -> list[str]:
    """The pictures that the names stand for: files, folders (every picture below them), patterns with ``*``, and ``-``.

    Raises:
        UsageError: A folder or pattern stands for no picture.
    """
    found: list[str] = []
    for name in names:
        path = Path(name)
        if name and path.is_dir():
            within = [p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file() and not _hidden(p, path)]
            if not within:
                raise UsageError(f"{name} holds no picture: files that end in {', '.join(SUFFIXES)} are looked for")
            found += map(str, files.in_order(within))
        elif glob.has_magic(name) and not path.exists():
            matching = [Path(match) for match in glob.glob(name, recursive=True) if Path(match).is_file()]  # noqa: PTH207
            if not matching:
                raise UsageError(f"no file matches {name}: check the pattern")
            found += map(str, files.in_order(matching))
        else:
            found.append(name)
    if found.count(STDIN) > 1:
        raise UsageError("- stands for the standard input, which can be read once only")
    return found


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def check_outputs(
    names: list[str],
    output: Path | None = None,
    draw: Path | None = None,
    explain: Path | None = None,
    others: Iterable[Path | None] = (),
) -> None:
    """Say before the work whether the files that are asked for can be written, and that none of them is lost.

    Args:
        names: The pictures.
        output: The file of what was read.
        draw: The overlay, or the folder of overlays.
        explain: The picture of the steps.
        others: What else is to be read: the template, the folder of the model.

    Raises:
        UsageError: A suffix names no form, one picture is asked for of several, a file cannot be written, or it is one of
            the pictures.
    """
    if output:
        if output.suffix.lower() in exporters.PICTURES:
            raise UsageError(f"{output} is a picture: give it with --draw")
        exporters.form_of(output.suffix.lower().removeprefix("."))
    if draw and is_picture(draw):
        if draw.suffix.lower() not in exporters.PICTURES:
            raise UsageError(f"{draw} is no picture: let it end in {', '.join(exporters.PICTURES)}, or name a folder")
        if len(names) > 1:
            raise UsageError(f"{draw} is one picture, but {len(names)} are to be read: name a folder")
    if explain:
        if explain.suffix.lower() != ".png":
            raise UsageError(f"{explain} is no .png file: let its name end so")
        if len(names) > 1:
            raise UsageError(f"--explain shows the steps for one picture, not for {len(names)}: name one")
    parts = [files.part_of(output)] if output else []
    wanted = [path for path in (output, *parts, *overlays(names, draw), explain) if path]
    pictures = [Path(name) for name in names if name != STDIN]
    if draw and draw.resolve() in {path.resolve().parent for path in pictures}:
        raise UsageError(f"{draw} holds pictures that are to be read: name another folder for --draw")
    files.check_outputs(wanted, [*pictures, *filter(None, others)])
    for path in {path.resolve().parent: path for path in wanted}.values():
        files.check_writable(path)


def source(name: str) -> str | bytes:
    """What to read the picture of that name from."""
    return sys.stdin.buffer.read() if name == STDIN else name


def is_picture(draw: Path) -> bool:
    """Whether the overlay is asked for as a file, and not in a folder."""
    return bool(draw.suffix) and not draw.is_dir()


def overlays(names: list[str], draw: Path | None) -> list[Path]:
    """The overlay of each picture: the file that was named, or one of its own in the folder."""
    if draw is None:
        return []
    if is_picture(draw):
        return [draw]
    taken: dict[Path, None] = {}  # in order
    for name in names:
        stem = "stdin" if name == STDIN else Path(name).stem
        taken[files.unused(draw / f"{stem}.png", taken)] = None
    return list(taken)
