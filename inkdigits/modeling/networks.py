"""The convolutional networks, and the normalisation that travels inside them.

Every network maps raw images, float32 [N, 1, 28, 28] with 0 = paper and 255 = ink, to logits [N, classes].
Scaling the pixels is the network's own first step and dividing by the calibrated temperature its last,
so a saved model needs nothing beside itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn import functional as F

from inkdigits.inference.ctc import SYMBOLS
from inkdigits.modeling.augment import pixel_positions

N = TypeVar("N", bound=nn.Module)

#: Mean and standard deviation of MNIST's 60,000 training images, in grey levels of 0 to 255.
PIXEL_MEAN = 33.3184
PIXEL_STD = 78.5675

#: What a layer may end with. SiLU, x·sigmoid(x), is smooth, which the smallest networks learn better with;
#: it is slower at inference.
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU}


@dataclass(frozen=True)
class Conv:
    """One convolution, mostly with batch normalisation and an activation; ``pool`` halves the picture.

    The pooling stands before normalisation and activation: with ReLU and where the normalisation's weights are positive, that
    differs in its statistics alone, and the two cheap layers then see a quarter of the pixels.

    Attributes:
        channels: Feature maps that it makes.
        kernel: Its width and height, in pixels.
        stride: Pixels from place to place.
        pool: Halve the picture, by the largest of four pixels.
        groups: Parts that the maps fall into, each made from its own part alone; as many as maps: a depthwise convolution.
        padded: With a border of zeros, so that a stride of 1 keeps the picture's size.
        activated: With normalisation and activation; without, it is a linear map that the next layer goes on with.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    pool: bool = False
    groups: int = 1
    padded: bool = True
    activated: bool = True

    def module(self, inputs: int, activation: str = "relu") -> nn.Sequential:
        """The layer for ``inputs`` maps, untrained; the activation is one of ``ACTIVATIONS``."""
        padding = self.kernel // 2 if self.padded else 0
        stages: list[nn.Module] = [
            nn.Conv2d(inputs, self.channels, self.kernel, self.stride, padding, groups=self.groups, bias=False)
        ]
        stages += [nn.MaxPool2d(2)] if self.pool else []
        stages += [nn.BatchNorm2d(self.channels), ACTIVATIONS[activation]()] if self.activated else []
        return nn.Sequential(*stages)

    def side(self, side: int) -> int:
        """Of the maps that it makes, in pixels, from maps of ``side``."""
        padding = self.kernel // 2 if self.padded else 0
        return ((side + 2 * padding - self.kernel) // self.stride + 1) // (2 if self.pool else 1)


def separable(inputs: int, channels: int, pool: bool = False) -> tuple[Conv, Conv]:
    """A 3×3 convolution taken apart: one of each map by itself, then one of a pixel across all maps.

    From ``inputs`` maps to ``channels`` it has 9·inputs + inputs·channels weights in place of 9·inputs·channels. Nothing stands
    between the two. Source: L. Sifre, "Rigid-Motion Scattering for Image Classification", thesis, 2014, section 6.2.
    """
    return Conv(inputs, groups=inputs, activated=False), Conv(channels, kernel=1, pool=pool)


def pooling(channels: int) -> Conv:
    """Each map by itself under a 3×3 kernel of its own, without a border: of 3×3 maps one number each is left."""
    return Conv(channels, padded=False, groups=channels)


#: Standard deviations of a digit's ink from its middle, across and down, in pixels of a picture 28 pixels wide.
NORMAL_SPREAD = (4.5, 5.4)


def moment_normalised(images: torch.Tensor) -> torch.Tensor:
    """Digits moved, deskewed and scaled so that the first and second moments of their ink are always the same.

    The skew is that of the straight line through the ink which says best, for each height, where it lies from left to right.
    Each side is enlarged up to two times, so that a 1 stays narrower than others, or reduced down to 1/1.6.
    Source: Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section III, for the skew; for
    sizes, D. Cireşan et al., "Multi-column Deep Neural Networks for Image Classification", 2012.

    Args:
        images: float32 [N, 1, H, W], 0 = paper.

    Returns:
        The same shape, range and device.
    """
    height, width = images.shape[2:]
    x, y = pixel_positions(images)

    def mean(values: torch.Tensor) -> torch.Tensor:
        """Over the ink of each image, [N, 1, 1, 1]; in products of numbers, which no mixed precision rounds."""
        return (ink * values).sum((2, 3), keepdim=True)

    def scale(variance: torch.Tensor, normal: float) -> torch.Tensor:
        return (variance.sqrt() * (28 / width / normal)).clamp(0.5, 1.6)

    ink = images / images.sum((2, 3), keepdim=True).clamp_min(1e-6)
    middle_x, middle_y = mean(x), mean(y)
    across, down = x - middle_x, y - middle_y
    variance_y = mean(down**2)
    skew = (mean(across * down) / variance_y.clamp_min(1e-6)).clamp(-1, 1)
    from_y = y * scale(variance_y, NORMAL_SPREAD[1])
    from_x = x * scale(mean((across - skew * down) ** 2), NORMAL_SPREAD[0]) + skew * from_y
    grid = torch.stack([(middle_x + from_x) * (2 / width), (middle_y + from_y).expand_as(images) * (2 / height)], -1)
    return F.grid_sample(images, grid.squeeze(1), align_corners=False)


#: What a network may see of a picture.
VIEWS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"plain": lambda images: images, "deskewed": moment_normalised}


