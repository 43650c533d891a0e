from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.errors import ModelError
from inkdigits.features import make_features
from inkdigits.inference.classifier import load_model
from inkdigits.modeling.quantize import quantize, write_quantized
from inkdigits.modeling.train import TrainResult

pytestmark = pytest.mark.slow


def test_the_shipped_network_predicts_alike_in_8_bits(mnist: Dataset, home: Project, project: Project) -> None:
    model, path = load_model(), project.models / "int8.onnx"
    write_quantized(model.path, make_features("mnist", home).split("train").images[:1000], path)
    images, labels = mnist.split("test").labelled()
    before, after = model.predict_proba(images), load_model(path).predict_proba(images)
    before_correct, after_correct = ((p.argmax(1) == labels).mean() for p in (before, after))
    assert after_correct >= before_correct - 0.001
    assert np.abs(before - after).mean() < 0.002
    assert path.stat().st_size < 0.4 * model.path.stat().st_size


def test_a_run_is_quantized_beside_its_model(
    small_run: tuple[Project, TrainResult], run_cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, result = small_run
    monkeypatch.setenv("INKDIGITS_PROJECT", str(project.root))
    code, out, _ = run_cli("quantize", "small")
    assert code == 0
    assert "on the validation images" in out
    found = quantize("small", project)
    assert found.path == result.folder / "model-int8.onnx"
    assert found.accuracy_before == pytest.approx(result.meta["validation"]["accuracy"])
    assert found.accuracy == pytest.approx(found.accuracy_before, abs=0.01)
    assert load_model(found.path).meta()["data"] == result.meta["data"]  # so that evaluate finds its training images
    found.path.unlink()


def test_what_is_no_run_is_refused(project: Project) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        quantize("nothing", project)
