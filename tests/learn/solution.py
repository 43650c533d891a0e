import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class NeuralNetwork:
    def __init__(self, layers=(784, 30, 10), seed=0):
        rng = np.random.default_rng(seed)
        self.weights = [rng.normal(0, 1, (m, n)) / np.sqrt(m) for m, n in zip(layers, layers[1:])]
        self.biases = [np.zeros(n) for n in layers[1:]]

    def forward(self, inputs):
        activations = [inputs]
        for w, b in zip(self.weights, self.biases):
            activations.append(sigmoid(activations[-1] @ w + b))
        return activations

    def backpropagation(self, activations, targets):
        a = activations[-1]
        delta = (a - targets) * a * (1 - a) / len(targets)
        nabla_w, nabla_b = [], []
        for layer in reversed(range(len(self.weights))):
            nabla_w.insert(0, activations[layer].T @ delta)
            nabla_b.insert(0, delta.sum(axis=0))
            a = activations[layer]
            delta = delta @ self.weights[layer].T * a * (1 - a)
        return nabla_w, nabla_b

    def train(self, inputs, labels, epochs=10, batch_size=10, lr=3.0, seed=0):
        rng = np.random.default_rng(seed)
        targets = np.eye(len(self.biases[-1]))[labels]
        for _ in range(epochs):
            order = rng.permutation(len(inputs))
            for start in range(0, len(inputs), batch_size):
                batch = order[start : start + batch_size]
                nabla_w, nabla_b = self.backpropagation(self.forward(inputs[batch]), targets[batch])
                for parameters, gradients in ((self.weights, nabla_w), (self.biases, nabla_b)):
                    for parameter, gradient in zip(parameters, gradients):
                        parameter -= lr * gradient

    def predict(self, inputs):
        return self.forward(inputs)[-1].argmax(axis=1)
