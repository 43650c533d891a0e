"""Train your network, one epoch at a time, and save it."""

import time

import loader
import numpy as np
from ann import NeuralNetwork

LAYERS, EPOCHS, BATCH_SIZE, LR = (784, 30, 10), 10, 10, 3.0

train, validation = loader.load("train"), loader.load("validation")
network = NeuralNetwork(LAYERS, seed=0)
for epoch in range(1, EPOCHS + 1):
    started = time.perf_counter()
    network.train(train.inputs, train.labels, epochs=1, batch_size=BATCH_SIZE, lr=LR, seed=epoch)
    seconds = time.perf_counter() - started
    right = np.mean(network.predict(validation.inputs) == validation.labels)
    print(f"epoch {epoch:2d}/{EPOCHS}  {100 * right:.2f} % of the validation digits right, {seconds:.1f} s")
network.save("mnist_ann.npz")
print("saved as mnist_ann.npz")
