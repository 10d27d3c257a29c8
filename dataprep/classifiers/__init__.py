"""fastText classifiers: reading their files, training, measuring. What a stage or a command says of them is theirs."""
