"""Look at the data: some training images with their labels."""

import loader
import numpy as np

train = loader.load("train")
print(f"{len(train):,d} images: inputs {train.inputs.shape}, labels {train.labels.shape}")
chosen = np.random.default_rng().choice(len(train), 8, replace=False)
loader.show(train.inputs[chosen], [str(label) for label in train.labels[chosen]], "some of them")
