"""Chart releases: the Helm repository's index, and what is known of the releases in it."""
