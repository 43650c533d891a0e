"""The exercise: a project for a student to write the network in, and the check of what was written."""
