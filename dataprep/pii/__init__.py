"""Personal data in text: where it is, and what to put in its place."""
