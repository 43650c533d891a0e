"""Writing files whole or not at all, and fingerprinting them."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
import re
import secrets
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from inkdigits.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

#: Names of what is not finished.
_TEMPORARY = re.compile(r"\.(.+\.)?[0-9a-f]{12}\.(tmp|part)")
#: Where a spreadsheet would begin a formula.
_FORMULA = re.compile(r"(^\s*|[,;|]\s*)(?=[=+\-@＝＋－＠])")
#: How Unicode calls the characters that turn the direction of writing; marks of a direction alone are harmless.
_TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


@contextmanager
def atomic(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary file beside ``path`` that takes its place at the end of the block, if that ends well.

    Text is UTF-8 with ``\\n`` line ends. On any exception, Ctrl-C included, what was at ``path`` stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    name = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        # Made by os.open and not by tempfile, whose files are private: so the kernel applies the process's umask.
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(handle, mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        name.replace(path)
    except OSError as error:
        name.unlink(missing_ok=True)
        raise type(error)(error.errno, error.strerror, str(path)) from None  # name the file that was wanted
    except BaseException:
        name.unlink(missing_ok=True)
        raise


class Form(NamedTuple, Generic[T]):
    """How a file of parts is written, such as a table: what comes first, each part, what stands between two, the end."""

    head: str
    part: Callable[[T], str]
    between: str = ""
    end: str = ""

    def text(self, parts: Iterable[T]) -> str:
        """The whole."""
        return self.head + self.between.join(map(self.part, parts)) + self.end

    @contextmanager
    def growing(self, path: Path) -> Iterator[Callable[[T], None]]:
        """Write a file part by part, so that nothing that is done is lost; gives a function that adds one.

        The parts go to a file beside, ``part_of(path)``, which takes the place of ``path`` at the end of the block. Where the
        block ends with an exception, that file stays, and has its end; of a killed process it lacks the end. Without a part
        nothing is written.
        """
        beside, added = part_of(path), False
        with beside.open("w", encoding="utf-8", newline="\n") as file:

            def add(part: T) -> None:
                nonlocal added
                file.write((self.between if added else self.head) + self.part(part))
                file.flush()
                added = True

            try:
                yield add
            except BaseException:
                file.write(self.end if added else "")
                raise
            finally:
                if not added:
                    beside.unlink()
            if added:
                file.write(self.end)
                file.flush()
                os.fsync(file.fileno())
        if added:
            beside.replace(path)


def part_of(path: Path) -> Path:
    """Where a file that isn't finished is."""
    return path.with_name(f"{path.name}.part")


def json_list(plain: Callable[[T], object]) -> Form[T]:
    """A list in JSON, with one value for each part."""

    def value(part: T) -> str:
        return "\n ".join(json.dumps(plain(part), indent=1, ensure_ascii=False).split("\n"))

    return Form("[\n ", value, ",\n ", "\n]\n")


def csv_rows(rows: Iterable[Iterable[object]], delimiter: str) -> str:
    """Rows of a table."""
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return file.getvalue()


def clear_leftovers(folder: Path, hours: float) -> None:
    """Remove what killed processes have left in a folder: temporary files of ``atomic``, and folders of ``new_folder``.

    Args:
        folder: Where they are; it need not exist.
        hours: They are at least so old, where other processes may be writing there.
    """
    for path in folder.glob(".*"):
        with suppress(OSError):  # another process has been quicker, or still writes to it
            if _TEMPORARY.fullmatch(path.name) and time.time() - path.stat().st_mtime >= 3600 * hours:
                shutil.rmtree(path) if path.suffix == ".part" else path.unlink()


def check_writable(path: Path) -> None:
    """Make sure that a file can be written, before the long work that is to be kept in it.

    Raises:
        UsageError: there is a folder of that name, or its own folder cannot be written to.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}): name another place") from None


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Make sure that nothing that is to be read is written over.

    Args:
        outputs: What is to be written.
        inputs: The files to be read, and the folders all of whose files are to be read.

    Raises:
        UsageError: An output is an input, lies in one, or two outputs are the same.
    """
    sources, taken = {path.resolve() for path in inputs}, set[Path]()
    for output in outputs:
        place = output.resolve()
        # Names in other capitals may mean the same file.
        if place in sources or (place.exists() and any(path.exists() and place.samefile(path) for path in sources)):
            raise UsageError(f"{output} is to be read: name another file for what is written")
        if place.parent in sources:
            raise UsageError(f"{output} lies in {output.parent}, which is to be read: name another folder for what is written")
        if place in taken:
            raise UsageError(f"{output} is named twice: give each output a name of its own")
        taken.add(place)


def unused(path: Path, taken: Container[Path]) -> Path:
    """The path; where it is taken, with the first number behind its name, from 2 on, that is not."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return path if path not in taken else next(other for other in numbered if other not in taken)


def printable(name: object) -> str:
    """A name with an escape such as ``\\x1b`` for each character that would steer a terminal or break a row of text.

    These are control characters, line ends, those that turn the direction of writing, and bytes that are no UTF-8.
    """
    return "".join(
        one.encode("unicode_escape", "backslashreplace").decode("ascii") if _steers(one) else one for one in str(name)
    )


def _steers(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(character) in _TURNING


def as_cell(name: object) -> str:
    """A name or text in a table: printable, and no formula, which a spreadsheet would run: ``=1.png`` becomes ``./=1.png``.

    Nor is a part of it, where a spreadsheet takes another separator than the table has. Source: OWASP, "CSV Injection".
    """
    return _FORMULA.sub(r"\1./", printable(name))


def check_new(folder: Path) -> None:
    """Make sure that a folder is new or empty, so that nothing in it is mixed or lost.

    Raises:
        DataError: there is something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is not empty: name a new folder, so that nothing is mixed or lost")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder for files that come to be in ``folder`` at the end of the block, if that ends well; else nothing of them stays.

    Raises:
        DataError: There is something in ``folder``.
    """
    exists, whole = folder.exists(), folder.absolute()
    place = whole if exists else whole.parent  # one that exists may be the current folder, or a mounted volume: it stays
    clear_leftovers(place, hours=0 if exists else 1)
    check_new(folder)
    beside = place / f".{whole.name}.{secrets.token_hex(6)}.part"
    beside.mkdir(parents=True)
    try:
        yield beside
        if exists:
            for path in beside.iterdir():
                path.rename(folder / path.name)
            beside.rmdir()
        else:
            beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Paths as people count: 2.png comes before 10.png, and 01.png before 1.png, whatever the order that they come in."""
    from natsort import natsorted  # reading single pictures is quicker without it

    return natsorted(sorted(paths))


def write_json(path: Path, content: object) -> None:
    """Write ``content`` as indented JSON, whole or not at all."""
    with atomic(path, "w") as file:
        json.dump(content, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: the file is not JSON.
    """
    return parsed_json(path.read_bytes(), path)


def parsed_json(content: bytes, name: object) -> Any:
    """What JSON in UTF-8 says.

    Args:
        content: The JSON.
        name: What it is called in errors.

    Raises:
        DataError: It is not JSON.
    """
    try:
        return json.loads(content.decode())
    except RecursionError:
        raise DataError(f"{name} is not valid JSON (it is nested too deep): correct it, or make it again") from None
    except ValueError as error:
        raise DataError(f"{name} is not valid JSON ({error}): correct it, or make it again") from None


def sha256(content: bytes | NDArray[np.generic]) -> str:
    """SHA-256 of bytes, or of an array's elements in C order, as 64 hexadecimal digits."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    import numpy as np  # commands that hash no arrays start sooner

    return hashlib.sha256(np.ascontiguousarray(content).data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
