"""Training: a recipe, a task, a data set and a seed → ``models/<run>/``.

The loop keeps all images on the device as uint8 and deforms whole batches. Every epoch draws its random numbers from
(seed, epoch) alone; together with the checkpoint after each epoch that lets a killed run go on and end with the very
weights it would have had.
"""

from __future__ import annotations

import io
import json
import logging
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as safetensors_bytes
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from inkdigits import __version__, dataset
from inkdigits.config import Project
from inkdigits.errors import DataError, MissingExtraError, ModelError, UsageError
from inkdigits.files import atomic, read_json, sha256_file, write_json
from inkdigits.modeling import metrics
from inkdigits.modeling.calibrate import fit_temperature
from inkdigits.modeling.export import export_onnx
from inkdigits.modeling.networks import DigitNet, parameter_count
from inkdigits.modeling.recipes import Recipe, recipe
from inkdigits.modeling.tasks import Task, task

logger = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
_EVALUATION_BATCH = 1_000


@dataclass(frozen=True)
class TrainSettings:
    """What to train. None stands for the recipe's own value.

    Attributes:
        recipe: ``fast``, ``default`` or ``best``.
        task: ``digits``, ``is:D`` or ``pair:D,E``.
        data: A source; see ``inkdigits.sources``.
        epochs, batch_size, lr: In place of the recipe's.
        seed: The same seed on the same machine gives the same bytes.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        run: Name of the folder below ``models/``; by default made from recipe, task, data and seed.
        transpose: Swap rows and columns of the images (EMNIST's IDX files).
    """

    recipe: str = "default"
    task: str = "digits"
    data: str = "mnist"
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    seed: int = 0
    device: str = "auto"
    run: str | None = None
    transpose: bool = False

    def resolved_recipe(self) -> Recipe:
        """The recipe with this run's own values in it.

        Raises:
            UsageError: there is no such recipe, or a value lies outside its range.
        """
        limits = {"epochs": (1, 10_000), "batch_size": (2, 60_000), "lr": (1e-8, 10.0), "seed": (0, 2**31 - 1)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UsageError(f"{name} is {value}: choose it between {low} and {high}")
        changes = {name: getattr(self, name) for name in ("epochs", "batch_size", "lr") if getattr(self, name) is not None}
        return replace(recipe(self.recipe), **changes)

    def run_name(self) -> str:
        """The folder's name below ``models/``.

        Raises:
            UsageError: the name that was given would lie elsewhere.
        """
        if self.run is not None:
            return checked_run_name(self.run)
        words = [self.recipe]
        words += [self.task.replace(":", "-").replace(",", "-")] if self.task != "digits" else []
        words += [dataset.slug(self.data, self.transpose)] if self.data != "mnist" else []
        words += [f"seed{self.seed}"] if self.seed else []
        return "-".join(words)


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
    """
    project = project or Project.current()
    plan, target_task = settings.resolved_recipe(), task(settings.task)
    folder = project.models / settings.run_name()
    if resume and (finished := _finished(folder, settings)):
        return finished
    data = dataset.make_features(settings.data, project, settings.transpose)
    loop = TrainingLoop(plan, target_task, data, settings, folder, tensorboard)
    if resume:
        loop.restore()
    loop.run()
    network = loop.calibrated_network()
    meta = _meta(settings, loop, network, data)
    with atomic(folder / "model.safetensors") as file:
        file.write(safetensors_bytes({name: value.contiguous() for name, value in network.state_dict().items()}))
    export_onnx(network, target_task, folder / "model.onnx")
    meta["model_sha256"] = sha256_file(folder / "model.onnx")
    write_json(folder / "meta.json", meta)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return TrainResult(folder, read_json(folder / "meta.json"))


def _finished(folder: Path, settings: TrainSettings) -> TrainResult | None:
    """The run of these settings, where it is finished already."""
    try:
        meta = read_json(folder / "meta.json")
        same = not (folder / CHECKPOINT).exists() and meta["settings"] == asdict(settings)
    except (FileNotFoundError, DataError, KeyError, TypeError):
        return None
    if same:
        logger.info("%s is finished already", folder)
    return TrainResult(folder, meta) if same else None


def load_network(folder: Path) -> tuple[DigitNet, Task]:
    """The PyTorch network of a finished run, in evaluation mode, and its task.

    Raises:
        ModelError: the folder holds no finished run, or its files don't belong together.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        found = task(meta["task"])
        network = network_of(recipe(meta["recipe"]), found)
        network.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{folder} holds no finished run of this version ({reason}): train it again") from None
    return network.eval(), found


def network_of(plan: Recipe, target_task: Task) -> DigitNet:
    """The untrained network of a recipe."""
    return DigitNet(plan.layers, len(target_task.classes), plan.dropout)


def device_of(name: str) -> torch.device:
    """The device of that name; ``auto`` is the GPU where there is one."""
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"there is no device {name!r}: use auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda was asked for, but PyTorch finds no GPU here: use auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


class TrainingLoop:
    """The state of one training run, which a checkpoint holds whole.

    Args:
        plan: The recipe.
        target_task: What to tell apart.
        data: With the parts ``train`` and ``validation``.
        settings: Seed and device, and what else a resumed run must have in common with the stopped one.
        folder: Where checkpoints are kept.
        tensorboard: Write curves there, too.
    """

    def __init__(
        self,
        plan: Recipe,
        target_task: Task,
        data: dataset.Dataset,
        settings: TrainSettings,
        folder: Path,
        tensorboard: bool = False,
    ) -> None:
        self.plan, self.folder, self.seed = plan, folder, settings.seed
        self.device = device_of(settings.device)
        if self.device.type == "cuda":  # the fastest algorithms differ from run to run, in their last bits
            torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
        # What a checkpoint must have been made with, for a resumed run to be the same run.
        self.identity = {"settings": asdict(settings), "recipe": repr(plan), "data": data.part("train").fingerprint()}
        images, targets = target_task.select(data.part("train"))
        self.images = torch.from_numpy(images)[:, None].to(self.device)
        self.targets = torch.from_numpy(targets).to(self.device)
        held_out, self.validation_targets = target_task.select(data.part("validation"))
        self.validation = torch.from_numpy(held_out)[:, None].to(self.device)
        if len(images) < 2 or not len(held_out):
            raise UsageError(f"{settings.data} has {len(images)} images to train {target_task.name} on: at least 24 are needed")
        self.batch_size = min(plan.batch_size, len(images))
        self.steps = len(images) // self.batch_size
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            self.network = network_of(plan, target_task).to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's stubs lack it
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), plan.lr, betas=(0.9, 0.99), weight_decay=plan.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, plan.lr, total_steps=self.steps * plan.epochs)
        self.average: AveragedModel | None = None
        if plan.ema_decay:
            self.average = AveragedModel(self.network, multi_avg_fn=_running_average(plan.ema_decay), use_buffers=True)
        self.history: list[dict[str, float]] = []
        self.board = _board(folder) if tensorboard else None

    def run(self) -> None:
        """Train the epochs that are left, with a bar over all steps and a line an epoch."""
        total = self.steps * self.plan.epochs
        done = len(self.history)
        with torch.random.fork_rng(), tqdm(total=total, initial=done * self.steps, desc="training", disable=None) as bar:
            for epoch in range(done, self.plan.epochs):
                self.history.append(self._epoch(epoch, bar))
                self._report(self.history[-1])
                self._save()

    def _epoch(self, epoch: int, bar: tqdm[Any]) -> dict[str, float]:
        # All that is random in an epoch follows from this line, so that a resumed run repeats it exactly.
        torch.manual_seed(int(np.random.SeedSequence([self.seed, epoch + 1]).generate_state(1)[0]))
        started = time.perf_counter()
        order = torch.randperm(len(self.images)).to(self.device)
        self.network.train()
        total_loss = torch.zeros((), device=self.device)
        for step in range(self.steps):
            batch = order[step * self.batch_size : (step + 1) * self.batch_size]
            images = self.plan.augmentation(self.images[batch].float()).contiguous(memory_format=torch.channels_last)
            loss = F.cross_entropy(self.network(images), self.targets[batch], label_smoothing=self.plan.label_smoothing)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            if self.average:
                self.average.update_parameters(self.network)
            total_loss += loss.detach()
            bar.update()
        seconds = time.perf_counter() - started
        logits = self._logits()
        loss_validation = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(self.validation_targets))
        return {
            "epoch": epoch + 1,
            "train_loss": float(total_loss) / self.steps,
            "validation_loss": float(loss_validation),
            "validation_accuracy": float((logits.argmax(1) == self.validation_targets).mean()),
            "seconds": round(seconds, 3),
        }

    def _report(self, line: dict[str, float]) -> None:
        logger.info(
            "epoch %2d/%d  loss %.4f  validation %.2f %%  %.1f s",
            line["epoch"],
            self.plan.epochs,
            line["train_loss"],
            100 * line["validation_accuracy"],
            line["seconds"],
        )
        if self.board:
            for name in ("train_loss", "validation_loss", "validation_accuracy"):
                self.board.add_scalar(name, line[name], int(line["epoch"]))
            self.board.flush()

    def _kept(self) -> DigitNet:
        """The network that is kept: the running average where the recipe asks for one."""
        network = self.average.module if self.average else self.network
        assert isinstance(network, DigitNet)
        return network

    @torch.inference_mode()
    def _logits(self) -> np.ndarray:
        network = self._kept().eval()
        parts = [network(images.float()).cpu().numpy() for images in self.validation.split(_EVALUATION_BATCH)]
        return np.concatenate(parts)

    def calibrated_network(self) -> DigitNet:
        """The trained network with its temperature fitted on the validation images."""
        network = self._kept()
        network.temperature.fill_(fit_temperature(self._logits(), self.validation_targets))
        return network

    def validation_probabilities(self) -> np.ndarray:
        """Of the validation images, float32 (N, classes)."""
        return torch.softmax(torch.from_numpy(self._logits()), 1).numpy()

    # --- Stopping and going on ---

    def _save(self) -> None:
        state = {
            "identity": self.identity,
            "history": self.history,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average.state_dict() if self.average else None,
        }
        content = io.BytesIO()  # PyTorch hides the operating system's errors, such as a full disk, when it writes itself
        torch.save(state, content)
        with atomic(self.folder / CHECKPOINT) as file:
            file.write(content.getbuffer())
        self._save_history()

    def _save_history(self) -> None:
        with atomic(self.folder / "history.jsonl", "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in self.history)

    def restore(self) -> None:
        """Take up the checkpoint, where there is one.

        Raises:
            UsageError: it belongs to a run with other settings.
            ModelError: it is damaged.
        """
        path = self.folder / CHECKPOINT
        if not path.exists():
            logger.info("%s has no checkpoint: the run begins anew", self.folder)
            return
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)  # admits tensors and plain values only
            identity = dict(state["identity"] if isinstance(state, dict) else {})
            differing = [name for name, own in self.identity.items() if identity.get(name) != own]
            if not differing:
                self.network.load_state_dict(state["network"])
                self.optimizer.load_state_dict(state["optimizer"])
                self.schedule.load_state_dict(state["schedule"])
                if self.average:
                    self.average.load_state_dict(state["average"])
                self.history = list(state["history"])
        except Exception as error:  # a damaged file can raise anything
            reason = " ".join(str(error).split())[:80]
            raise ModelError(f"{path} is damaged ({reason}): train without --resume") from None
        if differing:
            raise UsageError(f"{path} belongs to a run with other {' and '.join(differing)}: give the same, or another --run")
        self._save_history()  # the kill may have come between checkpoint and history


