"""The rooms of a rehearsal: the throwaway registry and the stand-in image."""
