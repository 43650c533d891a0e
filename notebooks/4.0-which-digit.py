# %% [markdown]
# # 4. Which digit?
#
# Now there are ten classes. The figures say how many predictions are wrong. Only looking at the wrong ones says why.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier

from inkdigits.config import cache_dir
from inkdigits.features import make_features
from inkdigits.modeling.baselines import with_shifts
from inkdigits.modeling.estimators import ConvolutionalNetwork

QUICK = "INKDIGITS_QUICK" in os.environ  # the project's tests run this notebook on a few of the images
os.environ.setdefault("INKDIGITS_PROJECT", str(cache_dir() / "notebooks"))  # data stay there, wherever this is opened
data = make_features("mnist")
images, labels = data.split("train").labelled()
held_out, held_out_labels = data.split("validation").labelled()
count, fewer = (3_000, 500) if QUICK else (20_000, 5_000)
X, y = images[:count].reshape(count, -1).astype(np.float32) / 255, labels[:count]
held_out, y_validation = held_out[:fewer], held_out_labels[:fewer]
X_validation = held_out.reshape(fewer, -1).astype(np.float32) / 255

# %% [markdown]
# ## Which known digit is it most like?
#
# The nearest neighbours need no training at all: compare with every known image, pixel by pixel, and let the five
# nearest vote. With 20,000 images that is correct in 19 cases out of 20. But the model has to keep all images, and its
# predictions take long.

# %%
neighbours = KNeighborsClassifier(5).fit(X, y)
print(f"5 nearest neighbours: {100 * neighbours.score(X_validation, y_validation):.1f} % correct")

# %% [markdown]
# Its weakness is that a digit moved by one pixel is far away from itself. So show it the moved ones too. To make more
# examples from those that are there is called *augmentation*. It is the cheapest way to a better model.

# %%
shifted = KNeighborsClassifier(5).fit(*with_shifts(X[: count // 4], y[: count // 4]))
plain = KNeighborsClassifier(5).fit(X[: count // 4], y[: count // 4])
print(f"of a quarter of the images:             {100 * plain.score(X_validation, y_validation):.1f} %")
print(f"the same, and moved by a pixel each way: {100 * shifted.score(X_validation, y_validation):.1f} %")

# %% [markdown]
# ## A forest, and a network that looks at neighbourhoods
#
# The forest asks questions about single pixels. The convolutional network knows that pixels have neighbours, and that
# a stroke is a stroke wherever it is.

# %%
forest = RandomForestClassifier(100, random_state=0, n_jobs=-1).fit(X, y)
network = ConvolutionalNetwork(epochs=4 if QUICK else 3).fit(X, y)
for name, model in (("random forest", forest), ("convolutional network", network)):
    print(f"{name:22}{100 * model.score(X_validation, y_validation):.1f} % correct")

# %% [markdown]
# ## Who is taken for whom?
#
# Rows are the labels, columns the predictions. The correct ones are left out, since they would outshine everything. Dark
# fields are pairs that the model mixes up.

# %%
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
models = {"neighbours": neighbours, "forest": forest, "convolutional": network}
for axis, (name, model) in zip(axes, models.items(), strict=True):
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (y_validation, model.predict(X_validation)), 1)
    np.fill_diagonal(confusion, 0)
    axis.imshow(confusion, cmap="Oranges", vmin=0, vmax=max(5, confusion.max()))
    for row, column in zip(*np.nonzero(confusion), strict=True):
        axis.text(column, row, str(confusion[row, column]), ha="center", va="center", fontsize=7)
    axis.set(xticks=range(10), yticks=range(10), xlabel="prediction", ylabel="label", title=f"{name}: {confusion.sum()} wrong")
plt.show()

# %% [markdown]
# ## Look at the mistakes
#
# These are the network's mistakes. Ask of each: would you have read it? Is the label correct? What could the model have
# been shown to read it? Most of the work on a good model is this.

# %%
probabilities = network.predict_proba(X_validation)
predicted = probabilities.argmax(1)
wrong = np.flatnonzero(predicted != y_validation)
worst = wrong[np.argsort(-probabilities[wrong].max(1))][:20]
figure, axes = plt.subplots(2, 10, figsize=(9, 2.6), layout="constrained")
for axis in axes.flat:
    axis.set_axis_off()
for axis, i in zip(axes.flat, worst, strict=False):
    axis.imshow(held_out[i], cmap="gray_r")
    axis.set_title(f"{predicted[i]} ({100 * probabilities[i].max():.0f} %)\nis {y_validation[i]}", fontsize=8)
plt.show()

# %% [markdown]
# ## The courage to say "unsure"
#
# A prediction with a probability is worth more than one without. Withhold the least sure predictions, and see how the
# errors among the others go down. The share that is left is the *coverage*. For somebody who reads cheques this curve
# matters more than the accuracy.

# %%
sure = np.argsort(-probabilities.max(1))
errors = np.cumsum(predicted[sure] != y_validation[sure]) / np.arange(1, fewer + 1)
figure, axis = plt.subplots(figsize=(6, 2.6), layout="constrained")
axis.plot(100 * np.arange(1, fewer + 1) / fewer, 100 * errors)
axis.set(xlabel="coverage, %", ylabel="of these wrong, %", xlim=(50, 100))
plt.show()

# %% [markdown]
# **To try:** `inkdigits baselines --quick` measures all baselines. Train the network for longer, on all images. Find the
# image that all three models get wrong.
#
# **You did it:** all ten digits, three kinds of model, and how sure each of them is. Next:
# [5. A network from scratch](5.0-a-network-from-scratch.ipynb)
