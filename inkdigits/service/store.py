"""Corrections: what people say that the reader should have read, with their pictures, in one SQLite file."""

from __future__ import annotations

import contextlib
import csv
import io
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Self

from PIL import Image, UnidentifiedImageError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from inkdigits import files
from inkdigits.errors import DataError, UsageError
from inkdigits.geometry import Box

#: Says that a database is one of ours, and of which form.
_APPLICATION, _VERSION = 0x696E6B64, 1
#: Another writer is waited for so long.
_WAIT_S = 20.0
_TABLES = """
CREATE TABLE picture (
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, name TEXT NOT NULL, content BLOB NOT NULL
) STRICT;
CREATE TABLE correction (
    picture INTEGER NOT NULL REFERENCES picture, page INTEGER NOT NULL,
    x0 INTEGER NOT NULL, y0 INTEGER NOT NULL, x1 INTEGER NOT NULL, y1 INTEGER NOT NULL,
    label INTEGER, read INTEGER, confidence REAL, time TEXT NOT NULL,
    PRIMARY KEY (picture, page, x0, y0, x1, y1)
) STRICT, WITHOUT ROWID;
"""
_COLUMNS = ("file", "name", "page", "box", "text", "read", "confidence", "time")
_LABELS = "labels.csv"
_Digit = Annotated[int, Field(ge=0, le=9)] | None
_Pixels = Annotated[int, Field(ge=0, le=1_000_000)]


def _ordered(box: Box) -> Box:
    left, top, right, bottom = box
    if not (left < right and top < bottom):
        raise ValueError("a box is left, top, right, bottom, and holds at least one pixel")
    return box


