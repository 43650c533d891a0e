"""The Open Inference Protocol, asked by a client that others have written."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
import tritonclient.http as triton
from numpy.typing import NDArray

import inkdigits
from inkdigits.errors import DataError, UsageError
from inkdigits.inference.classifier import Classifier
from inkdigits.service import open_inference


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (300, 28, 28), dtype=np.uint8)


@pytest.fixture(scope="module")
def classifiers() -> dict[str, Classifier]:
    return {"digits": inkdigits.load_model(), "digits-or-none": inkdigits.Reader().classifier}


@pytest.mark.slow
def test_the_usual_client(address: str, images: NDArray[np.uint8], classifiers: dict[str, Classifier]) -> None:
    client = triton.InferenceServerClient(address.removeprefix("http://"), network_timeout=60)
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["name"] == "inkdigits"
    for name, classifier in classifiers.items():
        assert client.is_model_ready(name)
        known = client.get_model_metadata(name)
        assert known["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, 28, 28]}]
        assert known["outputs"][0]["shape"] == [-1, len(classifier.classes_)]
        for binary_in in (True, False):
            tensor = triton.InferInput("images", list(images.shape), "UINT8")
            tensor.set_data_from_numpy(images, binary_data=binary_in)
            for outputs in (
                None,
                [triton.InferRequestedOutput("probabilities", binary_data=True)],
                [triton.InferRequestedOutput("probabilities", binary_data=False)],
            ):
                found = client.infer(name, [tensor], outputs=outputs, request_id="mine")
                np.testing.assert_allclose(found.as_numpy("probabilities"), classifier.predict_proba(images), rtol=0, atol=1e-6)
                assert found.get_response()["id"] == "mine"
    assert not client.is_model_ready("resnet")
    wrong = triton.InferInput("images", [1, 28, 28], "FP32")
    wrong.set_data_from_numpy(np.zeros((1, 28, 28), np.float32))
    with pytest.raises(triton.InferenceServerException, match="UINT8"):
        client.infer("digits", [wrong])
    with pytest.raises(triton.InferenceServerException, match="there is no model 'resnet'"):
        client.infer("resnet", [tensor])


@pytest.mark.slow
def test_plain_json(address: str, images: NDArray[np.uint8], classifiers: dict[str, Classifier]) -> None:
    for data in (images[:2].tolist(), images[:2].ravel().tolist()):
        asked = {"inputs": [{"name": "images", "datatype": "UINT8", "shape": [2, 28, 28], "data": data}]}
        answer = httpx.post(f"{address}/v2/models/digits/infer", json=asked).json()
        (output,) = answer["outputs"]
        assert (answer["model_name"], output["name"], output["datatype"], output["shape"]) == (
            "digits",
            "probabilities",
            "FP32",
            [2, 10],
        )
        np.testing.assert_allclose(
            np.reshape(output["data"], (2, 10)), classifiers["digits"].predict_proba(images[:2]), rtol=0, atol=1e-6
        )
    problem = httpx.post(f"{address}/v2/models/digits/infer", json={"inputs": []})
    assert problem.status_code == 400
    assert problem.json()["error"] == problem.json()["detail"]


def _request(**changes: Any) -> dict[str, Any]:
    tensor = {"name": "images", "datatype": "UINT8", "shape": [1, 28, 28], "data": [0] * 784}
    return {"inputs": [{**tensor, **changes}]}


@pytest.mark.parametrize(
    ("request_", "binary", "message"),
    [
        ({}, b"", "inputs"),
        (_request(name="x"), b"", "name"),
        (_request(datatype="FP32"), b"", "datatype"),
        (_request(shape=[1, 784]), b"", "shape"),
        (_request(shape=[0, 28, 28], data=[]), b"", "N from 1"),
        (_request(shape=[-1, 28, 28]), b"", "N from 1"),
        (_request(shape=[2, 28, 28]), b"", "has 784 numbers"),
        (_request(data=[0.5] * 784), b"", "whole numbers"),
        (_request(data=[True] * 784), b"", "whole numbers"),
        (_request(data=["1"] * 784), b"", "whole numbers"),
        (_request(data=[256] * 784), b"", "whole numbers"),
        (_request(data=[-1] * 784), b"", "whole numbers"),
        (_request(data=[[0] * 784, [0]]), b"", "whole numbers|numbers, and"),
        (_request(data=None), b"", "784 bytes, 0 came"),
        (_request(data=None), bytes(784), "binary_data_size is None"),
        (_request(data=None, parameters={"binary_data_size": 784}), bytes(783), "783 came"),
        (_request(data=None, shape=[10**12, 28, 28], parameters={"binary_data_size": 784}), bytes(784), "784 came"),
    ],
)
def test_what_cannot_be_asked(
    classifiers: dict[str, Classifier], request_: dict[str, Any], binary: bytes, message: str
) -> None:
    head = json.dumps(request_).encode()
    with pytest.raises(UsageError, match=message):
        open_inference.infer(classifiers["digits"], "digits", head + binary, len(head))


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_json(classifiers: dict[str, Classifier], content: bytes) -> None:
    with pytest.raises(DataError, match="is not valid JSON"):
        open_inference.infer(classifiers["digits"], "digits", content, None)
