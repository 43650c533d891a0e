"""Training: a recipe, a task, a data set and a seed → a run in ``models/``."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.errors import ModelError, UsageError
from inkdigits.features import make_features
from inkdigits.files import sha256, sha256_file
from inkdigits.inference.tasks import Task, task
from inkdigits.modeling import metrics
from inkdigits.modeling.devices import precision
from inkdigits.modeling.export import export_classifier
from inkdigits.modeling.loop import TrainingLoop, check_one_of, identity_digest, load_weights, safetensors_bytes, save_weights
from inkdigits.modeling.meta import checked
from inkdigits.modeling.networks import DigitNet, parameter_count
from inkdigits.modeling.objectives import Classification, network_of, schedule_of
from inkdigits.modeling.provenance import provenance
from inkdigits.modeling.recipes import Recipe, recipe
from inkdigits.modeling.settings import TrainSettings
from inkdigits.runs import Run

logger = logging.getLogger(__name__)

#: What a recipe says of the network; the rest, of its training.
_ARCHITECTURE = ("layers", "dropout", "views", "activation")


@dataclass(frozen=True)
class TrainResult:
    """A finished run, and what its ``meta.json`` says."""

    run: Run
    meta: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where the run is."""
        return self.run.folder


def train(
    settings: TrainSettings,
    project: Project | None = None,
    resume: bool = False,
    tensorboard: bool = False,
    overwrite: bool = False,
) -> TrainResult:
    """Train a network and write ``models/<run>/{model.onnx, model.safetensors, meta.json, history.jsonl}``.

    A run that is finished with these very settings and data is left as it is: it would come to the same.

    Args:
        settings: What to train.
        project: Where; by default the current one.
        resume: Go on after the last whole epoch of a run that was stopped. One that had none begins anew; one that is
            finished is left as it is.
        tensorboard: Write the curves for TensorBoard too (extra ``tensorboard``).
        overwrite: Begin anew, in the place of what the run holds.

    Raises:
        UsageError: A setting does not exist or lies outside its range; or the run is there with other ones, was stopped, is
            being trained, or is a reader's.
        DataError: The data cannot be had or have no labels.
        ModelError: A teacher or the run to start from is missing, or the stopped run's checkpoint is damaged.
        MissingExtraError: TensorBoard is asked for and not installed.
    """
    check_one_of(resume, overwrite)
    project = project or Project.current()
    plan, target_task = settings.resolved_recipe(), task(settings.task)
    run = Run.named(settings.run_name(), project)
    run.check_free_for("model")
    with run.claimed():
        data = make_features(settings.data, project, settings.transpose)
        teachers = _teachers(settings, target_task, project)
        objective = Classification(
            plan, target_task, data, settings.seed, settings.device, [teacher.network for teacher in teachers]
        )
        if settings.start is not None:
            _start_from(run.start(settings.start, project), objective.network, settings.recipe)
        identity = _identity(settings, plan, data, objective, teachers)
        if not overwrite and (finished := _finished(run, identity)):
            return finished
        if not (resume or overwrite):
            run.check_unused("model")
        loop = TrainingLoop(objective, schedule_of(plan), run, seed=settings.seed, identity=identity, tensorboard=tensorboard)
        if resume:
            loop.restore()
        loop.train()
        network = objective.calibrated(loop.network)
        meta = _meta(settings, plan, loop, objective, network, data)
        meta["teachers"] = [{"run": teacher.name, "data": teacher.data} for teacher in teachers]
        run.quantized_model.unlink(missing_ok=True)  # it would be that of an earlier run
        save_weights(network, run.weights())
        export_classifier(network, target_task, run.model())
        meta["model_sha256"], meta["files"] = sha256_file(run.model()), run.hashes()
        run.write_meta(meta)
        loop.finish()
        return TrainResult(run, run.meta())


def _identity(
    settings: TrainSettings, plan: Recipe, data: Dataset, objective: Classification, teachers: list[_Teacher]
) -> dict[str, Any]:
    """What a checkpoint or a finished run must have been made with, to be this run."""
    return {
        "settings": asdict(settings),
        "recipe": repr(plan),
        "processor": [objective.device.type, precision(objective.device)],
        "data": data.fingerprints(),
        "teachers": [sha256(safetensors_bytes(teacher.network)) for teacher in teachers],
        "start": sha256(safetensors_bytes(objective.network)) if settings.start is not None else None,
    }


