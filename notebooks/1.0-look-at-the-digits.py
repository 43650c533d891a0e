# %% [markdown]
# # 1. Look at the digits
#
# Look before anything is trained. What do the images show, how are they made, which of them are odd? Many of the
# mistakes that a network will make can be foreseen here.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

from inkdigits.config import cache_dir
from inkdigits.features import make_features

os.environ.setdefault("INKDIGITS_PROJECT", str(cache_dir() / "notebooks"))  # data stay there, wherever this is opened
data = make_features("mnist")
images, labels = data.split("train").labelled()
print({name: len(split) for name, split in data.splits.items()})
print(images.shape, images.dtype, "from", images.min(), "(paper) to", images.max(), "(ink)")

# %% [markdown]
# MNIST has 60,000 images to learn from and 10,000 to be tested on. Of the first, 5,000 are put aside here for
# *validation*: choices are made on them. The test images are not looked at before the very end, not even in this
# notebook.
#
# An image is a table of 28 × 28 numbers. This is one of them, as the network gets it:

# %%
print("\n".join("".join(f"{level:4d}" if level else "   ." for level in row[4:24]) for row in images[0][5:25]))
print("label:", labels[0])

# %% [markdown]
# ## A row of each digit
#
# People write differently: 1s lean, 7s have a bar or not, 4s are open or closed. A classifier has to find what all of
# a row share.


# %%
def show(rows: list[np.ndarray], names: list[str]) -> None:
    """Draw rows of images, each with its name."""
    columns = len(rows[0])
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(0.8 * columns, 0.8 * len(rows)), squeeze=False, layout="constrained"
    )
    for line, pictures, name in zip(axes, rows, names, strict=True):
        line[0].set_ylabel(name, rotation=0, labelpad=14, va="center")
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture, cmap="gray_r", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    plt.show()


rng, digits = np.random.default_rng(0), [str(digit) for digit in range(10)]
show([images[rng.choice(np.flatnonzero(labels == digit), 12, replace=False)] for digit in range(10)], digits)

# %% [markdown]
# ## How they were made
#
# Each digit was scaled so that its longer side has 20 pixels, of which the palest may have been lost. Then it was moved
# until its *centre of mass* was the middle of the image. That can be checked: the numbers below hardly vary. It is also
# why networks trained on MNIST fail on people's own pictures. A digit that is bigger, off the centre, or white on black
# in place of black on white is unlike anything they have met.

# %%
some = images[:5000].astype(float)
mass = some.sum((1, 2))
rows, columns = np.arange(28)[:, None], np.arange(28)[None]
centre = np.stack([(some * rows).sum((1, 2)) / mass, (some * columns).sum((1, 2)) / mass], 1)
inked = some > 0
heights, widths = inked.any(2).sum(1), inked.any(1).sum(1)
print("centre of mass (row, column):", centre.mean(0).round(2), "±", centre.std(0).round(2))
print("longer side: from", np.maximum(heights, widths).min(), "to", np.maximum(heights, widths).max(), "pixels")
print(f"paper: {100 * (some == 0).mean():.0f} % of all pixels; full ink: {100 * (some > 250).mean():.0f} %")

# %% [markdown]
# ## How many of each?
#
# If one digit were much more common than the others, always guessing it would often be correct. Here each has about a
# tenth.

# %%
counts = np.bincount(labels)
figure, axis = plt.subplots(figsize=(6, 2.6), layout="constrained")
axis.bar_label(axis.bar(range(10), counts), fontsize=8)
axis.set(xticks=range(10), xlabel="digit", ylabel="images", ylim=(0, 7000))
plt.show()

# %% [markdown]
# ## The mean digit, and the odd ones
#
# The mean of all images of a digit is a blurred digit: where it is dark, writers agree. The images that are furthest
# from their mean are the odd ones. Look at them well: some are hard for people too.

# %%
means = np.stack([images[labels == digit].mean(0) for digit in range(10)])
show([means], ["mean"])

# %%
distance = np.sqrt(((images - means[labels]) ** 2).mean((1, 2)))
odd = [np.flatnonzero(labels == digit)[np.argsort(distance[labels == digit])[-12:]] for digit in range(10)]
show([images[places] for places in odd], digits)

# %% [markdown]
# ## Which digits are alike?
#
# The distance of two mean digits, pixel by pixel, says which pairs will be mixed up: 4, 7 and 9 lie close together,
# 3, 5 and 8 too.

# %%
apart = np.sqrt(((means[:, None] - means[None]) ** 2).mean((2, 3)))
figure, axis = plt.subplots(figsize=(4.2, 3.8), layout="constrained")
seen = axis.imshow(np.where(np.eye(10, dtype=bool), np.nan, apart), cmap="viridis")
axis.set(xticks=range(10), yticks=range(10), xlabel="digit", ylabel="digit")
figure.colorbar(seen, label="distance of the mean images, grey levels")
plt.show()
pairs = [(apart[a, b], a, b) for a in range(10) for b in range(a)]
print("closest:", ", ".join(f"{b} and {a}" for _, a, b in sorted(pairs)[:4]))

# %% [markdown]
# **To try:** are there images in the training split that are the same? Labels that are wrong? (There are a few dozen.)
# Show the twelve lightest and the twelve darkest images. What would a classifier learn that saw only how dark an
# image is?
#
# **You did it:** you know what the images show, how they were made, and which digits will be mixed up. Next:
# [2. Is it a 5?](2.0-is-it-a-5.ipynb)
