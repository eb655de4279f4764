"""Images: their tags, inputs and builds, and the verification of what was pushed."""
