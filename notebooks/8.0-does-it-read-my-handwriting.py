# %% [markdown]
# # 8. Does it read my handwriting?
#
# A network with 99.6 % on MNIST reads the photo of your own 7 as a 3. Everybody who has tried knows that. What is the
# reason, and what helps?

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw

import inkdigits
from inkdigits.config import cache_dir
from inkdigits.features import make_features
from inkdigits.preparation import prepare

QUICK = "INKDIGITS_QUICK" in os.environ  # the project's tests run this notebook on a few of the images
os.environ.setdefault("INKDIGITS_PROJECT", str(cache_dir() / "notebooks"))  # data stay there, wherever this is opened
EXAMPLES = next((folder / "examples" for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "notebooks").exists()), None)
if EXAMPLES is None:
    raise FileNotFoundError("the folder examples/ is not here: open this notebook in a clone of the repository")
model, reader = inkdigits.load_model(), inkdigits.Reader()
images, labels = make_features("mnist").split("validation").labelled()
print(f"the shipped classifier, on MNIST's validation images: {100 * np.mean(model.predict(images) == labels):.2f} % correct")

# %% [markdown]
# ## Not what it knows
#
# Take 500 of those images and do to them what a drawing or a photo does: move them out of the centre, make them
# smaller, swap ink and paper, add a shadow. A person reads all of these without noticing. Give them to the network
# shrunk to 28 × 28 pixels, then to the network prepared as MNIST's images were, and then to the reader.

# %%
some, truth = images[: 100 if QUICK else 500], labels[: 100 if QUICK else 500]


def canvas(image: np.ndarray, size: int = 28, at: tuple[int, int] = (0, 0), side: int = 28) -> np.ndarray:
    """An image scaled to ``size`` pixels and placed on paper of ``side`` pixels, black on white."""
    sheet = np.full((side, side), 255, np.uint8)
    small = 255 - np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
    sheet[at[0] : at[0] + size, at[1] : at[1] + size] = small
    return sheet


def shadowed(image: np.ndarray) -> np.ndarray:
    """A large photo of it, darker to the right."""
    sheet = canvas(image, 80, (10, 25), 120)
    return (sheet * np.linspace(0.9, 0.35, 120)[None]).astype(np.uint8)


CORRUPTIONS = {
    "as it is, black on white": lambda image: canvas(image),
    "in a corner": lambda image: canvas(image, 28, (0, 36), 64),
    "small": lambda image: canvas(image, 28, (30, 30), 90),
    "white on black": lambda image: 255 - canvas(image, 40, (10, 10), 60),
    "a photo with a shadow": shadowed,
}
figure, axes = plt.subplots(1, 5, figsize=(9, 2.2), layout="constrained")
for axis, (name, corruption) in zip(axes, CORRUPTIONS.items(), strict=True):
    pictures = [corruption(image) for image in some]
    as_they_are = np.stack([255 - np.asarray(Image.fromarray(p).resize((28, 28), Image.Resampling.BILINEAR)) for p in pictures])
    naive = np.mean(model.predict(as_they_are) == truth)
    prepared = np.mean(model.predict(np.stack([prepare(picture) for picture in pictures])) == truth)
    readings = reader.read_many(pictures, mode="digit")
    read = np.mean([bool(r.digits) and r.digits[0].best == label for r, label in zip(readings, truth, strict=True)])
    print(f"{name:26} as it is: {100 * naive:5.1f} %   prepared: {100 * prepared:5.1f} %   read: {100 * read:5.1f} %")
    axis.imshow(pictures[4], cmap="gray", vmin=0, vmax=255)
    axis.set_title(name, fontsize=8)
    axis.set_axis_off()
plt.show()

# %% [markdown]
# The network is the same in the first two columns. The difference is that `inkdigits.preparation.prepare` finds out what
# is ink and what is paper, cuts the digit out, and gives it the form that MNIST's digits have: 20 pixels on its longer
# side, centred by mass. The reader, in the third column, does the same. It has a network of its own, which has also
# learnt from synthetic pictures: digits drawn with other pens on other papers.
#
# ## Step by step
#
# `inkdigits read PICTURE --explain why.png` shows these steps for any picture. What the network saw is panel 3, and
# the bars are its ten probabilities. If a picture of yours is misread, look here first.

# %%
reader.explain(reader.read(EXAMPLES / "drawing.png"))

# %% [markdown]
# ## Your turn
#
# Here a program draws a 7 with a bar. Put the path of a photo of your own in its place: `reader.read("photo.jpg")`.

# %%
sheet = Image.new("L", (300, 260), 235)
pen = ImageDraw.Draw(sheet)
pen.line([(90, 60), (200, 55), (130, 210)], fill=60, width=9, joint="curve")
pen.line([(110, 130), (195, 125)], fill=60, width=8)
reading = reader.read(sheet)
print(reading.text, f"{100 * reading.digits[0].confidence:.1f} % sure")

# %% [markdown]
# ## Several digits, and the courage to say "unsure"
#
# Where the reader is less than 98 % sure it gives `?`; `best_text` has its best guess all the same. On strangers' digits
# this pays: among those that it does label, two in a thousand are wrong. Numbers that stand apart are parted by blanks.

# %%
reading = reader.read(EXAMPLES / "blackboard.png")
print(reading.text, "· best guess:", reading.best_text)
reading.draw()

# %% [markdown]
# A photo of a note on a desk, taken from the side, with the shadow of who took it:

# %%
reading = reader.read(EXAMPLES / "page.jpg")
print(reading.text)
reading.draw().reduce(2)

# %% [markdown]
# ## What is no digit?
#
# A network that knows ten classes takes everything for a digit. The reader has learnt an eleventh class: no digit.

# %%
letter = Image.new("L", (100, 100), 255)
ImageDraw.Draw(letter).line([(20, 80), (50, 15), (80, 80), (65, 50), (35, 50)], fill=0, width=7)
blank = np.full((100, 100), 250, np.uint8)
for name, picture in (("an A", letter), ("blank paper", blank)):
    found = reader.read(picture, mode="digit").text or "nothing"
    seen = np.asarray(Image.fromarray(255 - np.asarray(picture)).resize((28, 28)))[None]
    probabilities = model.predict_proba(seen)[0]
    sure = 100 * probabilities.max()
    print(f"{name:12} reader: {found:10} classifier: {probabilities.argmax()}, {sure:.0f} % sure")

# %% [markdown]
# **To try:** write the ten digits on paper, photograph the page, and read it. Which does it get wrong, and why? Where
# it gives `?`, would you have known? How well it reads strangers' digits, and what fails, is in
# [docs/reading.md](../docs/reading.md).
#
# **You did it:** from a table of numbers to a photo of your own. `inkdigits serve` reads what you write with the mouse;
# the [how-to](../docs/howto/read.md) reads forms, tables and many files.
