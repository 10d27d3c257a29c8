"""A real web archive made of what is at hand: the sample that the demo runs on."""
