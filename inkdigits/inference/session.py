"""An ONNX file, ready to run in any thread and any process."""

from __future__ import annotations

import ctypes
import json
import math
import os
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from inkdigits import runs
from inkdigits.errors import ModelError, UsageError
from inkdigits.inference import trial_process

#: What a model may take to be loaded and to answer a small batch, before it is let into this process.
_TRIAL_S, _TRIAL_MB = 20.0, 2_000
#: A probability may be rounded up beyond 1 by so much.
_ROUNDED = 0.01

#: How an ONNX file begins to name the file of a tensor's values.
_EXTERNAL = b"\x0a\x08location"
#: Those that are alive, so that a forked process can let go of them.
_sessions: weakref.WeakSet[Session] = weakref.WeakSet()


def _after_fork() -> None:
    for session in list(_sessions):
        session._abandon()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)


class Session:
    """A network in ONNX Runtime.

    It may be run by several threads at once. It survives a fork, after which it loads its file again, since the threads of
    ONNX Runtime stay behind in the parent; and it can be pickled, as the name of its file.

    Args:
        path: An ONNX file. One that does not ship with inkdigits is tried in a process of its own first.
        example: The shape of each input, by its name, to try it on.
        threads: Threads of one run; None: as many as there are cores.
        providers: ONNX Runtime's execution providers, in the order of preference; None: the processor.

    Raises:
        ModelError: The file is missing or damaged, cannot be run, or takes too much time or memory.
        UsageError: The number of threads lies outside its range, or ONNX Runtime lacks a provider.
    """

    def __init__(
        self,
        path: Path,
        example: Mapping[str, Sequence[int]],
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        if threads is not None and not (isinstance(threads, Integral) and 1 <= threads <= 1024):
            raise UsageError(f"threads is {threads!r}: give a whole number between 1 and 1024")
        if isinstance(providers, str):
            raise UsageError(f"providers is {providers!r}: give a list, [{providers!r}]")
        self.path = path.absolute()  # it may be loaded again from another folder
        self.threads = threads
        self.providers = tuple(providers or ("CPUExecutionProvider",))
        available = onnxruntime.get_available_providers()
        if missing := [name for name in self.providers if name not in available]:
            raise UsageError(f"there is no provider {missing[0]!r} here: ONNX Runtime has {', '.join(available)}")
        self._closed = False
        content = _content(self.path)
        if not runs.is_shipped(self.path):
            _try(self.path, content, example)
        self._load(content)

    def _load(self, content: bytes | None = None) -> onnxruntime.InferenceSession:
        session = _opened(self.path, content or _content(self.path), self.threads, self.providers)
        _sessions.add(self)
        self._session: onnxruntime.InferenceSession | None = session
        return session

    def _loaded(self) -> onnxruntime.InferenceSession:
        session = self._session  # first of all, so that one that another thread closes is not taken for one to load
        if self._closed:
            raise ModelError(f"{self.path} was closed: make a new reader or classifier")
        # Two threads may come here at once after a fork, and load it twice; the last one stays. A lock would be worse: held by
        # another thread while the process forks, nobody would ever release it.
        return self._load() if session is None else session

    def _abandon(self) -> None:
        """In a forked process: let go of the parent's session, but never end it, which would wait for threads that are gone."""
        if self._session is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
            self._session = None

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """The network's outputs, in their order, with a row for each of the first input's.

        Raises:
            ModelError: The session was closed, the network cannot be run, or what it gives are no finite numbers.
        """
        session, count = self._loaded(), len(next(iter(inputs.values())))
        try:
            outputs: list[NDArray[np.float32]] = session.run(None, dict(inputs))
        except Exception as error:  # ONNX Runtime's errors share no base class
            reason = str(error).splitlines()[0][:120]
            raise ModelError(f"{self.path} cannot be run ({reason}): train it again") from None
        for output in outputs:
            # A sum is finite only if all are; it is quicker than to ask each.
            fits = isinstance(output, np.ndarray) and output.dtype == np.float32 and output.shape[:1] == (count,)
            if not fits or not math.isfinite(float(output.sum())):
                raise ModelError(f"{self.path} does not give finite numbers for each of its inputs: train it again")
        first = outputs[0]  # of all our networks it holds probabilities
        if first.size and not (first.min() >= 0 and first.max() <= 1 + _ROUNDED):
            raise ModelError(f"{self.path} gives probabilities outside of 0 to 1: train it again")
        return outputs

    def input_shapes(self) -> dict[str, list[Any]]:
        """The shape of each input, by its name; a dimension of any size is a name or None."""
        return {value.name: value.shape for value in self._loaded().get_inputs()}

    def output_shapes(self) -> dict[str, list[Any]]:
        """The shape of each output, by its name."""
        return {value.name: value.shape for value in self._loaded().get_outputs()}

    def metadata(self) -> dict[str, str]:
        """What the file says of itself."""
        found: dict[str, str] = self._loaded().get_modelmeta().custom_metadata_map
        return found

    def close(self) -> None:
        """Give the memory back; nothing runs any more."""
        self._closed = True
        self._session = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "threads": self.threads, "providers": self.providers, "closed": self._closed}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self.threads, self.providers = state["path"], state["threads"], state["providers"]
        self._closed = state["closed"]
        self._session = None  # loaded when it is first run


