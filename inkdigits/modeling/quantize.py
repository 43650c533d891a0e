"""A trained classifier in 8 bits: a third of the size, and about 1.5 times as fast where the processor multiplies bytes.

Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
CVPR 2018, section 2.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from inkdigits.config import Project
from inkdigits.features import make_features
from inkdigits.files import atomic, sha256_file
from inkdigits.inference.classifier import Classifier
from inkdigits.modeling.meta import checked
from inkdigits.runs import Run

#: Training images whose feature maps set the scales.
_CALIBRATION_IMAGES = 1_000


@dataclass(frozen=True)
class QuantizeResult:
    """The new file, and both models' accuracy on the validation images, in [0, 1]."""

    path: Path
    accuracy: float
    accuracy_before: float


def quantize(name: str, project: Project | None = None) -> QuantizeResult:
    """Write ``models/<run>/model-int8.onnx`` beside a run's ``model.onnx``.

    Weights and feature maps become 8-bit numbers, scaled so that every value fits that occurs for a thousand training
    images. The first layer stays in float32: with a single input channel there is nothing to gain.

    Args:
        name: The run's.
        project: Where; by default the current one.

    Raises:
        ModelError: There is no such run, or nothing is known of its data.
        DataError: The data cannot be had any more.
        UsageError: The name cannot be one of a run.
    """
    run = Run.named(name, project)
    before = Classifier(run.model())
    source = checked(before.meta(), run.folder)["data"]
    data = make_features(source["source"], project, source["transpose"])
    write_quantized(before.path, before.task.select(data.split("train"))[0], run.quantized_model)
    run.write_meta(run.meta() | {"quantized_sha256": sha256_file(run.quantized_model)})
    images, targets = before.task.select(data.split("validation"))
    models = (Classifier(run.quantized_model), before)
    correct = [float(np.mean(model.predict_proba(images).argmax(1) == targets)) for model in models]
    return QuantizeResult(run.quantized_model, *correct)


def write_quantized(model: Path, images: NDArray[np.uint8], path: Path) -> None:
    """Write a classifier's ONNX file again in 8 bits; some of its training images, uint8 (N, 28, 28), set the scales."""
    chosen = images[:: max(1, len(images) // _CALIBRATION_IMAGES)]  # from all over: folders have one digit after the other
    with tempfile.TemporaryDirectory() as folder:
        prepared, quantized = Path(folder) / "prepared.onnx", Path(folder) / "quantized.onnx"
        quant_pre_process(model, prepared, skip_symbolic_shape=True)
        first = next(node.name for node in onnx.load(prepared).graph.node if node.op_type == "Conv")
        quantize_static(
            prepared,
            quantized,
            _Calibration(chosen),
            op_types_to_quantize=["Conv", "Relu", "MaxPool"],
            nodes_to_exclude=[first],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        content = quantized.read_bytes()
    with atomic(path) as file:
        file.write(content)


class _Calibration(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime has no types
    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.batches = iter(np.array_split(images, max(1, len(images) // 100)))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"images": batch[:, None].astype(np.float32)}
