"""What every room speaks: faults, output, settings, plans, names, HTTP."""
