"""Bumps, commits and pull requests: what moves, from where to where, and why."""
