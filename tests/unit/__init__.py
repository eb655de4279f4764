"""The tests of single rooms, by room."""
