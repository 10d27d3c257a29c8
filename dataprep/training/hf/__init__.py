"""Models and tokenizers as the transformers library keeps them, in both directions; that library is not needed.

shapes      ModelConfig <-> config.json: which architecture fits, and what does not fit
weights     names and layouts of weights
folder      a folder of safetensors and JSON: written whole or not at all, and read
tokenizer   tokenizer.json, tokenizer_config.json
"""
