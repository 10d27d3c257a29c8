"""Models and tokenizers as the transformers library keeps them, in both directions; that library is not needed.

llama, gpt2, bloom, opt     one architecture each: its config.json, the names of its weights
architecture, layouts       what they are written in
shapes                      ModelConfig <-> config.json: which architecture fits, and what does not fit
weights                     our weights <-> theirs
folder                      safetensors and JSON: written whole or not at all, and read
tokenizer                   tokenizer.json, tokenizer_config.json
"""
