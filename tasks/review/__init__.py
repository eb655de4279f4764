"""What a reviewer reads: what moved, from where to where, and why."""
