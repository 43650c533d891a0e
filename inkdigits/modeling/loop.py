"""The training loop.

It keeps all images on the device as uint8 and deforms whole batches. Every epoch draws its random numbers from
(seed, epoch) alone; together with the checkpoint after each epoch that lets a killed run go on and end with the very
weights it would have had.
"""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, update_bn
from tqdm import tqdm

from inkdigits import dataset
from inkdigits.errors import MissingExtraError, ModelError, UsageError
from inkdigits.files import atomic, sha256
from inkdigits.modeling.augment import disturb
from inkdigits.modeling.calibrate import fit_adaptive_temperature
from inkdigits.modeling.devices import device_of, mixed_precision, precision
from inkdigits.modeling.networks import DigitNet
from inkdigits.modeling.recipes import Recipe
from inkdigits.modeling.settings import TrainSettings
from inkdigits.modeling.tasks import Task

logger = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
_EVALUATION_BATCH = 1_000
#: Training images from which batch normalisation's statistics are taken in the end.
_NORM_IMAGES = 10_000
#: So many means of the loss are kept of an epoch, for its curve.
_LOSSES = 20


def safetensors_bytes(network: DigitNet) -> bytes:
    """The weights as a safetensors file."""
    return safetensors.torch.save({name: value.contiguous() for name, value in network.state_dict().items()})


def network_of(plan: Recipe, target_task: Task) -> DigitNet:
    """The untrained network of a recipe."""
    return DigitNet(plan.layers, len(target_task.classes), plan.dropout, plan.views, plan.activation)


class TrainingLoop:
    """The state of one training run, which a checkpoint holds whole.

    Args:
        plan: The recipe.
        target_task: What to tell apart.
        data: With the parts ``train`` and ``validation``.
        settings: Seed and device, and what else a resumed run must have in common with the stopped one.
        folder: Where checkpoints are kept.
        tensorboard: Write curves there, too.
        teachers: Networks whose mean answers are the targets, in place of the labels.
    """

    def __init__(
        self,
        plan: Recipe,
        target_task: Task,
        data: dataset.Dataset,
        settings: TrainSettings,
        folder: Path,
        tensorboard: bool = False,
        teachers: Sequence[DigitNet] = (),
    ) -> None:
        self.plan, self.folder, self.seed = plan, folder, settings.seed
        self.device = device_of(settings.device)
        if self.device.type == "cuda":  # the fastest algorithms differ from run to run, in their last bits
            torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
        # What a checkpoint or a finished run must have been made with, to be this run.
        self.identity = {
            "settings": asdict(settings),
            "recipe": repr(plan),
            "processor": [self.device.type, precision(self.device)],
            "data": {name: part.fingerprint() for name, part in data.parts.items()},
            "teachers": [sha256(safetensors_bytes(teacher)) for teacher in teachers],
        }
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
        self.teachers = [teacher.to(self.device).to(memory_format=torch.channels_last).eval() for teacher in teachers]  # type: ignore[call-overload]
        self.average: AveragedModel | None = None
        if plan.ema_decay:
            self.average = AveragedModel(self.network, multi_avg_fn=_running_average(plan.ema_decay), use_buffers=True)
        self.history: list[dict[str, Any]] = []
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

    def _epoch(self, epoch: int, bar: tqdm[Any]) -> dict[str, Any]:
        # All that is random in an epoch follows from this line, so that a resumed run repeats it exactly.
        torch.manual_seed(int(np.random.SeedSequence([self.seed, epoch + 1]).generate_state(1)[0]))
        started = time.perf_counter()
        order = torch.randperm(len(self.images)).to(self.device)
        self.network.train()
        losses = torch.zeros(self.steps, device=self.device)
        for step in range(self.steps):
            batch = order[step * self.batch_size : (step + 1) * self.batch_size]
            loss = self._loss(self.plan.augmentation(self.images[batch].float()), self.targets[batch])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            if self.average:
                self.average.update_parameters(self.network)
            losses[step] = loss.detach()
            bar.update()
        train_loss = float(losses.mean())  # a GPU is done by then, which the seconds have to wait for
        seconds = time.perf_counter() - started
        logits = self._logits()
        loss_validation = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(self.validation_targets))
        return {
            "epoch": epoch + 1,
            "train_loss": train_loss,
            "train_losses": [round(float(part.mean()), 4) for part in losses.tensor_split(min(_LOSSES, self.steps))],
            "validation_loss": float(loss_validation),
            "validation_accuracy": float((logits.argmax(1) == self.validation_targets).mean()),
            "seconds": round(seconds, 3),
        }

    def _loss(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        seen = disturb(images, self.plan.disturbed).contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            logits = self.network.view_logits(seen).float()  # each view learns to answer by itself
        if not self.teachers:
            wanted = targets.expand(len(logits), -1)
            return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), label_smoothing=self.plan.label_smoothing)
        # Distillation: G. Hinton et al., "Distilling the Knowledge in a Neural Network", 2015. The teachers see the same
        # deformed digits, but good pictures of them. Their answers are soft, since they learnt from smoothed labels: they
        # are taken before the temperature.
        shown = images.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), mixed_precision(self.device):
            answers = [teacher.logits(shown).float() for teacher in self.teachers]
        wanted = torch.stack(answers).softmax(2).mean(0).expand_as(logits)
        return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(0, 1))

    def _report(self, line: dict[str, Any]) -> None:
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
        parts = [network.logits(images.float()).cpu().numpy() for images in self.validation.split(_EVALUATION_BATCH)]
        return np.concatenate(parts)

    def calibrated_network(self) -> DigitNet:
        """The trained network with its temperature fitted on the validation images."""
        network = self._kept()
        if self.plan.precise_norm:
            # The running statistics are those of deformed images in bfloat16. A narrow network, of which a part is not
            # normalised, can do far worse with them than it has learnt. Source: Y. Wu and J. Johnson, "Rethinking 'Batch' in
            # BatchNorm", 2021, section 3.
            images = self.images[:_NORM_IMAGES]
            parts = images.tensor_split(max(1, len(images) // _EVALUATION_BATCH))
            update_bn((part.float() for part in parts), network)
        temperature, power = fit_adaptive_temperature(self._logits(), self.validation_targets)
        network.temperature.fill_(temperature)
        network.temperature_power.fill_(power)
        return network

    def validation_answers(self) -> np.ndarray:
        """Class indices of the validation images, int64 (N,)."""
        return self._logits().argmax(1)

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
            state = torch.load(path, map_location="cpu", weights_only=True)  # admits tensors and plain values only
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
    """An exponential average that begins with a short memory, so that the first, untrained weights are soon forgotten."""

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
