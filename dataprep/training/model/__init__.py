"""One configuration and one causal transformer that spans published language models."""
