"""Test the network that you have saved: how many of the 10,000 test images does it get wrong, and which?"""

import loader
import numpy as np
from ann import NeuralNetwork

network = NeuralNetwork.load("mnist_ann.npz")
test = loader.load("test")
predicted = network.predict(test.inputs)
wrong = np.flatnonzero(predicted != test.labels)
print(f"{len(wrong):,d} of {len(test):,d} wrong: {100 * (1 - len(wrong) / len(test)):.2f} % right")
some = wrong[:8]
loader.show(test.inputs[some], [f"{predicted[i]}, is {test.labels[i]}" for i in some], "some of them")
