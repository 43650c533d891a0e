"""The training loop, one for every network.

Every epoch draws its random numbers from (seed, epoch) alone; together with the checkpoint after each epoch that lets a killed
run go on and end with the very weights it would have had.
"""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from inkdigits.errors import ModelError, UsageError
from inkdigits.extras import require
from inkdigits.files import atomic, clear_leftovers, sha256
from inkdigits.runs import Run

logger = logging.getLogger(__name__)

#: So many means of the loss are kept of an epoch, for its curve.
_LOSSES = 20


class Objective(Protocol):
    """What a loop trains: a network, the losses of an epoch's steps, and what is measured after it."""

    @property
    def network(self) -> nn.Module:
        """The network, on the device that it is trained on."""

    @property
    def device(self) -> torch.device:
        """That device."""

    @property
    def steps(self) -> int:
        """Steps of an epoch."""

    def losses(self) -> Iterator[torch.Tensor]:
        """The loss of each step of an epoch; what is random in it comes from torch's global generator."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """What is measured of a network, in evaluation mode, on validation data."""


@dataclass(frozen=True)
class Schedule:
    """How a network is trained, by AdamW on a one-cycle schedule.

    Attributes:
        epochs: Passes over the training data.
        lr: Highest learning rate.
        weight_decay: AdamW's.
        warm_up: Share of the steps in which the learning rate rises.
        clip_norm: Gradients are scaled down to this norm where theirs is larger; None: never.
        ema_decay: Weight of the past in the running average of the weights, which is what is kept; 0: none.
    """

    epochs: int
    lr: float
    weight_decay: float
    warm_up: float = 0.3
    clip_norm: float | None = None
    ema_decay: float = 0.0


class TrainingLoop:
    """The state of one training, which a checkpoint holds whole.

    Args:
        objective: What is trained.
        schedule: How.
        run: Where checkpoints and history are kept.
        network_name: Of the network in the run; a classifier's is ``model``.
        seed: The same seed on the same machine gives the same weights.
        identity: What a checkpoint must have been made with, to be of this training: plain values.
        tensorboard: Write curves for TensorBoard, too.
        quiet: Say nothing of the epochs, to TensorBoard neither, and draw no bar.

    Attributes:
        history: What was measured of each epoch so far.
    """

    def __init__(
        self,
        objective: Objective,
        schedule: Schedule,
        run: Run,
        *,
        network_name: str = "model",
        seed: int = 0,
        identity: Mapping[str, Any] | None = None,
        tensorboard: bool = False,
        quiet: bool = False,
    ) -> None:
        self.quiet = quiet
        self.objective, self.schedule, self.run = objective, schedule, run
        self.network_name, self.seed, self.identity = network_name, seed, dict(identity or {})
        network = objective.network
        self.optimizer = torch.optim.AdamW(
            network.parameters(), schedule.lr, betas=(0.9, 0.99), weight_decay=schedule.weight_decay
        )
        self.one_cycle = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, schedule.lr, total_steps=objective.steps * schedule.epochs, pct_start=schedule.warm_up
        )
        self.average: AveragedModel | None = None
        if schedule.ema_decay:
            self.average = AveragedModel(network, multi_avg_fn=_running_average(schedule.ema_decay), use_buffers=True)
        self.history: list[dict[str, Any]] = []
        self.board = _board(run.tensorboard) if tensorboard else None

    @property
    def network(self) -> nn.Module:
        """The network that is kept: the running average where the schedule asks for one."""
        return self.average.module if self.average else self.objective.network

    def train(self) -> None:
        """Train the epochs that are left, with a bar over all steps and a line an epoch."""
        clear_leftovers(self.run.folder, hours=0)  # no other training writes there
        steps, done = self.objective.steps, len(self.history)
        bar = tqdm(
            total=steps * self.schedule.epochs,
            initial=done * steps,
            desc=f"training {self.network_name}",
            disable=True if self.quiet else None,
        )
        with torch.random.fork_rng(), _repeatable(self.objective.device), bar:
            for epoch in range(done, self.schedule.epochs):
                self.history.append(self._epoch(epoch, bar))
                self._save()  # first of all, so that an epoch that was told of is never lost
                self._report(self.history[-1])

    def _epoch(self, epoch: int, bar: tqdm[Any]) -> dict[str, Any]:
        # All that is random in an epoch follows from this line, so that a resumed run repeats it exactly.
        torch.manual_seed(int(np.random.SeedSequence([self.seed, epoch + 1]).generate_state(1)[0]))
        started = time.perf_counter()
        network = self.objective.network
        network.train()
        losses = torch.zeros(self.objective.steps, device=self.objective.device)
        for step, loss in enumerate(self.objective.losses()):
            self.optimizer.zero_grad()
            loss.backward()
            if self.schedule.clip_norm:
                nn.utils.clip_grad_norm_(network.parameters(), self.schedule.clip_norm)
            self.optimizer.step()
            self.one_cycle.step()
            if self.average:
                self.average.update_parameters(network)
            losses[step] = loss.detach()
            bar.update()
        train_loss = float(losses.mean())  # a GPU is done by then, which the seconds have to wait for
        seconds = time.perf_counter() - started
        return {
            "epoch": epoch + 1,
            "train_loss": train_loss,
            "train_losses": [round(float(part.mean()), 4) for part in losses.tensor_split(min(_LOSSES, len(losses)))],
            **self.objective.validate(self.network.eval()),
            "seconds": round(seconds, 3),
        }

    def _report(self, entry: dict[str, Any]) -> None:
        if self.quiet:
            return
        figures = {name: value for name, value in entry.items() if name not in ("epoch", "train_losses", "seconds")}
        told = "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in figures.items())
        logger.info("epoch %2d/%d  %s  %.1f s", entry["epoch"], self.schedule.epochs, told, entry["seconds"])
        if self.board:
            for name, value in figures.items():
                self.board.add_scalar(name, value, int(entry["epoch"]))
            self.board.flush()

    # --- Stopping and going on ---

    def _save(self) -> None:
        state = {
            "identity": self.identity,
            "history": self.history,
            "network": self.objective.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.one_cycle.state_dict(),
            "average": self.average.state_dict() if self.average else None,
        }
        content = io.BytesIO()  # PyTorch hides the operating system's errors, such as a full disk, when it writes itself
        torch.save(state, content)
        with atomic(self.checkpoint) as file:
            file.write(content.getbuffer())
        self.run.write_history(self.history, self.network_name)

    @property
    def checkpoint(self) -> Path:
        """The file with the state of the training."""
        return self.run.checkpoint(self.network_name)

    def restore(self) -> None:
        """Take up the checkpoint, where there is one.

        Raises:
            UsageError: It belongs to a training with other settings.
            ModelError: It is damaged.
        """
        state = read_checkpoint(self.checkpoint, self.identity)
        if state is None:
            logger.info("%s has no checkpoint of %s: the training begins anew", self.run.folder, self.network_name)
            return
        try:
            self.objective.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.one_cycle.load_state_dict(state["schedule"])
            if self.average:
                self.average.load_state_dict(state["average"])
            self.history = list(state["history"])
        except Exception as error:  # a damaged file can raise anything
            raise _damaged(self.checkpoint, error) from None
        self.run.write_history(self.history, self.network_name)  # the kill may have come between the two files

    def finish(self) -> None:
        """Remove the checkpoint, when all that a run keeps is written."""
        self.checkpoint.unlink(missing_ok=True)


def check_one_of(resume: bool, overwrite: bool) -> None:
    """Check that a training is asked either to go on or to begin anew.

    Raises:
        UsageError: To do both.
    """
    if resume and overwrite:
        raise UsageError("--resume goes on with a run, and --overwrite begins it anew: give one of them")


def identity_digest(identity: Mapping[str, Any]) -> str:
    """What ``meta.json`` keeps of the identity of a finished training: a SHA-256."""
    return sha256(json.dumps(identity).encode())


def read_checkpoint(path: Path, identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state in a checkpoint; None where there is no such file.

    Args:
        path: The file.
        identity: What it must have been made with.

    Raises:
        UsageError: It belongs to a training with other settings.
        ModelError: It is damaged.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # admits tensors and plain values only
        found = dict(state["identity"] if isinstance(state, dict) else {})
        differing = _differing(identity, found)
    except Exception as error:  # a damaged file can raise anything
        raise _damaged(path, error) from None
    if differing:
        raise UsageError(f"{path} belongs to a run with other {' and '.join(differing)}: give the same, or another --run")
    return dict(state)


def _differing(own: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What differs of two identities, in words; of settings, which of them, and what they were."""
    names = [name for name, value in own.items() if found.get(name) != value]
    before = found.get("settings")
    if "settings" not in names or not isinstance(before, Mapping):
        return names
    changed = [f"{key} (it was {before.get(key)})" for key, value in own["settings"].items() if before.get(key) != value]
    return changed + [name for name in names if name not in ("settings", "recipe")]  # the recipe follows from them


