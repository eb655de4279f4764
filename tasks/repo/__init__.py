"""The hub repository's files: where they are, what they say, and edits that leave every other byte as it is."""
