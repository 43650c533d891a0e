# %% [markdown]
# # 2. Is it a 5?
#
# The simplest question that can be asked of a digit has two answers, yes and no. It already has all the traps. The worst
# of them is a figure that looks good and says nothing.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import confusion_matrix, precision_recall_curve, precision_score, recall_score, roc_auc_score, roc_curve

from inkdigits.config import cache_dir
from inkdigits.features import make_features

QUICK = "INKDIGITS_QUICK" in os.environ  # the project's tests run this notebook on a few of the images
os.environ.setdefault("INKDIGITS_PROJECT", str(cache_dir() / "notebooks"))  # data stay there, wherever this is opened
data = make_features("mnist")
images, labels = data.split("train").labelled()
held_out, held_out_labels = data.split("validation").labelled()
count = 4_000 if QUICK else 20_000
X, y = images[:count].reshape(count, -1) / 255, labels[:count] == 5
X_validation, y_validation = held_out.reshape(len(held_out), -1) / 255, held_out_labels == 5

# %% [markdown]
# ## 91 % for nothing
#
# This "classifier" always predicts *no*. It has learnt nothing, and is correct in 91 % of all cases, since only 9 % of
# the digits are 5s. So compare every accuracy with that of a baseline which has learnt nothing.

# %%
baseline = DummyClassifier(strategy="most_frequent").fit(X, y)
print(f"always no:         {100 * baseline.score(X_validation, y_validation):.1f} % correct")
sgd = SGDClassifier(random_state=42).fit(X, y)
print(f"linear classifier: {100 * sgd.score(X_validation, y_validation):.1f} % correct")

# %% [markdown]
# ## Precision and recall
#
# Two questions tell more. Of those that it calls a 5, how many are? That is the *precision*. Of the 5s, how many does
# it find? That is the *recall*. The one that always predicts no has a recall of 0.

# %%
predicted = sgd.predict(X_validation)
(true_no, false_yes), (false_no, true_yes) = confusion_matrix(y_validation, predicted)
print(f"{true_yes} found, {false_no} missed, {false_yes} taken for a 5, {true_no} correctly left alone")
precision_5, recall_5 = precision_score(y_validation, predicted), recall_score(y_validation, predicted)
print(f"precision {100 * precision_5:.1f} %, recall {100 * recall_5:.1f} %")


# %%
def show(pictures: np.ndarray, title: str) -> None:
    """Draw up to ten images in a row."""
    figure, axes = plt.subplots(1, 10, figsize=(8, 1.1), layout="constrained")
    figure.suptitle(title, fontsize=10)
    for axis in axes:
        axis.set_axis_off()
    for axis, picture in zip(axes, pictures, strict=False):
        axis.imshow(picture, cmap="gray_r")
    plt.show()


show(held_out[y_validation & ~predicted], "5s that it missed")
show(held_out[~y_validation & predicted], "others that it took for a 5")

# %% [markdown]
# ## A threshold is a choice
#
# The classifier computes a score and predicts *yes* above 0. Nobody forces us to take 0. With a higher threshold fewer
# are called a 5, and more surely: the precision rises and the recall falls. Which is better depends on what a mistake
# costs. Where people sort the letters that the machine is unsure of, a high precision is worth a low recall. Where all
# doubtful cheques must be found, it is the other way round.

# %%
scores = sgd.decision_function(X_validation)
precision, recall, thresholds = precision_recall_curve(y_validation, scores)
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.plot(thresholds, 100 * precision[:-1], label="precision")
axis.plot(thresholds, 100 * recall[:-1], label="recall")
axis.axvline(0, color="gray", lw=1)
axis.set(xlabel="threshold", ylabel="%", xlim=(np.quantile(scores, 0.3), scores.max()))
axis.legend()
plt.show()
wanted = int(np.argmax(precision >= 0.9))
print(f"for a precision of 90 %: threshold {thresholds[wanted]:.1f}, recall {100 * recall[wanted]:.1f} %")

# %% [markdown]
# That threshold was chosen on the very images that it was measured on. It is a choice like any other. To know what it is
# worth, measure it on images that it was not chosen by. Notebook 7 is about that.
#
# ## All thresholds at once
#
# The ROC curve shows, for every threshold, how many of the 5s are found against how many of the others are taken for a
# 5. The area under it (AUC) is the probability that a random 5 has a higher score than a random other digit. With few 5s
# among many others, look at precision and recall rather: a small share of the many others is still a lot of false
# alarms.

# %%
forest = RandomForestClassifier(100, random_state=42, n_jobs=-1).fit(X, y)
forest_scores = forest.predict_proba(X_validation)[:, 1]
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
for name, values in (("linear", scores), ("random forest", forest_scores)):
    false, true, _ = roc_curve(y_validation, values)
    left.plot(100 * false, 100 * true, label=f"{name}: AUC {roc_auc_score(y_validation, values):.3f}")
    p, r, _ = precision_recall_curve(y_validation, values)
    right.plot(100 * r, 100 * p)
left.set(xlabel="others taken for a 5, %", ylabel="5s found, %", title="ROC")
right.set(xlabel="recall, %", ylabel="precision, %", title="precision and recall")
left.legend()
plt.show()

# %% [markdown]
# **To try:** do the same for 8, and for 1. Why is one so much harder than the other? Train a network on it: `inkdigits
# train --recipe fast --task is:5`, then `inkdigits evaluate --model fast-is-5 --split validation --precision 0.999`.
#
# **You did it:** you know why 91 % can be worth nothing, and what precision, recall and a threshold are. Next:
# [3. 5 or 3?](3.0-5-or-3.ipynb)
