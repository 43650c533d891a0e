"""Many pictures from the command line: which files are meant, and a reading for each."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterator
from pathlib import Path

from inkdigits.errors import UsageError
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
        if path.is_dir():
            within = sorted(str(p) for p in path.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
            if not within:
                raise UsageError(f"{name} holds no picture: files that end in {', '.join(ENDINGS)} are looked for")
            found += within
        elif glob.has_magic(name) and not path.exists():
            matching = sorted(glob.glob(name, recursive=True))  # noqa: PTH207  # Path.glob takes no absolute patterns
            if not matching:
                raise UsageError(f"no file matches {name}: check the pattern")
            found += [match for match in matching if Path(match).is_file()]
        else:
            found.append(name)
    if found.count(STDIN) > 1:
        raise UsageError("- stands for the standard input, which can be read once only")
    return found


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
