"""PyTorch network → ONNX file, with the normalisation, the temperature and the softmax inside."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from inkdigits.files import atomic
from inkdigits.modeling.networks import DigitNet
from inkdigits.modeling.predict import TASK_KEY
from inkdigits.modeling.tasks import Task


class _Probabilities(nn.Module):
    def __init__(self, network: DigitNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.network(images), 1)


def export_onnx(network: DigitNet, task: Task, path: Path) -> None:
    """Write a network as ONNX: ``images`` float32 [N, 1, 28, 28] of 0 to 255 → ``probabilities`` float32 [N, C].

    The same weights give the same bytes.
    """
    model = _Probabilities(network.to("cpu").to(memory_format=torch.contiguous_format)).eval()  # type: ignore[call-overload]  # PyTorch's stubs lack it
    example = torch.zeros(2, 1, 28, 28)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports on operators of packages that we don't use
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own deprecations, inside its exporter
        program = torch.onnx.export(
            model,
            (example,),
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_shapes={"images": {0: torch.export.Dim("N")}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    _strip(proto)
    onnx.helper.set_model_props(proto, {TASK_KEY: task.name})
    onnx.checker.check_model(proto, full_check=True)
    with atomic(path) as file:
        file.write(proto.SerializeToString(deterministic=True))


def _strip(proto: onnx.ModelProto) -> None:
    """Remove the exporter's notes, which quote source files and their folders."""
    proto.doc_string = proto.graph.doc_string = ""
    for group in (proto.graph.node, proto.graph.initializer, proto.graph.value_info, proto.graph.input, proto.graph.output):
        for item in group:
            item.doc_string = ""
            del item.metadata_props[:]
    del proto.graph.metadata_props[:]
