"""The benchmark: what the tasks cost, held against what they replace. ``python -m tests.tools.bench`` runs it."""