#: A surprisal of less than this changes the temperature no more.
SURPRISAL_FLOOR = 1e-5


def temperature_scaled(logits: torch.Tensor, temperature: torch.Tensor, power: torch.Tensor) -> torch.Tensor:
    """Logits divided by a temperature that grows with the network's own doubt.

    The doubt is the surprisal of the best class, s = −log max softmax(logits); the temperature is ``temperature · sᵖᵒʷᵉʳ``.
    With a power of 0 or more, no prediction changes and, of two classes, no order of confidences either.
    Source: S. Balanya et al., "Adaptive Temperature Scaling for Robust Calibration of Deep Neural Networks", 2022, with the
    surprisal in place of their entropy: it takes fewer operations and calibrates as well.

    Args:
        logits: float [N, C].
        temperature: A positive number.
        power: A number in [0, 1); 0 divides all by the same.

    Returns:
        float [N, C].
    """
    surprisal = SURPRISAL_FLOOR - torch.log_softmax(logits, 1).amax(1, keepdim=True)
    return logits / (temperature * surprisal**power)


class DigitNet(nn.Module):
    """A plain stack of convolutions and one linear layer.

    With several views of the picture, every layer has as many groups, and each group of the last features its share of the
    linear layer: the network is then several that do not know of each other, and its logits are the mean of theirs.

    Args:
        layers: The convolutions from the picture upwards.
        classes: Number of logits.
        dropout: Share of the last features dropped in training, in [0, 1).
        views: Of each picture, names from ``VIEWS``.
        activation: One of ``ACTIVATIONS``.

    Attributes:
        side: Of the last feature maps, in pixels.
        temperature: What ``temperature_scaled`` divides the logits by, at a surprisal of 1.
        temperature_power: How fast it grows with the surprisal; 0: it is the same for all images.
    """

    def __init__(
        self,
        layers: Sequence[Conv],
        classes: int,
        dropout: float = 0.0,
        views: Sequence[str] = ("plain",),
        activation: str = "relu",
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        channels, side = len(views), 28
        for layer in layers:
            blocks.append(layer.module(channels, activation))
            channels, side = layer.channels, layer.side(side)
        self.blocks = nn.Sequential(*blocks)
        self.views = tuple(views)
        self.side = side
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels * side * side, classes)
        self.register_buffer("temperature", torch.ones(()))
        self.temperature: torch.Tensor
        self.register_buffer("temperature_power", torch.zeros(()))
        self.temperature_power: torch.Tensor

    def maps(self, images: torch.Tensor) -> torch.Tensor:
        """The last feature maps, float32 [N, channels, side, side], for raw images [N, 1, 28, 28]."""
        maps: torch.Tensor = self.blocks(self._scaled(images))
        return maps

    def _scaled(self, images: torch.Tensor) -> torch.Tensor:
        """What the first convolution sees of raw images [N, 1, 28, 28]: [N, views, 28, 28]."""
        return (torch.cat([VIEWS[view](images) for view in self.views], 1) - PIXEL_MEAN) / PIXEL_STD

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The last features before the linear layer, float32 [N, D], for raw images [N, 1, 28, 28]."""
        return torch.flatten(self.maps(images), 1)

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] as they are trained, for raw images [N, 1, 28, 28] in 0 to 255."""
        logits: torch.Tensor = self.head(self.dropout(self.features(images)))
        return logits

    def view_logits(self, images: torch.Tensor) -> torch.Tensor:
        """What each view says by itself, [views, N, classes]; the logits are their mean."""
        count = len(self.views)
        features = self.dropout(self.features(images)).tensor_split(count, 1)
        weights = (count * self.head.weight).tensor_split(count, 1)
        return torch.stack([F.linear(*part, self.head.bias) for part in zip(features, weights, strict=True)])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Calibrated logits [N, classes] for raw images [N, 1, 28, 28] in 0 to 255."""
        return temperature_scaled(self.logits(images), self.temperature, self.temperature_power)

    def activations(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The feature maps after each convolution block, for raw images [N, 1, 28, 28]."""
        maps, outputs = self._scaled(images), []
        for block in self.blocks:
            maps = block(maps)
            outputs.append(maps)
        return outputs