def _finished(run: Run, identity: dict[str, Any]) -> TrainResult | None:
    """The run with this identity, where it is finished already; one whose recipe or data have changed is not.

    Raises:
        UsageError: It is finished with other settings, and would be lost.
    """
    try:
        meta = run.meta()
    except ModelError:
        return None
    if run.checkpoint().exists() or "settings" not in meta:
        return None
    if meta["settings"] != json.loads(json.dumps(identity["settings"])):
        raise UsageError(
            f"{run.folder} is finished, with other settings: give the same, or another name with --run, or take its place with"
            " --overwrite"
        )
    if meta.get("identity") != identity_digest(identity):
        return None
    logger.info("%s is finished already, with these settings and data; --overwrite trains it anew", run.folder)
    return TrainResult(run, meta)


def _start_from(run: Run, network: DigitNet, plan: str) -> None:
    """Put another run's weights into a network; its temperature is fitted anew."""
    try:
        load_weights(network, run.weights())
    except ModelError as error:
        known = run.meta().get("recipe", plan)
        if known == plan:
            raise
        raise ModelError(f"{run.folder} is of the recipe {known}, with other layers: add --recipe {known}") from error
    network.temperature.fill_(1.0)
    network.temperature_power.fill_(0.0)


@dataclass(frozen=True)
class _Teacher:
    name: str
    network: DigitNet
    data: dict[str, Any]


def _teachers(settings: TrainSettings, target_task: Task, project: Project) -> list[_Teacher]:
    """The networks that are learnt from.

    Raises:
        ModelError: There is no such run.
        UsageError: A run has learnt another task.
    """
    teachers = []
    for name in settings.teachers:
        run = Run.named(name, project)
        network, known = load_network(run)
        if known != target_task:
            raise UsageError(f"the teacher {name} has learnt the task {known.name}: give runs of the task {target_task.name}")
        teachers.append(_Teacher(name, network, run.meta()["data"]))
    return teachers


def load_network(run: Run) -> tuple[DigitNet, Task]:
    """The PyTorch network of a finished run, in evaluation mode, and its task.

    Raises:
        ModelError: The folder holds no finished run, or its files don't belong together.
    """
    meta = run.meta()
    if not meta:
        raise ModelError(
            f"{run.folder} holds no finished run: inkdigits runs lists what there is, inkdigits train --run {run.name} makes it"
        )
    checked(meta, run.folder)
    run.check_whole()
    try:
        found = task(meta["task"])
        network = network_of(recipe(meta["recipe"]), found)
    except UsageError as error:
        raise ModelError(f"{run.folder} holds no finished run of this version ({error}): train it again") from None
    load_weights(network, run.weights())
    return network.eval(), found


def _meta(
    settings: TrainSettings,
    plan: Recipe,
    loop: TrainingLoop,
    objective: Classification,
    network: DigitNet,
    data: Dataset,
) -> dict[str, Any]:
    correct = objective.validation_logits(network).argmax(1) == objective.validation_targets
    described = asdict(plan)
    return {
        "settings": asdict(settings),
        "identity": identity_digest(loop.identity),
        "task": settings.task,
        "recipe": settings.recipe,
        "architecture": {key: value for key, value in described.items() if key in _ARCHITECTURE},
        "training": {key: value for key, value in described.items() if key not in ("name", *_ARCHITECTURE)},
        "parameters": parameter_count(network),
        "seed": settings.seed,
        "data": {"source": settings.data, "transpose": settings.transpose, "splits": data.fingerprints()},
        "temperature": float(network.temperature),
        "temperature_power": float(network.temperature_power),
        "validation": metrics.accuracy_summary(int(correct.sum()), len(correct)),
        "test": None,  # filled in by evaluate
        "training_seconds": round(sum(entry["seconds"] for entry in loop.history), 2),
        "device": str(objective.device),
        "precision": precision(objective.device),
        **provenance(),
    }
