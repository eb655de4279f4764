"""One release, end to end: the tasks as people run them, against a real engine, registry and git."""
