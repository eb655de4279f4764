"""Pull requests: where they go, what they say, and gh."""
