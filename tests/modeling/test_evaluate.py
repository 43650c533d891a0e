from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inkdigits.config import Project
from inkdigits.dataset import Dataset, Split
from inkdigits.errors import DataError, InkdigitsError, LeakageError, LeakageWarning, UsageError
from inkdigits.inference.classifier import load_model
from inkdigits.modeling.evaluate import EvaluateSettings, evaluate
from inkdigits.modeling.settings import TrainSettings
from inkdigits.modeling.train import TrainResult, train
from tests.conftest import write_idx_folder
from tests.test_formats import write_kaggle

pytestmark = pytest.mark.slow


def test_every_figure_follows_from_the_predictions(
    small_run: tuple[Project, TrainResult], small: Path, sample: Dataset
) -> None:
    project, run = small_run
    result = evaluate(EvaluateSettings(str(run.folder), f"idx:{small}"), project)
    images, labels = sample.split("test").take(np.arange(1000)).labelled()
    probabilities = load_model(run.folder).predict_proba(images)
    figures = json.loads(json.dumps(result.to_dict()))
    assert figures["accuracy"] == (probabilities.argmax(1) == labels).mean() == 1 - figures["wrong"] / 1000
    assert figures["interval95"][0] < figures["accuracy"] < figures["interval95"][1]
    assert np.array(figures["confusion"]).sum() == 1000
    assert len(figures["mistakes"]) == figures["wrong"] > 0
    confidences = [max(mistake["probabilities"]) for mistake in figures["mistakes"]]
    assert confidences == sorted(confidences, reverse=True)
    for mistake in figures["mistakes"]:
        assert int(mistake["label"]) == labels[mistake["index"]] != int(mistake["predicted"])
    errors = [figures["error_at_coverage"][c] for c in ("1", "0.99", "0.95", "0.9")]
    assert errors == sorted(errors, reverse=True)
    assert f"{figures['wrong']} of 1000 wrong" in result.to_table()
    assert json.loads((run.folder / "meta.json").read_text())["test"]["wrong"] == figures["wrong"]


def test_a_model_is_measured_on_a_source_it_never_saw(small_run: tuple[Project, TrainResult]) -> None:
    project, run = small_run
    before = (run.folder / "meta.json").read_bytes()
    result = evaluate(EvaluateSettings(str(run.folder), "sklearn"), project)
    assert result.copies is not None
    assert not result.copies.any()
    assert result.to_dict()["count"] == 360
    assert result.to_dict()["accuracy"] > 0.6  # 8×8 pixels, by others, after training on 3,000 images
    assert (run.folder / "meta.json").read_bytes() == before


def test_a_precision_is_for_two_classes(small: Path, small_run: tuple[Project, TrainResult]) -> None:
    project, result = small_run
    with pytest.raises(UsageError, match="digits has no threshold"):
        evaluate(EvaluateSettings(str(result.folder), f"idx:{small}", precision=0.9), project)


