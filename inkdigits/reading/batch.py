"""Many pictures from the command line: which files are meant, and a reading for each."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterator
from pathlib import Path

from inkdigits.errors import UsageError
from inkdigits.reading import writers
from inkdigits.reading.images import ENDINGS

STDIN = "-"


def expanded(names: tuple[str, ...]) -> list[str]:
    """The pictures that the names stand for: files, folders (every picture below them), patterns with ``*``, and ``-``.

    Raises:
        UsageError: a folder or pattern stands for no picture.
    """
    found: list[str] = []
    for name in names:
        path = Path(name)
        if name and path.is_dir():
            within = sorted(str(p) for p in path.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
            if not within:
                raise UsageError(f"{name} holds no picture: files that end in {', '.join(ENDINGS)} are looked for")
            found += within
        elif glob.has_magic(name) and not path.exists():
            matching = sorted(match for match in glob.glob(name, recursive=True) if Path(match).is_file())  # noqa: PTH207
            if not matching:
                raise UsageError(f"no file matches {name}: check the pattern")
            found += matching
        else:
            found.append(name)
    if found.count(STDIN) > 1:
        raise UsageError("- stands for the standard input, which can be read once only")
    return found


def check_outputs(names: list[str], output: Path | None, draw: Path | None, explain: Path | None) -> None:
    """Say before the work whether the files that are asked for can be written.

    Raises:
        UsageError: an ending names no form, or one picture is asked for of several.
    """
    if output:
        if output.suffix.lower() in writers.PICTURES:
            raise UsageError(f"{output} is a picture: give it with --draw")
        writers.as_text([], output.suffix.lower().removeprefix("."))
    if draw and draw.suffix and not draw.is_dir():
        if draw.suffix.lower() not in writers.PICTURES:
            raise UsageError(f"{draw} is no picture: let it end in {', '.join(writers.PICTURES)}, or name a folder")
        if len(names) > 1:
            raise UsageError(f"{draw} is one picture, but {len(names)} are to be read: name a folder")
    if explain:
        if explain.suffix.lower() != ".png":
            raise UsageError(f"{explain} is no .png file: let its name end so")
        if len(names) > 1:
            raise UsageError(f"--explain shows the steps for one picture, not for {len(names)}: name one")


def sources(names: list[str]) -> Iterator[tuple[str, str | bytes]]:
    """Each picture's name and what to read it from."""
    for name in names:
        yield name, sys.stdin.buffer.read() if name == STDIN else name


def beside(folder: Path, name: str, taken: set[Path]) -> Path:
    """A file for the overlay of a picture, in a folder, under a name that no other picture has."""
    stem = "stdin" if name == STDIN else Path(name).stem
    path, number = folder / f"{stem}.png", 2
    while path in taken:
        path, number = folder / f"{stem}-{number}.png", number + 1
    taken.add(path)
    return path
