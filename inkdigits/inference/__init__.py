"""Trained networks at work: ONNX files, run without PyTorch."""
