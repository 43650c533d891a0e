# %% [markdown]
# # 5. A network from scratch
#
# What does a neural network do, how does it learn, and how does one know that it is not wrong? Nothing but NumPy is
# needed to see. The finished network is `inkdigits/learn/ann.py`; here its steps are done by hand. `inkdigits learn start
# my-network` lets you write one yourself.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

from inkdigits.config import cache_dir
from inkdigits.learn import loader
from inkdigits.learn.ann import NeuralNetwork

QUICK = "INKDIGITS_QUICK" in os.environ  # the project's tests run this notebook on a few of the images
os.environ.setdefault("INKDIGITS_PROJECT", str(cache_dir() / "notebooks"))  # data stay there, wherever this is opened
train, validation = loader.load("train"), loader.load("validation")
inputs, labels = train.inputs, train.labels
if QUICK:
    inputs, labels = inputs[:5000], labels[:5000]

# %% [markdown]
# ## Forward
#
# A layer multiplies its inputs with weights, adds a bias to each neuron, and squeezes the result between 0 and 1.
# With a row for each example, a whole batch is one matrix product. At the end are ten neurons, one for each digit: the
# most active one is the prediction. With random weights the prediction is a guess.

# %%
rng = np.random.default_rng(0)
w1, b1 = rng.normal(0, 1 / np.sqrt(784), (784, 30)), np.zeros(30)
w2, b2 = rng.normal(0, 1 / np.sqrt(30), (30, 10)), np.zeros(10)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Squeeze between 0 and 1."""
    return 1 / (1 + np.exp(-z))


x, y = inputs[:100].astype(float), np.eye(10)[labels[:100]]
a1 = sigmoid(x @ w1 + b1)
a2 = sigmoid(a1 @ w2 + b2)
print("shapes:", x.shape, a1.shape, a2.shape, f"   correct: {np.mean(a2.argmax(1) == labels[:100]):.0%}")


# %% [markdown]
# ## Backward
#
# How wrong is it? The cost says that: half the squared distance between the ten outputs and what they should be, as the
# mean over the examples. *Backpropagation* tells how the cost changes with each of the 23,860 weights and biases, in one
# sweep from the end to the start. It is nothing but the chain rule: δ is how the cost changes with a neuron's
# weighted input, and the layer before gets its δ through the weights.


# %%
def cost(w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: np.ndarray) -> float:
    """The mean quadratic cost of the hundred examples."""
    outputs = sigmoid(sigmoid(x @ w1 + b1) @ w2 + b2)
    return float(0.5 * np.sum((outputs - y) ** 2) / len(y))


delta2 = (a2 - y) * a2 * (1 - a2)
delta1 = (delta2 @ w2.T) * a1 * (1 - a1)
nabla_w2, nabla_b2 = a1.T @ delta2 / len(x), delta2.mean(0)
nabla_w1, nabla_b1 = x.T @ delta1 / len(x), delta1.mean(0)
print(f"cost {cost(w1, b1, w2, b2):.4f}; gradients as large as the weights: {nabla_w1.shape}, {nabla_w2.shape}")

# %% [markdown]
# ## Check it
#
# Backpropagation that is almost correct almost learns, which is worse than an error. So compare: move one weight a
# little up and a little down, and see how the cost changes. Both ways to the gradient must agree in the first five
# digits or more.

# %%
step = 1e-5
for row, column in [(400, 3), (350, 17), (210, 8)]:
    moved = w1.copy()
    moved[row, column] += step
    above = cost(moved, b1, w2, b2)
    moved[row, column] -= 2 * step
    below = cost(moved, b1, w2, b2)
    print(f"w1[{row}, {column}]: backpropagation {nabla_w1[row, column]:+.8f}, difference {(above - below) / (2 * step):+.8f}")
    assert np.isclose(nabla_w1[row, column], (above - below) / (2 * step), rtol=1e-5, atol=1e-10)

# %% [markdown]
# ## A step downhill
#
# Move every weight a little against its gradient, and the cost falls. The learning rate says how far to move. If it is
# too small, the training takes for ever; if it is too large, the step jumps over the valley. A cost that falls is not
# always good news: a network whose outputs are all 0 has a cost of 0.5. All its neurons are then at the flat end of their
# sigmoid, where no gradient is left to get them out.

# %%
for lr in (0.1, 1, 3, 10, 100):
    after = cost(w1 - lr * nabla_w1, b1 - lr * nabla_b1, w2 - lr * nabla_w2, b2 - lr * nabla_b2)
    print(f"learning rate {lr:5}: cost {cost(w1, b1, w2, b2):.4f} → {after:.4f}")

# %% [markdown]
# ## And again, many thousand times
#
# A step takes ten examples, and an epoch takes all of them, in a new order every time. That is stochastic gradient
# descent, and `NeuralNetwork` does it. Watch the accuracy on images that it has not learnt from.

# %%
network = NeuralNetwork((784, 30, 10), seed=0)
history = network.train(
    inputs,
    labels,
    epochs=3 if QUICK else 10,
    batch_size=10,
    lr=3.0,
    validation=validation.pair,
    on_epoch=lambda e: print(
        f"epoch {e.number:2d}  cost {e.cost:.4f}  {100 * (e.accuracy or 0):.2f} % correct  {e.seconds:.1f} s"
    ),
)

# %% [markdown]
# ## What the neurons have learnt
#
# Each of the thirty has a weight for each pixel. Blue: ink here excites it. Red: ink here calms it down. They are not
# the strokes one would have thought of, and together they tell digits apart.

# %%
figure, axes = plt.subplots(3, 10, figsize=(8, 2.6), layout="constrained")
for axis, weights in zip(axes.flat, network.weights[0].T, strict=True):
    axis.imshow(weights.reshape(28, 28), cmap="RdBu", vmin=-1, vmax=1)
    axis.set_axis_off()
plt.show()

# %% [markdown]
# ## Learnt by heart
#
# Give a larger network only 500 examples and much time. Its predictions become correct for all of them, but no better for
# new ones: it has learnt the 500 by heart. That is why one measures on images that were not learnt from.

# %%
few = NeuralNetwork((784, 100, 10), activation="relu", cost="cross-entropy", seed=0)
known = []
curve = few.train(
    inputs[:500],
    labels[:500],
    epochs=30,
    lr=0.05,
    validation=validation.pair,
    on_epoch=lambda e: known.append(np.mean(few.predict(inputs[:500]) == labels[:500])),
)
figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
epochs = [e.number for e in curve]
axis.plot(epochs, [100 * share for share in known], label="the 500 that it learns from")
axis.plot(epochs, [100 * (e.accuracy or 0) for e in curve], label="new ones")
axis.set(xlabel="epoch", ylabel="accuracy, %")
axis.legend()
plt.show()

# %% [markdown]
# **To try:** `inkdigits learn compare` trains wider, narrower and deeper networks and draws their curves. Why is one
# without a hidden layer so much worse? Why does the deeper one learn so slowly with the sigmoid, and not with ReLU?
#
# **You did it:** forwards, backwards, downhill: that is all a network does. Write your own with `inkdigits learn start
# my-network`, or go on: [6. What a convolutional network sees](6.0-what-a-convolutional-network-sees.ipynb)
