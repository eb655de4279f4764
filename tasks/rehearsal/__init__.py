"""Rehearsal: a throwaway registry and a stand-in base image, on this machine alone."""
