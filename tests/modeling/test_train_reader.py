from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import inkdigits
from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.errors import ModelError, UsageError
from inkdigits.geometry import intersection_over_union
from inkdigits.inference.classifier import Classifier
from inkdigits.inference.ctc import BLANK, SYMBOLS
from inkdigits.inference.detector import Detector
from inkdigits.inference.line_recogniser import LineRecogniser
from inkdigits.inference.sheet_finder import SheetFinder
from inkdigits.modeling import train_reader as step
from inkdigits.modeling.lines import LineBatch, offset_targets, place_loss
from inkdigits.modeling.loop import load_weights
from inkdigits.modeling.networks import DetectorNet, LineNet, SheetNet
from inkdigits.modeling.settings import TrainSettings
from inkdigits.modeling.train import train
from inkdigits.runs import Run
from inkdigits.synthesis import datasets, scenes
from inkdigits.synthesis.allographs import DigitStrokes

pytestmark = pytest.mark.slow


def test_offsets_are_learnt_near_the_middle_of_a_digit_alone() -> None:
    boxes = torch.zeros(1, 12, 4)
    boxes[0, 0] = torch.tensor([10.0, 4.0, 30.0, 36.0])
    wanted, near = offset_targets(boxes, torch.tensor([1]), 40)
    steps = torch.nonzero(near[0]).flatten()
    assert steps.min() * 2 >= 20 - 0.36 * 20
    assert steps.max() * 2 <= 20 + 0.36 * 20
    left, right, top, bottom = (wanted[0, 10] * 40).tolist()  # time step 10 is at 21 pixels
    assert (left, right, top, bottom) == pytest.approx((11, 9, 4, 36))
    assert not offset_targets(boxes, torch.tensor([0]), 40)[1].any()


def test_a_symbol_is_held_to_the_middle_of_its_box() -> None:
    boxes = np.zeros((2, 16, 4), np.float32)
    boxes[0, :2] = (10, 4, 30, 36), (40, 4, 48, 36)  # middles in time steps 10 and 22
    labels = np.full((2, 16), BLANK)
    labels[0, :2] = 7, 3
    strips = datasets.Strips(np.zeros((2, 40, 64), np.uint8), labels, np.array([2, 0]), boxes)
    probabilities = torch.full((2, 32, 24), 0.01)
    probabilities[0, 10, 7], probabilities[0, 22, 3] = 0.5, 0.25
    loss = place_loss(probabilities.log(), LineBatch(strips, torch.device("cpu")))
    assert float(loss) == pytest.approx((np.log(2) + np.log(4)) / 2)


def test_lines_that_are_moved_keep_their_boxes_around_their_ink() -> None:
    torch.manual_seed(5)
    images = np.full((64, 40, 128), 64, np.uint8)
    images[:, 8:32, 50:66] = 224
    boxes = np.zeros((64, 16, 4), np.float32)
    boxes[:, 0] = 50, 8, 66, 32
    strips = datasets.Strips(images, np.full((64, 16), BLANK), np.ones(64, np.int64), boxes)
    batch = LineBatch(strips, torch.device("cpu"))
    batch.move()
    assert float(batch.images.min()) >= 0
    assert float(batch.images.max()) <= 255
    moved = 0
    for image, (left, top, right, bottom) in zip(batch.images[:, 0].numpy(), batch.boxes[:, 0].numpy(), strict=True):
        inked = image > 64 + 70
        columns, rows = np.flatnonzero(inked.mean(0) > 0.25), np.flatnonzero(inked.any(1))
        assert (left, right) == pytest.approx((columns[0], columns[-1] + 1), abs=2.5)
        assert (top, bottom) == pytest.approx((rows[0], rows[-1] + 1), abs=2)
        moved += abs(top - 8) + abs(bottom - 32) > 0.5
    assert moved > 32


def test_batches_are_seen_again(few: Path, tmp_path: Path) -> None:
    data = step.make_features(f"idx:{few}", Project(tmp_path))
    objective = step.LineReading(data, 192, 0, "cpu", seen=3)
    assert objective.steps == 6
    batches = list(objective.batches())
    objective.finish()
    assert len(batches) == 6
    assert len({batch.images.tobytes() for batch in batches}) == 2


@pytest.fixture(scope="module")
def tiny(few: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, step.ReaderSettings, Run]:
    """A project with a reader, ``tiny``, trained on next to nothing."""
    project = Project(tmp_path_factory.mktemp("reader"))
    settings = step.ReaderSettings(500, 2, 96, 1, 16, 16, data=f"idx:{few}", run="tiny")
    return project, settings, step.train_reader(settings, project)


