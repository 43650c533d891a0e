"""How to train: a few recipes, each with its measured claim.

Accuracy on MNIST's 10,000 test images, mean ± standard deviation over seeds, and seconds of the training steps in bfloat16 on
two cores of an AMD EPYC; of best and the tiny ones on one of them. Choices were made on validation images.

=========  ===================  =====  =======  ==========  ====================================================
recipe     test accuracy, %     seeds  seconds  parameters
=========  ===================  =====  =======  ==========  ====================================================
fast       99.186 ± 0.052       10     2        29,434      one epoch
default    99.630 ± 0.032       5      195      79,722      30 epochs with deformations and corruptions
best       99.700 ± 0.019       5      937      379,658     fifty epochs with them, two views, running average
tiny-1k    99.118 ± 0.076       10     122      958         30 epochs with deformations; deskewed, SiLU
tiny-5k    99.471 ± 0.038       10     417      4,960       40 epochs with deformations; separable convolutions
tiny-9k    99.530 ± 0.049       10     537      8,856       the same
=========  ===================  =====  =======  ==========  ====================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from inkdigits.errors import UsageError
from inkdigits.modeling.augment import Augmentation
from inkdigits.modeling.networks import Conv, pooling, separable


@dataclass(frozen=True)
class Recipe:
    """A network and everything that its training depends on besides data and seed.

    Attributes:
        layers: The convolutions, from the picture upwards.
        epochs: Passes over the training images.
        batch_size: Images a step.
        lr: Highest learning rate of the one-cycle schedule.
        weight_decay: AdamW's.
        label_smoothing: Share of the target spread over all classes, in [0, 1).
        augmentation: Random deformations, drawn anew in each epoch.
        corrupted: Share of the images that are corrupted too, in [0, 1].
        ema_decay: Weight of the past in the running average of the weights, which is what is kept; 0: none.
        dropout: Share of the last features dropped.
        views: What the network sees of a picture: as it is, ``plain``; with the moments of its ink normalised, ``deskewed``.
        activation: What the layers end with, ``relu`` or ``silu``.
        precise_norm: At the end, take batch normalisation's statistics anew, from training images as they are.
    """

    name: str
    layers: tuple[Conv, ...]
    epochs: int
    batch_size: int = 128
    lr: float = 0.01
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    augmentation: Augmentation = field(default_factory=Augmentation)
    corrupted: float = 0.0
    ema_decay: float = 0.0
    dropout: float = 0.0
    views: tuple[str, ...] = ("plain",)
    activation: str = "relu"
    precise_norm: bool = False


FAST = Recipe(
    "fast",
    layers=(Conv(16, 5, stride=2), Conv(32, pool=True), Conv(64, pool=True)),
    epochs=1,
    batch_size=256,
    lr=0.02,
    label_smoothing=0.05,
)

DEFAULT = Recipe(
    "default",
    layers=(Conv(16, 5, stride=2), Conv(48, stride=2), Conv(64, stride=2), Conv(72, padded=False)),
    epochs=30,
    augmentation=Augmentation(shift_px=2, rotate_deg=12, zoom=0.12, shear=0.12),
    corrupted=0.2,
)

BEST = Recipe(
    "best",
    layers=(
        Conv(64, 5, stride=2, groups=2),
        Conv(96, stride=2, groups=2),
        Conv(128, groups=2),
        Conv(192, groups=2, padded=False),
        Conv(192, groups=2, padded=False),
    ),
    epochs=50,
    label_smoothing=0.05,
    augmentation=Augmentation(shift_px=3.5, rotate_deg=20, zoom=0.2, shear=0.2),
    corrupted=0.1,
    ema_decay=0.999,
    dropout=0.3,
    views=("plain", "deskewed"),
)

# As small as they are, these three learn from labels as they are, and keep weights as large as they like. Nothing is normalised
# between the two parts of a separable convolution, which makes them need precise statistics.

TINY_1K = Recipe(
    "tiny-1k",
    layers=(Conv(8, pool=True), *separable(8, 12, pool=True), *separable(12, 16, pool=True), pooling(16)),
    epochs=30,
    lr=0.02,
    weight_decay=0.0,
    label_smoothing=0.0,
    augmentation=Augmentation(rotate_deg=6, zoom=0.06, elastic_px=0.4),
    views=("deskewed",),
    activation="silu",
    precise_norm=True,
)

TINY_5K = Recipe(
    "tiny-5k",
    layers=(Conv(16, pool=True), *separable(16, 26), *separable(26, 36, pool=True), *separable(36, 44, pool=True), pooling(44)),
    epochs=40,
    lr=0.02,
    weight_decay=0.0,
    label_smoothing=0.0,
    augmentation=Augmentation(shift_px=1.5, rotate_deg=10, zoom=0.1, shear=0.1),
    precise_norm=True,
)

TINY_9K = replace(
    TINY_5K,
    name="tiny-9k",
    layers=(Conv(20, pool=True), *separable(20, 38), *separable(38, 50, pool=True), *separable(50, 66, pool=True), pooling(66)),
)

RECIPES = {recipe.name: recipe for recipe in (FAST, DEFAULT, BEST, TINY_1K, TINY_5K, TINY_9K)}


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in RECIPES:
        raise UsageError(f"there is no recipe {name!r}: use {', '.join(RECIPES)}")
    return RECIPES[name]
