"""What runs in a process of its own: one step's question to a student's ``ann.py``.

It is run as a script, ``python worker.py TASK LIBRARIES SUBMISSION``: the folder that NumPy is installed in, and the student's.
The question comes from standard input and the answer, or what went wrong, goes to standard output, both as ``.npz``. It imports
nothing of inkdigits, and the code that it runs sees nothing that would help to answer; ``isolation.py`` keeps it from the rest.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, sys.argv[2])
import numpy as np
import numpy.fft
import numpy.linalg
import numpy.random  # NumPy would import these when they are first used, which is too late

sys.path[0] = sys.argv[3]  # what else is installed beside NumPy would do the work for it

Named = dict[str, np.ndarray]

#: Bytes of memory and of an answer, files that are open, processes.
_LIMITS = {"AS": 4_000_000_000, "FSIZE": 2_000_000, "NOFILE": 64, "NPROC": 0, "CORE": 0}


def limit_resources() -> None:
    """Limit what the code may take, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for name, most in _LIMITS.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


# --- The questions: each gives arrays, by name ------------------------------------------------------------------------


def contract(network_class: Any, given: Named) -> Named:
    """Whether the methods are there."""
    wanted = ("forward", "backpropagation", "train", "predict")
    missing = [name for name in wanted if not callable(getattr(network_class, name, None))]
    if not missing:
        network_class((4, 3, 2), seed=1)
    return {"missing": np.array(missing, dtype=str)}


def shapes(network_class: Any, given: Named) -> Named:
    """Weights, biases and activations of a small network, and the weights of another with the same seed."""
    network, twin = (network_class((5, 4, 3, 2), seed=1) for _ in range(2))
    answer = arrays_of("w", network.weights) | arrays_of("b", network.biases) | arrays_of("t", twin.weights)
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
    """Weights and biases after so many steps with all examples at once; and one epoch whose last mini-batch is short."""
    network, other = filled(network_class, given), filled(network_class, given)
    inputs, labels = given["inputs"], given["targets"].argmax(axis=1)
    network.train(inputs, labels, epochs=int(given["epochs"]), batch_size=len(inputs), lr=float(given["lr"]), seed=3)
    other.train(inputs, labels, epochs=1, batch_size=len(inputs) - 3, lr=float(given["lr"]), seed=3)
    return arrays_of("w", network.weights) | arrays_of("b", network.biases)


def learn(network_class: Any, given: Named) -> Named:
    """Train on what is given, and answer the questions with it."""
    network = network_class((784, 30, 10), seed=1)
    inputs, labels = given["inputs"].astype(np.float32) / 255, given["labels"]
    network.train(inputs, labels, epochs=int(given["epochs"]), batch_size=10, lr=3.0, seed=2)
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


TASKS = {task.__name__: task for task in (contract, shapes, forward, gradients, predict, step, learn)}


def main() -> None:
    """Ask one task's question, and write the answer or the error."""
    with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as file:
        given = {name: file[name] for name in file.files}
    told = io.BytesIO()
    with os.fdopen(os.dup(1), "wb") as answer:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):  # what the code prints is no answer
            os.dup2(nowhere, standard)
        limit_resources()
        builtins.exit = builtins.quit = sys.exit  # type: ignore[assignment] # this interpreter has been started without them
        try:
            found = TASKS[sys.argv[1]](importlib.import_module("ann").NeuralNetwork, given)
            np.savez(told, **found)  # type: ignore[arg-type]
        except BaseException as error:
            told = io.BytesIO()
            np.savez(told, error=report(error))
        answer.write(told.getvalue())
        answer.flush()
        os._exit(0)  # whatever exit handlers the code has left behind


def report(error: BaseException) -> np.ndarray:
    """What went wrong: the exception's type, its message and the line of ``ann.py``."""
    # Not extract_tb, which would read the sources.
    frames = [(frame.f_code.co_filename, number) for frame, number in traceback.walk_tb(error.__traceback__)]
    lines = [number for name, number in frames if Path(name).name == "ann.py"]
    try:
        message = str(error)
    except Exception:
        message = ""
    place = lines[-1] if lines else getattr(error, "lineno", None)
    return np.array([type(error).__name__[:300], message[:300].encode(errors="backslashreplace").decode(), str(place or "")])


if __name__ == "__main__":
    main()