def test_training_makes_a_reader_that_loads(tiny: tuple[Project, step.ReaderSettings, Run]) -> None:
    _, _, run = tiny
    meta = run.meta()
    assert meta["digit"]["parameters"] < 200_000
    assert meta["line"]["parameters"] < 900_000
    assert meta["page"]["parameters"] < 500_000
    assert meta["sheet"]["parameters"] < 250_000
    assert len(run.history("digit")) == 2
    assert run.history("digit")[1]["train_loss"] < run.history("digit")[0]["train_loss"]
    blank = np.zeros((3, 28, 28), np.uint8)
    probabilities = Classifier(run.model("digit")).predict_proba(blank)
    assert probabilities.shape == (3, 11)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    strips = np.full((1, 1, 40, 96), 64, np.float32)
    steps, offsets = LineRecogniser(run.model("line"))._session.run({"strips": strips})
    assert (steps.shape, offsets.shape) == ((1, 48, len(SYMBOLS)), (1, 48, 4))
    np.testing.assert_allclose(steps.sum(2), 1, atol=1e-4)
    with inkdigits.Reader(run.folder) as reader:
        assert reader.read(np.full((50, 90), 200, np.uint8), "digit").text == ""
        assert reader.read(np.full((50, 90), 200, np.uint8)).pages[0].size == (90, 50)
        assert isinstance(reader.find_sheet(np.full((50, 90), 200, np.uint8)), inkdigits.Sheet)
        assert "tiny" in repr(reader)


def test_one_network_is_trained_again_and_the_other_stays(tiny: tuple[Project, step.ReaderSettings, Run]) -> None:
    project, settings, run = tiny
    again = Run.named("another", project)
    shutil.copytree(run.folder, again.folder)
    with pytest.raises(UsageError, match=r"digit\.onnx is there already: .*--overwrite"):
        step.train_reader(replace(settings, only="digit", digit_epochs=1, run="another"), project)
    step.train_reader(replace(settings, only="digit", digit_epochs=1, run="another"), project, overwrite=True)
    assert again.model("line").read_bytes() == run.model("line").read_bytes()
    assert again.meta()["line"] == run.meta()["line"]
    assert again.meta()["digit"]["sha256"] != run.meta()["digit"]["sha256"]


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(
    tiny: tuple[Project, step.ReaderSettings, Run], few: Path
) -> None:
    project, settings, whole = tiny
    killed = Run.named("killed", project)
    words = f"--only digit --digits 500 --digit-epochs 2 --lines 96 --pages 16 --sheets 16 --data idx:{few}".split()
    command = [sys.executable, "-m", "inkdigits", "train-reader", *words, "--run", "killed"]
    process = subprocess.Popen(command, env=os.environ | {"INKDIGITS_PROJECT": str(project.root)}, start_new_session=True)
    deadline = time.monotonic() + 120
    while not killed.checkpoint("digit").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert killed.checkpoint("digit").exists()
    assert not killed.model("digit").exists()
    again = replace(settings, run="killed", only="digit")
    assert step.train_reader(again, project, resume=True).folder == killed.folder
    assert killed.model("digit").read_bytes() == whole.model("digit").read_bytes()
    assert not killed.checkpoint("digit").exists()
    finished = killed.model("digit").stat().st_mtime_ns
    step.train_reader(again, project, resume=True)  # nothing is left to do
    assert killed.model("digit").stat().st_mtime_ns == finished
    with pytest.raises(UsageError, match="holds a reader already"):
        train(TrainSettings("fast", data=f"idx:{few}", run="killed"), project)


