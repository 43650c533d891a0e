from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inkdigits import load_model
from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.errors import ImageError, ModelError, UsageError
from inkdigits.inference import session
from inkdigits.inference.classifier import TASK_KEY, Classifier
from inkdigits.modeling.train import TrainResult

if sys.platform != "win32":
    import resource


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


def lying_model(path: Path, nodes: list[onnx.NodeProto], values: dict[str, np.ndarray], kind: int = TensorProto.FLOAT) -> Path:
    """A model with the names and shapes of a classifier, whose nodes make the probabilities of ``images`` and ``values``."""
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 1, 28, 28])]
    outputs = [helper.make_tensor_value_info("probabilities", kind, ["N", 10])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(v, name) for name, v in values.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    helper.set_model_props(model, {TASK_KEY: "digits"})
    onnx.save(model, str(path))
    return path


#: For each image the weights alone, whatever it shows.
_FLAT = [
    helper.make_node("Flatten", ["images"], ["flat"]),
    helper.make_node("MatMul", ["flat", "nothing"], ["none"]),
    helper.make_node("Add", ["none", "row"], ["probabilities"]),
]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([np.nan] * 10, "does not give finite numbers"),
        ([np.inf] + [0] * 9, "does not give finite numbers"),
        ([123.2] * 10, "gives probabilities outside of 0 to 1"),
        ([-0.5, 0.5] + [0.125] * 8, "gives probabilities outside of 0 to 1"),
        ([0.5] * 10, "does not give probabilities, which are 1 together"),
        ([0] * 10, "does not give probabilities, which are 1 together"),
    ],
)
def test_a_model_that_gives_no_probabilities(tmp_path: Path, row: list[float], message: str) -> None:
    values = {"nothing": np.zeros((784, 10), np.float32), "row": np.array(row, np.float32)}
    with pytest.raises(ModelError, match=message):
        Classifier(lying_model(tmp_path / "m.onnx", _FLAT, values))
    values["row"] = np.full(10, 0.1, np.float32)
    assert Classifier(lying_model(tmp_path / "m.onnx", _FLAT, values)).predict_proba(np.zeros((3, 28, 28), np.uint8)).shape == (
        3,
        10,
    )


def test_a_model_with_one_row_for_all_and_one_of_other_numbers(tmp_path: Path) -> None:
    one = [helper.make_node("Identity", ["row"], ["probabilities"])]
    with pytest.raises(ModelError, match=r"for each of its inputs|cannot be run"):
        Classifier(lying_model(tmp_path / "m.onnx", one, {"row": np.full((1, 10), 0.1, np.float32)}))
    doubles = [*_FLAT[:2], helper.make_node("Cast", ["none"], ["probabilities"], to=TensorProto.DOUBLE)]
    nothing = {"nothing": np.zeros((784, 10), np.float32)}
    with pytest.raises(ModelError, match="does not give finite numbers for each"):
        Classifier(lying_model(tmp_path / "m.onnx", doubles, nothing, TensorProto.DOUBLE))


def test_a_model_with_values_in_another_file(tmp_path: Path) -> None:
    values = {"nothing": np.zeros((784, 10), np.float32), "row": np.full(10, 0.1, np.float32)}
    model = onnx.load(lying_model(tmp_path / "m.onnx", _FLAT, values))
    onnx.save(model, str(tmp_path / "m.onnx"), save_as_external_data=True, location="secret.bin", size_threshold=0)
    with pytest.raises(ModelError, match="keeps weights in other files"):
        Classifier(tmp_path / "m.onnx")


def test_a_model_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_TRIAL_S", 1.0)
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["goes_on"], ["again"]),
            helper.make_node("Add", ["state", "state"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    nodes = [*_FLAT[:2], helper.make_node("Loop", ["", "yes", "none"], ["probabilities"], body=body)]
    values = {"nothing": np.zeros((784, 10), np.float32), "yes": np.array(True)}
    with pytest.raises(ModelError, match="has not answered after 1 seconds"):
        Classifier(lying_model(tmp_path / "m.onnx", nodes, values))


def test_a_model_whose_constants_take_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_TRIAL_S", 1.0)
    nodes = [*_FLAT[:2], helper.make_node("ConstantOfShape", ["side"], ["m0"])]
    nodes += [helper.make_node("MatMul", [f"m{i}", f"m{i}"], [f"m{i + 1}"]) for i in range(200)]
    nodes += [helper.make_node("ReduceMax", ["m200"], ["most"], keepdims=0)]
    nodes += [helper.make_node("Add", ["none", "most"], ["probabilities"])]
    values = {"nothing": np.zeros((784, 10), np.float32), "side": np.array([4000, 4000])}
    started = time.monotonic()
    with pytest.raises(ModelError, match="has not answered after 1 seconds"):
        Classifier(lying_model(tmp_path / "m.onnx", nodes, values))
    assert time.monotonic() - started < 15


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_a_model_that_takes_all_memory(tmp_path: Path) -> None:
    nodes = [*_FLAT[:2], helper.make_node("Expand", ["one", "sides"], ["much"])]
    nodes += [helper.make_node("ReduceMax", ["much"], ["most"], keepdims=0)]
    nodes += [helper.make_node("Add", ["none", "most"], ["probabilities"])]
    values = {"nothing": np.zeros((784, 10), np.float32), "one": np.ones(1, np.float32), "sides": np.array([60_000, 60_000])}
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with pytest.raises(ModelError, match=r"memory|cannot be run|damaged"):
        Classifier(lying_model(tmp_path / "m.onnx", nodes, values))
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(most, 2_100_000)


def test_a_model_is_tried_by_python_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"nothing": np.zeros((784, 10), np.float32), "row": np.full(10, 0.1, np.float32)}
    path = lying_model(tmp_path / "m.onnx", _FLAT, values)
    for program, message in ("true", "it was tried with"), ("nothing-like-it", "cannot be started"):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(ModelError, match=message):
            Classifier(path)
    load_model()  # the shipped one is known


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
