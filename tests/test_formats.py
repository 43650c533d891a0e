from __future__ import annotations

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inkdigits import formats
from inkdigits.errors import DataError

fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEADER = ",".join(["label", *formats.PIXEL_COLUMNS])


# --- IDX ----------------------------------------------------------------------------------------------------------


@fuzz
@given(array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6)), zipped=st.booleans())
def test_idx_round_trip(tmp_path: Path, array: np.ndarray, zipped: bool) -> None:
    content = formats.idx_bytes(array)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if zipped else content)
    np.testing.assert_array_equal(formats.read_idx(path), array)


@fuzz
@given(data=st.data())
def test_a_mutilated_idx_file_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    good = gzip.compress(formats.idx_bytes(np.arange(60, dtype=np.uint8).reshape(3, 4, 5)))
    content = bytearray(good)
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "file"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        formats.read_idx(path)
    except DataError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda good: gzip.compress(good)[:-20], "truncated gzip"),
        (lambda good: gzip.compress(good)[:30] + b"\xff" * 40, "damaged or truncated gzip"),
        (lambda good: b"\x00\x00\x0d\x03" + good[4:], "00 00 0d 03"),
        (lambda good: good[:10], "ends within its header"),
        (lambda good: good[:-1], "59 are there"),
        (lambda good: good + b"x", "more are there"),
        (lambda good: good[:4] + b"\xff" * 12, "is damaged"),
        (lambda good: b"", "missing"),
    ],
)
def test_idx_faults_are_named(tmp_path: Path, spoil: Callable[[bytes], bytes], message: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(spoil(formats.idx_bytes(np.zeros((3, 4, 5), np.uint8))))
    with pytest.raises(DataError, match=message) as caught:
        formats.read_idx(path)
    assert str(path) in str(caught.value)


# --- CSV ----------------------------------------------------------------------------------------------------------


def write_kaggle(path: Path, images: np.ndarray, labels: np.ndarray | None) -> Path:
    columns = images.reshape(len(images), -1)
    header = HEADER
    if labels is None:
        header = header.removeprefix("label,")
    else:
        columns = np.column_stack([labels, columns])
    np.savetxt(path, columns, "%d", delimiter=",", header=header, comments="")
    return path


@fuzz
@given(images=hnp.arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(28), st.just(28))), labelled=st.booleans())
def test_csv_round_trip(tmp_path: Path, images: np.ndarray, labelled: bool) -> None:
    labels = np.arange(len(images)) + 7 if labelled else None
    found, found_labels = formats.read_kaggle_csv(write_kaggle(tmp_path / "file.csv", images, labels))
    np.testing.assert_array_equal(found, images)
    assert (found_labels is None) == (labels is None)
    if labels is not None:
        np.testing.assert_array_equal(found_labels, labels)


def test_blank_lines_in_a_csv_do_not_count(tmp_path: Path) -> None:
    path = write_kaggle(tmp_path / "t.csv", np.zeros((2, 28, 28), np.uint8), np.array([1, 2]))
    path.write_text(path.read_text() + "\n\n")
    assert len(formats.read_kaggle_csv(path)[0]) == 2


