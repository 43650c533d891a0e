"""What runs in a process of its own: one step's questions to a student's ``ann.py``.

It is run as a script, ``python -I worker.py TASK``, in a folder that holds ``ann.py`` and ``task.npz``; it writes
``answer.npz``, or ``error.json`` where the student's code fails. It imports nothing of inkdigits.

What the code may do is watched by an audit hook: it may not read outside of Python and its folder, write outside of its folder,
start programs, use the network, or import what does the work for it. That keeps mistakes and simple tricks from doing harm; it
is no prison. Strangers' code belongs into a container as well.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

Named = dict[str, np.ndarray]

#: Bytes that a file may have (what is printed goes to one, too), and of memory.
LARGEST_FILE, MEMORY = 2_000_000, 4_000_000_000
FRAMEWORKS = ("inkdigits", "torch", "sklearn", "tensorflow", "keras", "jax", "onnxruntime")


def limit_resources() -> None:
    """Limit memory and the size of files, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, LARGEST_FILE), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def watch() -> None:
    """Refuse, and note in ``violations.txt``, what the code may not do."""
    here = os.path.realpath(".")
    readable = [here, os.devnull, *(os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, Path(os.__file__).parent))]
    notes = os.open("violations.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    real, fsdecode = os.path.realpath, os.fsdecode
    changes = {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod", "os.chown"}
    programs = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.kill"}
    network = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"}

    def refuse(what: str) -> NoReturn:
        os.write(notes, (what + "\n").encode())
        raise PermissionError(what)

    def within(path: Any, folders: Iterable[str]) -> bool:
        full = real(fsdecode(path))
        return any(full == folder or full.startswith(folder + os.sep) for folder in folders)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            if isinstance(path, int):
                return
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or any(c in (mode or "") for c in "wax+")
            if writes and not within(path, [here, os.devnull]):
                refuse(f"writes to {fsdecode(path)}")
            if not within(path, readable):
                refuse(f"reads {fsdecode(path)}")
        elif event in changes:
            for path in arguments:
                if isinstance(path, (str, bytes)) and not within(path, [here]):
                    refuse(f"changes {fsdecode(path)}")
        elif event in programs:
            refuse("starts or stops another program")
        elif event in network:
            refuse("uses the network")
        elif event == "import" and arguments[0].split(".")[0] in FRAMEWORKS:
            refuse(f"imports {arguments[0].split('.')[0]}")

    sys.addaudithook(hook)


# --- The questions: each gives arrays, by name ------------------------------------------------------------------------


def contract(network_class: Any, given: Named) -> Named:
    """Whether the methods are there."""
    wanted = ("forward", "backpropagation", "train", "predict")
    missing = [name for name in wanted if not callable(getattr(network_class, name, None))]
    if not missing:
        network_class((4, 3, 2), seed=1)
    return {"missing": np.array(missing, dtype=str)}


def shapes(network_class: Any, given: Named) -> Named:
    """Weights, biases and activations of a small network."""
    network = network_class((5, 4, 3, 2), seed=1)
    answer = arrays_of("w", network.weights) | arrays_of("b", network.biases)
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
    """Gradients for given weights and activations."""
    activations = [given[f"a{i}"].copy() for i in range(len(given["layers"]))]
    nabla_w, nabla_b = filled(network_class, given).backpropagation(activations, given["targets"])
    return arrays_of("w", nabla_w) | arrays_of("b", nabla_b)


def predict(network_class: Any, given: Named) -> Named:
    """Labels for given weights and inputs."""
    return {"labels": np.asarray(filled(network_class, given).predict(given["inputs"]))}


def learn(network_class: Any, given: Named) -> Named:
    """Train on what is given, and answer the questions with it; how long the training took."""
    network = network_class((784, 30, 10), seed=1)
    inputs, labels = given["inputs"].astype(np.float32) / 255, given["labels"]
    questions = given["questions"].astype(np.float32) / 255
    started = clock()
    network.train(inputs, labels, epochs=int(given["epochs"]), batch_size=10, lr=3.0, seed=2)
    seconds = clock() - started
    return {"labels": np.asarray(network.predict(questions)), "seconds": np.array(seconds)}


def arrays_of(name: str, arrays: Iterable[np.ndarray]) -> Named:
    """A list of arrays as named ones: w0, w1, ..."""
    return {f"{name}{i}": np.asarray(array) for i, array in enumerate(arrays)}


TASKS = {task.__name__: task for task in (contract, shapes, forward, gradients, predict, learn)}
clock = time.perf_counter


def main() -> None:
    """Ask one task's question, and write the answer or the error."""
    limit_resources()
    with np.load("task.npz", allow_pickle=False) as file:
        given = {name: file[name] for name in file.files}
    watch()
    sys.path.insert(0, str(Path.cwd()))
    try:
        answer = TASKS[sys.argv[1]](importlib.import_module("ann").NeuralNetwork, given)
        np.savez("answer.npz", **answer)  # type: ignore[arg-type]
    except BaseException as error:
        # Not extract_tb, which would read the sources.
        frames = [(frame.f_code.co_filename, number) for frame, number in traceback.walk_tb(error.__traceback__)]
        lines = [number for name, number in frames if Path(name).name == "ann.py"]
        place = lines[-1] if lines else getattr(error, "lineno", None)
        report = {"type": type(error).__name__, "message": str(error)[:300], "line": place}
        Path("error.json").write_text(json.dumps(report))
    os._exit(0)  # whatever threads or exit handlers the code has left behind


if __name__ == "__main__":
    main()
