"""What runs in a process of its own: one step's question to a student's ``ann.py``.

It is run as a script, ``python worker.py TASK LIBRARIES SUBMISSION``: the folder that NumPy is installed in, and the student's.
The question comes from standard input and the answer, or what went wrong, goes to standard output: a line of JSON that names
the arrays, with their types and shapes, and then their bytes. What the code prints is one of them. It imports nothing of
inkdigits, and the code that it runs sees nothing that would help to answer; ``isolation.py`` keeps it from the rest.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import json
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

sys.path.insert(0, sys.argv[2])
import numpy as np
import numpy.fft
import numpy.linalg
import numpy.random  # NumPy would import these when they are first used, which is too late

Named = dict[str, np.ndarray]

#: Bytes of memory and of an answer, files that are open, processes.
_LIMITS = {"AS": 4_000_000_000, "FSIZE": 2_000_000, "NOFILE": 64, "NPROC": 0, "CORE": 0}

#: Characters of what is printed that are kept.
_LONGEST_PRINT = 1_000


def limit_resources() -> None:
    """Limit what the code may take. Linux can do all of it; other systems do what they can."""
    for name, most in _LIMITS.items() if resource else ():
        with contextlib.suppress(*(() if sys.platform == "linux" else (ValueError, OSError, AttributeError))):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


# --- The questions: each gives arrays, by name ------------------------------------------------------------------------


def contract(network_class: Any, given: Named) -> Named:
    """Which of the methods are there."""
    wanted = ("forward", "backpropagation", "train", "predict")
    there = [callable(getattr(network_class, name, None)) for name in wanted]
    if all(there):
        network_class((4, 3, 2), seed=1)
    return {"there": np.array(there)}


def shapes(network_class: Any, given: Named) -> Named:
    """Weights, biases and activations of a small network, and the weights of another with the same seed."""
    network, twin = (network_class((5, 4, 3, 2), seed=1) for _ in range(2))
    answer = arrays_of("w", network.weights) | arrays_of("b", network.biases) | arrays_of("t", twin.weights)
    large = network_class((784, 30, 10), seed=1)
    answer["spread"] = np.array([float(np.std(large.weights[0]))])
    return answer | arrays_of("a", network.forward(np.ones((7, 5), np.float32)))


def filled(network_class: Any, given: Named) -> Any:
    """A network with the weights and biases that are given."""
    layers = [int(n) for n in given["layers"]]
    network = network_class(tuple(layers), seed=1)
    network.weights = [given[f"w{i}"].copy() for i in range(len(layers) - 1)]
    network.biases = [given[f"b{i}"].copy() for i in range(len(layers) - 1)]
    return network


def forward(network_class: Any, given: Named) -> Named:
    """Activations for given weights, biases and inputs."""
    return arrays_of("a", filled(network_class, given).forward(given["inputs"]))


def gradients(network_class: Any, given: Named) -> Named:
    """Gradients for given weights, biases, inputs and targets."""
    network = filled(network_class, given)
    activations = network.forward(given["inputs"])  # the step before has found them right
    found = something(network.backpropagation(activations, given["targets"]))
    if len(found) != 2:
        raise ValueError(f"backpropagation gives {len(found)} things: give two lists, for the weights and for the biases")
    return arrays_of("w", found[0]) | arrays_of("b", found[1])


def predict(network_class: Any, given: Named) -> Named:
    """Labels for given weights and inputs."""
    return {"labels": numbers(filled(network_class, given).predict(given["inputs"]))}


def step(network_class: Any, given: Named) -> Named:
    """Weights and biases after so many steps with all examples at once."""
    network = filled(network_class, given)
    inputs, labels = given["inputs"], given["targets"].argmax(axis=1)
    network.train(inputs, labels, epochs=int(given["epochs"]), batch_size=len(inputs), lr=float(given["lr"]), seed=3)
    return arrays_of("w", network.weights) | arrays_of("b", network.biases)


def batches(network_class: Any, given: Named) -> Named:
    """All weights and biases in a row after an epoch with each seed, and after several with the first; and the examples."""
    inputs, labels = given["inputs"], given["targets"].argmax(axis=1)
    size, lr = int(given["batch_size"]), float(given["lr"])

    def trained(seed: int, epochs: int = 1) -> np.ndarray:
        network = filled(network_class, given)
        network.train(inputs, labels, epochs=epochs, batch_size=size, lr=lr, seed=seed)
        return np.concatenate([numbers(array).ravel() for array in (*network.weights, *network.biases)])

    seeds = [int(seed) for seed in given["seeds"]]
    answer = {"one": np.array([trained(seed) for seed in seeds]), "several": trained(seeds[0], int(given["epochs"]))}
    return answer | {"inputs": inputs, "labels": labels}


def learn(network_class: Any, given: Named) -> Named:
    """Train on what is given, and answer the questions with it."""
    network = network_class((784, 30, 10), seed=1)
    inputs, labels = given.pop("inputs").astype(np.float32) / 255, given.pop("labels")
    network.train(inputs, labels, epochs=int(given["epochs"]), batch_size=10, lr=3.0, seed=2)
    del inputs, labels  # what a method's callers hold, it can look at
    return {"labels": numbers(network.predict(given["questions"].astype(np.float32) / 255))}


def something(found: Any) -> Any:
    """What a method has given back, unless that is nothing."""
    if found is None:
        raise ValueError("a method gives back None: is a return missing?")
    return found


def numbers(found: Any) -> np.ndarray:
    """What a method has given back, as an array of numbers."""
    array = np.asarray(something(found))
    if array.dtype.kind not in "fiub":
        raise ValueError(f"a method gives back {array.dtype} in place of an array of numbers")
    return array


def arrays_of(name: str, arrays: Iterable[np.ndarray]) -> Named:
    """A list of arrays as named ones: w0, w1, ..."""
    return {f"{name}{i}": numbers(array) for i, array in enumerate(something(arrays))}


TASKS = {task.__name__: task for task in (contract, shapes, forward, gradients, predict, step, batches, learn)}


def packed(arrays: Named) -> bytes:
    """Arrays as a line of JSON and their bytes."""
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    about = [[name, array.dtype.str, array.shape] for name, array in plain.items()]
    return json.dumps(about).encode() + b"\n" + b"".join(array.tobytes() for array in plain.values())


def unpacked(content: bytes) -> Named:
    """The same back; only for what we have packed ourselves."""
    about, _, rest = content.partition(b"\n")
    arrays, place = {}, 0
    for name, dtype, shape in json.loads(about):
        array = np.frombuffer(rest, dtype, int(np.prod(shape)), place).reshape(shape)
        arrays[name], place = array.copy(), place + array.nbytes
    return arrays


class Printed(io.TextIOBase):
    """Keeps the beginning of what the code prints."""

    text = ""

    def write(self, text: str) -> int:
        """Keep it, if there is room."""
        self.text += text[: max(0, _LONGEST_PRINT - len(self.text))]
        return len(text)

    def array(self) -> np.ndarray:
        """It as bytes of UTF-8."""
        return np.frombuffer(self.text.encode(errors="replace"), np.uint8)


def main() -> None:
    """Ask one task's question, and write the answer or the error."""
    given = unpacked(sys.stdin.buffer.read())
    with os.fdopen(os.dup(1), "wb") as answer:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):  # what the code writes there is no answer
            os.dup2(nowhere, standard)
        printed = sys.stdout = sys.stderr = Printed()
        limit_resources()
        builtins.exit = builtins.quit = sys.exit  # type: ignore[assignment] # this interpreter has been started without them
        # From here on the code's own modules come before Python's, and what is installed beside NumPy isn't found.
        sys.path[0] = sys.argv[3]
        try:
            found = TASKS[sys.argv[1]](importlib.import_module("ann").NeuralNetwork, given)
            said = packed(found | {"printed": printed.array()})
        except BaseException as error:
            said = json.dumps({"error": report(error), "printed": printed.text}).encode() + b"\n"
        answer.write(said)
        answer.flush()
        os._exit(0)  # whatever exit handlers the code has left behind


def report(error: BaseException) -> list[str]:
    """What went wrong: the exception's type, its message, and the file and line of the code."""
    # Not extract_tb, which would read the sources.
    frames = [(Path(frame.f_code.co_filename), number) for frame, number in traceback.walk_tb(error.__traceback__)]
    places = [f"line {number} of {path.name}" for path, number in frames if path.parent == Path(sys.argv[3])]
    try:
        message = str(error)
    except Exception:
        message = ""
    if isinstance(error, SyntaxError) and error.lineno:
        places.append(f"line {error.lineno} of {Path(error.filename or 'ann.py').name}")
    return [type(error).__name__[:100], message[:300], places[-1] if places else ""]


if __name__ == "__main__":
    main()
