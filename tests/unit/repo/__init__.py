"""Texts before and after a change, written as one."""

import re

_CHANGE = re.compile("⟦([^⟦⟧→]*)→([^⟦⟧]*)⟧")


def sides(text: str) -> tuple[str, str]:
    """Return a text before and after its changes, each of which it has as ``⟦OLD→NEW⟧``."""
    return _CHANGE.sub(r"\1", text), _CHANGE.sub(r"\2", text)
