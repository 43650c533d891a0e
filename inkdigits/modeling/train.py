"""Training: a recipe, a task, a data set and a seed → ``models/<run>/``."""

from __future__ import annotations

import json
import logging
import platform
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inkdigits import __version__, dataset
from inkdigits.config import Project
from inkdigits.errors import DataError, ModelError, UsageError
from inkdigits.files import atomic, read_json, sha256, sha256_file, write_json
from inkdigits.modeling import metrics
from inkdigits.modeling.devices import precision
from inkdigits.modeling.export import export_onnx
from inkdigits.modeling.loop import CHECKPOINT, TrainingLoop, network_of, safetensors_bytes
from inkdigits.modeling.networks import DigitNet, parameter_count
from inkdigits.modeling.recipes import recipe
from inkdigits.modeling.settings import QUANTIZED, TrainSettings, checked_run_name
from inkdigits.modeling.tasks import Task, task

logger = logging.getLogger(__name__)

#: What a recipe says of the network; the rest, of its training.
_ARCHITECTURE = ("layers", "dropout", "views", "activation")


@dataclass(frozen=True)
class TrainResult:
    """A finished run: its folder and what its ``meta.json`` says."""

    folder: Path
    meta: dict[str, Any]


def train(
    settings: TrainSettings, project: Project | None = None, resume: bool = False, tensorboard: bool = False
) -> TrainResult:
    """Train a network and write ``models/<run>/{model.onnx, model.safetensors, meta.json, history.jsonl}``.

    Args:
        settings: What to train.
        project: Where; by default the current one.
        resume: Go on after the last whole epoch of a run that was stopped. One that had none begins anew; one that is
            finished is left as it is.
        tensorboard: Write the curves for TensorBoard too (extra ``tensorboard``).

    Raises:
        UsageError: a setting does not exist or lies outside its range, or the stopped run had others.
        DataError: the data cannot be had or have no labels.
        ModelError: a teacher is missing, or the stopped run's checkpoint is damaged.
        MissingExtraError: TensorBoard is asked for and not installed.
    """
    project = project or Project.current()
    plan, target_task = settings.resolved_recipe(), task(settings.task)
    folder = project.models / settings.run_name()
    data = dataset.make_features(settings.data, project, settings.transpose)
    teachers = _teachers(settings, target_task, project)
    loop = TrainingLoop(plan, target_task, data, settings, folder, tensorboard, [teacher.network for teacher in teachers])
    if resume and (finished := _finished(folder, loop)):
        return finished
    if resume:
        loop.restore()
    loop.run()
    network = loop.calibrated_network()
    meta = _meta(settings, loop, network, data) | {"teachers": [{"run": t.run, "data": t.data} for t in teachers]}
    (folder / QUANTIZED).unlink(missing_ok=True)  # it would be that of an earlier run
    with atomic(folder / "model.safetensors") as file:
        file.write(safetensors_bytes(network))
    export_onnx(network, target_task, folder / "model.onnx")
    meta["model_sha256"] = sha256_file(folder / "model.onnx")
    write_json(folder / "meta.json", meta)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return TrainResult(folder, read_json(folder / "meta.json"))


def _finished(folder: Path, loop: TrainingLoop) -> TrainResult | None:
    """The run of this loop, where it is finished already."""
    try:
        meta = read_json(folder / "meta.json")
        same = not (folder / CHECKPOINT).exists() and meta["identity"] == _digest(loop)
    except (FileNotFoundError, DataError, KeyError, TypeError):
        return None
    if same:
        logger.info("%s is finished already", folder)
    return TrainResult(folder, meta) if same else None


def _digest(loop: TrainingLoop) -> str:
    return sha256(json.dumps(loop.identity).encode())


@dataclass(frozen=True)
class _Teacher:
    run: str
    network: DigitNet
    data: dict[str, Any]


def _teachers(settings: TrainSettings, target_task: Task, project: Project) -> list[_Teacher]:
    """The networks that are learnt from.

    Raises:
        ModelError: there is no such run.
        UsageError: a run has learnt another task.
    """
    teachers = []
    for name in settings.teachers:
        folder = project.models / checked_run_name(name)
        network, known = load_network(folder)
        if known != target_task:
            raise UsageError(f"the teacher {name} has learnt the task {known.name}: give runs of the task {target_task.name}")
        teachers.append(_Teacher(name, network, read_json(folder / "meta.json")["data"]))
    return teachers


def load_network(folder: Path) -> tuple[DigitNet, Task]:
    """The PyTorch network of a finished run, in evaluation mode, and its task.

    Raises:
        ModelError: the folder holds no finished run, or its files don't belong together.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not (folder / "meta.json").exists():
        raise ModelError(
            f"{folder} holds no finished run: check its name, or train it with inkdigits train --run {folder.name}"
        )
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        found = task(meta["task"])
        network = network_of(recipe(meta["recipe"]), found)
        without_power = {"temperature_power": torch.zeros(())}  # earlier runs have a temperature alone
        network.load_state_dict(without_power | load_file(folder / "model.safetensors"))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{folder} holds no finished run of this version ({reason}): train it again") from None
    return network.eval(), found


def _meta(settings: TrainSettings, loop: TrainingLoop, network: DigitNet, data: dataset.Dataset) -> dict[str, Any]:
    correct = loop.validation_answers() == loop.validation_targets
    return {
        "settings": asdict(settings),
        "identity": _digest(loop),
        "task": settings.task,
        "recipe": settings.recipe,
        "architecture": {k: v for k, v in asdict(loop.plan).items() if k in _ARCHITECTURE},
        "training": {k: v for k, v in asdict(loop.plan).items() if k not in ("name", *_ARCHITECTURE)},
        "parameters": parameter_count(network),
        "seed": settings.seed,
        "data": {
            "source": settings.data,
            "transpose": settings.transpose,
            "parts": {name: part.fingerprint() for name, part in data.parts.items()},
        },
        "temperature": float(network.temperature),
        "temperature_power": float(network.temperature_power),
        "validation": metrics.accuracy_summary(int(correct.sum()), len(correct)),
        "test": None,  # filled in by evaluate
        "training_seconds": round(sum(line["seconds"] for line in loop.history), 2),
        "device": str(loop.device),
        "precision": precision(loop.device),
        **provenance(),
    }


def provenance() -> dict[str, Any]:
    """What a model came from besides data and settings: threads, versions and commit."""
    return {
        "threads": torch.get_num_threads(),
        "versions": {
            "inkdigits": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "git_commit": _git_commit(),
    }


def _git_commit() -> str | None:
    """The commit of the current folder, with ``+`` where files differ from it; None outside a repository."""
    git = shutil.which("git")
    if git is None:
        return None
    commit = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if commit.returncode:
        return None
    status = [git, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results"]
    changed = subprocess.run(status, capture_output=True, text=True, check=False)
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "")
