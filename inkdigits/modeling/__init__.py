"""Learning: networks, recipes, training, calibration, export, prediction and evaluation."""