def test_nothing_is_trained_again_where_something_else_would_be_lost(
    tiny: tuple[Project, step.ReaderSettings, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, settings, run = tiny
    monkeypatch.setattr(step, "_train", lambda *args: pytest.fail("trained"))
    with pytest.raises(UsageError, match="is finished, with other settings"):
        step.train_reader(replace(settings, seed=4), project, resume=True)
    with pytest.raises(UsageError, match=r"line\.onnx is finished, with other settings"):
        step.train_reader(replace(settings, lines=192), project, resume=True)
    torch.save({"identity": {}}, run.checkpoint("line"))
    with pytest.raises(UsageError, match="belongs to a run with other"):  # before the classifier is trained
        step.train_reader(replace(settings, digit_epochs=1), project, resume=True)
    run.checkpoint("line").unlink()


def test_a_training_starts_from_given_weights(tiny: tuple[Project, step.ReaderSettings, Run]) -> None:
    project, settings, run = tiny
    started = step.train_reader(replace(settings, run="started", start="tiny", only="digit", digit_epochs=1), project)
    assert started.history("digit")[0]["train_loss"] < run.history("digit")[0]["train_loss"]
    with pytest.raises(ModelError, match="does not exist"):
        step.train_reader(replace(settings, run="started", start="nobody", only="line"), project)
    with pytest.raises(UsageError, match="cannot start from its own weights"):
        step.train_reader(replace(settings, start="tiny"), project)
    with pytest.raises(ModelError, match=r"line\.safetensors does not exist"):  # said before the first network is trained
        step.train_reader(replace(settings, run="again", start="started"), project)
    assert not Run.named("again", project).folder.exists()


def test_what_is_trained_is_not_lost_where_its_description_is_not_written(
    tiny: tuple[Project, step.ReaderSettings, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, settings, _ = tiny
    again, run = replace(settings, run="described", only="digit"), Run.named("described", project)
    monkeypatch.setattr(step, "provenance", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        step.train_reader(again, project)
    monkeypatch.undo()
    monkeypatch.setattr(step.DigitReading, "losses", lambda self: pytest.fail("trained again"))
    step.train_reader(again, project, resume=True)
    assert len(run.history("digit")) == 2


def test_the_exported_line_recogniser_says_what_the_network_says(tiny: tuple[Project, step.ReaderSettings, Run]) -> None:
    run = tiny[2]
    network = LineNet()
    load_weights(network.eval(), run.weights("line"))
    session = LineRecogniser(run.model("line"))._session
    for width in (32, 160, 448):
        strips = torch.rand(1, 1, 40, width) * 255
        with torch.inference_mode():
            logits, offsets = network(strips)
        probabilities, found = session.run({"strips": strips.numpy()})
        assert probabilities.shape == (1, width // 2, len(SYMBOLS))
        np.testing.assert_allclose(probabilities, torch.softmax(logits, 2).numpy(), atol=3e-3)  # 16-bit weights
        np.testing.assert_allclose(found, offsets.numpy(), atol=2e-2)


def test_the_exported_detector_and_sheet_finder_say_what_the_networks_say(
    tiny: tuple[Project, step.ReaderSettings, Run],
) -> None:
    run = tiny[2]
    detector, finder = DetectorNet(), SheetNet()
    load_weights(detector.eval(), run.weights("page"))
    load_weights(finder.eval(), run.weights("sheet"))
    assert run.model("page").stat().st_size < 1_000_000
    for shape in ((32, 32), (64, 160)):
        pictures = torch.rand(1, 1, *shape) * 255
        with torch.inference_mode():
            logits, geometry, labels = detector(pictures)
        found = Detector(run.model("page"))._session.run({"pictures": pictures.numpy()})
        for said, wanted in zip(found, (logits.sigmoid(), geometry, labels.softmax(1)), strict=True):
            assert said.shape[2:] == (shape[0] // 4, shape[1] // 4)
            np.testing.assert_allclose(said, wanted.numpy(), atol=2e-2)  # 16-bit weights
    pictures = torch.rand(1, 1, 256, 256) * 255
    with torch.inference_mode():
        wanted = finder(pictures).sigmoid()
    (said,) = SheetFinder(run.model("sheet"))._session.run({"pictures": pictures.numpy()})
    np.testing.assert_allclose(said, wanted.numpy(), atol=2e-2)


def test_synthetic_pictures_do_not_depend_on_the_number_of_processes(mnist: Dataset) -> None:
    part = mnist.split("train").take(np.arange(2000))
    images, labels = datasets.make_digits(part, 500, seed=4)
    assert images.shape == (500, 28, 28)
    assert set(np.unique(labels)) == set(range(11))
    datasets._begin(part)
    again, same = datasets._digit_job((4, 0))
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(labels, same)


def test_the_shipped_line_recogniser_reads_synthetic_lines_of_strangers(mnist: Dataset) -> None:
    """Strokes of MNIST's test set, which no network has seen, on synthetic paper."""
    strokes, rng = DigitStrokes(mnist.split("test")), np.random.default_rng(11)
    recogniser = LineRecogniser(Run.shipped("reader").model("line"))
    correct, total, overlaps = 0, 0, []
    for _ in range(150):
        scene = scenes.line(strokes, rng, height=64)
        found = [symbol for symbol in recogniser.read(scene.picture) if symbol.label < BLANK]
        correct += "".join(str(symbol.label) for symbol in found) == scene.text
        total += 1
        if len(found) == len(scene.boxes):
            overlaps += [intersection_over_union(d.box, box) for d, box in zip(found, scene.boxes, strict=True)]
    assert correct / total >= 0.6  # a third of the synthetic lines are hard to read for anybody
    assert np.median(overlaps) >= 0.6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"digits": 10}, "digits is 10: it should be"),
        ({"lines": 700}, "lines is 700: it should be a multiple of 96"),
        ({"digit_epochs": 0}, "digit_epochs is 0"),
        ({"pages": 20}, "pages is 20: it should be a multiple of 16"),
        ({"only": "cell"}, "only is 'cell': it should be 'digit', 'line', 'page' or 'sheet'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        step.ReaderSettings(**settings)