class LineNet(nn.Module):
    """Reads a strip of paper from left to right: what digit stands at each time step, and how far it reaches.

    Maps strips, float32 [N, 1, 40, W] with 64 = paper and 224 = ink, to logits [N, W/2, 24] (of
    ``ctc.SYMBOLS``) for connectionist temporal classification, and to box offsets [N, W/2, 4] of what stands at each time step:
    left and right as distances from the step, top and bottom from the strip's upper edge, all in strip heights.
    Source: A. Graves et al., "Connectionist Temporal Classification", ICML 2006.
    """

    def __init__(self, widths: Sequence[int] = (24, 64, 96, 128, 160)) -> None:
        super().__init__()
        first, second, third, fourth, last = widths

        def block(inputs: int, outputs: int, kernel: tuple[int, int], **settings: Any) -> nn.Sequential:
            convolution = nn.Conv2d(inputs, outputs, kernel, bias=False, **settings)
            return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

        self.strip = nn.Sequential(
            block(1, first, (5, 5), stride=2, padding=2),
            block(first, second, (3, 3), stride=(2, 1), padding=1),
            block(second, third, (3, 3), padding=1),
            block(third, fourth, (3, 3), stride=(2, 1), padding=1),
            block(fourth, fourth, (3, 3), padding=1),
            block(fourth, last, (5, 1)),
        )
        # Wide kernels along the line: a time step sees its own digit and its neighbours, two heights to either side. Whether a
        # stroke is a 1 or a slash is told by the writer's other strokes.
        wide = (1, 2, 4, 8, 16)
        self.context = nn.ModuleList([block(last, last, (1, 3), padding=(0, d), dilation=(1, d)) for d in wide])
        self.head = nn.Conv2d(last, len(SYMBOLS) + 4, 1)

    def forward(self, strips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [N, W/2, 24] and box offsets [N, W/2, 4] of strips [N, 1, 40, W] in 0 to 255; W is a multiple of 32."""
        maps = self.strip(strips / 128 - 0.5)
        for layer in self.context:
            maps = maps + layer(maps)
        steps = self.head(maps).squeeze(2).transpose(1, 2)
        return steps[..., : len(SYMBOLS)], steps[..., len(SYMBOLS) :]


def _block(inputs: int, outputs: int, kernel: int = 3, **settings: Any) -> nn.Sequential:
    pad = settings.get("dilation", 1) * (kernel // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=pad, bias=False, **settings)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def _separable(channels: int) -> nn.Sequential:
    depthwise = nn.Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False)
    return nn.Sequential(depthwise, _block(channels, channels, 1))


class DetectorNet(nn.Module):
    """Says of every place in a picture whether a digit or other writing has its middle there, and how it lies.

    Maps pictures, float32 [N, 1, H, W] in 0 to 255, H and W multiples of 32, to maps of a quarter of their size: logits [N, 2]
    of digits and of other writing, the geometry [N, 5] of what has its middle there (the way from the cell's middle to its own,
    x and y; the way from there to its upper edge, x and y; half its width; in units of 16 pixels), and logits [N, 10] of the
    digit. It sees how much lighter or darker than its surroundings a pixel is, in their own standard deviations.
    Source: anchor-free detection as in Z. Tian et al., "FCOS", ICCV 2019; the shape is that of O. Ronneberger et al., "U-Net",
    MICCAI 2015.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 96, 104)) -> None:
        super().__init__()
        first, second, third, fourth, last = widths

        self.stem = nn.Sequential(_block(1, first, stride=2), _block(first, second, stride=2), _block(second, second))
        self.eighth = nn.Sequential(_block(second, third, stride=2), _block(third, third))
        self.sixteenth = nn.Sequential(
            _block(third, fourth, stride=2), _block(fourth, fourth), _block(fourth, fourth, dilation=2)
        )
        self.far = nn.Sequential(_block(fourth, last, stride=2), *(_separable(last) for _ in range(3)))
        self.from_far = _block(last, fourth, 1)
        self.from_sixteenth, self.join_eighth = _block(fourth, third, 1), _block(third, third)
        self.from_eighth, self.join_quarter = _block(third, second, 1), _separable(second)
        self.head = nn.Conv2d(second, 2 + 5 + 10, 1)
        assert self.head.bias is not None
        nn.init.constant_(self.head.bias[:2], -4.0)  # hardly any place is the middle of a digit

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits [N, 2, H/4, W/4], geometry [N, 5, H/4, W/4] and logits of labels [N, 10, H/4, W/4]."""
        quarter = self.stem(locally_normalised(pictures))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        sixteenth = sixteenth + twice_as_large(self.from_far(self.far(sixteenth)))
        eighth = self.join_eighth(eighth + twice_as_large(self.from_sixteenth(sixteenth)))
        quarter = self.join_quarter(quarter + twice_as_large(self.from_eighth(eighth)))
        maps = self.head(quarter)
        return maps[:, :2], maps[:, 2:7], maps[:, 7:]


class SheetNet(nn.Module):
    """Finds a sheet in a photo, and a printed frame on it.

    Maps photos squeezed into a square, float32 [N, 1, 256, 256] in 0 to 255, to logits [N, 2, 64, 64] of the sheet and of what
    is within the frame.
    """

    def __init__(self, widths: Sequence[int] = (12, 24, 40, 56, 72)) -> None:
        super().__init__()
        first, second, third, fourth, last = widths
        self.quarter = nn.Sequential(_block(1, first, stride=2), _block(first, second, stride=2), _block(second, second))
        self.eighth = nn.Sequential(_block(second, third, stride=2), _block(third, third))
        self.sixteenth = nn.Sequential(_block(third, fourth, stride=2), _block(fourth, fourth))
        self.far = nn.Sequential(
            _block(fourth, last, stride=2), _separable(last), _block(last, last, stride=2), _separable(last), _separable(last)
        )
        self.from_far, self.join_sixteenth = _block(last, fourth, 1), _separable(fourth)
        self.from_sixteenth, self.join_eighth = _block(fourth, third, 1), _separable(third)
        self.from_eighth, self.join_quarter = _block(third, second, 1), _block(second, second)
        self.head = nn.Conv2d(second, 2, 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Logits [N, 2, 64, 64] of photos [N, 1, 256, 256] in 0 to 255."""
        mean = pictures.mean((2, 3), keepdim=True)
        spread = (pictures - mean).square().mean((2, 3), keepdim=True)
        quarter = self.quarter((pictures - mean) / (spread + _NOISE_LEVELS**2).sqrt())
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        far = F.interpolate(self.far(sixteenth), scale_factor=4.0, mode="bilinear")
        sixteenth = self.join_sixteenth(sixteenth + self.from_far(far))
        eighth = self.join_eighth(eighth + twice_as_large(self.from_sixteenth(sixteenth)))
        quarter = self.join_quarter(quarter + twice_as_large(self.from_eighth(eighth)))
        logits: torch.Tensor = self.head(quarter)
        return logits


