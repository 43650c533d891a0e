"""What a recipe trains: a classifier of digits, from labels or from teachers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from inkdigits.dataset import Dataset
from inkdigits.errors import UsageError
from inkdigits.inference.tasks import Task
from inkdigits.modeling.augment import corrupt
from inkdigits.modeling.calibrate import fit_adaptive_temperature
from inkdigits.modeling.devices import device_of, mixed_precision
from inkdigits.modeling.loop import Schedule
from inkdigits.modeling.networks import DigitNet, channels_last, initialised
from inkdigits.modeling.recipes import Recipe

_EVALUATION_BATCH = 1_000
#: Training images from which batch normalisation's statistics are taken in the end.
_NORM_IMAGES = 10_000


def network_of(recipe: Recipe, task: Task) -> DigitNet:
    """The untrained network of a recipe."""
    return DigitNet(recipe.layers, len(task.classes), recipe.dropout, recipe.views, recipe.activation)


def schedule_of(recipe: Recipe) -> Schedule:
    """How a recipe's network is trained."""
    return Schedule(recipe.epochs, recipe.lr, recipe.weight_decay, ema_decay=recipe.ema_decay)


class Classification:
    """A recipe's network, to tell apart what its task does.

    All images are kept on the device as uint8, and whole batches are deformed.

    Args:
        recipe: The network and its training.
        task: What to tell apart.
        data: With the splits ``train`` and ``validation``.
        seed: Of the first weights.
        device: ``auto``, ``cpu`` or ``cuda``.
        teachers: Networks whose mean probabilities are the targets, in place of the labels.

    Raises:
        UsageError: There are too few images.
    """

    def __init__(
        self,
        recipe: Recipe,
        task: Task,
        data: Dataset,
        seed: int = 0,
        device: str = "auto",
        teachers: Sequence[DigitNet] = (),
    ) -> None:
        self.recipe, self.device = recipe, device_of(device)
        images, targets = task.select(data.split("train"))
        self.images = torch.from_numpy(images)[:, None].to(self.device)
        self.targets = torch.from_numpy(targets).to(self.device)
        held_out, self.validation_targets = task.select(data.split("validation"))
        self.validation = torch.from_numpy(held_out)[:, None].to(self.device)
        if len(images) < 2 or not len(held_out):
            raise UsageError(f"{data.name} has {len(images)} images to train {task.name} on: at least 24 are needed")
        self.batch_size = min(recipe.batch_size, len(images))
        self.steps = len(images) // self.batch_size
        self.network = initialised(lambda: network_of(recipe, task), seed, self.device)
        self.teachers = [channels_last(teacher.to(self.device)).eval() for teacher in teachers]

    def losses(self) -> Iterator[torch.Tensor]:
        """Cross-entropy, batch by batch."""
        order = torch.randperm(len(self.images)).to(self.device)
        for step in range(self.steps):
            batch = order[step * self.batch_size : (step + 1) * self.batch_size]
            yield self._loss(self.recipe.augmentation(self.images[batch].float()), self.targets[batch])

    def _loss(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        seen = corrupt(images, self.recipe.corrupted).contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            logits = self.network.view_logits(seen).float()  # each view learns to predict by itself
        if not self.teachers:
            wanted = targets.expand(len(logits), -1)
            return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), label_smoothing=self.recipe.label_smoothing)
        # Distillation: G. Hinton et al., "Distilling the Knowledge in a Neural Network", 2015. The teachers see the same
        # deformed digits, but uncorrupted. Their probabilities are soft, since they learnt from smoothed labels: they are taken
        # before the temperature.
        shown = images.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), mixed_precision(self.device):
            said = [teacher.logits(shown).float() for teacher in self.teachers]
        wanted = torch.stack(said).softmax(2).mean(0).expand_as(logits)
        return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(0, 1))

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Loss and accuracy on the validation images."""
        logits = self.validation_logits(network)
        loss = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(self.validation_targets))
        accuracy = float((logits.argmax(1) == self.validation_targets).mean())
        return {"validation_loss": float(loss), "validation_accuracy": accuracy}

    @torch.inference_mode()
    def validation_logits(self, network: nn.Module) -> NDArray[np.float32]:
        """Logits of the validation images, float32 (N, C), before any temperature."""
        assert isinstance(network, DigitNet)
        network.eval()
        batches = self.validation.split(_EVALUATION_BATCH)
        return np.concatenate([network.logits(images.float()).cpu().numpy() for images in batches])

    def calibrated(self, network: nn.Module) -> DigitNet:
        """The trained network with its temperature fitted on the validation images."""
        assert isinstance(network, DigitNet)
        if self.recipe.precise_norm:
            # The running statistics are those of deformed images in bfloat16. A narrow network, of which a part is not
            # normalised, can do far worse with them than it has learnt. Source: Y. Wu and J. Johnson, "Rethinking 'Batch' in
            # BatchNorm", 2021, section 3.
            images = self.images[:_NORM_IMAGES]
            batches = images.tensor_split(max(1, len(images) // _EVALUATION_BATCH))
            update_bn((batch.float() for batch in batches), network)
        temperature, power = fit_adaptive_temperature(self.validation_logits(network), self.validation_targets)
        network.temperature.fill_(temperature)
        network.temperature_power.fill_(power)
        return network