def test_kaggles_file_is_caught_overlapping_the_test_set(
    mnist: Dataset, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: three in five of all images as CSV, trained on, caught, and a submission for the others.

    Kaggle's file has 42,000 of all 70,000; here it is a fifth of that.
    """
    from inkdigits.modeling.predict import predict

    official = {"train": mnist.split("train").take(np.arange(12_000)), "test": mnist.split("test").take(np.arange(2_000))}
    images, labels = (np.concatenate(both) for both in zip(*(split.labelled() for split in official.values()), strict=True))
    order = np.random.default_rng(0).permutation(len(images))
    folder = tmp_path / "digit-recognizer"
    folder.mkdir()
    write_kaggle(folder / "train.csv", images[order[:8_400]], labels[order[:8_400]])
    write_kaggle(folder / "test.csv", images[order[8_400:]], None)
    run = train(TrainSettings("fast", data=f"kaggle:{folder}", epochs=3, run="kaggle"), project)
    idx = write_idx_folder(tmp_path / "official", test=official["test"])
    with pytest.warns(LeakageWarning, match="are training images of this model"):
        result = evaluate(EvaluateSettings("kaggle", f"idx:{idx}"), project)
    assert result.copies is not None
    # Eleven in twelve of the 8,400 were trained on; the others went to validation.
    assert result.copies.sum() == pytest.approx(2_000 * 42 / 70 * 11 / 12, rel=0.04)
    in_training = np.isin(np.arange(12_000, 14_000), order[:8_400])
    assert not result.copies[~in_training].any()
    figures = result.to_dict()
    assert figures["without_training_images"]["count"] == 2_000 - result.copies.sum()
    assert "that it was not trained on" in result.to_table()
    with pytest.raises(LeakageError, match="evaluate on other images"):
        evaluate(EvaluateSettings("kaggle", f"idx:{idx}", strict=True), project)
    answers = predict(folder / "test.csv", run.folder)
    answers.save(tmp_path / "submission.csv", "kaggle")
    lines = (tmp_path / "submission.csv").read_text().splitlines()
    assert lines[0] == "ImageId,Label"
    assert len(lines) == 5_601
    secret = write_idx_folder(tmp_path / "secret", test=Split(images[order[8_400:]], labels[order[8_400:]]))
    scored = evaluate(EvaluateSettings(data=f"idx:{secret}", predictions=tmp_path / "submission.csv"), project)
    assert scored.to_dict()["accuracy"] >= 0.95


def test_predictions_made_elsewhere(small: Path, project: Project, sample: Dataset, tmp_path: Path) -> None:
    labels = sample.split("test").labelled()[1][:1000].copy()
    labels[:10] = (labels[:10] + 1) % 10
    path = tmp_path / "answers.csv"
    path.write_text("ImageId,Label\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels, 1)))
    result = evaluate(EvaluateSettings(data=f"idx:{small}", predictions=path), project)
    figures = result.to_dict()
    assert figures["wrong"] == 10
    assert [mistake["index"] for mistake in figures["mistakes"]] == list(range(10))
    assert "calibration_error" not in figures
    assert "99.00 %" in result.to_table()
    path.write_text("ImageId,Label\n1,5\n")
    with pytest.raises(DataError, match="has 1 predictions for the 1000 images"):
        evaluate(EvaluateSettings(data=f"idx:{small}", predictions=path), project)


@pytest.mark.parametrize("meta", ["gone", "missing", "of another model", "without data"])
def test_training_data_that_cannot_be_had_is_said(
    small: Path, small_run: tuple[Project, TrainResult], tmp_path: Path, caplog: pytest.LogCaptureFixture, meta: str
) -> None:
    project, run = small_run
    (tmp_path / "model.onnx").write_bytes((run.folder / "model.onnx").read_bytes())
    content = json.loads((run.folder / "meta.json").read_text())
    if meta == "gone":
        content["data"]["source"] = "idx:/nowhere"
    elif meta == "of another model":
        content["model_sha256"] = "0" * 64
    elif meta == "without data":
        content["data"] = {}
    if meta != "missing":
        (tmp_path / "meta.json").write_text(json.dumps(content))
    settings = EvaluateSettings(str(tmp_path), f"idx:{small}")
    result = evaluate(settings, project)
    assert result.to_dict()["training_images_among_them"] is None
    assert any("not checked" in message for message in caplog.messages)
    with pytest.raises(LeakageError, match="cannot be checked"):
        evaluate(replace(settings, strict=True), project)


@pytest.mark.parametrize("content", ["[]", "{", "5"])
def test_a_damaged_meta_file_is_an_error(
    small: Path, small_run: tuple[Project, TrainResult], tmp_path: Path, content: str
) -> None:
    project, run = small_run
    (tmp_path / "model.onnx").write_bytes((run.folder / "model.onnx").read_bytes())
    (tmp_path / "meta.json").write_text(content)
    with pytest.raises(InkdigitsError, match=r"meta\.json"):
        evaluate(EvaluateSettings(str(tmp_path), f"idx:{small}", strict=True), project)


def test_changed_copies_are_caught_through_the_whole_way(
    sample: Dataset, small_run: tuple[Project, TrainResult], tmp_path: Path
) -> None:
    project, run = small_run
    images, labels = sample.split("train").take(np.arange(200)).labelled()
    folder = write_idx_folder(tmp_path / "changed", exam=Split(255 - images, labels))
    with pytest.warns(LeakageWarning, match="are training images of this model"):
        result = evaluate(EvaluateSettings(str(run.folder), f"idx:{folder}"), project)
    assert result.copies is not None
    assert result.copies.mean() == pytest.approx(11 / 12, abs=0.05)  # the others are validation images


def test_a_source_without_a_test_part_is_measured_whole_and_in_order(project: Project, sample: Dataset, tmp_path: Path) -> None:
    images, labels = sample.split("test").take(np.arange(120)).labelled()
    folder = write_idx_folder(tmp_path / "secret", secret=Split(images, labels))
    (tmp_path / "a.csv").write_text("ImageId,Label\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels, 1)))
    result = evaluate(EvaluateSettings(data=f"idx:{folder}", predictions=tmp_path / "a.csv"), project)
    assert result.to_dict()["accuracy"] == 1
    assert result.to_dict()["count"] == 120
    assert evaluate(EvaluateSettings(data=f"idx:{folder}"), project).to_dict()["count"] == 120


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": 7.0}, r"precision is 7\.0: it should be less"),
        ({"model": "x", "predictions": Path("y")}, "not both"),
    ],
)
def test_settings_that_make_no_sense(project: Project, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        evaluate(replace(EvaluateSettings(), **changes), project)  # type: ignore[arg-type]


def test_a_part_that_is_not_there(small: Path, small_run: tuple[Project, TrainResult]) -> None:
    project, run = small_run
    with pytest.raises(DataError, match="has no split 'exam': it has test, train, validation"):
        evaluate(EvaluateSettings(str(run.folder), f"idx:{small}", split="exam"), project)


def test_shares_of_nothing_are_not_told(small: Path, sample: Dataset, tmp_path: Path, project: Project) -> None:
    """Of a class that is not among the images, and of one that was never predicted."""
    test = sample.split("test")
    assert test.labels is not None
    few = test.take(np.flatnonzero(np.isin(test.labels, (3, 4, 5)))[:60])
    folder = write_idx_folder(tmp_path / "few", test=few)
    assert few.labels is not None
    answers = [f"{number},{3 if label == 5 else label}" for number, label in enumerate(few.labels, start=1)]
    (tmp_path / "a.csv").write_text("\n".join(["ImageId,Label", *answers]))
    result = evaluate(EvaluateSettings(data=f"idx:{folder}", predictions=tmp_path / "a.csv"), project)
    rows = {row["class"]: row for row in result.to_dict()["classes"]}
    assert (rows["7"]["precision"], rows["7"]["recall"], rows["7"]["f1"], rows["7"]["count"]) == (None, None, None, 0)
    assert (rows["5"]["precision"], rows["5"]["recall"]) == (None, 0)
    assert rows["4"]["precision"] == rows["4"]["recall"] == 1
    line = next(line for line in result.to_table().splitlines() if line.split()[:1] == ["7"])
    assert line.split() == ["7", "–", "–", "–", "0"]
