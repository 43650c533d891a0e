"""The convolutional networks, and the normalisation that travels inside them.

Every network maps raw images, float32 [N, 1, 28, 28] with 0 = paper and 255 = ink, to logits [N, classes].
Scaling the pixels is the network's own first step and dividing by the calibrated temperature its last,
so a saved model needs nothing beside itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

#: Mean and standard deviation of MNIST's 60,000 training images, in grey levels of 0 to 255.
PIXEL_MEAN = 33.3184
PIXEL_STD = 78.5675


@dataclass(frozen=True)
class Conv:
    """One convolution with batch normalisation and ReLU; ``pool`` halves the picture after it.

    The pooling stands before normalisation and ReLU: the result is the same up to the normalisation's
    statistics, and the two cheap layers then see a quarter of the pixels.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    pool: bool = False


class DigitNet(nn.Module):
    """A plain stack of convolutions and one linear layer.

    Args:
        layers: The convolutions from the picture upwards.
        classes: Number of logits.
        dropout: Share of the last features dropped in training, in [0, 1).
    """

    def __init__(self, layers: Sequence[Conv], classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        channels, side = 1, 28
        for layer in layers:
            padding = layer.kernel // 2
            stages: list[nn.Module] = [nn.Conv2d(channels, layer.channels, layer.kernel, layer.stride, padding, bias=False)]
            side = (side + 2 * padding - layer.kernel) // layer.stride + 1
            if layer.pool:
                stages.append(nn.MaxPool2d(2))
                side //= 2
            stages += [nn.BatchNorm2d(layer.channels), nn.ReLU()]
            blocks.append(nn.Sequential(*stages))
            channels = layer.channels
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels * side * side, classes)
        self.register_buffer("temperature", torch.ones(()))
        self.temperature: torch.Tensor

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The last features before the linear layer, float32 [N, D], for raw images [N, 1, 28, 28]."""
        maps = self.blocks((images - PIXEL_MEAN) / PIXEL_STD)
        return torch.flatten(maps, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] for raw images [N, 1, 28, 28] in 0 to 255."""
        logits: torch.Tensor = self.head(self.dropout(self.features(images)))
        return logits / self.temperature

    def activations(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The feature maps after each convolution block, for raw images [N, 1, 28, 28]."""
        maps, outputs = (images - PIXEL_MEAN) / PIXEL_STD, []
        for block in self.blocks:
            maps = block(maps)
            outputs.append(maps)
        return outputs


def parameter_count(network: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
