"""The tasks as people run them, by task."""
