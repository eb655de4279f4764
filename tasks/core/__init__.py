"""What every room speaks: faults, output, settings, plans, names, HTTP."""

__version__ = "0.1.0.dev0"
