"""Classifiers trained on examples, and what is kept by their scores."""
