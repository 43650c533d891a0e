from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from inkdigits import load_model
from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.errors import ImageError, ModelError, UsageError
from inkdigits.inference.classifier import TASK_KEY, Classifier
from inkdigits.modeling.train import TrainResult


@pytest.mark.slow
def test_the_shipped_model_knows_mnist(mnist: Dataset) -> None:
    images, labels = mnist.split("test").labelled()
    model = load_model()
    assert model.path.stat().st_size <= 1_000_000
    assert (model.predict(images) == labels).mean() >= 0.994
    assert model.predict(images[:3]).dtype == np.int64
    meta = model.meta()
    assert meta["task"] == "digits"
    assert meta["test"]["count"] == 10_000


@pytest.mark.slow
def test_a_model_is_found_by_name_folder_and_file(
    small_run: tuple[Project, TrainResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, result = small_run
    monkeypatch.setenv("INKDIGITS_PROJECT", str(project.root))
    assert load_model("small").path == load_model(result.folder).path == load_model(result.folder / "model.onnx").path
    with pytest.raises(ModelError, match="no model 'smal': the runs here are small"):
        load_model("smal")


def test_no_runs_yet(project: Project) -> None:
    with pytest.raises(ModelError, match="inkdigits train makes one"):
        load_model("fast")


def foreign_model(path: Path, shape: list[int | str], classes: int, task: str | None) -> Path:
    flat = int(np.prod([s for s in shape[1:] if isinstance(s, int)]))
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["probabilities"]),
    ]
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", classes])]
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [flat, classes], np.zeros(flat * classes))
    model = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, [weights]), opset_imports=[helper.make_opsetid("", 20)]
    )
    model.ir_version = 10
    if task:
        helper.set_model_props(model, {TASK_KEY: task})
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("shape", "classes", "task", "message"),
    [
        (["N", 1, 28, 28], 10, None, "was not made by inkdigits train"),
        (["N", 3, 28, 28], 10, "digits", "was not made by inkdigits train"),
        (["N", 1, 32, 32], 10, "digits", "was not made by inkdigits train"),
        (["N", 1, 28, 28], 7, "digits", "has 10 classes"),
    ],
)
def test_models_of_another_kind_or_shape(
    tmp_path: Path, shape: list[int | str], classes: int, task: str | None, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        Classifier(foreign_model(tmp_path / "m.onnx", shape, classes, task))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x0a" * 50])
def test_a_damaged_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="no ONNX model or is damaged"):
        Classifier(path)


@pytest.mark.parametrize("images", [np.zeros((2, 28, 28)), np.zeros((28, 28), np.uint8), np.zeros((1, 32, 32), np.uint8)])
def test_images_of_another_form(images: np.ndarray) -> None:
    with pytest.raises(ImageError, match="not uint8"):
        load_model().predict_proba(images)


def test_a_classifier_can_be_pickled_and_closed(sample: Dataset) -> None:
    images = sample.split("test").images[:20]
    model = load_model()
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(images), model.predict_proba(images))
    assert copy.classes_.tolist() == list(range(10))
    assert "digits" in repr(copy)
    copy.close()
    with pytest.raises(ModelError, match="was closed"):
        copy.predict(images)
    assert len(model.predict(images)) == 20


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"threads": 0}, "threads is 0"), ({"providers": ["TpuExecutionProvider"]}, "no provider 'TpuExecutionProvider'")],
)
def test_threads_and_providers_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Classifier(load_model().path, **settings)
