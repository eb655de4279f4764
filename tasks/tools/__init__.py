"""Outside programs: one door for each, all through one runner."""