def twice_as_large(maps: torch.Tensor) -> torch.Tensor:
    """Maps [N, C, H, W] with every value twice each way: [N, C, 2H, 2W]."""
    return F.interpolate(maps, scale_factor=2.0, mode="nearest")


#: Surroundings are five squares of so many pixels wide; deviations smaller than this, in grey levels, are noise.
_SQUARE, _NOISE_LEVELS = 8, 6.0


def locally_normalised(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures [N, 1, H, W] in 0 to 255 less the mean of their surroundings, over the standard deviation there."""

    def around(levels: torch.Tensor) -> torch.Tensor:
        means = F.avg_pool2d(F.avg_pool2d(levels, _SQUARE), 5, 1, 2, count_include_pad=False)
        return F.interpolate(means, scale_factor=float(_SQUARE), mode="bilinear")

    mean = around(pictures)
    spread = around(pictures.square()) - mean.square()
    return ((pictures - mean) / (spread.clamp(min=0) + _NOISE_LEVELS**2).sqrt()).clamp(-4, 4)


def initialised(make: Callable[[], N], seed: int, device: torch.device) -> N:
    """A network on its device whose first weights follow from the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = make().to(device)
    return channels_last(network)


def channels_last(network: N) -> N:
    """The network with its weights in the order in memory that convolutions are quickest with."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's stubs lack it


def parameter_count(network: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
