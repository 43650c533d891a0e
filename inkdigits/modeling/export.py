"""PyTorch network → ONNX file, with the normalisation, the temperature and the softmax inside."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

from inkdigits.files import atomic
from inkdigits.inference.classifier import TASK_KEY
from inkdigits.inference.detector import STEP
from inkdigits.inference.sheet_finder import SIDE
from inkdigits.inference.tasks import Task
from inkdigits.modeling.networks import DetectorNet, DigitNet, LineNet, SheetNet, temperature_scaled
from inkdigits.preparation.strip import STRIP_HEIGHT, STRIP_LONGEST, STRIP_STEP


def export_classifier(network: DigitNet, task: Task, path: Path, half: bool = False) -> None:
    """Write a classifier as ONNX: ``images`` float32 [N, 1, 28, 28] of 0 to 255 → ``probabilities`` float32 [N, C].

    The same weights give the same bytes.

    Args:
        half: Keep the weights in 16 bits, which halves the file; the arithmetic stays in 32.
    """
    model = _Probabilities(network)
    proto = _exported(model, torch.zeros(2, 1, 28, 28), ["images"], ["probabilities"], {0: torch.export.Dim("N")})
    onnx.helper.set_model_props(proto, {TASK_KEY: task.name})
    _write(proto, path, half)


def export_line_recogniser(network: LineNet, path: Path) -> None:
    """Write a line recogniser as ONNX with 16-bit weights.

    ``strips`` float32 [N, 1, 40, W] of 0 to 255 → ``probabilities`` float32 [N, W/2, 11] and ``box_offsets`` [N, W/2, 4].
    """
    example = torch.zeros(2, 1, STRIP_HEIGHT, 4 * STRIP_STEP)
    dims = {0: torch.export.Dim("N"), 3: STRIP_STEP * torch.export.Dim("steps", max=STRIP_LONGEST // STRIP_STEP)}
    proto = _exported(_LineProbabilities(network), example, ["strips"], ["probabilities", "box_offsets"], dims)
    _write(proto, path, half=True)


def export_detector(network: DetectorNet, path: Path) -> None:
    """Write a detector as ONNX with 16-bit weights.

    ``pictures`` float32 [N, 1, H, W] of 0 to 255, H and W multiples of 32 → ``probabilities`` float32 [N, 2, H/4, W/4] of
    digits and other writing, ``geometry`` [N, 5, H/4, W/4] and ``labels`` [N, 10, H/4, W/4], probabilities of the digits.
    """
    any_size = torch.export.Dim.AUTO  # found out from the network, in half the time that named dimensions take
    dims = {0: torch.export.Dim("N"), 2: any_size, 3: any_size}
    names = ["probabilities", "geometry", "labels"]
    proto = _exported(_DetectorProbabilities(network), torch.zeros(2, 1, 2 * STEP, 3 * STEP), ["pictures"], names, dims)
    _write(proto, path, half=True)


def export_sheet_finder(network: SheetNet, path: Path) -> None:
    """Write a sheet finder as ONNX with 16-bit weights.

    ``pictures`` float32 [N, 1, 256, 256] of 0 to 255 → ``probabilities`` float32 [N, 2, 64, 64] of the sheet and of what is
    within the frame.
    """
    model = nn.Sequential(network, nn.Sigmoid())
    proto = _exported(model, torch.zeros(2, 1, SIDE, SIDE), ["pictures"], ["probabilities"], {0: torch.export.Dim("N")})
    _write(proto, path, half=True)


class _DetectorProbabilities(nn.Module):
    def __init__(self, network: DetectorNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        logits, geometry, labels = self.network(pictures)
        return logits.sigmoid(), geometry, labels.softmax(1)


class _Probabilities(nn.Module):
    def __init__(self, network: DigitNet) -> None:
        super().__init__()
        self.network = network
        # As a convolution, the linear layer takes the maps in whatever order the layers before it keep them.
        head, side = network.head, network.side
        self.weight = nn.Parameter(head.weight.detach().view(head.out_features, -1, side, side))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = F.conv2d(self.network.maps(images), self.weight, self.network.head.bias).flatten(1)
        return torch.softmax(temperature_scaled(logits, self.network.temperature, self.network.temperature_power), 1)


class _LineProbabilities(nn.Module):
    def __init__(self, network: LineNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, strips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, box_offsets = self.network(strips)
        return torch.softmax(logits, 2), box_offsets


def _exported(
    model: nn.Module, example: torch.Tensor, inputs: list[str], outputs: list[str], dims: dict[int, Any]
) -> onnx.ModelProto:
    model = copy.deepcopy(model).to("cpu").to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]  # PyTorch's stubs lack it
    program = torch.onnx.export(
        model, (example,), input_names=inputs, output_names=outputs, dynamic_shapes=(dims,), dynamo=True, verbose=False
    )
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    _strip(proto)
    return proto


def _write(proto: onnx.ModelProto, path: Path, half: bool) -> None:
    if half:
        _halve(proto)
    onnx.checker.check_model(proto, full_check=True)
    with atomic(path) as file:
        file.write(proto.SerializeToString(deterministic=True))


def _halve(proto: onnx.ModelProto) -> None:
    """Keep large weights in 16 bits; ONNX Runtime widens them once, when it loads the model."""
    casts = []
    for tensor in proto.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < 256:
            continue
        name, values = tensor.name, onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_16"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_16"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _strip(proto: onnx.ModelProto) -> None:
    """Remove the exporter's notes, which quote source files and their folders."""
    proto.doc_string = proto.graph.doc_string = ""
    for group in (proto.graph.node, proto.graph.initializer, proto.graph.value_info, proto.graph.input, proto.graph.output):
        for item in group:
            item.doc_string = ""
            del item.metadata_props[:]
    del proto.graph.metadata_props[:]
