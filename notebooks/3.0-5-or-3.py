# %% [markdown]
# # 3. 5 or 3?
#
# There are about as many 5s as 3s, and they are rather alike. So accuracy now says something. How far does one get with a
# single number, with one weight for each pixel, with a network?

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from inkdigits.config import cache_dir
from inkdigits.features import make_features
from inkdigits.inference.tasks import task
from inkdigits.learn.ann import NeuralNetwork

QUICK = "INKDIGITS_QUICK" in os.environ  # the project's tests run this notebook on a few of the images
os.environ.setdefault("INKDIGITS_PROJECT", str(cache_dir() / "notebooks"))  # data stay there, wherever this is opened
data = make_features("mnist")
five_or_three = task("pair:5,3")
images, targets = five_or_three.select(data.split("train"))
held_out, held_out_targets = five_or_three.select(data.split("validation"))
if QUICK:
    images, targets = images[:2000], targets[:2000]
X, X_validation = (pictures.reshape(len(pictures), -1).astype(np.float32) / 255 for pictures in (images, held_out))
print(f"{len(X):,d} images, {100 * targets.mean():.0f} % of them 5s; validation images: {len(X_validation):,d}")


def accuracy(predicted: np.ndarray) -> str:
    """Share of the validation images whose prediction is correct."""
    return f"{100 * np.mean(predicted == held_out_targets):.1f} % correct"


# %% [markdown]
# ## One number: how dark is it?
#
# A 5 has about as much ink as a 3. This rule is little better than a coin.

# %%
ink, ink_validation = X.mean(1), X_validation.mean(1)
middle = (ink[targets == 1].mean() + ink[targets == 0].mean()) / 2
darker_is_five = ink[targets == 1].mean() > middle
print("darkness:", accuracy((ink_validation > middle) == darker_is_five))

# %% [markdown]
# ## A better number: where is the ink?
#
# Subtract the mean 3 from the mean 5. Where the difference is blue, 5s have more ink; where it is red, 3s have.
# Multiply an image with it, pixel by pixel, and add up. That is one number again, but now it depends on where the ink is.

# %%
difference = X[targets == 1].mean(0) - X[targets == 0].mean(0)
match, match_validation = X @ difference, X_validation @ difference
middle = (match[targets == 1].mean() + match[targets == 0].mean()) / 2
print("difference of the means:", accuracy(match_validation > middle))

# %% [markdown]
# ## Weights that are learnt
#
# Logistic regression also has one weight for each pixel, and learns which weights are the best. They look less tidy than
# the difference of the means, and do better: they make use of what *tells the digits apart*, not of what is common.

# %%
regression = LogisticRegression(C=0.05, max_iter=500).fit(X, targets)
print("logistic regression:", accuracy(regression.predict(X_validation)))
figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
titles = ("mean 3", "mean 5", "difference", "learnt weights")
pictures = (X[targets == 0].mean(0), X[targets == 1].mean(0), difference, regression.coef_[0])
for axis, title, picture in zip(axes, titles, pictures, strict=True):
    limit = np.abs(picture).max()
    signed = title in ("difference", "learnt weights")
    axis.imshow(picture.reshape(28, 28), cmap="RdBu" if signed else "gray_r", vmin=-limit if signed else 0, vmax=limit)
    axis.set(title=title)
    axis.set_axis_off()
plt.show()

# %% [markdown]
# ## Those in between
#
# The regression gives a probability. It finds those images hard for which the probability is near one half. Are they hard
# for you?

# %%
probability = regression.predict_proba(X_validation)[:, 1]
hard = np.argsort(np.abs(probability - 0.5))[:12]
figure, axes = plt.subplots(1, 12, figsize=(9, 1.2), layout="constrained")
for axis, i in zip(axes, hard, strict=True):
    axis.imshow(held_out[i], cmap="gray_r")
    axis.set_title(f"{100 * probability[i]:.0f} %\nis {five_or_three.classes[held_out_targets[i]]}", fontsize=8)
    axis.set_axis_off()
plt.show()

# %% [markdown]
# ## Neurons in between
#
# With one weight for each pixel, every bit of ink votes by itself. It cannot say "here or there, but not both", nor "this
# only together with that". A layer of hidden neurons can: each looks for something of its own, and the last neuron weighs
# what they have found.

# %%
network = NeuralNetwork((784, 30, 2), activation="relu", cost="cross-entropy", seed=0)
network.train(X, targets, epochs=5 if QUICK else 15, batch_size=20, lr=0.05, lr_end=0.0, momentum=0.9)
print("30 hidden neurons:", accuracy(network.predict(X_validation)))

# %% [markdown]
# Each hidden neuron has a weight for each pixel, so its weights can be looked at. Some look for a piece of stroke,
# others for something nobody has a name for.

# %%
figure, axes = plt.subplots(2, 10, figsize=(8, 1.8), layout="constrained")
strongest = np.argsort(-np.abs(network.weights[1]).sum(1))[:20]
for axis, neuron in zip(axes.flat, strongest, strict=True):
    weights = network.weights[0][:, neuron]
    axis.imshow(weights.reshape(28, 28), cmap="RdBu", vmin=-np.abs(weights).max(), vmax=np.abs(weights).max())
    axis.set_axis_off()
plt.show()

# %% [markdown]
# **To try:** 4 or 9? 0 or 1? Which pair of digits is the hardest for the regression, and which for the network? How few
# training images are enough for 95 %?
#
# **You did it:** you have looked at the weights of a regression and of a network's hidden neurons. Next:
# [4. Which digit?](4.0-which-digit.ipynb)
