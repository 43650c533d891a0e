# %% [markdown]
# # 1. Look at the digits
#
# Look before anything is trained. What do the images show, how are they made, which of them are odd? Many of the
# mistakes that a network will make can be foreseen here.

# %%
import matplotlib.pyplot as plt
import numpy as np

from inkdigits.features import make_features

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
def show(pictures: np.ndarray, titles: list[str] | None = None, columns: int = 12, cell: float = 0.8) -> None:
    """Draw images in a grid."""
    rows = -(-len(pictures) // columns)
    high = cell + (0.2 if titles else 0)
    figure, axes = plt.subplots(rows, columns, figsize=(columns * cell, rows * high), squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    for number, (axis, picture) in enumerate(zip(axes.flat, pictures, strict=False)):
        axis.imshow(picture, cmap="gray_r", vmin=0, vmax=255)
        if titles:
            axis.set_title(titles[number], fontsize=8)
    plt.show()


rng = np.random.default_rng(0)
show(np.concatenate([images[rng.choice(np.flatnonzero(labels == digit), 12, replace=False)] for digit in range(10)]))

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
show(means, [str(digit) for digit in range(10)], columns=10)

# %%
distance = np.sqrt(((images - means[labels]) ** 2).mean((1, 2)))
odd = [np.flatnonzero(labels == digit)[np.argsort(distance[labels == digit])[-12:]] for digit in range(10)]
show(images[np.concatenate(odd)])

# %% [markdown]
# ## Which digits are alike?
#
# The distance of two mean digits, pixel by pixel, says which pairs will be mixed up: 4, 7 and 9 lie close together,
# 3, 5 and 8 too.

# %%
apart = np.sqrt(((means[:, None] - means[None]) ** 2).mean((2, 3)))
figure, axis = plt.subplots(figsize=(4.2, 3.8), layout="constrained")
axis.imshow(np.where(np.eye(10, dtype=bool), np.nan, apart), cmap="viridis")
axis.set(xticks=range(10), yticks=range(10), title="distance of the mean digits")
plt.show()
pairs = [(apart[a, b], a, b) for a in range(10) for b in range(a)]
print("closest:", ", ".join(f"{b} and {a}" for _, a, b in sorted(pairs)[:4]))

# %% [markdown]
# **To try:** are there images in the training split that are the same? Labels that are wrong? (There are a few dozen.)
# Show the twelve lightest and the twelve darkest images. What would a classifier learn that saw only how dark an
# image is?
