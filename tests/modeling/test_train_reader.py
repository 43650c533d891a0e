from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.errors import UsageError

torch = pytest.importorskip("torch")

from inkdigits.modeling import train_reader as step  # noqa: E402
from inkdigits.modeling.export import export_line_reader  # noqa: E402
from inkdigits.modeling.networks import LineNet  # noqa: E402
from inkdigits.modeling.predict import Classifier  # noqa: E402
from inkdigits.reading.line import NONE, LineReader, log_probability  # noqa: E402
from inkdigits.synthesis import scenes  # noqa: E402
from inkdigits.synthesis.forms import DigitStrokes  # noqa: E402


def test_the_best_path_of_scores() -> None:
    scores = np.full((9, 11), -1.0)
    for place, label in enumerate([10, 3, 3, 10, 3, 10, 10, 7, 0]):
        scores[place, label] = 1.0
    assert step.best_path(scores) == [3, 3, 7, 0]
    assert step.best_path(np.eye(11)[[10, 10]]) == []


def test_the_probability_of_a_text_is_that_of_ctc() -> None:
    rng = np.random.default_rng(3)
    for text in ([], [4], [4, 4], [0, 1, 1, 9]):
        probabilities = rng.dirichlet(np.ones(11), 12).astype(np.float32)
        logs = torch.from_numpy(probabilities).log()[:, None]
        loss = torch.nn.functional.ctc_loss(
            logs, torch.tensor([text]), torch.tensor([12]), torch.tensor([len(text)]), blank=NONE, reduction="none"
        )
        assert log_probability(probabilities, text) == pytest.approx(-float(loss), rel=1e-4)


def test_edges_are_wanted_near_the_middle_of_a_digit_alone() -> None:
    boxes = torch.zeros(1, 12, 4)
    boxes[0, 0] = torch.tensor([10.0, 4.0, 30.0, 36.0])
    wanted, there = step.edge_targets(boxes, torch.tensor([1]), 40)
    places = torch.nonzero(there[0]).flatten()
    assert places.min() * 2 >= 20 - 0.36 * 20
    assert places.max() * 2 <= 20 + 0.36 * 20
    left, right, top, bottom = (wanted[0, 10] * 40).tolist()  # place 10 is at 21 pixels
    assert (left, right, top, bottom) == pytest.approx((11, 9, 4, 36))
    assert not step.edge_targets(boxes, torch.tensor([0]), 40)[1].any()


def test_training_makes_a_reader_that_loads(small: Path, project: Project) -> None:
    settings = step.ReaderSettings(500, 500, 1, 1, data=f"idx:{small}", run="tiny")
    folder = step.train_reader(settings)
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["digit"]["parameters"] < 200_000
    assert meta["line"]["parameters"] < 700_000
    probabilities = Classifier(folder / "digit.onnx").predict_proba(np.zeros((3, 28, 28), np.uint8))
    assert probabilities.shape == (3, 11)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    for digit in LineReader(folder / "line.onnx").read(np.full((50, 90), 200, np.uint8)):
        assert digit.probabilities.sum() == pytest.approx(1, abs=1e-4)
    line = (folder / "line.onnx").read_bytes()
    step.train_reader(step.ReaderSettings(500, 500, 1, 1, data=f"idx:{small}", run="tiny", only="digit"))
    assert (folder / "line.onnx").read_bytes() == line
    assert json.loads((folder / "meta.json").read_text())["line"] == meta["line"]


def test_the_exported_line_reader_says_what_the_network_says(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LineNet().eval()
    export_line_reader(network, tmp_path / "line.onnx")
    session = LineReader(tmp_path / "line.onnx")._session
    for width in (32, 160, 448):
        strips = torch.rand(1, 1, 40, width) * 255
        with torch.inference_mode():
            logits, edges = network(strips)
        probabilities, found = session.run(["probabilities", "edges"], {"strips": strips.numpy()})
        assert probabilities.shape == (1, width // 2, 11)
        np.testing.assert_allclose(probabilities, torch.softmax(logits, 2).numpy(), atol=3e-3)  # 16-bit weights
        np.testing.assert_allclose(found, edges.numpy(), atol=2e-2)


def test_made_pictures_do_not_depend_on_the_number_of_processes(mnist: Dataset) -> None:
    part = mnist.part("train").take(np.arange(2000)).labelled()
    images, labels = step.make_digits(part, 500, seed=4)
    assert images.shape == (500, 28, 28)
    assert set(np.unique(labels)) == set(range(11))
    step._begin(*part)
    again, same = step._digit_job((4, 0))
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(labels, same)


def test_the_shipped_line_reader_reads_made_lines_of_strangers(mnist: Dataset) -> None:
    """Strokes of MNIST's test set, which no network has seen, on made paper."""
    strokes, rng, reader = DigitStrokes(*mnist.part("test").labelled()), np.random.default_rng(11), LineReader()
    right, total, overlaps = 0, 0, []
    for _ in range(150):
        scene = scenes.line(strokes, rng, height=64)
        found = [digit for digit in reader.read(scene.picture) if digit.probabilities[NONE] < 0.5]
        right += "".join(str(int(digit.probabilities[:NONE].argmax())) for digit in found) == scene.text
        total += 1
        if len(found) == len(scene.boxes):
            overlaps += [_overlap(digit.box, box) for digit, box in zip(found, scene.boxes, strict=True)]
    assert right / total >= 0.6  # a third of the made lines are hard to read for anybody
    assert np.median(overlaps) >= 0.6


def _overlap(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    """Intersection over union of two boxes."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


@pytest.mark.parametrize(
    ("settings", "message"), [({"digits": 10}, "make 500 or a multiple"), ({"line_epochs": 0}, "at least 1")]
)
def test_settings_that_cannot_be(settings: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        step.ReaderSettings(**settings)  # type: ignore[arg-type]