def _running_average(decay: float) -> Callable[[Sequence[torch.Tensor], Sequence[torch.Tensor], torch.Tensor | int], None]:
    """An exponential average that begins as a plain one, so that the first, untrained weights are soon forgotten."""

    @torch.no_grad()
    def update(averages: Sequence[torch.Tensor], values: Sequence[torch.Tensor], count: torch.Tensor | int) -> None:
        weight = max(1 - decay, 10 / (10 + int(count)))
        for average, value in zip(averages, values, strict=True):
            if average.is_floating_point():
                average.lerp_(value, weight)
            else:
                average.copy_(value)  # batch normalisation's counter

    return update


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtraError("tensorboard", "tensorboard") from None
    return SummaryWriter(str(folder / "tensorboard"))


def _meta(settings: TrainSettings, loop: TrainingLoop, network: DigitNet, data: dataset.Dataset) -> dict[str, Any]:
    correct = loop.validation_probabilities().argmax(1) == loop.validation_targets
    return {
        "settings": asdict(settings),
        "task": settings.task,
        "recipe": settings.recipe,
        "architecture": {k: v for k, v in asdict(loop.plan).items() if k in ("layers", "dropout")},
        "training": {k: v for k, v in asdict(loop.plan).items() if k not in ("name", "layers", "dropout")},
        "parameters": parameter_count(network),
        "seed": settings.seed,
        "data": {
            "source": settings.data,
            "transpose": settings.transpose,
            "parts": {name: part.fingerprint() for name, part in data.parts.items()},
        },
        "temperature": float(network.temperature),
        "validation": metrics.accuracy_summary(int(correct.sum()), len(correct)),
        "test": None,  # filled in by evaluate
        "training_seconds": round(sum(line["seconds"] for line in loop.history), 2),
        "device": str(loop.device),
        **provenance(),
    }


def checked_run_name(name: str) -> str:
    """The name of a run's folder, if it can be one.

    Raises:
        UsageError: the folder would lie elsewhere.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UsageError(f"{name!r} cannot name a run: use letters, digits, '.', '_' and '-'")
    return name


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
