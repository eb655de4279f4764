"""The tests of hubpress."""
