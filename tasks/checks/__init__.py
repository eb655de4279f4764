"""What can be inconsistent in a hub repository, each kind with a stable code."""