class Correction(BaseModel):
    """What stands at a place of a picture.

    Attributes:
        page: From 1.
        box: left, top, right, bottom, in pixels of the page as it stands upright.
        label: 0 to 9; None: no digit.
        read: What the reader took it for; None: it saw no digit there.
        confidence: How sure it was.
        time: When that was said, as ISO 8601 in UTC; now unless it is given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    box: Annotated[tuple[_Pixels, _Pixels, _Pixels, _Pixels], AfterValidator(_ordered)]
    label: _Digit
    read: _Digit = None
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    time: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")] = Field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds")
    )


class Corrections(BaseModel):
    """Those of one picture."""

    model_config = ConfigDict(extra="forbid")

    corrections: Annotated[list[Correction], Field(min_length=1, max_length=10_000)]

    @classmethod
    def parsed(cls, content: bytes) -> Self:
        """From JSON.

        Raises:
            UsageError: It says something else.
        """
        try:
            return cls.model_validate(files.parsed_json(content, "the part 'corrections'"))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the part 'corrections'"
            form = '{"corrections": [{"page": 1, "box": [10, 20, 34, 52], "label": 3}]}'
            raise UsageError(f"{place}: {first['msg']}: write them as {form}") from None


@dataclass(frozen=True)
class Counts:
    """How much there is in a store."""

    pictures: int
    corrections: int


class FullError(UsageError):
    """The store has reached its size."""


class Store:
    """A file of corrections. Several services, threads and commands may use it at once; a kill leaves it whole.

    Args:
        path: The database; it is made where there is none.
        most_mb: It grows no larger.

    Raises:
        UsageError: There is another file, or it cannot be written.
    """

    def __init__(self, path: Path, most_mb: int = 1_000) -> None:
        self._path, self._most = path, most_mb
        with self._opened() as database:
            database.execute("PRAGMA journal_mode = WAL")
            with self._changed(database):
                (known,) = database.execute("PRAGMA application_id").fetchone()
                (version,) = database.execute("PRAGMA user_version").fetchone()
                (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                if not known and not tables:
                    for statement in filter(None, map(str.strip, _TABLES.split(";"))):
                        database.execute(statement)
                    database.execute(f"PRAGMA application_id = {_APPLICATION}")
                    database.execute(f"PRAGMA user_version = {_VERSION}")
                elif (known, version) != (_APPLICATION, _VERSION):
                    raise UsageError(f"{path} is a database of something else: name another file for corrections")

    def add(self, name: str, content: bytes, corrections: Iterable[Correction]) -> None:
        """Keep corrections of a picture; of a place that has one already, the last counts.

        Args:
            name: What the picture is called.
            content: Its file.
            corrections: Of it.

        Raises:
            FullError: The store has reached its size.
        """
        with self._opened() as database, self._changed(database):
            key = files.sha256(content)
            known = "SELECT id FROM picture WHERE sha256 = ?"
            if (row := database.execute(known, (key,)).fetchone()) is None:
                new = "INSERT INTO picture (sha256, name, content) VALUES (?, ?, ?) RETURNING id"
                row = database.execute(new, (key, files.printable(name), content)).fetchone()
            database.executemany(
                "INSERT OR REPLACE INTO correction VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(row[0], one.page, *one.box, one.label, one.read, one.confidence, one.time) for one in corrections],
            )

    def counts(self) -> Counts:
        """How much there is."""
        with self._opened() as database:
            return Counts(
                *database.execute("SELECT (SELECT count(*) FROM picture), (SELECT count(*) FROM correction)").fetchone()
            )

    def pictures(self) -> Iterator[tuple[str, bytes, list[Correction]]]:
        """Every picture: its name, its file, and its corrections in the order of their places."""
        columns = "page, x0, y0, x1, y1, label, read, confidence, time"
        with self._opened() as database:
            for (key,) in database.execute("SELECT id FROM picture ORDER BY id").fetchall():
                name, content = database.execute("SELECT name, content FROM picture WHERE id = ?", (key,)).fetchone()
                known = f"SELECT {columns} FROM correction WHERE picture = ? ORDER BY page, y0, x0, y1, x1"  # noqa: S608
                rows = database.execute(known, (key,))
                yield name, content, [_correction(row) for row in rows]

    def export(self, folder: Path) -> Counts:
        """Write everything into a new folder: the pictures, and ``labels.csv`` with a row for each correction.

        Raises:
            DataError: There is something in the folder.
        """
        rows: list[tuple[object, ...]] = []
        pictures = 0
        with files.new_folder(folder) as place:
            for name, content, corrections in self.pictures():
                pictures += 1
                file = f"{files.sha256(content)[:16]}{_suffix(content)}"
                (place / file).write_bytes(content)
                for one in corrections:
                    box, label, read, confidence = one.box, one.label, one.read, one.confidence
                    told = ("" if value is None else value for value in (label, read, confidence))
                    rows.append((file, files.as_cell(name), one.page, " ".join(map(str, box)), *told, one.time))
            (place / _LABELS).write_text(files.csv_rows([_COLUMNS, *rows], ","), "utf-8", newline="\n")
        return Counts(pictures, len(rows))

    def take(self, folder: Path) -> Counts:
        """Add what ``export`` has written.

        Raises:
            DataError: There is nothing of that kind, or a row of it cannot be.
            FullError: The store has reached its size.
        """
        found: dict[str, tuple[str, list[Correction]]] = {}
        for number, row in enumerate(_rows(folder), start=2):
            try:
                told = {name: row[name] or None for name in ("read", "confidence")}
                box = tuple(map(int, row["box"].split()))
                values = {"page": row["page"], "box": box, "label": row["text"] or None, "time": row["time"], **told}
                found.setdefault(row["file"], (row["name"], []))[1].append(Correction.model_validate(values))
            except (ValueError, AttributeError) as error:  # pydantic's is a ValueError
                reason = str(error).splitlines()[0]
                raise DataError(f"{folder / _LABELS} row {number} cannot be ({reason}): export it again") from None
        for file, (name, corrections) in found.items():
            path = folder / file
            if Path(file).name != file or not path.is_file():
                raise DataError(f"{folder / _LABELS} names the picture {file!r}, which is not there: export it again")
            self.add(name, path.read_bytes(), corrections)
        return Counts(len(found), sum(len(corrections) for _, corrections in found.values()))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)) as database:
                (size,) = database.execute("PRAGMA page_size").fetchone()
                database.execute(f"PRAGMA max_page_count = {self._most * 1_000_000 // size}")
                database.execute("PRAGMA foreign_keys = ON")
                database.execute("PRAGMA synchronous = FULL")
                yield database
        except (sqlite3.DatabaseError, OSError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise FullError(f"the store of corrections has reached {self._most} MB: export it and begin another") from None
            raise UsageError(f"{self._path} cannot be used for corrections ({error}): name another file") from None

    @staticmethod
    @contextlib.contextmanager
    def _changed(database: sqlite3.Connection) -> Iterator[None]:
        """A change, whole or not at all; nobody else changes anything at the same time."""
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:  # SQLite itself takes some changes back
                database.execute("ROLLBACK")
            raise


def _correction(row: tuple[object, ...]) -> Correction:
    page, x0, y0, x1, y1, label, read, confidence, time = row
    return Correction.model_validate(
        {"page": page, "box": (x0, y0, x1, y1), "label": label, "read": read, "confidence": confidence, "time": time}
    )


def _rows(folder: Path) -> list[dict[str, str]]:
    try:
        with (folder / _LABELS).open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{folder / _LABELS} cannot be read ({error}): name a folder of exported corrections") from None
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise DataError(f"{folder / _LABELS} has other columns than {', '.join(_COLUMNS)}: export it again")
    return rows


def _suffix(content: bytes) -> str:
    """How the name of a picture's file ends."""
    if content.startswith(b"%PDF"):
        return ".pdf"
    if content[4:8] == b"ftyp":
        return ".heic"
    try:
        with Image.open(io.BytesIO(content)) as image:
            return f".{(image.format or 'png').lower()}"
    except (UnidentifiedImageError, OSError):
        return ""
