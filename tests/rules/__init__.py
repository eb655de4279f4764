"""The order of the rooms, and no shell anywhere."""
