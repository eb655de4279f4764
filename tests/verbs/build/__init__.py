"""Builders somewhere else, and the cache that they share."""
