# %% [markdown]
# # 6. What a convolutional network sees
#
# A convolutional network reads more than 99 % of the digits, and nobody told it what a stroke is. What has it found out?
# One can look at its filters, at their outputs, layer by layer, and at what happens when a part of the digit is covered.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
import torch

from inkdigits.config import cache_dir
from inkdigits.features import make_features
from inkdigits.modeling.estimators import ConvolutionalNetwork

QUICK = "INKDIGITS_QUICK" in os.environ  # the project's tests run this notebook on a few of the images
os.environ.setdefault("INKDIGITS_PROJECT", str(cache_dir() / "notebooks"))  # data stay there, wherever this is opened
data = make_features("mnist")
images, labels = data.split("train").labelled()
held_out, held_out_labels = data.split("validation").labelled()
count = 5_000 if QUICK else len(images)
model = ConvolutionalNetwork(epochs=2).fit(images[:count].reshape(count, -1) / 255, labels[:count])
network = model.network_
accuracy = np.mean(model.predict(held_out.reshape(len(held_out), -1) / 255) == held_out_labels)
print(f"{sum(p.numel() for p in network.parameters()):,d} parameters, {100 * accuracy:.2f} % accuracy on the validation images")
digit = held_out[int(np.flatnonzero(held_out_labels == 4)[0])]

# %% [markdown]
# ## The first layer: small templates
#
# Each filter is a table of 5 × 5 weights that is moved over the whole image. Where the ink below it looks like the
# filter, its output is high. Blue wants ink, red wants paper. Some filters have become detectors of edges in one
# direction, others still look like noise after two epochs.

# %%
filters = next(network.parameters()).detach().numpy()[:, 0]
figure, axes = plt.subplots(2, 8, figsize=(9, 2.5), layout="constrained")
for number, (axis, weights) in enumerate(zip(axes.flat, filters, strict=True), start=1):
    seen = axis.imshow(weights, cmap="RdBu", vmin=-np.abs(filters).max(), vmax=np.abs(filters).max())
    axis.set_title(f"filter {number}", fontsize=8)
    axis.set_axis_off()
figure.colorbar(seen, ax=axes, label="weight")
plt.show()

# %% [markdown]
# ## From strokes to shapes
#
# The output of each filter is an image again, a smaller one. The next layer looks at it. The first layer finds edges. The
# second combines edges to corners and ends of strokes. In the third a point knows of almost the whole digit, and nobody
# would recognise a digit in it any more: it is on the way from "where is ink?" to "what is it?"

# %%
with torch.inference_mode():
    layers = network.activations(torch.from_numpy(digit[None, None]).float())
figure = plt.figure(figsize=(9, 5), layout="constrained")
first, *others = figure.subfigures(1 + len(layers))
first.suptitle("the image", x=0.01, ha="left", fontsize=9)
first.subplots(1, 10)[0].imshow(digit, cmap="gray_r")
for number, (part, maps) in enumerate(zip(others, layers, strict=True), start=1):
    values = maps[0].numpy()
    size = "×".join(map(str, values.shape[1:]))
    part.suptitle(f"layer {number}: the strongest 10 of its {len(values)} maps, {size}", x=0.01, ha="left", fontsize=9)
    axes = part.subplots(1, 10)
    for axis, channel in zip(axes, np.argsort(-values.mean((1, 2))), strict=False):
        seen = axis.imshow(values[channel], cmap="viridis", vmin=0, vmax=values.max())
    part.colorbar(seen, ax=axes, label="output")
for axis in figure.axes:
    if axis.get_label() != "<colorbar>":
        axis.set_axis_off()
plt.show()

# %% [markdown]
# ## Cover a part of it
#
# Which part of the digit makes it a 4? Cover a square of 6 × 6 pixels with paper, everywhere in turn, and see what
# becomes of the probability. Where it falls, the network needs what was there.


# %%
def occlusion(picture: np.ndarray, label: int, side: int = 6) -> np.ndarray:
    """The label's probability with a square of paper at each position, float32 (23, 23)."""
    positions = [(y, x) for y in range(28 - side + 1) for x in range(28 - side + 1)]
    covered = np.repeat(picture[None], len(positions), 0)
    for number, (y, x) in enumerate(positions):
        covered[number, y : y + side, x : x + side] = 0
    return model.predict_proba(covered.reshape(len(positions), -1) / 255)[:, label].reshape(28 - side + 1, -1)


figure, axes = plt.subplots(2, 6, figsize=(9, 3.2), layout="constrained")
chosen = [int(np.flatnonzero(held_out_labels == label)[3]) for label in (4, 9, 7, 8, 6, 3)]
for column, i in zip(axes.T, chosen, strict=True):
    column[0].imshow(held_out[i], cmap="gray_r")
    column[0].set_title(f"a {held_out_labels[i]}", fontsize=9)
    seen = column[1].imshow(occlusion(held_out[i], held_out_labels[i]), cmap="magma", vmin=0, vmax=1)
    for axis in column:
        axis.set_axis_off()
figure.colorbar(seen, ax=axes[1], label="probability")
plt.show()

# %% [markdown]
# ## Which digits lie close together?
#
# Before the last step each image has become 576 numbers, 64 maps of 3 × 3. Images with similar numbers are similar
# for the network. The images nearest to a digit are like it in *shape*, wherever the pixels are.

# %%
sample = held_out[:2000]
with torch.inference_mode():
    features = torch.cat([network.features(batch.float()) for batch in torch.from_numpy(sample)[:, None].split(500)]).numpy()
features /= np.linalg.norm(features, axis=1, keepdims=True)
figure, axes = plt.subplots(4, 11, figsize=(9, 3.4), layout="constrained")
known = [int(np.flatnonzero(held_out_labels == label)[7]) for label in (2, 4, 5, 9)]
for row, i in zip(axes, known, strict=True):
    nearest = np.argsort(-(features @ features[i]))[:11]
    for axis, j in zip(row, nearest, strict=True):
        axis.imshow(sample[j], cmap="gray_r" if j != i else "Blues")
        axis.set_title(
            f"{held_out_labels[j]}", fontsize=8, color="black" if held_out_labels[j] == held_out_labels[i] else "red"
        )
        axis.set_axis_off()
print("blue: a digit; behind it the ten that are nearest to it, and what they are")
plt.show()

# %% [markdown]
# ## What it cannot see
#
# It has learnt from digits and nothing else, so it takes everything for a digit. A network's confidence speaks about
# digits; of a letter it says nothing. The reader of this package has learnt the class "no digit" too. That makes all the
# difference outside of MNIST (notebook 8).

# %%
noise = np.random.default_rng(0).integers(0, 256, (1, 784)) / 255
cross = np.zeros((28, 28))
cross[np.arange(4, 24), np.arange(4, 24)] = cross[np.arange(4, 24), np.arange(23, 3, -1)] = 1
for name, picture in (("noise", noise), ("a cross", cross.reshape(1, -1)), ("nothing", np.zeros((1, 784)))):
    probabilities = model.predict_proba(picture)[0]
    print(f"{name:8} is a {probabilities.argmax()}, {100 * probabilities.max():.0f} % sure")

# %% [markdown]
# **To try:** train with `epochs=10` and look at the filters again. Turn a digit by 90° step by step: when does the
# network change its mind? Which of the last layer's 64 maps is high for digits with a loop?
#
# **You did it:** you have looked into a network, from its first filters to what it takes for alike. Next:
# [7. Honest numbers](7.0-honest-numbers.ipynb)
