"""The data for the network: MNIST as rows of numbers, and a way to look at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inkdigits.features import make_features

#: From paper to ink, for terminals.
_SHADES = np.array(list(" .:-=+*#%@"))


@dataclass(frozen=True)
class Examples:
    """Images as a network's inputs, and their labels.

    Attributes:
        inputs: float32 (N, 784), each row an image, 0 = paper, 1 = ink.
        labels: int64 (N,), 0 to 9.
    """

    inputs: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def pair(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels."""
        return self.inputs, self.labels


def load(split: str, source: str = "mnist") -> Examples:
    """The ``train`` (55,000), ``validation`` (5,000) or ``test`` (10,000) split of MNIST, or of another labelled source.

    The validation split is there to make choices with: how many neurons, which learning rate. The test split is looked at when
    all choices are made.
    """
    images, labels = make_features(source).split(split).labelled()
    return Examples(images.reshape(len(images), -1).astype(np.float32) / 255, labels)


def shifted(inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The images, float32 (N, 784), moved by one pixel in a random direction, or not at all; all of them the same way.

    It is the cheapest way to more examples: a network that has met moved digits minds their place less.
    """
    down, right = rng.integers(-1, 2, 2)
    return np.roll(inputs.reshape(-1, 28, 28), (down, right), axis=(1, 2)).reshape(len(inputs), 784)


def drawn(inputs: np.ndarray, captions: list[str], columns: int = 4) -> str:
    """Images, float32 (N, 784), as text for a terminal: ``columns`` of them side by side, each with a caption."""
    blocks = []
    for start in range(0, len(inputs), columns):
        part = inputs[start : start + columns].reshape(-1, 28, 28)
        # A character is about twice as high as wide: two rows of pixels make one of text.
        levels = np.clip(part.reshape(-1, 14, 2, 28).mean(axis=2), 0, 1)
        shades = _SHADES[np.minimum((levels * len(_SHADES)).astype(int), len(_SHADES) - 1)]
        rows = ["  ".join("".join(image[row]) for image in shades).rstrip() for row in range(14)]
        titles = "  ".join(f"{caption:^28}" for caption in captions[start : start + columns]).rstrip()
        blocks.append("\n".join([*rows, titles]))
    return "\n\n".join(blocks)


def show(inputs: np.ndarray, captions: list[str], title: str) -> None:
    """Images, float32 (N, 784), in a window where there is a screen and Matplotlib, else in the terminal."""
    if not _window(inputs, captions, title):
        print(f"{title}\n\n{drawn(inputs, captions)}\n")


def _window(inputs: np.ndarray, captions: list[str], title: str) -> bool:
    """Show images in a window; False where there is none to be had."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        return False
    if plt.get_backend().lower() in ("agg", "pdf", "ps", "svg", "cairo", "template"):  # what is left where there is no screen
        return False
    rows = -(-len(inputs) // 4)
    figure, axes = plt.subplots(rows, 4, figsize=(8, 2.3 * rows), squeeze=False, num=title)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, caption in zip(axes.flat, inputs.reshape(-1, 28, 28), captions, strict=False):
        axis.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(caption)
    figure.tight_layout()
    plt.show()
    return True
