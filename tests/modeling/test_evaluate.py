from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from inkdigits.config import Project
from inkdigits.dataset import Dataset, Part
from inkdigits.errors import DataError, LeakageError, LeakageWarning, ModelError
from inkdigits.modeling.evaluate import EvaluateSettings, evaluate
from inkdigits.modeling.predict import load_model
from inkdigits.modeling.train import TrainResult, TrainSettings, train
from tests.conftest import write_idx_folder
from tests.test_formats import write_kaggle


def test_every_figure_follows_from_the_answers(small_run: tuple[Project, TrainResult], small: Path, mnist: Dataset) -> None:
    project, run = small_run
    result = evaluate(EvaluateSettings(str(run.folder), f"idx:{small}"), project)
    images, labels = mnist.part("test").take(np.arange(1000)).labelled()
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


def test_kaggles_file_is_caught_overlapping_the_test_set(
    mnist: Dataset, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: 42,000 of all 70,000 images as CSV, trained on, caught, and a submission for the other 28,000."""
    from inkdigits.modeling.predict import predict

    images = np.concatenate([mnist.part(p).images for p in ("train", "test")])
    labels = np.concatenate([mnist.part(p).labels for p in ("train", "test")])  # type: ignore[arg-type]
    order = np.random.default_rng(0).permutation(len(images))
    folder = tmp_path / "digit-recognizer"
    folder.mkdir()
    write_kaggle(folder / "train.csv", images[order[:42_000]], labels[order[:42_000]])
    write_kaggle(folder / "test.csv", images[order[42_000:]], None)
    run = train(TrainSettings("fast", data=f"kaggle:{folder}", epochs=1, run="kaggle"), project)
    idx = write_idx_folder(tmp_path / "official", test=mnist.part("test"))
    with pytest.warns(LeakageWarning, match="are training images of this model"):
        result = evaluate(EvaluateSettings("kaggle", f"idx:{idx}"), project)
    assert result.copies is not None
    # Eleven in twelve of the 42,000 were trained on; the others went to validation.
    assert result.copies.sum() == pytest.approx(10_000 * 42 / 70 * 11 / 12, rel=0.03)
    in_training = np.isin(np.arange(60_000, 70_000), order[:42_000])
    assert not result.copies[~in_training].any()
    figures = result.to_dict()
    assert figures["without_training_images"]["count"] == 10_000 - result.copies.sum()
    assert "that it was not trained on" in result.to_table()
    with pytest.raises(LeakageError, match="evaluate on other images"):
        evaluate(EvaluateSettings("kaggle", f"idx:{idx}", strict=True), project)
    answers = predict(folder / "test.csv", run.folder)
    answers.save(tmp_path / "submission.csv", "kaggle")
    lines = (tmp_path / "submission.csv").read_text().splitlines()
    assert lines[0] == "ImageId,Label"
    assert len(lines) == 28_001
    secret = write_idx_folder(tmp_path / "secret", test=Part(images[order[42_000:]], labels[order[42_000:]]))
    scored = evaluate(EvaluateSettings(data=f"idx:{secret}", predictions=tmp_path / "submission.csv"), project)
    assert scored.to_dict()["accuracy"] >= 0.97


def test_answers_made_elsewhere(small: Path, project: Project, mnist: Dataset, tmp_path: Path) -> None:
    labels = mnist.part("test").labelled()[1][:1000].copy()
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
    with pytest.raises(DataError, match="has 1 answers for the 1000 images"):
        evaluate(EvaluateSettings(data=f"idx:{small}", predictions=path), project)


def test_training_data_that_is_gone_is_said(
    small: Path, small_run: tuple[Project, TrainResult], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project, run = small_run
    meta = json.loads((run.folder / "meta.json").read_text())
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "model.onnx").write_bytes((run.folder / "model.onnx").read_bytes())
    meta["data"]["source"] = "idx:/nowhere"
    (copy / "meta.json").write_text(json.dumps(meta))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = evaluate(EvaluateSettings(str(copy), f"idx:{small}"), project)
    assert result.to_dict()["training_images_among_them"] is None
    assert any("not checked" in message for message in caplog.messages)


def test_a_meta_file_of_another_model_is_refused(small: Path, small_run: tuple[Project, TrainResult], tmp_path: Path) -> None:
    project, run = small_run
    (tmp_path / "model.onnx").write_bytes(load_model().path.read_bytes())
    (tmp_path / "meta.json").write_bytes((run.folder / "meta.json").read_bytes())
    with pytest.raises(ModelError, match="belongs to another"):
        evaluate(EvaluateSettings(str(tmp_path), f"idx:{small}"), project)


def test_a_part_that_is_not_there(small: Path, small_run: tuple[Project, TrainResult]) -> None:
    project, run = small_run
    with pytest.raises(DataError, match="has no part 'exam': it has test, train, validation"):
        evaluate(EvaluateSettings(str(run.folder), f"idx:{small}", part="exam"), project)
