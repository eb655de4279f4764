"""Rehearsal: a release against a throwaway clone, remote and registry on this machine."""
