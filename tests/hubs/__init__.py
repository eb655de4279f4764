"""Hub repositories of every layout, worked on from outside: argument vectors in, files, git and registries out."""
