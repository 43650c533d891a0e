"""A neural network in NumPy, the scripts around it, and the exercise to write it oneself."""
