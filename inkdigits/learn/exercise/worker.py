"""What runs in a process of its own: one step's questions to a student's ``ann.py``.

It is run as a script, ``python worker.py TASK``, in a folder that holds ``ann.py`` and nothing of ours. In the folder above
stands ``task.npz``; there it writes ``answer.npz``, or ``error.json`` where the student's code fails, and what was refused to
``violations.txt``. It imports nothing of inkdigits.

What the code may do is watched by an audit hook: it may not read outside of Python and its folder, write outside of its
folder, start programs, use the network, or import what does the work for it. That keeps mistakes and simple tricks from
doing harm; it is no prison: who wants to, gets at the hook itself. Strangers' code belongs into a container as well.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.fft
import numpy.linalg
import numpy.random  # NumPy would import it when it is first used, which is too late

Named = dict[str, np.ndarray]

#: Bytes that a file may have (what is printed goes to one, too), and of memory.
LARGEST_FILE, MEMORY = 2_000_000, 4_000_000_000
#: What does the work, draws pictures or reaches out.
REFUSED = (
    *("inkdigits", "torch", "sklearn", "scipy", "tensorflow", "keras", "jax", "onnxruntime", "matplotlib", "pandas"),
    *("subprocess", "_posixsubprocess", "multiprocessing", "socket", "_socket", "sqlite3", "_sqlite3", "mmap"),
)
#: Events that change the files they name; these must lie in the code's own folder.
CHANGES = (
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod", "os.chown"),
    *("os.utime", "os.setxattr", "os.removexattr", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.copytree"),
)
_PROGRAMS = (
    *(
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.killpg",
    ),
    *("signal.pthread_kill", "resource.prlimit", "resource.setrlimit"),
)
_NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "sqlite3.connect")
#: Events that are refused whatever they are about, and what is said of them.
NEVER = {
    **dict.fromkeys(_PROGRAMS, "starts or stops another program"),
    **dict.fromkeys(_NETWORK, "uses the network or a database"),
    **dict.fromkeys(("os.chdir", "os.fchdir"), "leaves its folder"),
}
#: So many files may be opened for writing.
MOST_FILES = 100


def limit_resources() -> None:
    """Limit memory and the size of files, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, LARGEST_FILE), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def watch(notes: Any) -> None:
    """Refuse what the code may not do, and note it in a file that is open already.

    What the hook needs is bound here, once: the code may rename the builtins and our constants, but not these.
    """
    here = os.path.realpath(".")
    libraries = [os.path.dirname(str(module.__file__)) for module in (os, np)]  # noqa: PTH120
    code = [sys.prefix, sys.base_prefix, *libraries, __file__, *filter(None, sys.path)]
    readable = [here, os.path.realpath(os.devnull), *(os.path.realpath(path) for path in code)]
    real, is_folder, fsdecode, separator = os.path.realpath, os.path.isdir, os.fsdecode, os.sep
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
    changes, never, modules, most, written = frozenset(CHANGES), dict(NEVER), frozenset(REFUSED), MOST_FILES, 0
    any_of, is_a = any, isinstance

    def refuse(what: str) -> NoReturn:
        os.write(notes.fileno(), (what + "\n").encode(errors="backslashreplace"))
        raise PermissionError(what)

    def within(path: Any, folders: Iterable[str]) -> bool:
        full = real(fsdecode(path))
        return any_of(full == folder or full.startswith(folder + separator) for folder in folders)

    def opened(path: Any, mode: str | None, flags: int) -> None:
        nonlocal written
        if is_a(path, int):
            if path > 2:
                refuse("opens files that are not its own")
            return
        writes = flags & writing != 0 or any_of(c in (mode or "") for c in "wax+")
        written += writes
        if writes and not within(path, readable[:2]):
            refuse(f"writes to {fsdecode(path)}")
        if written > most:
            refuse(f"writes more than {most} files")
        # A folder that is open serves to reach what lies in it, unseen by this hook.
        if not within(path, readable) or (is_folder(path) and not within(path, [here])):
            refuse(f"reads {fsdecode(path)}")

    def changed(paths: tuple[Any, ...]) -> None:
        if is_a(paths[0], int):
            refuse("changes files that are not its own")
        for path in paths:
            if is_a(path, (str, bytes)) and not within(path, [here]):
                refuse(f"changes {fsdecode(path)}")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            opened(*arguments)
        elif event in changes:
            changed(arguments)
        elif event in never:
            refuse(never[event])
        elif event.startswith("ctypes."):
            refuse("calls functions past Python")
        elif event == "import" and arguments[0].split(".")[0] in modules:
            refuse(f"imports {arguments[0].split('.')[0]}")

    without_pipes(refuse)
    sys.addaudithook(hook)


def without_pipes(refuse: Callable[[str], NoReturn]) -> None:
    """Refuse pipes and devices too, of which no event tells."""

    def pipe(*arguments: Any, **named: Any) -> NoReturn:
        refuse("makes a pipe or a device")

    for module in (os, sys.modules.get("posix")):
        for name in ("mkfifo", "mknod"):
            if hasattr(module, name):
                setattr(module, name, pipe)


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


def pace(network_class: Any, given: Named, clock: Callable[[], float] = time.perf_counter) -> Named:
    """Seconds of an epoch and of the answers after it, the best of three networks, and what each of them answers."""
    inputs, questions = (given[name].astype(np.float32) / 255 for name in ("inputs", "questions"))
    times, labels = [], []
    for seed in range(3):
        network = network_class((784, 30, 10), seed=seed)
        started = clock()
        network.train(inputs, given["labels"], epochs=1, batch_size=10, lr=3.0, seed=seed)
        labels.append(numbers(network.predict(questions)))
        times.append(clock() - started)
    return {"seconds": np.array(min(times)), "labels": np.stack(labels)}


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


TASKS = {task.__name__: task for task in (contract, shapes, forward, gradients, predict, step, learn, pace)}


def main() -> None:
    """Ask one task's question, and write the answer or the error."""
    with np.load("../task.npz", allow_pickle=False) as file:
        given = {name: file[name] for name in file.files}
    limit_resources()
    # All files are open before the code runs: it cannot reach them by their names.
    with open("../answer.npz", "wb") as answer, open("../error.json", "wb") as fault, open("../violations.txt", "wb") as notes:  # noqa: PTH123
        watch(notes)
        sys.path.insert(0, str(Path.cwd()))
        try:
            found = TASKS[sys.argv[1]](importlib.import_module("ann").NeuralNetwork, given)
            np.savez(answer, **found)  # type: ignore[arg-type]
        except BaseException as error:
            fault.write(report(error))
        answer.flush()
        fault.flush()
        os._exit(0)  # whatever threads or exit handlers the code has left behind


def report(error: BaseException) -> bytes:
    """What went wrong, as JSON: the exception's type, its message and the line of ``ann.py``."""
    # Not extract_tb, which would read the sources.
    frames = [(frame.f_code.co_filename, number) for frame, number in traceback.walk_tb(error.__traceback__)]
    lines = [number for name, number in frames if Path(name).name == "ann.py"]
    try:
        message = str(error)
    except Exception:
        message = ""
    place = lines[-1] if lines else getattr(error, "lineno", None)
    return json.dumps({"type": type(error).__name__, "message": message[:300], "line": place}).encode()


if __name__ == "__main__":
    main()
