"""A run: the folder that a training leaves, and all names in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkdigits.config import Project
from inkdigits.errors import DataError, ModelError, UsageError
from inkdigits.files import atomic, read_json, sha256_file, write_json

#: The weights that ship with inkdigits, as the folders of two runs.
_SHIPPED = Path(__file__).parent / "weights"


def is_shipped(path: Path) -> bool:
    """Whether a file is one of the weights that ship with inkdigits."""
    return path.resolve().is_relative_to(_SHIPPED.resolve())


@dataclass(frozen=True)
class Run:
    """The folder of one training, mostly ``models/<name>``; whoever reads or writes one of its files asks here for its name.

    A classifier's run holds ``model.onnx``, ``model.safetensors``, ``history.jsonl`` and ``meta.json``, and perhaps
    ``model-int8.onnx``; a reader's the same for its networks ``digit``, ``line``, ``page`` and ``sheet``. While a network is
    being trained there is a checkpoint.

    Attributes:
        folder: Where it is, or will be.
    """

    folder: Path

    @classmethod
    def named(cls, name: str, project: Project | None = None) -> Run:
        """The run of that name in a project.

        Args:
            name: Of the folder below ``models/``.
            project: By default the current one.

        Raises:
            UsageError: The folder would lie elsewhere.
        """
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise UsageError(f"{name!r} cannot name a run: use letters, digits, '.', '_' and '-'")
        return cls((project or Project.current()).models / name)

    @classmethod
    def shipped(cls, name: str) -> Run:
        """The weights that ship with inkdigits: ``default``, the classifier of MNIST images, or ``reader``."""
        return cls(_SHIPPED / name)

    @classmethod
    def all(cls, project: Project | None = None) -> list[Run]:
        """The finished classifiers of a project, by their names."""
        return [cls(path.parent) for path in sorted((project or Project.current()).models.glob("*/model.onnx"))]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def model(self, network: str = "model") -> Path:
        """A network as ONNX: ``model`` of a classifier's run, ``digit``, ``line``, ``page`` or ``sheet`` of a reader's."""
        return self.folder / f"{network}.onnx"

    @property
    def quantized_model(self) -> Path:
        """The classifier in 8 bits."""
        return self.folder / "model-int8.onnx"

    def weights(self, network: str = "model") -> Path:
        """A network's weights as safetensors."""
        return self.folder / f"{network}.safetensors"

    def checkpoint(self, network: str = "model") -> Path:
        """The state of a training that is not finished."""
        return self.folder / ("checkpoint.pt" if network == "model" else f"{network}-checkpoint.pt")

    def is_stopped(self) -> bool:
        """Whether there is a training to go on with."""
        return any(self.folder.glob("*checkpoint.pt"))

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other trainings away from the run.

        Raises:
            UsageError: One is writing to it at this moment.
        """
        from filelock import FileLock, Timeout

        place = self.folder.with_name(f".{self.name}.lock")
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock = FileLock(place).acquire(timeout=0)
        except Timeout:
            raise UsageError(
                f"another training is writing to {self.folder}: wait for its end, or give another name with --run"
            ) from None
        with lock:
            try:
                yield
            finally:
                place.unlink(missing_ok=True)  # while it is held, so that nobody else's goes

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's curves."""
        return self.folder / "tensorboard"

    def start(self, name: str, project: Project) -> Run:
        """The run whose weights this one is to start from.

        Raises:
            UsageError: It is this one, or its name cannot be one.
        """
        start = Run.named(name, project)
        if start == self:
            raise UsageError(f"{self.name} cannot start from its own weights, which it writes: name the new run with --run")
        return start

    def check_free_for(self, *networks: str) -> None:
        """Check that the run holds no networks but these, so that a reader and a classifier never share a folder.

        Raises:
            UsageError: It does.
        """
        for name, kind in (("model", "a classifier"), ("digit", "a reader"), ("line", "a reader")):
            if name not in networks and (self.model(name).exists() or self.checkpoint(name).exists()):
                raise UsageError(f"{self.folder} holds {kind} already: give this run another name with --run")

    def check_unused(self, *networks: str) -> None:
        """Check that none of these networks is there, finished or begun, so that none is lost.

        Raises:
            UsageError: One is.
        """
        for name in networks:
            if self.checkpoint(name).exists():
                raise UsageError(
                    f"{self.checkpoint(name)} is of a training that was stopped: go on with --resume, or begin anew with"
                    " --overwrite"
                )
            if self.model(name).exists():
                raise UsageError(
                    f"{self.model(name)} is there already: give this run another name with --run, or take its place with"
                    " --overwrite"
                )

    @classmethod
    def latest(cls, project: Project | None = None) -> Run | None:
        """The classifier of a project that was trained last; None where there is none."""
        return max(cls.all(project), key=lambda run: run.model().stat().st_mtime_ns, default=None)

    # --- What is known of it ---

    @property
    def meta_path(self) -> Path:
        """The file of what is known of the run."""
        return self.folder / "meta.json"

    def meta(self) -> dict[str, Any]:
        """What is known of the run; empty where nothing is.

        Raises:
            ModelError: The file is damaged.
        """
        if not self.meta_path.is_file():
            return {}
        try:
            content = read_json(self.meta_path)
        except DataError as error:
            raise ModelError(str(error)) from None
        if not isinstance(content, dict):
            raise ModelError(f"{self.meta_path} is not a JSON object: train the model again")
        return content

    def meta_of(self, model: Path) -> dict[str, Any]:
        """The same, if it tells of that very model file or of the 8-bit form of it; otherwise empty.

        Raises:
            ModelError: The file is damaged.
        """
        content = self.meta()
        known = (content.get("model_sha256"), content.get("quantized_sha256"))
        return content if sha256_file(model) in known else {}

    def hashes(self) -> dict[str, str]:
        """SHA-256 of the classifier's weights and of its history, which ``meta.json`` keeps as ``files``."""
        return {path.name: sha256_file(path) for path in (self.weights(), self.history_path())}

    def check_whole(self) -> None:
        """Check that the weights and the history are those that ``meta.json`` tells of.

        Raises:
            ModelError: They aren't: another training was begun over them, and stopped.
        """
        known = self.meta().get("files")
        if not isinstance(known, dict):
            raise ModelError(
                f"{self.meta_path} does not tell the hashes of its files, as runs of this version do: train it again"
            )
        try:
            other = [name for name, found in self.hashes().items() if known.get(name) != found]
        except OSError as error:
            raise ModelError(f"{error.filename} is missing: train it again") from None
        if other:
            raise ModelError(f"{self.folder / other[0]} is of another training, which was stopped: end it with --resume")

    def write_meta(self, content: dict[str, Any]) -> None:
        """Keep what is known of the run."""
        write_json(self.meta_path, content)

    def history_path(self, network: str = "model") -> Path:
        """The file of a training's history, a line of JSON an epoch."""
        return self.folder / ("history.jsonl" if network == "model" else f"{network}-history.jsonl")

    def history(self, network: str = "model") -> list[dict[str, Any]]:
        """The history of a training, an entry an epoch.

        Raises:
            ModelError: The file is missing or damaged.
        """
        path = self.history_path(network)
        try:
            entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            if not all(isinstance(entry, dict) for entry in entries):
                raise ValueError("an entry is no JSON object")
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{path} is missing or damaged ({error}): train it again") from None
        return entries

    def write_history(self, entries: list[dict[str, Any]], network: str = "model") -> None:
        """Keep the history of a training."""
        with atomic(self.history_path(network), "w") as file:
            file.writelines(json.dumps(entry) + "\n" for entry in entries)
