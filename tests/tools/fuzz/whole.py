"""A hub repository that is nowhere but in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.core.settings import Settings
from tasks.repo.files import Listing
from tasks.repo.hub import Hub
from tasks.tools.git import Git


@dataclass(frozen=True)
class InMemory:
    """Files of a repository, by their paths."""

    content: Mapping[str, bytes]

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path``; None where there is no such file."""
        return self.content.get(path)


def hub_of(files: Mapping[str, bytes]) -> Hub:
    """Return the hub repository whose files are ``files``, all of them committed on ``main``."""
    held = InMemory(files)
    return Hub(Git(Path("/nowhere")), Settings(root=""), held, held, Listing(tuple(files), {}, ()), "main")
