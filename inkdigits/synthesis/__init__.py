"""Synthetic pictures of handwriting: MNIST strokes, drawn by any pen on any paper."""
