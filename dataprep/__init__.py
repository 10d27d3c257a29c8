"""Raw text in, a clean and accounted-for pretraining corpus out."""

__version__ = "0.1.0"
