from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits import formats, load_model, preparation
from inkdigits.dataset import Dataset
from inkdigits.errors import DataError, UsageError
from inkdigits.modeling.predict import Predictions, predict


@pytest.fixture
def digits(sample: Dataset) -> np.ndarray:
    return sample.split("test").images[:30]


def test_idx_csv_and_pictures_give_the_same_predictions(tmp_path: Path, digits: np.ndarray) -> None:
    (tmp_path / "images-idx3-ubyte").write_bytes(formats.idx_bytes(digits))
    np.savetxt(tmp_path / "t.csv", digits.reshape(-1, 784), "%d", ",", header=",".join(formats.PIXEL_COLUMNS), comments="")
    (tmp_path / "pictures").mkdir()
    for i, image in enumerate(digits):
        Image.fromarray(image).save(tmp_path / "pictures" / f"{i:03d}.png")
    results = [predict(tmp_path / name) for name in ("images-idx3-ubyte", "t.csv", "pictures")]
    for result in results:
        np.testing.assert_array_equal(result.probabilities, load_model().predict_proba(digits))
    assert results[0].names == results[1].names == [str(i) for i in range(1, 31)]
    assert results[2].names[0] == "000.png"


def test_the_three_forms(tmp_path: Path, digits: np.ndarray) -> None:
    (tmp_path / "x-idx3-ubyte").write_bytes(formats.idx_bytes(digits))
    result = predict(tmp_path / "x-idx3-ubyte")
    best = result.probabilities.argmax(1)
    result.save(tmp_path / "a.csv")
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert [int(row["label"]) for row in rows] == best.tolist()
    assert float(rows[0]["confidence"]) == pytest.approx(result.probabilities[0].max(), abs=1e-6)
    assert sum(float(rows[0][f"p({d})"]) for d in range(10)) == pytest.approx(1, abs=1e-4)
    result.save(tmp_path / "a.json")
    assert [int(row["label"]) for row in json.loads((tmp_path / "a.json").read_text())] == best.tolist()
    result.save(tmp_path / "submission.csv", "kaggle")
    np.testing.assert_array_equal(formats.read_predictions(tmp_path / "submission.csv"), best)


def test_forms_that_do_not_exist_write_nothing(tmp_path: Path) -> None:
    answers = Predictions(["1"], ("3", "5"), np.ones((1, 2), np.float32) / 2)
    for name, form, message in (
        ("a.xlsx", None, "'xlsx'"),
        ("a", None, "without suffix"),
        ("a.csv", "kaggle", "not for 3 and 5"),
    ):
        with pytest.raises(UsageError, match=message):
            answers.save(tmp_path / name, form)
    assert not list(tmp_path.iterdir())


def test_good_pictures_are_answered_and_bad_ones_named(tmp_path: Path, digits: np.ndarray) -> None:
    Image.fromarray(digits[0]).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = predict(tmp_path)
    assert result.names == ["good.png"]
    assert len(result.faults) == 1
    assert "bad.png" in result.faults[0]
    with pytest.raises(DataError, match=r"numbers the pictures, and one cannot be read: .*bad\.png"):
        result.save(tmp_path / "s.csv", "kaggle")
    assert not (tmp_path / "s.csv").exists()
    (tmp_path / "good.png").unlink()
    with pytest.raises(DataError, match="holds no picture that can be read"):
        predict(tmp_path)


def test_an_idx_file_of_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(formats.idx_bytes(np.arange(5, dtype=np.uint8)))
    with pytest.raises(DataError, match="give the file of images"):
        predict(tmp_path / "labels")


@pytest.mark.parametrize(("name", "meant"), [("mnist", "itself$"), ("kaggle:train.csv", "itself, train.csv$")])
def test_the_name_of_a_source_is_told_from_a_file(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is the name of a source: give the file or the folder {meant}"):
        predict(Path(name))


def test_pictures_of_a_csv_go_through_the_same_preparation(tmp_path: Path, digits: np.ndarray) -> None:
    moved = np.roll(255 - digits, 2, 1)
    np.savetxt(tmp_path / "t.csv", moved.reshape(-1, 784), "%d", ",", header=",".join(formats.PIXEL_COLUMNS), comments="")
    wanted = load_model().predict_proba(preparation.prepare_batch(moved))
    np.testing.assert_array_equal(predict(tmp_path / "t.csv").probabilities, wanted)


def test_a_folder_is_numbered_as_people_count(sample: Dataset, tmp_path: Path) -> None:
    images, labels = sample.split("test").labelled()
    for number in (1, 2, 10):
        Image.fromarray(255 - images[number]).save(tmp_path / f"{number}.png")
    found = predict(tmp_path)
    assert found.names == ["1.png", "2.png", "10.png"]
    assert found.probabilities.argmax(1).tolist() == [int(labels[number]) for number in (1, 2, 10)]
    with pytest.raises(DataError, match="is a picture: name its folder"):
        predict(tmp_path / "1.png")
