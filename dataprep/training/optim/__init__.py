"""Optimisers, what they apply to, and how the learning rate moves."""
