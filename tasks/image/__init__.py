"""Images: their names, tags, build definition, platform, and the proof of what was pushed."""