def _damaged(path: Path, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:80]
    return ModelError(f"{path} is damaged ({reason}): train without --resume")


def _repeatable(device: torch.device) -> Any:
    """A context in which a GPU takes algorithms that give the same bits in every run."""
    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)


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
    with require("tensorboard"):
        from torch.utils.tensorboard import SummaryWriter
    return SummaryWriter(str(folder))


# --- Weights --------------------------------------------------------------------------------------------------------


def safetensors_bytes(network: nn.Module) -> bytes:
    """The weights as a safetensors file."""
    return safetensors.torch.save({name: value.contiguous() for name, value in network.state_dict().items()})


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights as safetensors, whole or not at all."""
    with atomic(path) as file:
        file.write(safetensors_bytes(network))


def load_weights(network: nn.Module, path: Path) -> None:
    """Put the weights of a safetensors file into a network of the same layers.

    Raises:
        ModelError: The file is missing or damaged, or its weights are of other layers or no finite numbers.
    """
    try:
        weights = safetensors.torch.load_file(path)
        own = network.state_dict()
        for name, values in weights.items():  # what PyTorch takes in silence
            if name in own and (values.dtype != own[name].dtype or not bool(torch.isfinite(values).all())):
                raise RuntimeError(f"{name} is {values.dtype}, or has values that are no numbers")
        network.load_state_dict(weights)
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist: train it first, or check its name") from None
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ModelError(
            f"{path} does not hold the weights of such a network ({reason}): give a run of the same kind"
        ) from None
