"""The Open Inference Protocol, version 2, with its extension for binary tensors: images of digits in, probabilities out.

Source: https://github.com/kserve/open-inference-protocol, and the binary tensor data extension of Triton.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from inkdigits.errors import UsageError
from inkdigits.files import parsed_json
from inkdigits.inference.classifier import Classifier
from inkdigits.inference.tasks import READER

#: The models that can be asked: the classifier that ships with inkdigits, and the one of the service's reader, which also knows
#: what is no digit; by the names of their tasks.
MODELS = ("digits", READER)
#: The header that says how many bytes of a body are JSON; the tensors follow.
JSON_LENGTH = "Inference-Header-Content-Length"
_INPUT, _OUTPUT = "images", "probabilities"
_SIDE = 28


class _Parameters(BaseModel):
    binary_data_size: Annotated[int, Field(ge=0)] | None = None
    binary_data: bool | None = None
    binary_data_output: bool = False


class _Input(BaseModel):
    name: Literal["images"]
    datatype: Literal["UINT8"]
    shape: Annotated[list[int], Field(min_length=3, max_length=3)]
    parameters: _Parameters = _Parameters()
    data: list[Any] | None = None


class _Output(BaseModel):
    name: Literal["probabilities"]
    parameters: _Parameters = _Parameters()


class _Request(BaseModel):
    id: str | None = None
    inputs: Annotated[list[_Input], Field(min_length=1, max_length=1)]
    outputs: Annotated[list[_Output], Field(max_length=1)] = []
    parameters: _Parameters = _Parameters()


def metadata(name: str, classes: int) -> dict[str, Any]:
    """What a model takes and gives, as the protocol describes it."""
    taken = {"name": _INPUT, "datatype": "UINT8", "shape": [-1, _SIDE, _SIDE]}
    given = {"name": _OUTPUT, "datatype": "FP32", "shape": [-1, classes]}
    return {"name": name, "versions": [], "platform": "onnx", "inputs": [taken], "outputs": [given]}


def infer(classifier: Classifier, name: str, content: bytes, json_length: int | None) -> tuple[bytes, int | None, int]:
    """Answer a request.

    Args:
        classifier: The model.
        name: What it is called.
        content: The body of the request.
        json_length: How many bytes of it are JSON; None: all.

    Returns:
        the body of the answer, how many bytes of it are JSON (None: all), and how many images there were.

    Raises:
        UsageError: It is no such request.
    """
    head = content if json_length is None else content[:json_length]
    try:
        request = _Request.model_validate(parsed_json(head, "the request"))
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}: see /v2/models/{name}") from None
    probabilities = classifier.predict_proba(_images(request.inputs[0], content[len(head) :]))
    asked = request.outputs[0].parameters.binary_data if request.outputs else None
    binary = request.parameters.binary_data_output if asked is None else asked
    output: dict[str, Any] = {"name": _OUTPUT, "datatype": "FP32", "shape": list(probabilities.shape)}
    tensor = probabilities.astype("<f4").tobytes() if binary else b""
    output |= {"parameters": {"binary_data_size": len(tensor)}} if binary else {"data": probabilities.ravel().tolist()}
    answer = {"model_name": name, **({"id": request.id} if request.id is not None else {}), "outputs": [output]}
    told = json.dumps(answer).encode()
    return told + tensor, len(told) if binary else None, len(probabilities)


def _images(tensor: _Input, binary: bytes) -> NDArray[np.uint8]:
    """The images, uint8 (N, 28, 28), of a request's JSON or of the bytes behind it."""
    count, *sides = tensor.shape
    if sides != [_SIDE, _SIDE] or count < 1:
        raise UsageError(f"the shape of images is {tensor.shape}: it must be [N, {_SIDE}, {_SIDE}] with N from 1")
    size = count * _SIDE * _SIDE
    if tensor.data is None:
        if not len(binary) == size == tensor.parameters.binary_data_size:
            told = tensor.parameters.binary_data_size
            raise UsageError(f"the shape asks for {size} bytes, {len(binary)} came, and binary_data_size is {told}")
        return np.frombuffer(binary, np.uint8).reshape(tensor.shape)
    try:
        # By way of objects, since numpy would turn texts, truths and fractions into whole numbers.
        values = np.array(tensor.data, object).ravel()
    except ValueError:
        values = np.array([None])
    if not all(type(value) is int and 0 <= value <= 255 for value in values):
        raise UsageError("data must be whole numbers from 0, paper, to 255, ink, and their rows of one length")
    if len(values) != size:
        raise UsageError(f"data has {len(values)} numbers, and the shape asks for {size}")
    return values.astype(np.uint8).reshape(tensor.shape)
