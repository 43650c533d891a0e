"""The file formats that digit data comes in: IDX, CSV and the one pickle that we admit.

A damaged file raises a DataError that names the file, the place in it and the fix. None of them can run code.
"""

from __future__ import annotations

import csv
import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from tqdm import tqdm

from inkdigits.errors import DataError

#: The largest IDX payload that is read, in bytes: more than all of EMNIST. A larger header is taken for damage.
MAX_IDX_BYTES = 1 << 30
#: How IDX files number the types of their values, and what people call these.
_IDX_TYPES = {np.dtype(np.uint8): (0x08, "unsigned bytes"), np.dtype(np.int32): (0x0C, "32-bit integers")}
DIGITS = tuple("0123456789")
PIXELS = 28 * 28
PIXEL_COLUMNS = [f"pixel{i}" for i in range(PIXELS)]
_CSV_BYTES_AT_ONCE = 8 << 20


# --- IDX (Source: http://yann.lecun.com/exdb/mnist, "FILE FORMATS") ---------------------------------------------


def read_idx(path: Path, dtype: DTypeLike = np.uint8) -> NDArray[Any]:
    """Read an IDX file, gzipped or not.

    Args:
        dtype: Of the values that the file should hold: uint8 or int32.

    Returns:
        array of the dtype, of the shape that the header states.

    Raises:
        DataError: the file is missing, truncated, too long, damaged, or no IDX file of such values.
    """
    code, values = _IDX_TYPES[np.dtype(dtype)]
    try:
        with _open_maybe_gzip(path) as file:
            magic = file.read(4)
            if len(magic) < 4 or magic[:3] != bytes((0, 0, code)) or not 1 <= magic[3] <= 4:
                raise DataError(
                    f"{path}: the first four bytes are {magic.hex(' ') or 'missing'}, not 00 00 {code:02x} and the number of"
                    f" dimensions (1 to 4): this is no IDX file of {values}; download it again"
                )
            header = file.read(4 * magic[3])
            if len(header) < 4 * magic[3]:
                raise DataError(f"{path} ends within its header: download it again")
            shape = struct.unpack(f">{magic[3]}I", header)
            size = math.prod(shape) * np.dtype(dtype).itemsize
            if math.prod(side or 1 for side in shape) * np.dtype(dtype).itemsize > MAX_IDX_BYTES:  # sides beside a 0, too
                raise DataError(f"{path}: the header states {shape} = {size} bytes, more than {MAX_IDX_BYTES}: it is damaged")
            content = _read_up_to(file, size + 1)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: check the folder's name") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is a damaged or truncated gzip file ({error}): download it again") from None
    if len(content) != size:
        found = f"{len(content)} are there" if len(content) < size else "more are there"
        raise DataError(f"{path}: the header states {shape} = {size} bytes, but {found}: download it again")
    return np.frombuffer(content, np.dtype(dtype).newbyteorder(">")).astype(dtype, copy=False).reshape(shape)


def _open_maybe_gzip(path: Path) -> IO[bytes] | gzip.GzipFile:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if zipped else path.open("rb")


def _read_up_to(file: IO[bytes] | gzip.GzipFile, limit: int) -> bytearray:
    """As much as there is, up to ``limit`` bytes; memory is taken for what comes, not for what a header promises."""
    content = bytearray()
    while len(content) < limit and (chunk := file.read(min(1 << 20, limit - len(content)))):
        content += chunk
    return content


def idx_bytes(array: NDArray[np.generic]) -> bytes:
    """An array of uint8 or int32 with 1 to 4 dimensions as an (uncompressed) IDX file."""
    code, _ = _IDX_TYPES[array.dtype]
    content = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + content


# --- CSV ----------------------------------------------------------------------------------------------------------


