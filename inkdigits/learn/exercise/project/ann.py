"""Your neural network. README.md has the formulas; `inkdigits learn check .` tells how far you are."""

import numpy as np


class NeuralNetwork:
    """Layers of sigmoid neurons, trained by stochastic gradient descent on the quadratic cost."""

    def __init__(self, layers=(784, 30, 10), seed=0):
        """Make a network with random weights.

        layers: how many inputs, hidden neurons (in any number of layers) and outputs.
        seed: the same seed makes the same network: use np.random.default_rng(seed).

        Set self.weights, a list of W[1], W[2], ..., each an array (neurons of the layer before, neurons of this layer), and
        self.biases, a list of b[1], b[2], ..., each an array (neurons of this layer,).
        Begin with normal random weights divided by the square root of the number of inputs, and biases of 0.
        """
        raise NotImplementedError("NeuralNetwork.__init__")

    def forward(self, inputs):
        """Give back the activations of all layers: a list a[0], a[1], ..., where a[0] is inputs.

        inputs: array (N, neurons of the first layer).
        """
        raise NotImplementedError("NeuralNetwork.forward")

    def backpropagation(self, activations, targets):
        """Give back how the mean cost changes with every weight and every bias: two lists, shaped like weights and biases.

        activations: what forward has given.
        targets: array (N, neurons of the last layer), a row of zeros with a single 1 for each example.
        """
        raise NotImplementedError("NeuralNetwork.backpropagation")

    def train(self, inputs, labels, epochs=10, batch_size=10, lr=3.0, seed=0):
        """Learn: in each epoch, take all examples in a new random order, a mini-batch at a time, and make a step for each.

        inputs: array (N, neurons of the first layer); labels: array (N,) of whole numbers.
        lr: the learning rate.
        seed: the same seed draws the same orders: use np.random.default_rng(seed).
        """
        raise NotImplementedError("NeuralNetwork.train")

    def predict(self, inputs):
        """Give back the labels, an array (N,) of whole numbers: for each example, the output neuron that is most active."""
        raise NotImplementedError("NeuralNetwork.predict")

    def save(self, path):
        """Write the network to a file. It works as it is."""
        parts = {f"weights_{i}": w for i, w in enumerate(self.weights)} | {f"biases_{i}": b for i, b in enumerate(self.biases)}
        np.savez(path, **parts)

    @classmethod
    def load(cls, path):
        """Read a network that save has written. It works as it is."""
        with np.load(path, allow_pickle=False) as parts:
            count = len(parts.files) // 2
            weights = [parts[f"weights_{i}"] for i in range(count)]
            biases = [parts[f"biases_{i}"] for i in range(count)]
        network = cls((len(weights[0]), *(len(b) for b in biases)))
        network.weights, network.biases = weights, biases
        return network
