"""Chart releases: reading the Helm repository, choosing a version, the hub image a release really uses."""
