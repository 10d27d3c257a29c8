"""N-gram language models: estimating one from text, and scoring text with one."""
