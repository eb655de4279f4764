"""The hub repository's files: finding them, reading them, editing them without touching another byte."""
