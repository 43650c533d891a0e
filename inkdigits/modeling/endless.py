"""What all trainings on pictures made on the fly have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from inkdigits.dataset import Dataset
from inkdigits.modeling.devices import device_of
from inkdigits.modeling.loop import Schedule
from inkdigits.modeling.networks import initialised
from inkdigits.synthesis.datasets import Workers

B = TypeVar("B")
N = TypeVar("N", bound=nn.Module)

#: Synthetic batches of the validation images' strokes.
_VALIDATION_BATCHES = 16


class Endless(Generic[B, N]):
    """An objective whose pictures are made while its network learns from them.

    Args:
        make: Makes batches of pictures.
        network: Makes the network.
        data: MNIST, whose strokes are drawn.
        count: Pictures to make in all.
        batch: Pictures of a batch.
        epoch: An epoch is about so many pictures, seen again or not.
        seed: Of the first weights, of the pictures and their order.
        device: ``auto``, ``cpu`` or ``cuda``.
        seen: How often each batch is seen, on average. Where a network learns faster than processors draw, more than once pays.

    Attributes:
        schedule: How it is trained.
        validation: Batches of pictures of the validation images' strokes.
    """

    def __init__(
        self,
        make: Callable[[Workers, int, int], Iterator[B]],
        network: Callable[[], N],
        data: Dataset,
        count: int,
        batch: int,
        epoch: int,
        seed: int,
        device: str,
        seen: int = 1,
    ) -> None:
        self.device = device_of(device)
        epochs = max(1, round(count * seen / epoch))
        self.steps = count * seen // batch // epochs
        self.seen = seen
        self.schedule = Schedule(epochs, 3e-3, 0.01, warm_up=0.1, clip_norm=5.0, ema_decay=0.998)
        with Workers(data.split("validation")) as held_out:
            self.validation = list(make(held_out, min(_VALIDATION_BATCHES, self.steps), seed + 1))
        self.network = initialised(network, seed, self.device)
        self._make = make
        self._workers = Workers(data.split("train"))

    def batches(self) -> Iterator[B]:
        """The batches of an epoch, which follow from the state of torch's generator: each new one, and between them, of those
        of the epoch so far, any.
        """
        made: list[B] = []
        fresh = self._make(self._workers, -(-self.steps // self.seen), int(torch.randint(2**31, ())))
        try:
            for step in range(self.steps):
                if step % self.seen:
                    yield made[int(torch.randint(len(made), ()))]
                    continue
                batch = next(fresh)
                if self.seen > 1:  # an epoch's batches take hundreds of megabytes
                    made.append(batch)
                yield batch
        except BaseException:  # also where the training is interrupted: the processes would finish their work first
            self._workers.close()
            raise

    def finish(self) -> dict[str, Any]:
        """End the processes; nothing is fitted after the training."""
        self._workers.close()
        return {}