def read_kaggle_csv(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
    """Read a file in the format of Kaggle's Digit Recognizer: ``label,pixel0,…,pixel783``, or without ``label``.

    Returns:
        images (N, 28, 28) uint8 and labels (N,) int64, or None in place of the labels.

    Raises:
        DataError: a column is missing or a value is not a whole number of 0 to 255 (labels: 0 to 9); the message
            names the row (1 is the first below the header) and the column.
    """
    with _open_csv(path) as file, _bar(path) as bar:
        columns = _kaggle_columns(path, file.readline())
        tables: list[NDArray[np.uint8]] = []
        rows = 0
        while lines := file.readlines(_CSV_BYTES_AT_ONCE):
            bar.update(sum(map(len, lines)))
            if lines := [line for line in lines if line.strip()]:
                tables.append(_parse_rows(path, lines, columns, rows))
                rows += len(lines)
    if not rows:
        raise DataError(f"{path} has a header and no rows: download it again")
    table = np.concatenate(tables)
    labels = table[:, 0].astype(np.int64) if columns[0] == "label" else None
    return np.ascontiguousarray(table[:, -PIXELS:]).reshape(-1, 28, 28), labels


def read_predictions(path: Path) -> NDArray[np.int64]:
    """Read predictions made elsewhere: a CSV ``ImageId,Label`` with ImageId 1, 2, 3, … in any order.

    Returns:
        labels (N,) int64, ordered by ImageId.

    Raises:
        DataError: another header, a row that is not two whole numbers, a label beyond 0 to 9, an ImageId that is
            missing or there twice.
    """
    predicted: dict[int, int] = {}
    with _open_csv(path) as file:
        rows = csv.reader(file)
        if [name.strip() for name in next(rows, [])] != ["ImageId", "Label"]:
            raise DataError(f"{path}: the first row must be ImageId,Label")
        for number, row in enumerate(rows, start=1):
            image_id, label = (_whole(field) for field in row) if len(row) == 2 else (None, None)
            if image_id is None or label is None or label > 9:
                raise DataError(f"{path}, row {number}: {','.join(row)[:60]!r} is not an ImageId and a label of 0 to 9")
            if image_id in predicted:
                raise DataError(f"{path}, row {number}, column ImageId: {image_id} is there twice: keep one of them")
            predicted[image_id] = label
    missing = next((i for i in range(1, len(predicted) + 1) if i not in predicted), None)
    if missing is not None or not predicted:
        raise DataError(f"{path}: ImageId {missing or 1} is missing; there must be one row for each of 1 to N")
    return np.array([predicted[i] for i in range(1, len(predicted) + 1)], np.int64)


@contextmanager
def _open_csv(path: Path) -> Iterator[IO[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline=None) as file:
            yield file
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: check its name") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no CSV file in UTF-8 ({error.reason}): export it again as CSV") from None
    except csv.Error as error:
        raise DataError(f"{path} is no CSV file ({error}): export it again as CSV") from None


def _bar(path: Path) -> tqdm[Any]:
    return tqdm(total=path.stat().st_size, unit="B", unit_scale=True, desc=f"reading {path.name}", disable=None, leave=False)


def _kaggle_columns(path: Path, header: str) -> list[str]:
    """The columns' names; raises a DataError where they are not Kaggle's."""
    names = [name.strip().strip('"') for name in header.strip().split(",")]
    if names == [""]:
        raise DataError(f"{path} is empty: download it again")
    if all(map(_is_number, names)):
        raise DataError(
            f"{path} begins with numbers: put a row of the columns' names above them, label,pixel0,…,pixel783 (without label"
            " where there are none)"
        )
    wanted = ["label", *PIXEL_COLUMNS] if names[0] == "label" else PIXEL_COLUMNS
    if "label" in names[1:]:
        raise DataError(f"{path}: column {names.index('label') + 1} is the label: put it first")
    for column, (found, name) in enumerate(zip(names, wanted, strict=False), start=1):
        if found != name:
            raise DataError(
                f"{path}: column {column} is headed {found[:40]!r}, not {name!r}: the first row must be"
                " label,pixel0,…,pixel783 (without label where there are none)"
            )
    if len(names) != len(wanted):
        raise DataError(f"{path} has {len(names)} columns, not {len(wanted)} (… to pixel783): export it again with all of them")
    return names


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _parse_rows(path: Path, lines: list[str], columns: list[str], rows_before: int) -> NDArray[np.uint8]:
    """Parse lines into uint8 (rows, columns), fast; on a fault, look for it slowly and name it."""
    # NumPy sees plain digits only: other text it may take for a float, or crash on (2.4, with warnings as errors).
    text = "".join(lines).encode()
    if not text.translate(None, b"0123456789,\n"):
        try:
            table = np.loadtxt(lines, np.uint8, delimiter=",", ndmin=2, comments=None)
        except ValueError:
            pass
        else:
            if table.shape == (len(lines), len(columns)) and (columns[0] != "label" or table[:, 0].max() <= 9):
                return table
    return np.array(list(_checked_rows(path, lines, columns, rows_before)), np.uint8)


def _checked_rows(path: Path, lines: list[str], columns: list[str], rows_before: int) -> Iterator[list[int]]:
    for number, row in enumerate(csv.reader(lines), start=rows_before + 1):
        if len(row) != len(columns):
            raise DataError(f"{path}, row {number} has {len(row)} values, not {len(columns)}: correct or remove the row")
        values = []
        for name, field in zip(columns, row, strict=True):
            highest = 9 if name == "label" else 255
            value = _whole(field)
            if value is None or value > highest:
                if _is_number(field):
                    fix = "write whole numbers, such as pandas has them after .astype(int); levels of 0 to 1 times 255 before"
                else:
                    fix = "correct or remove the row"
                place = f"{path}, row {number}, column {name}"
                raise DataError(f"{place}: {field[:40]!r} is not a whole number of 0 to {highest}: {fix}")
            values.append(value)
        yield values


def _whole(field: str) -> int | None:
    """The whole number in a field, or None where it holds anything else."""
    digits = field.strip(" \t")  # other characters that count as blanks are a sign of damage
    # int() alone would take 1_000, +5 and the digits of other scripts.
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None