def test_a_header_that_promises_much_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\0\0\x08\x01" + (1_000_000_000).to_bytes(4, "big") + b"x")
    tracemalloc.start()
    with pytest.raises(DataError, match="1 are there"):
        formats.read_idx(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def spoiled(tmp_path: Path, row: int, column: int, value: str) -> Path:
    path = write_kaggle(tmp_path / "train.csv", np.full((3, 28, 28), 9, np.uint8), np.array([1, 2, 3]))
    lines = path.read_text().splitlines()
    fields = lines[row].split(",")
    fields[column] = value
    lines[row] = ",".join(fields)
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("value", ["-1", "256", "nan", "NaN", "", "five", "1.5", "1e2", "٣", "0x10", "99999999999999999999"])
def test_a_pixel_that_is_no_byte_is_named(tmp_path: Path, value: str) -> None:
    path = spoiled(tmp_path, 2, 5, value)
    with pytest.raises(DataError, match=r"train.csv, row 2, column pixel4: .* is not a whole number of 0 to 255"):
        formats.read_kaggle_csv(path)


@pytest.mark.parametrize("value", ["10", "-1", "x", ""])
def test_a_label_that_is_no_digit_is_named(tmp_path: Path, value: str) -> None:
    with pytest.raises(DataError, match=r"row 3, column label: .* is not a whole number of 0 to 9"):
        formats.read_kaggle_csv(spoiled(tmp_path, 3, 0, value))


@pytest.mark.parametrize("value", ["0.0", "0.5", "1e2"])
def test_other_numbers_get_a_fix_for_all_rows(tmp_path: Path, value: str) -> None:
    with pytest.raises(DataError, match=r"write whole numbers, such as pandas has them after .astype\(int\)"):
        formats.read_kaggle_csv(spoiled(tmp_path, 3, 5, value))


@pytest.mark.parametrize("value", ["1,2", '"'])
def test_ragged_rows_are_named(tmp_path: Path, value: str) -> None:
    with pytest.raises(DataError, match="row 2"):
        formats.read_kaggle_csv(spoiled(tmp_path, 2, 400, value))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("label,pixel0,pixel2", "column 3 is headed 'pixel2', not 'pixel1'"),
        (HEADER.removesuffix(",pixel783"), "has 784 columns, not 785"),
        (HEADER + ",pixel784", "has 786 columns, not 785"),
        ("", "is empty"),
        ("1,0,0", "begins with numbers"),
        ("id,pixel0", "column 1 is headed 'id', not 'pixel0'"),
        (HEADER.removeprefix("label,") + ",label", "column 785 is the label: put it first"),
    ],
)
def test_missing_columns_are_named(tmp_path: Path, header: str, message: str) -> None:
    path = tmp_path / "train.csv"
    path.write_text(header + "\n")
    with pytest.raises(DataError, match=message):
        formats.read_kaggle_csv(path)


@pytest.mark.parametrize(
    "content", [HEADER.encode() + b"\n", HEADER.encode() + b"\n\xff\xfe", b"\xff\xfe\x00", HEADER.encode() + b"\n\n"]
)
def test_other_faults_are_data_errors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"train\.csv"):
        formats.read_kaggle_csv(path)


@fuzz
@example(text="0\x1f", row=1, column=0)  # a space to str.strip, not to int
@given(text=st.text(st.characters(codec="utf-8"), max_size=60), row=st.integers(1, 3), column=st.integers(0, 784))
def test_any_text_in_a_cell_is_read_exactly_or_refused(tmp_path: Path, text: str, row: int, column: int) -> None:
    path = spoiled(tmp_path, row, column, text)
    try:
        images, labels = formats.read_kaggle_csv(path)
    except DataError as error:
        assert "train.csv" in str(error)
    else:
        assert images.shape == (3, 28, 28)
        assert labels is not None
        value = labels[row - 1] if column == 0 else images[row - 1].ravel()[column - 1]
        assert int(text.strip().strip('"').strip()) == value


def test_predictions_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("ImageId,Label\n3,7\n1,5\n2,0\n")
    np.testing.assert_array_equal(formats.read_predictions(path), [5, 0, 7])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Id,Label\n1,5\n", "the first row must be ImageId,Label"),
        ("ImageId,Label\n1,x\n", "row 1: '1,x'"),
        ("ImageId,Label\n1,12\n", "row 1: '1,12'"),
        ("ImageId,Label\n1,5\n1,6\n", "row 2, column ImageId: 1 is there twice"),
        ("ImageId,Label\n1,5\n3,6\n", "ImageId 2 is missing"),
        ("ImageId,Label\n", "ImageId 1 is missing"),
        ("", "the first row must be"),
    ],
)
def test_faulty_predictions_are_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        formats.read_predictions(path)


# --- Pickle -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["0\x1c", "\x1f1", "1\u2009", "+1", "1_0", "١"])
def test_numbers_that_only_look_so(tmp_path: Path, field: str) -> None:
    (tmp_path / "a.csv").write_text(
        ",".join(formats.PIXEL_COLUMNS) + "\n" + ",".join([field, *["0"] * 783]) + "\n", encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"row 1, column pixel0: .* is not a whole number"):
        formats.read_kaggle_csv(tmp_path / "a.csv")


@pytest.mark.parametrize("shape", [(0xFF000000, 0xFFFF0700, 0), (0, 2**31, 2**31), (2**31, 0, 2**31)])
def test_no_values_in_sides_that_no_array_has(shape: tuple[int, ...], tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, *shape))
    with pytest.raises(DataError, match="it is damaged"):
        formats.read_idx(tmp_path / "images")