class Network:
    """One of the reader's networks: a session whose inputs and outputs have the shapes that its class knows.

    It can be shared between threads, pickled, and used after a fork.

    Args:
        path: An ONNX file made by ``inkdigits train-reader``.
        threads: Threads of one run; None: as many as there are cores.
        providers: ONNX Runtime's execution providers; None: the processor.

    Raises:
        ModelError: The file is missing, damaged or another model.
        UsageError: ``threads`` or ``providers`` cannot be.
    """

    #: What it is called, the name of its input and the shape of one to try it on, and the shapes of its outputs; None is a
    #: dimension of any size.
    KIND: ClassVar[str]
    INPUT: ClassVar[str]
    EXAMPLE: ClassVar[tuple[int, ...]]
    OUTPUTS: ClassVar[Sequence[tuple[int | None, ...]]]

    def __init__(self, path: Path, threads: int | None = None, providers: Sequence[str] | None = None) -> None:
        self._session = Session(Path(path), {self.INPUT: self.EXAMPLE}, threads, providers)
        shapes = list(self._session.output_shapes().values())
        fits = len(shapes) == len(self.OUTPUTS) and all(map(_fits, shapes, self.OUTPUTS))
        if list(self._session.input_shapes()) != [self.INPUT] or not fits:
            raise ModelError(f"{path} is no {self.KIND}: make one with inkdigits train-reader")
        self._session.run({self.INPUT: np.full(self.EXAMPLE, 128, np.float32)})

    def close(self) -> None:
        """Give the memory back."""
        self._session.close()


def _fits(shape: Sequence[Any], wanted: Sequence[int | None]) -> bool:
    sizes = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(size is None or found == size for found, size in sizes)


def _content(path: Path) -> bytes:
    if not path.is_file():
        missing = path if path.parent.is_dir() else path.parent
        raise ModelError(f"{missing} does not exist: train it first, or check its name")
    content = path.read_bytes()
    if _EXTERNAL in content:
        raise ModelError(f"{path} keeps weights in other files, which nobody checks: save it whole")
    return content


def _try(path: Path, content: bytes, example: Mapping[str, Sequence[int]]) -> None:
    """Load and run a model in another process, which can be ended, and whose end harms nobody."""
    folders = dict.fromkeys(str(Path(str(package.__file__)).parents[1]) for package in (np, onnxruntime))
    # -I and -S: nothing of the folder one stands in, and nothing that is not needed.
    command = [sys.executable, "-I", "-S", trial_process.__file__, str(_TRIAL_MB), json.dumps(dict(example)), *folders]
    try:
        found = subprocess.run(command, input=content, capture_output=True, timeout=_TRIAL_S)
    except subprocess.TimeoutExpired:
        raise ModelError(f"{path} has not answered after {_TRIAL_S:.0f} seconds: train it again") from None
    except OSError as error:
        reason = f"{sys.executable!r} cannot be started ({error.strerror})"
        raise ModelError(f"{path} cannot be tried, since {reason}: run it where Python can") from None
    said = found.stdout.decode(errors="replace").strip()
    if found.returncode or not said:
        most = f"takes more than {_TRIAL_MB} MB of memory, or ends the process that runs it"
        raise ModelError(f"{path} {most}: train it again (it was tried with {sys.executable!r})")
    if said != trial_process.FINE:
        raise ModelError(f"{path} {said}: train it again")


def _opened(path: Path, content: bytes, threads: int | None, providers: Sequence[str]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors come as exceptions; nothing is printed beside them
    options.intra_op_num_threads = threads or 0
    options.enable_mem_pattern = False  # it would keep a plan for every shape of input, and a third more memory, for no time
    try:
        return onnxruntime.InferenceSession(
            content,
            options,
            providers=list(providers),
            enable_fallback=0,  # it would try the same once more, and print that it does
        )
    except Exception as error:  # ONNX Runtime's errors share no base class
        reason = str(error).splitlines()[0][:120]
        raise ModelError(f"{path} is no ONNX model or is damaged ({reason}): train it again") from None
